package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// polling is how to poll.
type polling struct {
	endpoint  string
	consumer  string
	eventType string
	channel   string
	after     string
	follow    bool

	took func(page []json.RawMessage, iterator string) error // of each page; nil: they are printed
}

func pollCommand(e *env) *cobra.Command {
	var p polling
	cmd := e.inApp(verb{
		use: "poll", short: "Receive messages by asking for them",
		long: "Prints the messages that an endpoint wants, the oldest first. As a consumer, which\n" +
			"is any name, it goes on where it was: what was printed is confirmed by asking for\n" +
			"what follows, and what was not is there again next time.",
		example: "fanfare poll --endpoint ep_… --after 2h\nfanfare poll --app acme --endpoint ep_… --consumer backup --follow --json",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVarP(&p.endpoint, "endpoint", "e", "", "id or uid of the endpoint")
			flags.StringVar(&p.consumer, "consumer", "", "name under which the server keeps how far this has come")
			flags.StringVar(&p.eventType, "event-type", "", "only of this event type")
			flags.StringVar(&p.channel, "channel", "", "only of this channel")
			flags.StringVar(&p.after, "after", "", "begin with what was accepted after this time, or so long ago, such as 2h")
			flags.BoolVarP(&p.follow, "follow", "f", false, "wait for more")
		},
		do: func(ctx context.Context, r *request) error { return poll(ctx, r, &p) },
	})[0]
	return cmd
}

// pollWait is how long the server is asked to wait, in seconds.
const pollWait = 25

// poll prints messages until there are no more, or until ctx ends.
func poll(ctx context.Context, r *request, p *polling) error {
	if p.endpoint == "" {
		return usagef("say which endpoint with --endpoint; %q names them", r.inApp("endpoint list"))
	}
	path, err := r.within(ctx, "poller", p.endpoint)
	if err != nil {
		return err
	}
	query := url.Values{"limit": {strconv.Itoa(maxPageSize)}}
	for name, value := range map[string]string{"event_type": p.eventType, "channel": p.channel} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if p.consumer != "" {
		path += "/consumer/" + url.PathEscape(p.consumer)
	}
	if p.after != "" {
		if err := p.begin(ctx, r, path, query); err != nil {
			return err
		}
	}
	err = p.run(ctx, r, path, query)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// begin has polling begin at the time the user gave.
func (p *polling) begin(ctx context.Context, r *request, path string, query url.Values) error {
	at, err := timeOf(p.after, time.Now())
	if err != nil {
		return err
	}
	if p.consumer == "" {
		query.Set("after", at.Format(time.RFC3339Nano))
		return nil
	}
	_, err = r.call(ctx, http.MethodPost, path+"/seek", map[string]time.Time{"after": at}, nil)
	return err
}

func (p *polling) run(ctx context.Context, r *request, path string, query url.Values) error {
	r.http = &http.Client{Timeout: (pollWait + 30) * time.Second}
	begun, told, printed := false, false, 0
	for {
		var page struct {
			Data     []json.RawMessage
			Iterator string
			Done     bool
		}
		_, err := r.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page)
		var refused *apiError
		switch {
		case err != nil && (!begun || !p.follow || ctx.Err() != nil || errors.As(err, &refused) && refused.Status < 500 && refused.Status != http.StatusTooManyRequests):
			return err
		case err != nil:
			if !told {
				r.say("The connection is lost (%v); trying again every second.", err)
				told = true
			}
			select {
			case <-time.After(reconnectAfter):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		begun, told = true, false
		if err := p.print(r, page.Data, page.Iterator); err != nil {
			return err
		}
		printed += len(page.Data)
		query.Del("after")
		query.Set("iterator", page.Iterator)
		if page.Done && !p.follow {
			return p.end(ctx, r, path, query, printed)
		}
		if page.Done {
			query.Set("wait", strconv.Itoa(pollWait))
		}
	}
}

// print shows a page of messages, which ends at iterator.
func (p *polling) print(r *request, page []json.RawMessage, iterator string) error {
	if p.took != nil {
		return p.took(page, iterator)
	}
	for _, text := range page {
		if err := printMessage(r, text); err != nil {
			return err
		}
	}
	return nil
}

// end confirms what was printed last.
func (p *polling) end(ctx context.Context, r *request, path string, query url.Values, printed int) error {
	if printed == 0 {
		r.say("There are none.")
	}
	if p.consumer == "" || printed == 0 {
		return nil
	}
	query.Set("limit", "1")
	_, err := r.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, nil)
	return err
}

// printMessage prints one message: as JSON, or as a line.
func printMessage(r *request, text json.RawMessage) error {
	if r.json {
		return r.object(text)
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("%s does not answer as a Fanfare server does: %w", r.base, err)
	}
	parts := []string{stamp(m.Timestamp), cmp.Or(m.EventID, m.ID), versioned(m.EventType, m.Version), string(m.Payload)}
	_, err := fmt.Fprintln(r.out, printable(strings.Join(parts, "  ")))
	return err
}

// keyRate is a rate that may be written as "100/s".
type keyRate float64

// Set implements pflag.Value.
func (p *keyRate) Set(text string) error {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "/s")), 64)
	if err != nil || n != 0 && n < 0.001 || n < 0 || n > 1e6 {
		return fmt.Errorf("%q is not a rate such as 100/s", text)
	}
	*p = keyRate(n)
	return nil
}

func (p *keyRate) String() string { return strconv.FormatFloat(float64(*p), 'g', -1, 64) }

// Type implements pflag.Value.
func (p *keyRate) Type() string { return "rate" }
