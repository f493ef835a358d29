package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An endpoint as the API has it.
type endpoint struct {
	ID             string
	UID            string
	URL            string
	Description    string
	FilterTypes    []string
	Channels       []string
	RateLimit      int
	MaxInFlight    int
	Ordered        bool
	Paused         bool
	Disabled       bool
	DisabledReason string
	FailingSince   time.Time
	CreatedAt      time.Time
}

func (ep *endpoint) state() string {
	switch {
	case ep.Disabled && ep.DisabledReason != "":
		return "disabled: " + ep.DisabledReason
	case ep.Disabled:
		return "disabled"
	case ep.Paused:
		return "paused"
	case !ep.FailingSince.IsZero():
		return "failing since " + stamp(ep.FailingSince)
	}
	return "enabled"
}

func (ep *endpoint) wants() string {
	if len(ep.FilterTypes) == 0 {
		return "all"
	}
	return strings.Join(ep.FilterTypes, ", ")
}

func (ep *endpoint) show(r *request) error {
	ordered := ""
	if ep.Ordered {
		ordered = "yes"
	}
	inFlight := ""
	if ep.MaxInFlight > 0 {
		inFlight = fmt.Sprintf("%d at most", ep.MaxInFlight)
	}
	return fields(r.out, "id", ep.ID, "uid", ep.UID, "url", ep.URL, "description", ep.Description,
		"state", ep.state(), "event types", ep.wants(), "channels", strings.Join(ep.Channels, ", "),
		"ordered", ordered, "rate limit", perSecond(ep.RateLimit), "in flight", inFlight, "created", stamp(ep.CreatedAt))
}

// perSecond shows a rate limit; none is "".
func perSecond(rate int) string {
	if rate == 0 {
		return ""
	}
	return fmt.Sprintf("%d a second", rate)
}

// orNull is what clears a field of the API when v is zero.
func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func endpointCommand(e *env) *cobra.Command {
	verbs := append(endpointVerbs(e), endpointSecretVerbs(e)...)
	verbs = append(verbs, endpointStateVerbs(e)...)
	return noun("endpoint", "Endpoints: where an application wants its messages", verbs...)
}

// endpointSettings are the flags that describe an endpoint.
type endpointSettings struct {
	url, uid, description string
	types, channels       []string
	headers               []string
	secret                string
	rate, inFlight        int
	timeout               time.Duration
	ordered, disabled     bool
}

func (s *endpointSettings) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.uid, "uid", "", "your own name for it, which may stand wherever its id may")
	flags.StringVar(&s.description, "description", "", "what it is for")
	flags.StringSliceVarP(&s.types, "type", "t", nil, `event types it wants, such as record.created or "record.*"; none means all`)
	flags.StringSliceVar(&s.channels, "channel", nil, "channels it wants messages of; none means all")
	flags.IntVar(&s.rate, "rate-limit", 0, "deliveries started per second at most; 0: no limit")
	flags.IntVar(&s.inFlight, "max-in-flight", 0, "attempts under way at once at most; 0: the server's default")
	flags.DurationVar(&s.timeout, "timeout", 0, "time to wait for an answer, up to 60s; 0: 20s")
	flags.BoolVar(&s.ordered, "ordered", false, "deliver strictly in order of acceptance")
	flags.BoolVar(&s.disabled, "disabled", false, "make no deliveries to it")
}

func (s *endpointSettings) body(r *request) map[string]any {
	body := make(map[string]any)
	set := func(flag, field string, value any) {
		if r.given(flag) {
			body[field] = value
		}
	}
	set("to", "url", s.url)
	set("uid", "uid", orNull(s.uid))
	set("description", "description", s.description)
	set("type", "filterTypes", s.types)
	set("channel", "channels", s.channels)
	set("rate-limit", "rateLimit", orNull(s.rate))
	set("max-in-flight", "maxInFlight", orNull(s.inFlight))
	set("timeout", "timeout", orNull(s.timeout.Seconds()))
	set("ordered", "ordered", s.ordered)
	set("disabled", "disabled", s.disabled)
	set("secret", "secret", s.secret)
	return body
}

// atEndpoint is the path of the endpoint that the first argument names, or of
// something below it.
func (r *request) atEndpoint(ctx context.Context, below ...string) (string, error) {
	return r.within(ctx, append([]string{"endpoint", r.args[0]}, below...)...)
}

