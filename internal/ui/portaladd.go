package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

type addBody struct {
	Poller   bool // it is polled, and sent nothing
	URL      field
	Check    *check // nil: it was not checked
	Pick     pick
	Problems string // what is wrong that belongs to no field
	Filter   *filterPart
	Options  []field
	Auth     *authPart // nil: nothing is sent
	Inbox    bool      // it can be a test inbox
	Open     bool      // the optional fields are shown
	Own      bool      // it is an operational one, which is sent no ping
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
		URL:   field{Name: "url", Label: "URL", Kind: "url", Value: v.said("url"), Placeholder: "https://example.com/webhooks", Required: true, Code: true, Hint: "Messages are sent there by POST. " + v.reach()},
		Check: c, Pick: v.pick(types), Options: v.optional(), Auth: v.authPart(nil), Inbox: v.inboxes, Own: v.own, Once: once(),
	}
	if body.Filter, err = v.filterPart(); err != nil {
		return err
	}
	if v.polled() {
		body.poll()
	}
	if told != nil {
		body.Problems = body.explain(told)
	}
	body.Open = v.filterActs() || body.Filter.Text.Value+body.Filter.Text.Problem != "" || v.said("auth") != "" && v.said("auth") != "none"
	for _, f := range body.Options {
		body.Open = body.Open || !body.Poller && (f.Problem != "" || f.Kind != "select" && f.Value != "")
	}
	return v.showAs(status, "portal/new", "Add endpoint", body)
}

// explain puts what is wrong where it belongs, and returns the rest.
func (b *addBody) explain(told *refusal) (rest string) {
	place := func(name, msg string) bool {
		all := append([]*field{&b.URL, &b.Filter.Text}, pointers(b.Options)...)
		i := slices.IndexFunc(all, func(f *field) bool { return f.Name == name })
		if i >= 0 {
			all[i].Problem = msg
		}
		return i >= 0
	}
	for name, msg := range told.Fields {
		if first, _, _ := strings.Cut(name, "."); !b.Auth.explain(name, msg) && !place(first, msg) {
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
	success := []string{"", "An answer from 200 to 299", scriptSuccess, "What Google Apps Script answers"}
	if said := v.said("success"); isOwn(said) {
		success = append(success, said, "As it was set, by other conditions")
	}
	retry := append([]string{"", "As the provider has them"}, presets()...)
	if said := v.said("retry"); isOwn(said) {
		retry = append(retry, said, "As it was set, by delays of its own")
	}
	return []field{
		{Name: "description", Label: "Name", Kind: "text", Value: v.said("description"), Hint: "What you call it."},
		{Name: "format", Label: "Body", Kind: "select", Options: options(v.said("format"), "", "The payload as it is", "envelope", "In an envelope with id, type and time", "thin", "Only a reference, to be fetched", "form", "As a form", "cloudevents", "CloudEvents")},
		{Name: "signature", Label: "Signature", Kind: "select", Options: options(v.said("signature"), "", "Standard Webhooks", "github", "Like GitHub", "stripe", "Like Stripe", "slack", "Like Slack", "shopify", "Like Shopify", "none", "None")},
		{Name: "retry", Label: "Retries", Kind: "select", Options: options(v.said("retry"), retry...)},
		{Name: "success", Label: "What counts as taken", Kind: "select", Options: options(v.said("success"), success...)},
		{Name: "timeout", Label: "Seconds to wait for an answer", Kind: "number", Value: v.said("timeout"), Hint: "From 1 to 60; as the provider has it unless you say so."},
		{Name: "rateLimit", Label: "Messages a second at most", Kind: "number", Value: v.said("rateLimit"), Hint: "No limit unless you say so."},
		{Name: "onPause", Label: "While it is paused", Kind: "select", Options: options(v.said("onPause"), "hold", "What comes waits for it", "cancel", "What comes is not for it, and what waits is cancelled")},
		{Name: "headers", Label: "Headers", Kind: "textarea", Rows: 3, Value: v.said("headers"), Code: true, Placeholder: "X-Api-Version: 2", Hint: "Sent with every message, one a line."},
	}
}

// reach says where an endpoint may be.
func (v *visit) reach() string {
	if v.loopback {
		return "It may be on the server's own machine, as this server is for development."
	}
	return "It must be reachable from the internet."
}

func presets() (pairs []string) {
	for _, name := range fanfare.RetryPresets {
		pairs = append(pairs, name, name+": "+fanfare.AboutRetry(name))
	}
	return pairs
}

// written is an endpoint as the form has it. What the form leaves empty is null where
// that takes something away. Of one that is polled there is no more than what it wants.
func (v *visit) written() (map[string]any, *refusal) {
	in := map[string]any{"description": v.said("description"), "filter": orNull(v.said("filter")), "eventTypes": v.chosen()}
	if v.polled() {
		return in, nil
	}
	in["url"] = v.said("url")
	if format := v.said("format"); format != "" {
		in["format"] = format
	}
	if signature := v.said("signature"); signature != "" {
		in["signature"] = signature
	}
	if retry := v.said("retry"); retry != "" && !isOwn(retry) {
		in["retry"] = map[string]string{"preset": retry}
	}
	if onPause := v.said("onPause"); onPause != "" {
		in["onPause"] = onPause
	}
	if auth := v.saidAuth(); auth != nil {
		in["auth"] = auth
	}
	if v.r.PostForm.Has("timeout") {
		in["timeout"] = nil
	}
	if text := v.said("timeout"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 1 && n <= patience) {
			return nil, wrongField("timeout", fmt.Sprintf("a number from 1 to %d, or nothing", patience))
		}
		in["timeout"] = n
	}
	in["rateLimit"] = nil
	if text := v.said("rateLimit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, wrongField("rateLimit", "a whole number from 1 on, or nothing for no limit")
		}
		in["rateLimit"] = n
	}
	all, told := headers(v.r.PostFormValue("headers"))
	in["headers"] = all
	return in, told
}

