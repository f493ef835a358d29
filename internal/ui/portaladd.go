package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

type addBody struct {
	URL      field
	Check    *check // nil: it was not checked
	Pick     pick
	Problems string // what is wrong that belongs to no field
	Options  []field
	Open     bool // the optional fields are shown
	Once     string
}

// A pick is which event types are wanted.
type pick struct {
	Some   bool // not all
	Search bool // there are so many that one looks for them
	Groups []choiceGroup
}

// A choiceGroup is event types to choose among.
type choiceGroup struct {
	Name    string
	Choices []choice
}

type choice struct {
	Value, Text, About string
	Chosen             bool
}

// A check is what was found about a URL, in steps.
type check struct {
	Steps     []checkStep
	What, Fix string
	Use       string // the URL to take instead; "": none
}

type checkStep struct {
	State badge
	Text  string
}

func newEndpoint(v *visit) error {
	if !v.may(fanfare.ManageEndpoint) {
		return &refusal{Status: http.StatusForbidden, Detail: "This link lets you look, but not add endpoints. Ask whoever gave it to you for one that does."}
	}
	return v.showNew(http.StatusOK, nil, nil)
}

// showNew shows the form with what it says already.
func (v *visit) showNew(status int, told *refusal, c *check) error {
	types, err := v.eventTypes("false")
	if err != nil {
		return err
	}
	body := addBody{
		URL:   field{Name: "url", Label: "URL", Kind: "url", Value: v.said("url"), Placeholder: "https://example.com/webhooks", Required: true, Code: true, Hint: "Messages are sent there by POST. It must be reachable from the internet."},
		Check: c, Pick: v.pick(types), Options: v.optional(), Once: once(),
	}
	if told != nil {
		body.Problems = body.explain(told)
	}
	for _, f := range body.Options {
		body.Open = body.Open || f.Problem != "" || f.Kind != "select" && f.Value != ""
	}
	return v.showAs(status, "portal/new", "Add endpoint", body)
}

// explain puts what is wrong where it belongs, and returns the rest.
func (b *addBody) explain(told *refusal) (rest string) {
	place := func(name, msg string) bool {
		all := append([]*field{&b.URL}, pointers(b.Options)...)
		i := slices.IndexFunc(all, func(f *field) bool { return f.Name == name })
		if i >= 0 {
			all[i].Problem = msg
		}
		return i >= 0
	}
	for name, msg := range told.Fields {
		if first, _, _ := strings.Cut(name, "."); !place(first, msg) {
			rest = name + ": " + msg
		}
	}
	if len(told.Fields) == 0 {
		rest = told.Detail
	}
	return rest
}

func pointers(fields []field) (all []*field) {
	for i := range fields {
		all = append(all, &fields[i])
	}
	return all
}

func (v *visit) pick(types []eventTypeOut) pick {
	return pick{v.said("events") == "some", len(types) > 8, choices(types, v.r.PostForm["type"])}
}

func choices(types []eventTypeOut, chosen []string) (groups []choiceGroup) {
	for _, g := range grouped(types) {
		group := choiceGroup{Name: g.Name}
		for _, t := range g.Types {
			group.Choices = append(group.Choices, choice{t.Name, t.Name, cut(t.Description, 160), slices.Contains(chosen, t.Name)})
		}
		groups = append(groups, group)
	}
	return groups
}

// optional are the fields that most leave as they are.
func (v *visit) optional() []field {
	return []field{
		{Name: "description", Label: "Name", Kind: "text", Value: v.said("description"), Hint: "What you call it."},
		{Name: "filter", Label: "Filter", Kind: "text", Value: v.said("filter"), Code: true, Placeholder: "payload.amount > 100", Hint: "Only messages of which this is true: an expression over eventType, payload, channels and tags."},
		{Name: "format", Label: "Body", Kind: "select", Options: options(v.said("format"), "", "The payload as it is", "envelope", "In an envelope with id, type and time", "thin", "Only a reference, to be fetched", "form", "As a form", "cloudevents", "CloudEvents")},
		{Name: "signature", Label: "Signature", Kind: "select", Options: options(v.said("signature"), "", "Standard Webhooks", "github", "Like GitHub", "stripe", "Like Stripe", "slack", "Like Slack", "shopify", "Like Shopify", "none", "None")},
		{Name: "retry", Label: "Retries", Kind: "select", Options: options(v.said("retry"), append([]string{"", "As the provider has them"}, presets()...)...)},
		{Name: "rateLimit", Label: "Messages a second at most", Kind: "number", Value: v.said("rateLimit"), Hint: "No limit unless you say so."},
		{Name: "headers", Label: "Headers", Kind: "textarea", Rows: 3, Value: v.said("headers"), Code: true, Placeholder: "X-Api-Version: 2", Hint: "Sent with every message, one a line."},
	}
}

