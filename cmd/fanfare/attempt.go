package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// An attempt as the API has it.
type attempt struct {
	ID           string
	MsgID        string
	EndpointID   string
	EventType    string
	URL          string
	Timestamp    time.Time
	Milliseconds int `json:"responseDurationMs"`

	Status          int // 0: a success
	StatusCode      int `json:"responseStatusCode"` // 0: there was no response
	Response        string
	Number          int // in its round of the schedule, from 1
	ErrorClass      string
	Detail          string // what the machine said of a failure
	Explanation     struct{ What, Fix string }
	NextAttempt     time.Time
	RequestHeaders  [][2]string
	ResponseHeaders [][2]string
	Test            bool
}

// The statuses of deliveries and attempts in the API.
const (
	statusSuccess = iota
	statusPending
	statusFail
	statusSending
	statusCanceled
)

func (a *attempt) failed() bool { return a.Status != statusSuccess }

// result is what came of it in a word: the status, or the kind of failure.
func (a *attempt) result() string {
	switch {
	case a.StatusCode != 0:
		return strconv.Itoa(a.StatusCode)
	case a.ErrorClass != "":
		return a.ErrorClass
	case !a.failed() && (strings.HasPrefix(a.URL, "http://") || strings.HasPrefix(a.URL, "https://")):
		return "not sent" // as its transformation said
	case !a.failed():
		return "taken" + a.byKind() // by what answers with no status, such as a queue
	}
	return "no answer"
}

// byKind says what kind of endpoint an attempt was to, if that has no URL of the web's.
func (a *attempt) byKind() string {
	kind, _, ok := strings.Cut(a.URL, ":")
	if !ok || kind == "http" || kind == "https" {
		return ""
	}
	return " by " + kind
}

// took is how long it took, to the millisecond.
func (a *attempt) took() string {
	if a.Milliseconds == 0 {
		return "<1ms"
	}
	return (time.Duration(a.Milliseconds) * time.Millisecond).String()
}

// why is what a failure was in a sentence. Of a success there is nothing to say, unless
// there is no status that says it: then it is what was done.
func (a *attempt) why() string {
	switch {
	case a.failed():
		return a.Explanation.What
	case a.StatusCode == 0:
		return a.Detail
	}
	return ""
}

// line shows an attempt the way tail does:
//
//	14:32:15 ✓ 200 record.create msg_… → ep_… 23ms
//	14:32:15 ✗ 500 record.create msg_… → ep_… 23ms again at 14:37:15
//	14:37:15 ✗ 500 record.create msg_… → ep_… 23ms given up
func (a *attempt) line(p paint, names endpointNames) string {
	mark, result := p.green("✓"), p.green(printable(a.result()))
	if a.failed() {
		mark, result = p.red("✗"), p.red(printable(a.result()))
	}
	line := fmt.Sprintf("%s %s %s %s %s → %s %s", p.dim(a.Timestamp.Local().Format(time.TimeOnly)), mark, result,
		printable(versioned(cut(a.EventType, cellWidth), a.eventTypeVersion(webhook.HeaderEventTypeVersion))), printable(a.MsgID), printable(names.of(a.EndpointID)), p.dim(a.took()))
	switch {
	case !a.NextAttempt.IsZero():
		line += p.yellow(" again at " + a.NextAttempt.Local().Format(time.TimeOnly))
	case a.failed():
		line += p.red(" given up")
	}
	return line
}

// attemptList lists attempts; of is what the user has named, and can do without if
// there is no room.
func attemptList(path string, query url.Values, limit int, of string, names endpointNames) listing[attempt] {
	return listing[attempt]{
		path: path, query: query, limit: limit,
		headings: []string{"ID", "MESSAGE", "ENDPOINT", "RESULT", "TEST", "TOOK", "AT", "WHY"},
		least:    []string{of, "TOOK", "WHY", "MESSAGE", "ENDPOINT"}, spare: []string{"TEST"},
		row: func(a *attempt) []string {
			return []string{a.ID, a.MsgID, names.of(a.EndpointID), a.result(), testMark(a.Test), a.took(), stamp(a.Timestamp), a.why()}
		},
	}
}

