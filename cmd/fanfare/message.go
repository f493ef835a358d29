package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
)

// A message as the API has it.
type message struct {
	ID        string
	EventID   string
	EventType string
	Version   int `json:"eventTypeVersion"`
	Payload   json.RawMessage
	Channels  []string
	Tags      []string
	Timestamp time.Time

	State, StatusText string // of its deliveries, where the server tells it
}

// testMark marks a test in the word that the portal has for it.
func testMark(test bool) string {
	if test {
		return "test"
	}
	return ""
}

func (m *message) show(r *request) error {
	err := fields(r.out, "id", m.ID, "event id", m.EventID, "event type", versioned(m.EventType, m.Version),
		"channels", strings.Join(m.Channels, ", "), "tags", strings.Join(m.Tags, ", "), "accepted", stamp(m.Timestamp))
	if err != nil || len(m.Payload) == 0 {
		return err
	}
	_, err = fmt.Fprintf(r.out, "payload\n%s", indent(shown(m.Payload)))
	return err
}

// atMessage is the path of the message that the first argument names, or of
// something below it.
func (r *request) atMessage(ctx context.Context, below ...string) (string, error) {
	return r.within(ctx, append([]string{"msg", r.args[0]}, below...)...)
}

func messageCommand(e *env) *cobra.Command {
	verbs := append(messageReadVerbs(e), messageChangeVerbs(e)...)
	verbs = append(verbs, messageExpungeVerb(e), messageExportVerb(e))
	return noun("message", "Messages: what was sent, and what became of it", verbs...)
}

func messageReadVerbs(e *env) []*cobra.Command {
	var limit int
	var types []string
	var channel, tag string
	return e.inApp(
		verb{use: "list", short: "List messages, newest first",
			flags: func(flags *pflag.FlagSet) {
				limitFlag(&limit)(flags)
				flags.StringSliceVarP(&types, "type", "t", nil, "only of these event types")
				flags.StringVar(&channel, "channel", "", "only of this channel")
				flags.StringVar(&tag, "tag", "", "only with this tag")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.within(ctx, "msg")
				if err != nil {
					return err
				}
				query := url.Values{"event_types": types}
				if !r.json {
					query.Set("with_content", "false")
				}
				for name, value := range map[string]string{"channel": channel, "tag": tag} {
					if value != "" {
						query.Set(name, value)
					}
				}
				return listing[message]{
					path: path, query: query, limit: limit,
					headings: []string{"ID", "EVENT TYPE", "EVENT ID", "STATE", "TEST", "ACCEPTED"},
					least:    []string{"EVENT ID"}, spare: []string{"STATE", "TEST"},
					row: func(m *message) []string {
						return []string{m.ID, versioned(m.EventType, m.Version), m.EventID, cmp.Or(m.State, m.StatusText), testMark(slices.Contains(m.Tags, fanfare.TestTag)), stamp(m.Timestamp)}
					},
				}.show(ctx, r)
			}},
		verb{use: "get MESSAGE", short: "Show a message, its payload, and how it stands at each endpoint",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atMessage(ctx)
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodGet, path, nil, func(m *message) error {
					if err := m.show(r); err != nil {
						return err
					}
					return showDeliveries(ctx, r)
				})
			}},
		verb{use: "attempts MESSAGE", short: "List the attempts to deliver a message", flags: limitFlag(&limit),
			do: func(ctx context.Context, r *request) error {
				path, err := r.within(ctx, "attempt", "msg", r.args[0])
				if err != nil {
					return err
				}
				names, err := r.endpointNames(ctx)
				if err != nil {
					return err
				}
				return attemptList(path, nil, limit, "MESSAGE", names).show(ctx, r)
			}},
	)
}

func messageChangeVerbs(e *env) []*cobra.Command {
	var to string
	return e.inApp(
		verb{use: "cancel MESSAGE", short: "Cancel the deliveries of a message that wait",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atMessage(ctx, "pending")
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodDelete, path, nil, func(c *cancelled) error {
					r.say("%s", *c)
					return nil
				})
			}},
		verb{use: "resend MESSAGE", short: "Deliver a message again, to where it did not succeed",
			example: "fanfare message resend msg_…\nfanfare message resend msg_… --endpoint ep_…",
			flags: func(flags *pflag.FlagSet) {
				flags.StringVarP(&to, "endpoint", "e", "", "the endpoint to send it to, even if it succeeded there")
			},
			do: func(ctx context.Context, r *request) error { return resend(ctx, r, to) }},
	)
}