func presets() (pairs []string) {
	for _, name := range fanfare.RetryPresets {
		pairs = append(pairs, name, name+": "+fanfare.AboutRetry(name))
	}
	return pairs
}

// written is an endpoint as the form has it. What the form leaves empty is null where
// that takes something away.
func (v *visit) written() (map[string]any, *refusal) {
	in := map[string]any{"url": v.said("url"), "description": v.said("description"), "filter": orNull(v.said("filter")), "eventTypes": v.chosen()}
	if format := v.said("format"); format != "" {
		in["format"] = format
	}
	if signature := v.said("signature"); signature != "" {
		in["signature"] = signature
	}
	if retry := v.said("retry"); retry != "" {
		in["retry"] = map[string]string{"preset": retry}
	}
	in["rateLimit"] = nil
	if text := v.said("rateLimit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, &refusal{Status: http.StatusUnprocessableEntity, Fields: map[string]string{"rateLimit": "a whole number from 1 on, or nothing for no limit"}}
		}
		in["rateLimit"] = n
	}
	return in, nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// chosen are the event types that are wanted: none means all.
func (v *visit) chosen() any {
	if types := v.r.PostForm["type"]; v.said("events") == "some" && len(types) > 0 {
		return types
	}
	return nil
}

// headers reads lines such as "Name: value".
func headers(text string) (map[string]string, *refusal) {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, &refusal{Status: http.StatusUnprocessableEntity, Fields: map[string]string{"headers": fmt.Sprintf("%q is not of the form Name: value", cut(line, 60))}}
		}
		all[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return all, nil
}

// addEndpoint checks the URL of the form, or makes the endpoint and sends it a ping.
func addEndpoint(v *visit) error {
	use := v.said("use") // instead of the URL, which points there
	if use != "" {
		v.r.PostForm.Set("url", use)
	}
	if v.said("do") == "check" || use != "" {
		c, err := v.check(v.said("url"))
		if told, ok := isRefused(err); ok && told.Fields != nil {
			return v.showNew(http.StatusOK, told, &check{Steps: []checkStep{{badge{"bad", "No"}, "This is no URL that messages can be sent to"}}, What: told.Fields["url"]})
		}
		if err != nil {
			return err
		}
		return v.showNew(http.StatusOK, nil, c)
	}
	in, told := v.written()
	if told == nil {
		in["headers"], told = headers(v.r.PostFormValue("headers"))
	}
	if v.said("events") == "some" && v.chosen() == nil {
		told = &refusal{Status: http.StatusUnprocessableEntity, Detail: "Choose at least one event type, or everything."}
	}
	if told != nil {
		return v.showNew(http.StatusUnprocessableEntity, told, nil)
	}
	var ep endpointOut
	err := v.ask(http.MethodPost, v.of("endpoint"), nil, in, &ep)
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusConflict) {
		return v.showNew(told.Status, told, nil)
	}
	if err != nil {
		return err
	}
	path := "/endpoint/" + ep.ID + "/welcome"
	if v.may(fanfare.CreateAttempts) {
		var msg messageOut
		err := v.ask(http.MethodPost, v.of("endpoint", ep.ID, "send-example"), nil, map[string]any{"eventType": ping}, &msg)
		if _, ok := isRefused(err); !ok && err != nil {
			return err
		}
		if msg.ID != "" {
			path += "?ping=" + msg.ID
		}
	}
	return v.to(path, "created")
}