// saidEndpoint is written, once the form's conditions are, with all that is wrong with it.
func (v *visit) saidEndpoint() (in map[string]any, told *refusal, err error) {
	wrong, err := v.settleFilter()
	if err != nil {
		return nil, nil, err
	}
	if in, told = v.written(); wrong != nil {
		told = wrong
	}
	if v.said("events") == "some" && v.chosen() == nil {
		told = &refusal{Status: http.StatusUnprocessableEntity, Detail: "Choose at least one event type, or everything."}
	}
	return in, told, nil
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// chosen are the event types that are wanted: none means all.
func (v *visit) chosen() any {
	if types := v.chosenTypes(); types != nil {
		return types
	}
	return nil
}

func (v *visit) chosenTypes() []string {
	if types := v.r.PostForm["type"]; v.said("events") == "some" && len(types) > 0 {
		return types
	}
	return nil
}

// headers reads lines such as "Name: value", of each name the last.
func headers(text string) (map[string]string, *refusal) {
	lines, told := headerLines(text)
	all := map[string]string{}
	for _, line := range lines {
		all[line[0]] = line[1]
	}
	return all, told
}

// addEndpoint checks the URL of the form, or makes the endpoint and, if it is not polled,
// sends it a ping.
func addEndpoint(v *visit) error {
	if v.own && v.asksOther() {
		return noPage(v)
	}
	if v.turns() {
		return newEndpoint(v)
	}
	use := v.said("use") // instead of the URL, which points there
	if use != "" {
		v.r.PostForm.Set("url", use)
	}
	if v.said("do") == "inbox" {
		_, _, address, err := v.newInbox()
		if err != nil {
			return err
		}
		v.r.PostForm.Set("url", address)
	}
	if v.said("do") == "check" || v.said("do") == "inbox" || use != "" {
		c, err := v.check(v.said("url"))
		if told, ok := isRefused(err); ok && told.Fields != nil {
			return v.showNew(http.StatusOK, told, &check{Steps: []checkStep{{badge{"bad", "No"}, "This is no URL that messages can be sent to"}}, What: told.Fields["url"]})
		}
		if told, ok := isRefused(err); ok && told.Status == http.StatusTooManyRequests {
			return v.showNew(told.Status, told, nil)
		}
		if err != nil {
			return err
		}
		return v.showNew(http.StatusOK, nil, c)
	}
	if v.filterActs() {
		return v.showNew(http.StatusOK, nil, nil)
	}
	in, told, err := v.saidEndpoint()
	if err != nil {
		return err
	}
	if told != nil {
		return v.showNew(http.StatusUnprocessableEntity, told, nil)
	}
	if preset := v.said("success"); v.polled() {
		in["kind"] = fanfare.KindPoller
	} else if preset != "" {
		in["success"] = map[string]string{"preset": preset}
	}
	if err := v.signForInbox(in); err != nil {
		return err
	}
	var ep endpointOut
	err = v.ask(http.MethodPost, v.of("endpoint"), nil, in, &ep)
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusConflict) {
		return v.showNew(told.Status, told, nil)
	}
	if err != nil {
		return err
	}
	if v.polled() {
		return v.to("/endpoint/"+ep.ID, "created")
	}
	path := "/endpoint/" + ep.ID + "/welcome"
	if v.may(fanfare.CreateAttempts) && !v.own {
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

func rawOf(v any) json.RawMessage {
	text, err := encoded(v)
	if err != nil || string(text) == "null" {
		return nil
	}
	return text
}