func endpointVerbs(e *env) []*cobra.Command {
	var limit int
	var s endpointSettings
	showIt := func(ctx context.Context, r *request, method, path string, in any) error {
		return show(ctx, r, method, path, in, func(ep *endpoint) error { return ep.show(r) })
	}
	return e.inApp(
		verb{use: "list", short: "List endpoints", flags: limitFlag(&limit),
			do: func(ctx context.Context, r *request) error {
				path, err := r.within(ctx, "endpoint")
				if err != nil {
					return err
				}
				return listing[endpoint]{
					path: path, limit: limit,
					headings: []string{"ID", "URL", "EVENT TYPES", "STATE"},
					row: func(ep *endpoint) []string {
						return []string{ep.ID, ep.URL, ep.wants(), ep.state()}
					},
				}.show(ctx, r)
			}},
		verb{use: "get ENDPOINT", short: "Show an endpoint",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx)
				if err != nil {
					return err
				}
				return showIt(ctx, r, http.MethodGet, path, nil)
			}},
		verb{use: "create URL", short: "Add an endpoint",
			example: "fanfare endpoint create https://example.com/hooks --type 'record.*' --ordered",
			flags: func(flags *pflag.FlagSet) {
				s.flags(flags)
				flags.StringVar(&s.secret, "secret", "", "secret to sign with (whsec_… or whsk_…); one is made otherwise")
				flags.StringArrayVarP(&s.headers, "header", "H", nil, "header to send with every attempt, name=value; repeatable")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.within(ctx, "endpoint")
				if err != nil {
					return err
				}
				body := s.body(r)
				body["url"] = r.args[0]
				if len(s.headers) > 0 {
					if body["headers"], err = pairs(s.headers); err != nil {
						return err
					}
				}
				return showIt(ctx, r, http.MethodPost, path, body)
			}},
		verb{use: "update ENDPOINT", short: "Change an endpoint",
			example: "fanfare endpoint update ep_… --to https://example.com/new",
			flags: func(flags *pflag.FlagSet) {
				s.flags(flags)
				flags.StringVar(&s.url, "to", "", "URL to send to")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx)
				if err != nil {
					return err
				}
				return showIt(ctx, r, http.MethodPatch, path, s.body(r))
			}},
		verb{use: "delete ENDPOINT", short: "Delete an endpoint; what waits for it is never sent",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx)
				if err != nil {
					return err
				}
				if _, err := r.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
					return err
				}
				r.say("Endpoint %s is gone.", r.args[0])
				return nil
			}},
	)
}

func endpointSecretVerbs(e *env) []*cobra.Command {
	var key string
	type secret struct{ Key string }
	type headers struct {
		Headers   map[string]string
		Sensitive []string
	}
	return e.inApp(
		verb{use: "secret ENDPOINT", short: "Show the secret that signs what it is sent",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx, "secret")
				if err != nil {
					return err
				}
				return show(ctx, r, http.MethodGet, path, nil, func(s *secret) error {
					_, err := fmt.Fprintln(r.out, printable(s.Key))
					return err
				})
			}},
		verb{use: "rotate ENDPOINT", short: "Replace the secret; the old one signs beside it for 24 hours",
			flags: func(flags *pflag.FlagSet) {
				flags.StringVar(&key, "secret", "", "the new secret; one is made otherwise")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx, "secret", "rotate")
				if err != nil {
					return err
				}
				if _, err := r.call(ctx, http.MethodPost, path, map[string]any{"key": orNull(key)}, nil); err != nil {
					return err
				}
				r.say("The secret is replaced; see it with \"fanfare endpoint secret %s\". The old one signs beside it for 24 hours.", r.args[0])
				return nil
			}},
		verb{use: "headers ENDPOINT [NAME=VALUE]", short: "Show the headers it is sent, or set one; an empty value removes it",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atEndpoint(ctx, "headers")
				if err != nil {
					return err
				}
				if len(r.args) > 1 {
					set, err := pairs(r.args[1:])
					if err != nil {
						return err
					}
					body := make(map[string]any, len(set))
					for name, value := range set {
						body[name] = orNull(value)
					}
					if _, err := r.call(ctx, http.MethodPatch, path, map[string]any{"headers": body}, nil); err != nil {
						return err
					}
				}
				return show(ctx, r, http.MethodGet, path, nil, func(h *headers) error {
					var lines []string
					for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
						lines = append(lines, name, h.Headers[name])
					}
					for _, name := range h.Sensitive {
						lines = append(lines, name, "(hidden)")
					}
					if len(lines) == 0 {
						r.say("There are none.")
					}
					return fields(r.out, lines...)
				})
			}},
	)
}
