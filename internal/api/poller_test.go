package api

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// polled sends a request, and gives the ids of the messages in the answer and what
// else there is.
func (w *world) polled(path string) (ids []string, iterator string, done bool) {
	w.t.Helper()
	a := w.do("GET", "/api/v1/app/acme/poller/in"+path, "").want(200)
	var out struct {
		Data     []struct{ ID, EventType string }
		Iterator string
		Done     bool
	}
	a.decode(&out)
	for _, m := range out.Data {
		ids = append(ids, m.ID)
	}
	return ids, out.Iterator, out.Done
}

// pollable is a world with an endpoint of the application acme, and n messages
// that it wants among others that it does not.
func pollable(t *testing.T, n int) (w *world, ids []string) {
	w = newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"in","filterTypes":["record.*"]}`).want(201)
	for i := range n {
		ids = append(ids, w.message("acme", fmt.Sprintf(`{"eventType":"record.created","payload":{"n":%d},"channels":["c%d"]}`, i, i%2)))
		w.message("acme", `{"eventType":"other","payload":{}}`)
	}
	return w, ids
}

func TestPolling(t *testing.T) {
	w, ids := pollable(t, 5)
	got, it, done := w.polled("?limit=2")
	if !slices.Equal(got, ids[:2]) || done {
		t.Fatalf("polled %v, done %v; want %v and more", got, done, ids[:2])
	}
	for range 2 { // the same iterator gives the same
		got, _, done = w.polled("?limit=10&iterator=" + it)
		if !slices.Equal(got, ids[2:]) || !done {
			t.Errorf("polled %v, done %v; want %v and no more", got, done, ids[2:])
		}
	}
	if got, _, _ := w.polled("?channel=c1"); !slices.Equal(got, []string{ids[1], ids[3]}) {
		t.Errorf("of a channel polled %v", got)
	}
	if got, _, _ := w.polled("?event_type=other"); got != nil {
		t.Errorf("of a type that the endpoint does not want polled %v", got)
	}
	_, it, _ = w.polled("")
	w.message("acme", `{"eventType":"other","payload":{}}`)
	late := w.message("acme", `{"eventType":"record.updated","payload":{"n":12345678901234567890}}`)
	if got, _, _ := w.polled("?iterator=" + it); !slices.Equal(got, []string{late}) {
		t.Errorf("polled %v, want %s", got, late)
	}
	msg := w.do("GET", "/api/v1/app/acme/msg/"+ids[2], "").want(200).object()
	after := msg["timestamp"].(string)
	if got, _, _ := w.polled("?after=" + after); !slices.Equal(got, append(slices.Clone(ids[3:]), late)) {
		t.Errorf("after %s polled %v", after, got)
	}
	got, it, _ = w.polled("?after=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	if got != nil || it == "" {
		t.Errorf("after what is to come polled %v", got)
	}
	w.do("GET", "/api/v1/app/acme/poller/in?iterator=nonsense", "").want(400)
	w.do("GET", "/api/v1/app/acme/poller/none", "").want(404)
	w.do("GET", "/api/v1/app/none/poller/in", "").want(404)
	w.do("GET", "/api/v1/app/acme/poller/in?limit=0", "").want(422)
	w.endpoint("acme", "other")
	w.do("GET", "/api/v1/app/acme/poller/other?iterator="+it, "").want(400)
	w.do("GET", "/api/v1/app/acme/poller/in/consumer/c?iterator="+it, "").want(400)
}

func TestConsumersGoOnWhereTheyWere(t *testing.T) {
	w, ids := pollable(t, 5)
	for range 2 { // nothing is confirmed by asking alone
		if got, _, _ := w.polled("/consumer/c?limit=2"); !slices.Equal(got, ids[:2]) {
			t.Fatalf("polled %v, want %v", got, ids[:2])
		}
	}
	_, it, _ := w.polled("/consumer/c?limit=2")
	w.do("HEAD", "/api/v1/app/acme/poller/in/consumer/c?iterator="+it, "").want(200)
	if got, _, _ := w.polled("/consumer/c?limit=1"); !slices.Equal(got, ids[:1]) {
		t.Fatalf("after a HEAD polled %v, want %v", got, ids[:1])
	}
	got, next, _ := w.polled("/consumer/c?limit=2&iterator=" + it)
	if !slices.Equal(got, ids[2:4]) {
		t.Fatalf("polled %v, want %v", got, ids[2:4])
	}
	for range 2 {
		if got, _, _ := w.polled("/consumer/c?limit=2"); !slices.Equal(got, ids[2:4]) {
			t.Fatalf("without an iterator polled %v, want %v again", got, ids[2:4])
		}
	}
	w.polled("/consumer/c?iterator=" + it) // its answer may have been lost
	if got, _, done := w.polled("/consumer/c?iterator=" + next); len(got) != 1 || !done {
		t.Fatalf("polled %v, want the last", got)
	}
	w.do("GET", "/api/v1/app/acme/poller/in/consumer/c?iterator="+it, "").want(409) // someone else went on
	if got, _, _ := w.polled("/consumer/d"); !slices.Equal(got, ids) {
		t.Errorf("another consumer polled %v", got)
	}
	w.do("GET", "/api/v1/app/acme/poller/in/consumer/a%20b", "").want(422)
}

func TestSeek(t *testing.T) {
	w, ids := pollable(t, 4)
	at := "/api/v1/app/acme/poller/in/consumer/c"
	_, it, _ := w.polled("/consumer/c?limit=3")
	w.polled("/consumer/c?iterator=" + it)
	first := w.do("GET", "/api/v1/app/acme/msg/"+ids[0], "").object()["timestamp"].(string)
	sought := w.do("POST", at+"/seek", `{"after":"`+first+`"}`).want(200).object()["iterator"].(string)
	w.do("GET", at+"?iterator="+it, "").want(409) // it would undo the seek
	if got, _, _ := w.polled("/consumer/c"); !slices.Equal(got, ids[1:]) {
		t.Errorf("after a seek polled %v, want %v", got, ids[1:])
	}
	if got, _, _ := w.polled("/consumer/c?iterator=" + sought); !slices.Equal(got, ids[1:]) {
		t.Errorf("with the iterator of a seek polled %v, want %v", got, ids[1:])
	}
	w.do("POST", at+"/seek", `{"iterator":"`+it+`"}`).want(200)
	if got, _, _ := w.polled("/consumer/c"); !slices.Equal(got, ids[3:]) {
		t.Errorf("after a seek to an iterator polled %v, want %v", got, ids[3:])
	}
	_, plain, _ := w.polled("?limit=2")
	w.do("POST", at+"/seek", `{"iterator":"`+plain+`"}`).want(200)
	if got, _, _ := w.polled("/consumer/c"); !slices.Equal(got, ids[2:]) {
		t.Errorf("after a seek to an iterator of the endpoint polled %v, want %v", got, ids[2:])
	}
	for _, body := range []string{`{}`, `{"after":"` + first + `","iterator":"` + it + `"}`, `{"iterator":"x"}`} {
		w.do("POST", at+"/seek", body).want(422)
	}
	all := w.do("GET", "/api/v1/app/acme/poller/in/consumer", "").items()
	if len(all) != 1 || all[0]["name"] != "c" {
		t.Errorf("there are the consumers %v", all)
	}
	w.do("DELETE", at, "").want(204)
	w.do("DELETE", at, "").want(404)
	if got, _, _ := w.polled("/consumer/c"); !slices.Equal(got, ids) {
		t.Errorf("after it was forgotten polled %v, want all", got)
	}
}

func TestAPollerIsSentNothing(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	a := w.do("POST", "/api/v1/app/acme/endpoint", `{"kind":"poller","url":"","uid":"in"}`).want(201).object()
	if a["kind"] != "poller" || a["url"] != "" {
		t.Errorf("the poller is %v", a)
	}
	id := w.message("acme", `{"eventType":"x","payload":{}}`)
	if all := w.do("GET", "/api/v1/app/acme/msg/"+id+"/endpoint", "").items(); len(all) != 0 {
		t.Errorf("there are the deliveries %v", all)
	}
	if got, _, _ := w.polled(""); !slices.Equal(got, []string{id}) {
		t.Errorf("polled %v, want %s", got, id)
	}
	w.do("POST", "/api/v1/app/acme/msg/"+id+"/endpoint/in/resend", "").want(422)
	w.do("POST", "/api/v1/app/acme/endpoint", `{"kind":"pigeon","url":"https://example.com"}`).want(422)
	w.do("POST", "/api/v1/app/acme/endpoint", `{"kind":"webhook","url":""}`).want(422)
	w.do("PATCH", "/api/v1/app/acme/endpoint/in", `{"kind":"webhook"}`).want(422)
	w.do("PATCH", "/api/v1/app/acme/endpoint/in", `{"kind":"webhook","url":"https://example.com/in"}`).want(200)
	id = w.message("acme", `{"eventType":"x","payload":{}}`)
	if all := w.do("GET", "/api/v1/app/acme/msg/"+id+"/endpoint", "").items(); len(all) != 1 {
		t.Errorf("there are the deliveries %v, want one", all)
	}
}

func TestConsumersAreBounded(t *testing.T) {
	w, _ := pollable(t, 1)
	for i := range fanfare.MaxConsumers {
		w.do("POST", fmt.Sprintf("/api/v1/app/acme/poller/in/consumer/c%d/seek", i), `{"after":"2026-01-01T00:00:00Z"}`).want(200)
	}
	w.do("POST", "/api/v1/app/acme/poller/in/consumer/more/seek", `{"after":"2026-01-01T00:00:00Z"}`).want(409)
	_, it, _ := w.polled("/consumer/more")
	w.do("GET", "/api/v1/app/acme/poller/in/consumer/more?iterator="+it, "").want(409)
}
