package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// An endpoint as the API has it.
type endpoint struct {
	ID          string
	UID         string
	Kind        string
	URL         string
	Config      json.RawMessage
	Filter      string
	Description string
	FilterTypes []string
	Channels    []string
	RateLimit   int
	Format      string
	Signature   string
	Retry       retry
	Success     success
	Auth        *auth
	Debounce    float64 // in seconds
	Batch       *batching
	Timeout     float64 // in seconds; 0: the server's
	MaxInFlight int
	Ordered     bool
	Paused      bool
	OnPause     string
	OrderingKey string

	TypeVersions map[string]int `json:"eventTypeVersions"`

	IncludeApplication bool
	Disabled           bool
	DisabledReason     string
	Handshake          string
	Unverified         string // why it is sent nothing for want of a handshake
	Unusable           string // why its settings cannot be used
	FailingSince       time.Time
	CreatedAt          time.Time
}

func (ep *endpoint) state() string {
	switch {
	case ep.Disabled && ep.DisabledReason != "":
		return "disabled: " + ep.DisabledReason
	case ep.Disabled:
		return "disabled"
	case ep.Paused:
		return "paused"
	case ep.Unverified != "":
		return "waits for a handshake"
	case ep.Unusable != "":
		return "cannot be used"
	case !ep.FailingSince.IsZero():
		return "failing since " + stamp(ep.FailingSince)
	}
	return "enabled"
}

// why says what stops deliveries to the endpoint, and what starts them again.
func (ep *endpoint) why(r *request) string {
	switch {
	case ep.Disabled && ep.DisabledReason != "":
		return "Fanfare disabled it; once it works again: " + r.toEnable(ep.ID)
	case ep.Disabled:
		return "its owner disabled it, and no deliveries are made; undo it with: " + r.toEnable(ep.ID)
	case ep.Paused:
		return "its owner paused it, and what is for it waits; undo it with: " + r.inApp("endpoint resume", ep.ID)
	case ep.Unverified != "":
		return ep.Unverified
	case ep.Unusable != "":
		return ep.Unusable
	}
	return ""
}

func (ep *endpoint) wants() string {
	if len(ep.FilterTypes) == 0 {
		return "all"
	}
	return strings.Join(ep.FilterTypes, ", ")
}

func (ep *endpoint) show(r *request) error {
	if ep.Kind == poller {
		return ep.showPoller(r)
	}
	if len(ep.Config) > 0 {
		return ep.showConnected(r)
	}
	ordered := ""
	if ep.Ordered {
		ordered = "yes"
	}
	timeout, inFlight := "20s", "as many as the server lets each endpoint have"
	if ep.Timeout > 0 {
		timeout = span(ep.Timeout)
	}
	tells := ""
	if ep.IncludeApplication {
		tells = "the application"
	}
	onPause := "" // but where it is not what people expect
	if ep.OnPause == fanfare.OnPauseCancel {
		onPause = ep.OnPause
	}
	debounce := ""
	if ep.Debounce > 0 {
		debounce = span(ep.Debounce)
	}
	if ep.MaxInFlight > 0 {
		inFlight = fmt.Sprintf("%d at most", ep.MaxInFlight)
	}
	return fields(r.out, "id", ep.ID, "uid", ep.UID, "kind", ep.Kind, "url", ep.to(), "description", ep.Description,
		"state", ep.state(), "why", ep.why(r), "event types", ep.wants(), "pinned versions", pinned(ep.TypeVersions), "channels", strings.Join(ep.Channels, ", "), "filter", ep.Filter,
		"on pause", onPause, "ordered", ordered, "ordering key", ep.OrderingKey, "debounce", debounce, "batch", ep.Batch.String(), "format", ep.Format, "includes", tells, "signature", ep.Signature, "retry", ep.Retry.String(), "handshake", ep.Handshake, "timeout", timeout, "success", ep.Success.String(), "auth", ep.Auth.String(),
		"rate limit", perSecond(ep.RateLimit), "in flight", inFlight, "created", stamp(ep.CreatedAt))
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
	verbs = append(append(append(verbs, verifyVerb(e)...), tryNowVerb(e)...), exampleVerb(e)...)
	return noun("endpoint", "Endpoints: where an application wants its messages", verbs...)
}

