package ui_test

import (
	"testing"

	"github.com/fanfarehq/fanfare"
)

// TestTestsAreMarked wherever messages and attempts are listed.
func TestTestsAreMarked(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint()
	real := w.message(1, `{}`)
	const fact = "Nothing has happened: somebody has tried the endpoint out."
	at := "/app/" + string(w.app.ID)
	lists := []string{"/", "/delivery", "/message", "/message?app=acme", at, at + "/log"}
	for _, path := range lists {
		w.comes(path, "record.created").lacks("record.created test", "record.createdtest")
	}
	w.get(200, at+"/message/"+string(real.ID)).lacks(fact)
	msg := &fanfare.Message{EventType: "record.created", Payload: []byte(`{}`), Tags: []string{fanfare.TestTag}}
	if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
	w.attempts(msg, 1)
	for _, path := range lists {
		w.comes(path, "record.created test")
	}
	w.get(200, at+"/message/"+string(msg.ID)).says("A test", fact)
	w.enter(fanfare.ViewBase)
	w.get(200, "/portal/message/"+string(msg.ID)).says("A test", fact)
	w.get(200, "/portal/log").says("record.created test")
}