// endpointNames are the names that users have given endpoints, by id.
type endpointNames map[string]string

// of is an endpoint's name; if it has none, the id.
func (n endpointNames) of(id string) string { return cmp.Or(n[id], id) }

// endpointNames reads those of the newest endpoints.
func (r *request) endpointNames(ctx context.Context) (endpointNames, error) {
	if r.json {
		return nil, nil
	}
	_, names, err := r.newestEndpoints(ctx)
	return names, err
}

func attemptCommand(e *env) *cobra.Command {
	var limit int
	var of, to string
	var failed bool
	verbs := e.inApp(
		verb{use: "list", short: "List attempts, newest first",
			example: "fanfare attempt list\nfanfare attempt list --endpoint ep_… --failed\nfanfare attempt list --message msg_…",
			flags: func(flags *pflag.FlagSet) {
				limitFlag(&limit)(flags)
				flags.StringVarP(&of, "message", "m", "", "attempts to deliver this message")
				flags.StringVarP(&to, "endpoint", "e", "", "attempts to deliver to this endpoint")
				flags.BoolVar(&failed, "failed", false, "only those that failed")
			},
			do: func(ctx context.Context, r *request) error {
				query := make(url.Values)
				if !r.json {
					query.Set("with_content", "false")
				}
				if failed {
					query.Set("status", strconv.Itoa(statusFail))
				}
				kind, ref := "endpoint", to
				if of != "" {
					kind, ref = "msg", of
					if to != "" {
						query.Set("endpoint_id", to)
					}
				}
				if ref == "" {
					return newestAttempts(ctx, r, query, limit)
				}
				path, err := r.within(ctx, "attempt", kind, ref)
				if err != nil {
					return err
				}
				names, err := r.endpointNames(ctx)
				if err != nil {
					return err
				}
				of := map[string]string{"endpoint": "ENDPOINT", "msg": "MESSAGE"}[kind]
				return attemptList(path, query, limit, of, names).show(ctx, r)
			}},
		verb{use: "get MESSAGE ATTEMPT", short: "Show an attempt: what was sent, what came back, and what it means",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atMessage(ctx, "attempt", r.args[1])
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodGet, path, nil, func(a *attempt) error { return a.show(r) })
			}},
	)
	return noun("attempt", "Attempts: each try of each delivery, explained", verbs...)
}

// again says when there is another attempt, or that there is none.
func (a *attempt) again(p place) string {
	switch {
	case !a.NextAttempt.IsZero():
		return stamp(a.NextAttempt)
	case a.failed():
		return fmt.Sprintf("no, attempt %d was the last; send it again with %q", a.Number, p.inApp("message resend", a.MsgID))
	}
	return ""
}

func (a *attempt) show(r *request) error {
	err := fields(r.out, "id", a.ID, "message", a.MsgID, "event type", a.EventType, "test", testMark(a.Test), "endpoint", a.EndpointID,
		"url", fanfare.MaskURL(a.URL), "at", stamp(a.Timestamp), "took", a.took(), "result", a.result(), "again", a.again(r.place))
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\n%s\n", printable(a.Explanation.What))
	if a.Explanation.Fix != "" {
		fmt.Fprintln(r.out, printable(a.Explanation.Fix))
	}
	if a.Detail != "" {
		fmt.Fprintln(r.out, r.paint.dim(printable(a.Detail)))
	}
	fmt.Fprintf(r.out, "\n%s\n%s", r.paint.bold("Request"), headerLines(a.RequestHeaders))
	if a.StatusCode == 0 {
		return nil
	}
	fmt.Fprintf(r.out, "\n%s\n%s", r.paint.bold("Response"), headerLines(a.ResponseHeaders))
	_, err = fmt.Fprint(r.out, "\n", indent(shown([]byte(a.Response))))
	return err
}

// headerLines shows headers, a line each.
func headerLines(headers [][2]string) string {
	var b strings.Builder
	for _, h := range headers {
		fmt.Fprintf(&b, "  %s: %s\n", printable(h[0]), printable(h[1]))
	}
	return b.String()
}
