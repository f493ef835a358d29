package ui_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestScriptsAreTriedOnExamples(t *testing.T) {
	w := newWorld(t, nil)
	for _, et := range []*fanfare.EventType{
		{Name: "order.paid", Examples: []byte(`[{"size":"small"},{"size":"small","second":12345678901234567890}]`)},
		{Name: "order.sent", Schemas: []byte(`{"1":{"type":"object","required":["made"],"properties":{"made":{"type":"string"}}}}`)},
		{Name: "bare"},
		{Name: "hidden", Examples: []byte(`[1]`), FeatureFlags: []string{"beta"}},
	} {
		if err := w.hub.CreateEventType(t.Context(), et); err != nil {
			t.Fatal(err)
		}
	}
	ep := w.endpoint()
	at := "/portal/endpoint/" + string(ep.ID) + "/transform"
	d := w.get(200, at)
	if got := d.all("option", "value"); !slices.Equal(got, []string{"example:0:order.paid", "example:1:order.paid", "example:0:order.sent"}) {
		t.Errorf("without messages the choices are %q", got)
	}
	msg := w.message(1, `{"of":"the message"}`)
	d = w.get(200, at).says("Example of order.paid", "Example of order.paid, the second")
	if got := d.all("option", "value"); len(got) != 4 || got[0] != string(msg.ID) {
		t.Errorf("the choices are %q", got)
	}
	w.submit(200, d, "Try it", "code", "x").says(`"of": "the message"`)
	d = w.submit(200, d, "Try it", "code", "x", "message", "example:1:order.paid").says(`"small"`, `"LARGE"`, "12345678901234567890")
	if chosen := valuesOf(d.formOf("Try it"))["message"]; !slices.Equal(chosen, []string{"example:1:order.paid"}) {
		t.Errorf("chosen is then %q", chosen)
	}
	w.submit(200, d, "Try it", "code", "x", "message", "example:0:order.sent").says("made")
	for _, gone := range []string{"example:2:order.paid", "example:0:bare", "example:0:none", "example:0:hidden", "example:x:order.paid", "example:", "example:-1:order.paid"} {
		w.submit(200, d, "Try it", "code", "x", "message", gone).says("has no such example any more").lacks("LARGE")
	}
	if text := w.submit(200, d, "Try it", "code", "x", "message", "example:0:<b>").text; strings.Contains(text, "<b>") {
		t.Error("what was chosen is on the page as it was written")
	}
}

// TestEditedPayloadsAreLookedAt tells who sends broken JSON, and lets it be sent all the same.
func TestEditedPayloadsAreLookedAt(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	at := "/portal/message/" + string(w.message(1, `{"a":1}`).ID) + "/to/" + string(ep.ID) + "/edit"
	w.get(200, at).lacks("all the same")
	const broken = "{\n\"a\": oops"
	d := w.submit(422, w.get(200, at), "Send the copy", "payload", broken).says("Not yet: The payload is no JSON, at line 2, column 6", "Send it all the same", "oops")
	w.submit(422, d, "Send the copy", "payload", broken).says("is no JSON")
	w.submit(303, d, "Send the copy", "payload", broken, "anyway", "on").says("Request 1", "oops")
	w.submit(303, w.get(200, at), "Send the copy", "payload", `{"a":2}`).says("Request 1", `"a": 2`)

	at = "/portal/message/" + string(w.message(1, `no JSON`).ID) + "/to/" + string(ep.ID) + "/edit"
	w.submit(303, w.get(200, at), "Send the copy", "payload", "nor is this").says("Request 1", "nor is this")

	w.logIn(adminKey)
	at = strings.Replace(at, "/portal", "/app/acme", 1)
	first := strings.Replace(d.path, "/portal", "/app/acme", 1)
	w.submit(422, w.get(200, first), "Send the copy", "payload", broken, "where", "endpoint", "sure", "on").says("Send it all the same")
}
