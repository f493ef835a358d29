package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// deliveryStatuses are the words for how a delivery stands, as the API numbers them.
var deliveryStatuses = map[string]int{
	"delivered": statusSuccess, "waiting": statusPending, "given-up": statusFail, "cancelled": statusCanceled,
}

// endpointReplayVerbs send again what was sent, and what was not.
func endpointReplayVerbs(e *env) []*cobra.Command {
	missing := starter{
		would: "To be sent: %d that it has missed.",
		did:   "Sent: %d that it had missed.",
		watch: true,
	}
	var missed picker
	return append(e.inApp(
		recoverVerb(e),
		verb{use: "replay-missing ENDPOINT", short: "Send what it wants and was never sent, as it came later",
			example: "fanfare endpoint replay-missing ep_… --since 24h",
			flags:   func(flags *pflag.FlagSet) { missed.span(flags, true); missing.flags(flags) },
			do: func(ctx context.Context, r *request) error {
				return atEndpointSince(ctx, r, &missing, &missed, "replay-missing")
			}},
	), bulkReplayVerb(e))
}

// recoverVerb sends again what was given up. What an operational endpoint is told is not among
// what "fanfare tail" shows.
func recoverVerb(e *env) verb {
	again := starter{
		would: "To be sent again: %d that were given up.",
		did:   "Sent again: %d that were given up.",
		watch: !e.ours,
	}
	var recovered picker
	return verb{use: "recover ENDPOINT", short: "Send again what was given up",
		example: "fanfare endpoint recover ep_… --since 24h --plan\nfanfare endpoint recover ep_… --since 24h",
		flags: func(flags *pflag.FlagSet) {
			recovered.span(flags, true)
			flags.BoolVar(&recovered.whenHealthy, "when-healthy", false, "only once the endpoint takes what it is sent; until then it is tried with one a minute at most")
			again.flags(flags)
		},
		do: func(ctx context.Context, r *request) error {
			return atEndpointSince(ctx, r, &again, &recovered, "recover")
		}}
}

func atEndpointSince(ctx context.Context, r *request, s *starter, p *picker, what string) error {
	if p.since == "" {
		return errNoSince
	}
	body, err := p.body()
	if err != nil {
		return err
	}
	path, err := r.atEndpoint(ctx, what)
	if err != nil {
		return err
	}
	return s.start(ctx, r, path, body)
}

func bulkReplayVerb(e *env) *cobra.Command {
	replay := starter{
		would: "To be sent again: %d.",
		did:   "Sent again: %d.",
		watch: true,
	}
	var picked picker
	var status string
	var class int
	var all bool
	var ids []string
	return e.inApp(verb{use: "bulk-replay [ENDPOINT]", short: "Send messages again, whatever became of them",
		example: "fanfare endpoint bulk-replay ep_… --since 24h --type record.created --plan\n" +
			"fanfare endpoint bulk-replay --all-endpoints --since 2h --status delivered\n" +
			"fanfare endpoint bulk-replay ep_… --message msg_… --message msg_…",
		flags: func(flags *pflag.FlagSet) {
			picked.span(flags, true)
			picked.kinds(flags)
			flags.StringSliceVar(&ids, "message", nil, "instead of --since: these messages, by id or event id")
			flags.StringVar(&status, "status", "", "only what is delivered, given-up, cancelled or waiting; all but waiting unless told")
			flags.IntVar(&class, "status-class", 0, "only what was last answered with this class of status: 200, 300, 400 or 500")
			flags.BoolVar(&all, "all-endpoints", false, "to all endpoints that had them, rather than one")
			replay.flags(flags)
		},
		do: func(ctx context.Context, r *request) error {
			if picked.since == "" && len(ids) == 0 {
				return errNoSince
			}
			if all == (len(r.args) > 0) {
				return usagef("name one endpoint, or give --all-endpoints")
			}
			body, err := picked.body()
			if err != nil {
				return err
			}
			if len(ids) > 0 {
				body["ids"] = ids
			}
			if status != "" {
				n, ok := deliveryStatuses[status]
				if !ok {
					return usagef("%q is not delivered, given-up, cancelled or waiting", status)
				}
				body["status"] = n
			}
			if class != 0 {
				body["statusCodeClass"] = class
			}
			parts := []string{"msg", "bulk-replay"}
			if !all {
				parts = []string{"endpoint", r.args[0], "bulk-replay"}
			}
			if err := r.knowTypes(ctx, picked.types); err != nil {
				return err
			}
			path, err := r.within(ctx, parts...)
			if err != nil {
				return err
			}
			return replay.start(ctx, r, path, body)
		}})[0]
}

