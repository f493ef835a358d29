package ui_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// sends sends a message of an application, by its uid, and returns it.
func (w *world) sends(app string, msg *fanfare.Message) *fanfare.Message {
	w.t.Helper()
	errs, err := w.hub.SendBatch(w.t.Context(), app, []*fanfare.Message{msg}, nil)
	if err != nil || errs[0] != nil {
		w.t.Fatal(err, errs)
	}
	return msg
}

// listed are the ids of the rows of a list, from page to page.
func (w *world) listed(path string) (ids []string, pages int) {
	w.t.Helper()
	for {
		d := w.get(200, path)
		ids, pages = append(ids, d.all("tr", "id")...), pages+1
		next := slices.IndexFunc(d.all("a", ""), func(text string) bool { return text == "Older" || text == "Look further" })
		if next < 0 {
			return ids, pages
		}
		path = w.link(d, d.all("a", "")[next])
	}
}

func TestMessagesOfAllApplicationsAreSearched(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/message").says("No messages yet", "Send a message", "See the applications")
	if err := w.hub.CreateApplication(t.Context(), &fanfare.Application{Name: "Other", UID: "other"}); err != nil {
		t.Fatal(err)
	}
	var acme, other, all []string
	for i := range 4 {
		a := w.sends("acme", &fanfare.Message{EventType: "order.paid", EventID: fmt.Sprintf("e%d", i), Payload: fmt.Appendf(nil, `{"order":"o_%d <b>"}`, i), Tags: []string{"red"}, Channels: []string{"eu"}})
		o := w.sends("other", &fanfare.Message{EventType: "order.sent", EventID: fmt.Sprintf("e%d", i), Payload: []byte(`{"order":"o_x"}`)})
		acme, other = slices.Insert(acme, 0, string(a.ID)), slices.Insert(other, 0, string(o.ID))
		all = slices.Insert(all, 0, string(o.ID), string(a.ID))
	}
	d := w.get(200, "/message").says("of Acme", "of Other", "order.paid", "order.sent").lacks("Looked through")
	if !slices.Contains(d.all("a", "href"), "/app/"+string(w.app.ID)) {
		t.Errorf("its applications are not led to: %q", d.all("a", "href"))
	}
	for query, want := range map[string][]string{
		"": all, "app=acme": acme, "app=other": other, "type=order.*": all, "type=order.sent": other, "tag=red": acme, "channel=eu": acme,
		"text=o_x": other, "text=" + "o_2+%3Cb%3E": {acme[1]}, "text=o_x&app=acme": nil, "text=O_X": nil, "from=1h": all, "to=1h": nil, "from=1h&to=2026-01-02+15:04": nil,
		"from=2020-01-02&to=2099-01-02T03:04:05Z": all, "id=e1": {other[2], acme[2]}, "id=none": nil, "status=1": nil,
	} {
		if got, pages := w.listed("/message?" + query); !slices.Equal(got, want) || pages != 1 {
			t.Errorf("%q lists %v on %d pages, want %v", query, got, pages, want)
		}
	}
	for query, want := range map[string]string{"text=O_X": "Looked through 8 messages", "tag=none&app=acme": "No message of Acme is as the filters say.", "id=none": "has this id or event id."} {
		w.get(200, "/message?"+query).says(want, "Show all")
	}
	for _, query := range []string{"id=" + acme[0], "id=e3&app=acme", "id=" + acme[0] + "&app=" + string(w.app.ID)} {
		if to := w.moved("/message?" + query); to != "/app/"+string(w.app.ID)+"/message/"+acme[0] {
			t.Errorf("%s leads to %s", query, to)
		}
	}
	w.get(422, "/message?from=yesterday").says("is a time in UTC").lacks("No messages yet")
	w.get(404, "/message?app=nobody")
	w.get(400, "/message?at=x").says("begin again")
	d = w.get(200, "/message?text=o_x&from=2h&app=other")
	if got := valuesOf(d.formOf("Filter")); got["text"][0] != "o_x" || got["from"][0] != "2h" || got["app"][0] == "" {
		t.Errorf("the form has %v", got)
	}
	if live := d.all("div", "data-live"); len(live) != 0 {
		t.Error("a search in payloads is done anew whenever something happens")
	}
}

// TestMessagesArePaged also goes on from a time so long ago, which must be the same on
// every page.
func TestMessagesArePaged(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	var want []string
	for range 55 {
		want = slices.Insert(want, 0, string(w.sends("acme", &fanfare.Message{EventType: "a", Payload: []byte(`{}`)}).ID))
	}
	for _, query := range []string{"", "from=1h&text={", "app=acme&type=a"} {
		if got, pages := w.listed("/message?" + query); !slices.Equal(got, want) || pages != 2 {
			t.Errorf("%q lists %d messages on %d pages", query, len(got), pages)
		}
	}
	d := w.get(200, "/message?from=1h")
	if next := w.link(d, "Older"); !strings.Contains(next, "from="+time.Now().UTC().Add(-time.Hour).Format("2006-01-02T")) {
		t.Errorf("the next page is %s", next)
	}
}

// TestSearchesGoOn looks for what is not there, farther than one page does.
func TestSearchesGoOn(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	for range 21 {
		var some []*fanfare.Message
		for range 1000 {
			some = append(some, &fanfare.Message{EventType: "a", Payload: []byte(`{}`)})
		}
		if _, err := w.hub.SendBatch(t.Context(), "acme", some, nil); err != nil {
			t.Fatal(err)
		}
	}
	d := w.get(200, "/message?text=none").says("Nothing like that", "as far back as was looked", "Looked through", "back to")
	next := w.link(d, "Look further")
	w.get(200, next).says("Nothing like that", "Looked through", "Newest")
	w.get(400, strings.Replace(next, "none", "other", 1)).says("begin again")
}

// TestNarrowedKeysSearchTheirOwn messages, on the same page.
func TestNarrowedKeysSearchTheirOwn(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.hub.CreateApplication(t.Context(), &fanfare.Application{Name: "Other", UID: "other"}); err != nil {
		t.Fatal(err)
	}
	own := w.sends("acme", &fanfare.Message{EventType: "own", EventID: "e", Payload: []byte(`{}`), Channels: []string{"eu"}})
	w.sends("acme", &fanfare.Message{EventType: "own.us", Payload: []byte(`{}`), Channels: []string{"us"}})
	w.sends("other", &fanfare.Message{EventType: "theirs", EventID: "e", Payload: []byte(`{}`), Channels: []string{"us"}})
	w.visitor(func(k *fanfare.Key) { k.Application, k.Channels = w.app.ID, []string{"eu"} }, fanfare.ScopeReadMessages)
	w.get(200, "/message").says("own", string(own.ID)).lacks("theirs", "own.us")
	w.get(404, "/message?app=other")
	if to := w.moved("/message?id=e"); !strings.HasSuffix(to, string(own.ID)) {
		t.Errorf("its event id leads to %s", to)
	}
	w.visitor(func(k *fanfare.Key) { k.Channels = []string{"us"} }, fanfare.ScopeReadMessages)
	w.get(200, "/message").says("own.us", "theirs").lacks(string(own.ID))
}

func TestMessagesOfNobody(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	if err := w.hub.DeleteApplication(t.Context(), w.app.ID); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/message").says("No messages yet", "Add an application").lacks("Send a message")
}