// check asks what is at a URL.
func (v *visit) check(to string) (*check, error) {
	var out struct {
		URL         string
		Reachable   bool
		Connected   bool
		Secure      bool
		Expires     time.Time `json:"certificateExpires"`
		Status      int
		Location    string
		DurationMs  int64
		ErrorClass  string
		Explanation struct{ What, Fix string }
	}
	if err := v.ask(http.MethodPost, v.of("url", "check"), nil, map[string]string{"url": to}, &out); err != nil {
		return nil, err
	}
	c := &check{What: out.Explanation.What, Fix: out.Explanation.Fix, Use: out.Location}
	step := func(ok bool, yes, no string) bool {
		if ok {
			c.Steps = append(c.Steps, checkStep{badge{"ok", "Yes"}, yes})
		} else {
			c.Steps = append(c.Steps, checkStep{badge{"bad", "No"}, no})
		}
		return ok
	}
	if !step(out.ErrorClass != string(fanfare.ClassDNS), "Its name resolves", "Its name does not resolve") || !step(out.Connected, "Something listens there", "Nothing listens there that may be sent to") {
		return c, nil
	}
	if strings.HasPrefix(out.URL, "https:") {
		if !step(out.Secure || out.ErrorClass != string(fanfare.ClassTLS) && !out.Reachable, "The connection is secure", "The connection is not secure") {
			return c, nil
		}
		if left := out.Expires.Sub(v.now); out.Secure && left < 14*24*time.Hour {
			c.Steps = append(c.Steps, checkStep{badge{"wait", "Soon"}, "Its certificate expires in " + long(left)})
		}
	} else {
		c.Steps = append(c.Steps, checkStep{badge{"wait", "Careful"}, "The connection is not encrypted: anybody on the way can read what is sent"})
	}
	if step(out.Reachable, fmt.Sprintf("It answers, within %d ms", out.DurationMs), "It does not answer") {
		step(out.Location == "", "It does not point elsewhere", "It points elsewhere")
	}
	return c, nil
}

type welcomeBody struct {
	endpointOut
	Ping     *pingBody // nil: none was sent
	Secret   *copyable // nil: the visitor may not see it
	Snippets []snippet
	MayTest  bool
}

// A pingBody is what came of the first message.
type pingBody struct {
	URL  string
	Why  *why
	Body *payload
	Took string
}

// welcomeEndpoint shows how the first message fared, the secret, and how to receive.
func welcomeEndpoint(v *visit) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	body := welcomeBody{endpointOut: *ep, Snippets: snippets(), MayTest: v.may(fanfare.CreateAttempts)}
	if v.may(fanfare.ViewEndpointSecret) {
		secret, err := v.secret(ep.ID)
		if err != nil {
			return err
		}
		body.Secret = &copyable{Text: secret, Label: "the signing secret"}
	}
	if id := v.asked("ping"); id != "" {
		if body.Ping, err = v.pinged(ep, id); err != nil {
			return err
		}
	}
	return v.show("portal/welcome", "The endpoint is there", body)
}

// pinged says how a message fared that was sent just now, for which it waits a little.
func (v *visit) pinged(ep *endpointOut, id string) (*pingBody, error) {
	p := &pingBody{URL: v.base + "/message/" + id + "/to/" + ep.ID}
	var list listOf[attemptOut]
	if err := v.read(&list, v.of("msg", id, "endpoint", ep.ID, "attempt"), "limit", "1", "wait", "3"); err != nil {
		return nil, err
	}
	if len(list.Data) == 0 {
		p.Why = v.whyStands(ep, &standing{Status: statusWaiting}, nil)
		return p, nil
	}
	a := &list.Data[0]
	p.Took = a.Took()
	if p.Body = newPayload("response", "What it answered", a.Response); a.Status == statusDelivered {
		p.Why = &why{Tone: "ok", Heading: "It works", What: a.Explanation.What}
		return p, nil
	}
	p.Why = v.whyFailed(ep, a)
	p.Why.Heading = "The first message was not taken"
	return p, nil
}

// secret reads an endpoint's signing secret, which the audit log notes.
func (v *visit) secret(endpoint string) (string, error) {
	var out struct{ Key string }
	err := v.read(&out, v.of("endpoint", endpoint, "secret"))
	return out.Key, err
}

func rawOf(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil || string(text) == "null" {
		return nil
	}
	return text
}
