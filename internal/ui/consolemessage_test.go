package ui_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestMessageIsSentFromThePage(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books"; ep.Channels = []string{"one"} })
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Stock"; ep.Channels = []string{"two"} })
	d := w.get(200, "/app/acme/send")
	w.submit(422, d, "Send it", "eventType", "a.b", "payload", `{"a":`).says("Not yet: The payload is no JSON", "at its end", `{"a":`)
	w.submit(422, d, "Send it", "eventType", "not a type").says("Not yet")
	d = w.submit(303, d, "Send it", "eventType", "a.b", "payload", `{"n": 1.0, "big": 12345678901234567890}`, "channels", "one, three", "tags", "mine", "eventId", "e1")
	d.says("The message is accepted", "a.b", "e1", "one, three", "mine", "Books", `12345678901234567890`, "Not sent to 1 endpoint", "Stock: it wants the channels two.")
	msgs, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10}})
	if err != nil || len(msgs) != 1 {
		t.Fatalf("there are %d messages, %v", len(msgs), err)
	}
	msg := msgs[0]
	if string(msg.Payload) != `{"n": 1.0, "big": 12345678901234567890}` || msg.EventID != "e1" {
		t.Errorf("the message is %+v with %s", msg, msg.Payload)
	}
	w.attempts(msg, 1)
	w.get(200, "/app/acme/message/"+string(msg.ID)).says("In the order of time", "1 attempt within", "at 1 endpoint", "200 OK", "Delivered").lacks("Cancel what waits")
	if at := w.get(200, "/app/acme/message/"+string(msg.ID)).all("circle", "cx"); !slices.ContainsFunc(at, func(x string) bool { return strings.HasSuffix(x, "%") }) {
		t.Errorf("the only attempt stands at %q, and not on its line however wide that is", at)
	}
	d = w.get(200, "/app/acme/send?copy="+string(msg.ID)).says("12345678901234567890")
	d = w.submit(409, d, "Send it", "eventId", "e1").says("is taken by another message")
	w.submit(303, d, "Send it", "eventId", "").says("The message is accepted", "Books")
}

func TestFormHasTheExampleOfAnEventType(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "order.paid", Examples: []byte(`[{"order":"17"}]`)})
	if err != nil {
		t.Fatal(err)
	}
	w.get(200, "/app/acme/send?type=order.paid").says("order")
	w.get(200, "/app/acme/send?type=nothing.such").says("hello")
}

func TestWhatWaitsIsCancelled(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Paused = true })
	msg := w.message(0, `{}`)
	d := w.get(200, "/app/acme/message/"+string(msg.ID)).says("Waiting", "No attempt was made yet")
	w.submit(303, d, "Cancel what waits").says("What waited is cancelled", "Cancelled").lacks("Waiting")
	ds, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Message: msg.ID, Page: fanfare.Page{Limit: 10}})
	if err != nil || len(ds) != 1 || ds[0].State != fanfare.Cancelled {
		t.Errorf("the deliveries are %+v, %v", ds, err)
	}
}

func TestMessagesAreListedWithWhatBecameOfThem(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/message?app=acme").says("Messages of Acme", "No messages yet", "Send a message")
	w.endpoint()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Paused = true })
	first := w.message(1, `{}`)
	w.get(200, "/message").says("record.created", "1 Waiting 1 Delivered", string(first.ID))
	w.get(200, "/message?status=2").says("No message is as the filters say")
	w.get(200, "/message?type=other.type").says("No message is as the filters say")
	w.get(200, "/message?id="+string(first.ID)+"x").says("has this id")
	newer := &fanfare.Application{Name: "Newer"}
	if err := w.hub.CreateApplication(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/message?app="+string(newer.ID)).says("Messages of Newer", "No messages yet")
	w.get(200, "/message").says(string(first.ID), "of Acme")
	w.get(200, "/message?app=acme").says(string(first.ID))
	if to := w.moved("/message?app=acme&id=" + string(first.ID)); to != "/app/"+string(w.app.ID)+"/message/"+string(first.ID) {
		t.Errorf("the message is at %s", to)
	}
}

func TestAttemptsOfAllApplicationsAreListed(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/delivery").says("Nothing was delivered yet")
	w.endpoint()
	w.message(1, `{}`)
	w.answers(404, "gone")
	w.message(1, `{}`)
	other := &fanfare.Application{Name: "Other", UID: "other"}
	if err := w.hub.CreateApplication(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	acme := w.app
	w.app = other
	w.endpoint()
	w.answers(503, "")
	msg, err := w.hub.Send(t.Context(), "other", "other.type", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	w.attempts(msg, 1)
	w.get(200, "/delivery").says("Acme", "Other", "200 OK", "404 Not Found", "503 Service Unavailable", "other.type")
	d := w.get(200, "/delivery?outcome=failed").says("404 Not Found", "503 Service Unavailable").lacks("200 OK")
	w.get(200, "/delivery?outcome=succeeded").says("200 OK").lacks("404", "503")
	w.get(400, "/delivery?at=x").says("no place")
	w.get(200, "/delivery?at=1").says("Nothing like that")
	w.get(200, w.link(d, "other.type")).says("Given up, because of the last attempt", "503 Service Unavailable", "Resend")
	w.submit(303, w.get(200, w.link(d, "other.type")), "Resend").says("It is being sent again")
	w.attempts(msg, 2)
	if to := w.moved("/delivery?outcome=failed&app=acme"); to != "/app/acme/log?status=2" {
		t.Errorf("one application's deliveries are at %s", to)
	}
	w.get(200, "/app/"+string(acme.ID)+"/log?status=2").says("Given up").lacks("other.type")
}

func TestDeliveriesArePaged(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint()
	var last *fanfare.Message
	for range 55 {
		last = w.message(0, `{}`)
	}
	w.attempts(last, 1)
	rows := func(d *doc) int { return len(d.all("tr", "id")) }
	w.until("one page has 50 rows and the next one 5", func() bool { // once all of them were recorded
		d := w.get(200, "/delivery")
		return rows(d) == 50 && slices.Contains(d.all("a", ""), "Older") && rows(w.get(200, w.link(d, "Older"))) == 5
	})
}

// TestWhoWasNotSentAMessage is told why, on the message's page of console and portal.
func TestWhoWasNotSentAMessage(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books"; ep.EventTypes = []string{"book.*"} })
	off := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "<b>Stock</b>"; ep.Disabled = true })
	msg := w.message(0, `{}`)
	of := "/app/" + string(w.app.ID)
	d := w.get(200, of+"/message/"+string(msg.ID)).says("It was sent to no endpoint.", "Not sent to 2 endpoints", "Books: ", "book.*", "<b>Stock</b>: it is disabled.").lacks("others")
	if at := w.link(d, "<b>Stock</b>"); at != of+"/endpoint/"+string(off.ID) {
		t.Errorf("it leads to %s", at)
	}
	for range 20 {
		w.endpoint(func(ep *fanfare.Endpoint) { ep.Disabled = true })
	}
	w.endpoint()
	msg = w.message(1, `{}`)
	w.get(200, of+"/message/"+string(msg.ID)).says("Not sent to 22 endpoints", "And 2 others.").lacks("It was sent to no endpoint")
}