// messageExpungeVerb removes payloads.
func messageExpungeVerb(e *env) *cobra.Command {
	purge := starter{
		would: "Payloads to be removed for good: %d.",
		did:   "Payloads removed for good: %d.",
	}
	var picked picker
	var all bool
	return e.inApp(verb{use: "expunge [MESSAGE]", short: "Remove payloads for good: of a message, of those that flags pick, or all",
		example: "fanfare message expunge msg_…\nfanfare message expunge --tag customer-17 --plan\nfanfare message expunge --all",
		flags: func(flags *pflag.FlagSet) {
			picked.span(flags, false)
			picked.kinds(flags)
			flags.BoolVar(&all, "all", false, "of all messages of the application")
			purge.flags(flags)
		},
		loses: func(ctx context.Context, r *request) (string, error) {
			path, body, err := toExpunge(ctx, r, &picked, all)
			if err != nil || purge.plan {
				return "", err
			}
			if path == "" {
				return fmt.Sprintf("The payload of message %s is removed for good, and what has not been delivered of it cannot be sent", r.args[0]), nil
			}
			var t task
			if _, err := r.call(ctx, http.MethodPost, path+"?plan=true", body, &t); err != nil {
				return "", err
			}
			return fmt.Sprintf("%s removed for good, and what has not been delivered of them cannot be sent", countedAs(t.Total, "payload is", "payloads are")), nil
		},
		do: func(ctx context.Context, r *request) error {
			path, body, err := toExpunge(ctx, r, &picked, all)
			if err != nil {
				return err
			}
			if path == "" {
				return expungeOne(ctx, r, purge.plan)
			}
			return purge.start(ctx, r, path, body)
		}})[0]
}

// toExpunge is what is to be posted to have payloads removed; the path is "" for
// those of the one message that the first argument names.
func toExpunge(ctx context.Context, r *request, picked *picker, all bool) (path string, body any, err error) {
	filter, err := picked.body()
	if err != nil {
		return "", nil, err
	}
	ways := 0
	for _, way := range []bool{len(r.args) > 0, len(filter) > 0, all} {
		if way {
			ways++
		}
	}
	switch {
	case ways != 1:
		return "", nil, usagef("name one message, or pick some with --since, --until, --type, --channel or --tag, or give --all")
	case len(r.args) > 0:
		return "", nil, nil
	case all:
		path, err = r.within(ctx, "msg", "expunge-all-contents")
		return path, nil, err
	}
	if err := r.knowTypes(ctx, picked.types); err != nil {
		return "", nil, err
	}
	path, err = r.within(ctx, "msg", "bulk-expunge")
	return path, map[string]any{"filter": filter}, err
}

func expungeOne(ctx context.Context, r *request, plan bool) error {
	if plan {
		return usagef("one payload need not be planned; leave out --plan")
	}
	path, err := r.atMessage(ctx, "content")
	if err != nil {
		return err
	}
	if _, err := r.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	r.say("The payload of message %s is removed for good.", r.args[0])
	return nil
}

// knowTypes refuses event types that the catalogue does not have, and of which
// there is no message either: a mistyped one would only find nothing.
func (r *request) knowTypes(ctx context.Context, types []string) error {
	for _, name := range types {
		_, err := r.call(ctx, http.MethodGet, route("event-type", name), nil, nil)
		var refused *apiError
		if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
			continue // it is there, or who asks may not look
		}
		path, err := r.within(ctx, "msg")
		if err != nil {
			return err
		}
		var page struct{ Data []message }
		query := url.Values{"event_types": {name}, "limit": {"1"}, "with_content": {"false"}}
		if _, err := r.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		if len(page.Data) == 0 {
			return fmt.Errorf("there is no event type %q, nor any message of one; see %q", name, r.atServer("event-type list"))
		}
	}
	return nil
}
