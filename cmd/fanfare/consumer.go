package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A consumer as the API has it: a name under which an endpoint is polled.
type consumer struct {
	Name      string
	SeenAt    time.Time
	CreatedAt time.Time
}

func consumerCommand(e *env) *cobra.Command {
	var limit int
	var after, iterator string
	at := func(ctx context.Context, r *request, below ...string) (string, error) {
		return r.within(ctx, append([]string{"poller", r.args[0], "consumer"}, below...)...)
	}
	verbs := e.inApp(
		verb{use: "list ENDPOINT", short: "List the consumers of an endpoint", flags: limitFlag(&limit),
			do: func(ctx context.Context, r *request) error {
				path, err := at(ctx, r)
				if err != nil {
					return err
				}
				return listing[consumer]{
					path: path, limit: limit, headings: []string{"CONSUMER", "LAST SEEN", "CREATED"}, least: []string{"CREATED"},
					row: func(c *consumer) []string { return []string{c.Name, stamp(c.SeenAt), stamp(c.CreatedAt)} },
				}.show(ctx, r)
			}},
		verb{use: "seek ENDPOINT CONSUMER", short: "Have a consumer go on from another place",
			long: "Has a consumer go on from another place: what was accepted after a time, or where an\n" +
				"iterator of the endpoint's or of its own stands. It is made if there is none.",
			example: "fanfare consumer seek ep_… backup --after 2h\nfanfare consumer seek orders backup --after 2026-01-31T12:00:00Z",
			flags: func(flags *pflag.FlagSet) {
				flags.StringVar(&after, "after", "", "go on with what was accepted after this time, or so long ago, such as 2h")
				flags.StringVar(&iterator, "iterator", "", "go on from this iterator, as an answer to polling has it")
			},
			do: func(ctx context.Context, r *request) error {
				if (after == "") == (iterator == "") {
					return usagef("say from where with --after or --iterator, such as --after 2h")
				}
				body := map[string]any{"iterator": iterator}
				if after != "" {
					t, err := timeOf(after, time.Now())
					if err != nil {
						return err
					}
					body = map[string]any{"after": t.UTC()}
				}
				path, err := at(ctx, r, r.args[1], "seek")
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodPost, path, body, func(*struct{}) error {
					r.say("Consumer %s goes on from there; see %q.", r.args[1], r.inApp("poll", "--endpoint", r.args[0], "--consumer", r.args[1]))
					return nil
				})
			}},
		verb{use: "delete ENDPOINT CONSUMER", short: "Forget a consumer, and how far it has come", loses: losesConsumer,
			do: func(ctx context.Context, r *request) error {
				path, err := at(ctx, r, r.args[1])
				if err != nil {
					return err
				}
				if _, err := r.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
					return err
				}
				r.say("Consumer %s is forgotten.", r.args[1])
				return nil
			}},
	)
	return noun("consumer", "Consumers: who polls an endpoint, and how far they have come", verbs...)
}

// exampleVerb sends an endpoint what an event type looks like.
func exampleVerb(e *env) []*cobra.Command {
	var eventType string
	var index int
	return e.inApp(verb{
		use: "send-example ENDPOINT", short: "Send an endpoint an example of an event type",
		example: "fanfare endpoint send-example ep_… --type record.created",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVarP(&eventType, "type", "t", "", "the event type, which the catalogue must have (required)")
			flags.IntVar(&index, "example", 0, "which of its examples, from 0")
		},
		do: func(ctx context.Context, r *request) error {
			if eventType == "" {
				return usagef("say which event type with --type; %q names them", r.atServer("event-type list"))
			}
			path, err := r.atEndpoint(ctx, "send-example")
			if err != nil {
				return err
			}
			body := map[string]any{"eventType": eventType, "exampleIndex": index}
			return show(ctx, r, http.MethodPost, path, body, func(m *message) error {
				r.say("Message %s is on its way; see %q.", m.ID, r.inApp("message attempts", m.ID))
				return m.show(r)
			})
		},
	})
}