// atEndpoint is the path of the endpoint that the first argument names, or of
// something below it.
func (r *request) atEndpoint(ctx context.Context, below ...string) (string, error) {
	return r.within(ctx, append([]string{"endpoint", r.args[0]}, below...)...)
}

func endpointVerbs(e *env) []*cobra.Command {
	var limit int
	var s endpointSettings
	const createEndpoint = "fanfare endpoint create https://example.com/hooks"
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
					headings: []string{"ID", "UID", "URL", "EVENT TYPES", "STATE"},
					least:    []string{"EVENT TYPES"},
					row: func(ep *endpoint) []string {
						return []string{ep.ID, ep.UID, ep.to(), ep.wants(), ep.state()}
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
		verb{use: "create [URL]", short: "Add an endpoint",
			long: "Adds an endpoint: where messages go, which ones, and how.\n" + endpointWords(),
			example: createEndpoint + "\nfanfare endpoint create https://example.com/hooks --type 'record.*' --ordered --retry 5s,5m,1h\n" +
				"fanfare endpoint create --kind slack --config @slack.json --type 'record.*'",
			flags: func(flags *pflag.FlagSet) {
				s.flags(flags)
				s.secretFlag(flags, "one is made otherwise")
				flags.StringArrayVarP(&s.headers, "header", "H", nil, "header to send with every attempt, name=value; repeatable")
			},
			do: func(ctx context.Context, r *request) error {
				to, err := s.target(r, createEndpoint)
				if err != nil {
					return err
				}
				body, err := s.body(r)
				if err == nil {
					err = s.tell(e, r, body)
				}
				if err != nil {
					return err
				}
				body["url"] = to
				path, err := r.within(ctx, "endpoint")
				if err != nil {
					return err
				}
				if len(s.headers) > 0 {
					if body["headers"], err = pairs(s.headers); err != nil {
						return err
					}
				}
				return showIt(ctx, r, http.MethodPost, path, body)
			}},
		verb{use: "update ENDPOINT", short: "Change an endpoint",
			long:    "Changes what the flags say of an endpoint, and nothing else.\n" + endpointWords(),
			example: "fanfare endpoint update ep_… --url https://example.com/new --retry standard",
			flags: func(flags *pflag.FlagSet) {
				s.flags(flags)
				s.secretFlag(flags, "the old one signs beside it for 24 hours, where the signature has room for two")
			},
			do: func(ctx context.Context, r *request) error {
				body, err := s.body(r)
				if err == nil {
					err = s.tell(e, r, body)
				}
				if err == nil && r.given("url") {
					err = checkTarget(s.url)
				}
				if err != nil {
					return err
				}
				path, err := r.atEndpoint(ctx)
				if err != nil {
					return err
				}
				if err := s.keepSuccess(ctx, r, path, body); err != nil {
					return err
				}
				return s.explain(r, showIt(ctx, r, http.MethodPatch, path, body))
			}},
		verb{use: "delete ENDPOINT", short: "Delete an endpoint; what waits for it is never sent", loses: losesEndpoint,
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
		verb{use: "rotate ENDPOINT", short: "Replace the secret; where the signature has room for two, the old one signs beside it for 24 hours",
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
				var ep endpoint
				at, err := r.atEndpoint(ctx)
				if err == nil {
					_, err = r.call(ctx, http.MethodGet, at, nil, &ep)
				}
				if err != nil {
					return err
				}
				old := "The old one signs beside it for 24 hours."
				if !webhook.Profile(ep.Signature).Overlaps() {
					old = "The old one no longer signs: a " + ep.Signature + " signature has room for one."
				}
				r.say("The secret is replaced; see it with %q. %s", r.inApp(r.endpointNoun()+" secret", r.args[0]), old)
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
