package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// endpointSettings are the flags that describe an endpoint.
type endpointSettings struct {
	url, uid, description string
	kind, config, filter  string
	script                string
	types, channels, pins []string
	headers               []string
	secret                string
	signature, format     string
	retry, success        string
	handshake             string
	rate, inFlight        int
	timeout, debounce     time.Duration
	batch                 string
	ordered, disabled     bool
	includeApp            bool
	redirects             string
	onPause, orderingKey  string
	auth                  endpointAuth
}

func (s *endpointSettings) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.url, "url", "", "where messages go")
	flags.StringVar(&s.kind, "kind", "webhook", "webhook; poller: it is sent nothing and has no url, and messages are there to be polled; or one that \"fanfare kind list\" shows")
	flags.StringVar(&s.config, "config", "", "what an endpoint of such a kind is told: a JSON object, or @ and the name of a file that has it; @- reads the standard input")
	flags.StringVar(&s.script, "transformation", "", `JavaScript that makes of each message what is sent, or @ and the name of a file with it: "function handler(webhook) { return webhook }"`)
	flags.StringVar(&s.filter, "filter", "", `expression that a message has to match, such as "payload.status == 'open'"; "fanfare filter try" shows which do`)
	flags.StringVar(&s.uid, "uid", "", "your own name for it, which may stand wherever its id may")
	flags.StringVar(&s.description, "description", "", "what it is for")
	flags.StringSliceVarP(&s.types, "type", "t", nil, `event types it wants, such as record.created or "record.*"; none means all`)
	flags.StringSliceVar(&s.pins, "event-type-version", nil, "version of an event type that it is pinned to, such as record.created=1; repeatable; none: the current ones")
	flags.StringSliceVar(&s.channels, "channel", nil, "channels it wants messages of; none means all")
	flags.IntVar(&s.rate, "rate-limit", 0, "deliveries started per second at most; 0: no limit")
	flags.IntVar(&s.inFlight, "max-in-flight", 0, "attempts under way at once at most; 0: the server's default")
	flags.StringVar(&s.format, "format", "raw", "what the body is made of: "+strings.Join(fanfare.Formats, ", "))
	flags.BoolVar(&s.includeApp, "include-application", false, "tell the receiver whose a message is, in the header webhook-application and in the format envelope")
	flags.StringVar(&s.signature, "signature", "standard", "how it is signed: "+profiles())
	flags.StringVar(&s.retry, "retry", inherit, "when to try again: "+strings.Join(fanfare.RetryPresets, ", ")+", delays such as 5s,5m,1h, a formula of them such as \"n^4+5 x24\", or "+inherit+": as the event type, the application or the server has it")
	flags.DurationVar(&s.debounce, "debounce", 0, "time that a message waits for a later one of its type and ordering key, to be sent in its place; 0: none")
	flags.StringVar(&s.batch, "batch", "", "send messages together: how many at most, and how long the first waits for others, such as 100,30s; none: each by itself")
	flags.DurationVar(&s.timeout, "timeout", 0, "time to wait for an answer, up to 60s; 0: 20s")
	flags.StringVar(&s.success, "success", "200-299", "answers that mean success: "+strings.Join(fanfare.SuccessPresets, ", ")+", or statuses such as 200-207 or 200,204")
	flags.StringVar(&s.redirects, "redirects", "none", "what becomes of a redirect: "+strings.Join(fanfare.Redirects, ", "))
	s.auth.flags(flags)
	flags.StringVar(&s.handshake, "handshake", "", "how its receiver shows that it wants messages before it is sent any: "+strings.Join(fanfare.Handshakes, ", ")+"; none means it need not")
	flags.BoolVar(&s.ordered, "ordered", false, "deliver strictly in order of acceptance")
	flags.StringVar(&s.orderingKey, "ordering-key", "", `where in the payload the ordering key stands, such as /customer/id: with --ordered, only messages of one key wait for each other`)
	flags.StringVar(&s.onPause, "on-pause", fanfare.OnPauseHold, "what becomes of messages while it is paused: "+strings.Join(fanfare.OnPauses, ", "))
	flags.BoolVar(&s.disabled, "disabled", false, "make no deliveries to it")
}

// profiles are the names of the signature profiles.
func profiles() string {
	var names []string
	for _, p := range webhook.Profiles() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// body is what the flags that were given ask of the API.
func (s *endpointSettings) body(r *request) (map[string]any, error) {
	body := make(map[string]any)
	set := func(flag, field string, value any) {
		if r.given(flag) {
			body[field] = value
		}
	}
	schedule, err := readRetry(s.retry)
	if err != nil {
		return nil, err
	}
	set("url", "url", s.url)
	set("kind", "kind", s.kind)
	set("filter", "filter", orNull(s.filter))
	set("uid", "uid", orNull(s.uid))
	set("description", "description", s.description)
	set("type", "filterTypes", s.types)
	set("channel", "channels", s.channels)
	versions, err := pins(s.pins)
	if err != nil {
		return nil, err
	}
	set("event-type-version", "eventTypeVersions", versions)
	set("rate-limit", "rateLimit", orNull(s.rate))
	set("max-in-flight", "maxInFlight", orNull(s.inFlight))
	set("format", "format", s.format)
	set("signature", "signature", s.signature)
	set("include-application", "includeApplication", s.includeApp)
	set("retry", "retry", schedule)
	set("debounce", "debounce", orNull(s.debounce.Seconds()))
	together, err := readBatching(s.batch)
	if err != nil {
		return nil, err
	}
	set("batch", "batch", together)
	set("timeout", "timeout", orNull(s.timeout.Seconds()))
	set("success", "success", readSuccess(s.success))
	set("redirects", "success", s.wanted(r))
	set("handshake", "handshake", orNull(s.handshake))
	set("ordered", "ordered", s.ordered)
	set("ordering-key", "orderingKey", orNull(s.orderingKey))
	set("on-pause", "onPause", s.onPause)
	set("disabled", "disabled", s.disabled)
	set("secret", "secret", s.secret)
	auth, err := s.auth.body(r)
	if auth != nil {
		body["auth"] = auth
	}
	return body, err
}

// wanted is what the flags say of success.
func (s *endpointSettings) wanted(r *request) success {
	var want success
	if r.given("success") {
		want = readSuccess(s.success)
	}
	if r.given("redirects") {
		want.Redirects = s.redirects
	}
	return want
}

// keepSuccess keeps what the endpoint at path has of conditions on success that no
// flag is about: the API takes them as one.
func (s *endpointSettings) keepSuccess(ctx context.Context, r *request, path string, body map[string]any) error {
	if !r.given("success") && !r.given("redirects") {
		return nil
	}
	var ep endpoint
	if _, err := r.call(ctx, http.MethodGet, path, nil, &ep); err != nil {
		return err
	}
	body["success"] = ep.Success.changed(s.wanted(r))
	return nil
}

// A retry is when deliveries are tried again, as the API has it: one of the two.
type retry struct {
	Preset string    `json:"preset,omitempty"`
	Delays []float64 `json:"delays,omitempty"` // in seconds
}

// readRetry reads the name of a schedule, or its delays.
func readRetry(text string) (retry, error) {
	if text == inherit || slices.Contains(fanfare.RetryPresets, text) {
		return retry{Preset: text}, nil
	}
	var r retry
	if made, err := formulaDelays(text); made != nil || err != nil {
		for _, d := range made {
			r.Delays = append(r.Delays, d.Seconds())
		}
		return r, err
	}
	for part := range strings.SplitSeq(text, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil || d <= 0 {
			return retry{}, usagef("--retry %q is neither one of %s nor delays such as 5s,5m,1h, nor a formula such as \"n^4+5 x24\"", text, strings.Join(fanfare.RetryPresets, ", "))
		}
		r.Delays = append(r.Delays, d.Seconds())
	}
	return r, nil
}

func (r retry) String() string {
	if len(r.Delays) == 0 {
		return r.Preset
	}
	texts := make([]string, len(r.Delays))
	for i, delay := range r.Delays {
		texts[i] = span(delay)
	}
	return "after " + strings.Join(texts, ", ")
}

// A success is what an endpoint must answer, as the API has it: a preset, or the
// others.
type success struct {
	Preset   string `json:"preset,omitempty"`
	Statuses string `json:"statuses,omitempty"`
	Contains string `json:"contains,omitempty"`
	Lacks    string `json:"lacks,omitempty"`

	Redirects string `json:"redirects,omitempty"`
}

// changed is s with what want has. A preset replaces one's own conditions.
func (s success) changed(want success) success {
	if want.Redirects != "" {
		s.Redirects = want.Redirects
	}
	if want.Preset != "" {
		return success{Preset: want.Preset, Redirects: s.Redirects}
	}
	if want.Statuses != "" {
		s.Preset, s.Statuses = "", want.Statuses
	}
	return s
}

// readSuccess reads the name of a preset, or statuses.
func readSuccess(text string) success {
	if slices.Contains(fanfare.SuccessPresets, text) {
		return success{Preset: text}
	}
	return success{Statuses: text}
}

func (s success) String() string {
	text := s.Preset + s.Statuses
	if s.Contains != "" {
		text += fmt.Sprintf(", with %q in the body", s.Contains)
	}
	if s.Lacks != "" {
		text += fmt.Sprintf(", without %q in the body", s.Lacks)
	}
	switch s.Redirects {
	case fanfare.RedirectsSuccess:
		text += ", or a redirect"
	case fanfare.RedirectsFollow, fanfare.RedirectsFollow307308:
		text += ", where 307 and 308 lead to"
	case fanfare.RedirectsFollowGETOnce:
		text += ", where one redirect leads a GET to"
	case fanfare.RedirectsAcceptGAS:
		text += ", or Apps Script's redirect to its output"
	}
	return text
}

// span shows a number of seconds the way it can be given: 1h, not 1h0m0s.
func span(seconds float64) string {
	text := time.Duration(seconds * float64(time.Second)).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
