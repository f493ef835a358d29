package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A searched is a page of a search.
type searched struct {
	Data []struct {
		ID, EventID, AppID, EventType string
		Payload                       json.RawMessage
		Deliveries                    []struct{ StatusText string }
	}
	Iterator   string
	Done       bool
	Looked     int
	LookedBack time.Time
}

// search reads all pages of a search, as the event ids of what is found.
func (w *world) search(key, query string) (found []string) {
	w.t.Helper()
	for at := ""; ; {
		path := "/api/v1/message?" + query
		if at != "" {
			path += "&iterator=" + at
		}
		var out searched
		if err := json.Unmarshal(w.as(key, "GET", path, "").want(200).body, &out); err != nil {
			w.t.Fatal(err)
		}
		for _, d := range out.Data {
			found = append(found, d.EventID)
			if string(d.Payload) != "{}" {
				w.t.Errorf("%s comes with its payload: %s", d.ID, d.Payload)
			}
		}
		if out.Done != (out.Iterator == "") {
			w.t.Errorf("%s: done is %v, and the iterator %q", query, out.Done, out.Iterator)
		}
		if at = out.Iterator; at == "" {
			return found
		}
	}
}

// narrowed makes a key for one application, for some channels, or both.
func (w *world) narrowed(app string, channels ...string) string {
	w.t.Helper()
	key, err := w.hub.CreateKey(w.t.Context(), &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{fanfare.ScopeReadMessages}, Application: fanfare.ApplicationID(app), Channels: channels})
	w.ok(err)
	return key
}

func TestMessagesAreSearched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.app("a"), w.app("b")
		var times []time.Time
		for i := range 6 {
			times = append(times, time.Now())
			body := fmt.Sprintf(`{"eventType":"order.%s","eventId":"e%d","payload":{"n":%d,"said":"<b>&\""},"channels":["%s"],"tags":["t%d"]}`, []string{"paid", "sent"}[i/3], i, i, []string{"eu", "us"}[i%2], i%3)
			w.message([]string{"a", "b"}[i%2], body)
			time.Sleep(time.Hour)
		}
		w.message("b", `{"eventType":"x","eventId":"e0","payload":"other"}`)
		at := func(i int) string { return url.QueryEscape(times[i].UTC().Format(time.RFC3339Nano)) }
		ofA, ofEU, ofB := w.narrowed(a), w.narrowed("", "eu"), w.narrowed(b, "us")
		for _, c := range []struct{ key, query, want string }{
			{testKey, "", "e0 e5 e4 e3 e2 e1 e0"}, {testKey, "limit=2", "e0 e5 e4 e3 e2 e1 e0"}, {testKey, "app=a", "e4 e2 e0"}, {testKey, "limit=1&app=" + b, "e0 e5 e3 e1"},
			{testKey, "event_types=order.paid", "e2 e1 e0"}, {testKey, "event_types=order.*,x&channel=us", "e5 e3 e1"}, {testKey, "tag=t0&limit=1", "e3 e0"},
			{testKey, "text=" + url.QueryEscape(`"n":3`), "e3"}, {testKey, "text=" + url.QueryEscape(`<b>&\"`), "e5 e4 e3 e2 e1 e0"}, {testKey, "text=OTHER", ""}, {testKey, "text=other&app=a", ""},
			{testKey, "after=" + at(3), "e0 e5 e4"}, {testKey, "before=" + at(3), "e2 e1 e0"}, {testKey, "after=" + at(1) + "&before=" + at(4) + "&app=b", "e3"},
			{testKey, "id=e0", "e0 e0"}, {testKey, "id=e0&app=a", "e0"}, {testKey, "id=none", ""}, {testKey, "id=none&app=a", ""},
			{ofA, "", "e4 e2 e0"}, {ofA, "app=a&id=e0", "e0"}, {ofA, "id=e1", ""}, {ofA, "text=other", ""},
			{ofEU, "", "e4 e2 e0"}, {ofEU, "id=e0", "e0"}, {ofEU, "id=e1", ""}, {ofEU, "app=b", ""}, {ofB, "", "e5 e3 e1"}, {ofB, "id=e0", ""}, {ofB, "limit=1&text=n", "e5 e3 e1"},
		} {
			if got := strings.Join(w.search(c.key, c.query), " "); got != c.want {
				t.Errorf("%q finds %q, want %q", c.query, got, c.want)
			}
		}
		var out searched
		w.do("GET", "/api/v1/message?limit=2", "").want(200).decode(&out)
		if d := out.Data[1]; d.AppID != b || d.EventType != "order.sent" || len(d.Deliveries) != 0 || out.Looked != 2 || !out.LookedBack.Equal(times[5]) {
			t.Errorf("the page is %+v", out)
		}
		for query, want := range map[string]int{
			"iterator=" + out.Iterator + "&text=n": 400, "iterator=x": 400, "limit=0": 422, "text=" + strings.Repeat("n", 257): 422, "id=e0&text=n": 422, "status=0&delivered=true": 422, "app=nobody": 404,
		} {
			w.do("GET", "/api/v1/message?"+query, "").want(want)
		}
		w.as(ofA, "GET", "/api/v1/message?app=b", "").want(404)
		w.do("GET", "/api/v1/endpoint?iterator="+out.Iterator, "").want(400)
		for _, key := range []string{ofEU, ofB} { // how much there is in other channels is not for them
			if o := w.as(key, "GET", "/api/v1/message?text=none", "").want(200).object(); o["looked"] != 0.0 || o["lookedBack"] != nil {
				t.Errorf("who is let into a channel is told %v", o)
			}
		}
	})
}

// TestSearchByWhatBecameOfThem also has pages on which nothing is.
func TestSearchByWhatBecameOfThem(t *testing.T) {
	running(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			rw.WriteHeader(500)
		}
	}, func(t *testing.T, w *world) {
		for _, name := range []string{"good", "bad"} {
			app := w.app(name)
			w.ok(w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: fanfare.ApplicationID(app), URL: "http://example.com/" + name, Retry: fanfare.Retry{Preset: "none"}}))
			for i := range 3 {
				w.message(name, fmt.Sprintf(`{"eventType":"x","eventId":"%s%d","payload":{}}`, name, i))
				synctest.Wait()
			}
		}
		for query, want := range map[string][]string{"status=0": {"good2", "good1", "good0"}, "delivered=false&limit=1": {"bad2", "bad1", "bad0"}, "status=1": nil, "status=2&app=good": nil} {
			if got := w.search(testKey, query); !slices.Equal(got, want) {
				t.Errorf("%s finds %v, want %v", query, got, want)
			}
		}
		var out searched
		w.do("GET", "/api/v1/message?id=bad1", "").want(200).decode(&out)
		if len(out.Data) != 1 || len(out.Data[0].Deliveries) != 1 || out.Data[0].Deliveries[0].StatusText != "fail" {
			t.Errorf("the message is %+v", out.Data)
		}
	})
}

// TestAnEventIdIsFoundInPages looks for one that many applications have.
func TestAnEventIdIsFoundInPages(t *testing.T) {
	running(t, nil, func(t *testing.T, w *world) {
		for i := range 7 {
			name := fmt.Sprintf("app%d", i)
			w.app(name)
			w.message(name, `{"eventType":"x","eventId":"same","payload":{}}`)
		}
		var sizes []int
		all := map[string]bool{}
		for at := ""; len(sizes) == 0 || at != ""; {
			var out searched
			w.do("GET", "/api/v1/message?id=same&limit=3&iterator="+at, "").want(200).decode(&out)
			for _, msg := range out.Data {
				all[msg.ID] = true
			}
			sizes = append(sizes, len(out.Data))
			if at = out.Iterator; out.Done {
				break
			}
		}
		if fmt.Sprint(sizes) != "[3 3 1]" || len(all) != 7 {
			t.Errorf("pages of %v, %d in all", sizes, len(all))
		}
	})
}

// TestSearchIsBounded looks for what is not there, in pages that end before all was
// looked at.
func TestSearchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		app := w.app("a")
		for range 21 {
			var msgs []*fanfare.Message
			for range 1000 {
				msgs = append(msgs, &fanfare.Message{EventType: "x", Payload: []byte(`{}`)})
			}
			_, err := w.hub.SendBatch(t.Context(), app, msgs, nil)
			w.ok(err)
		}
		var out searched
		w.do("GET", "/api/v1/message?text=none", "").want(200).decode(&out)
		if out.Looked != 20_000 || out.Done || len(out.Data) != 0 || out.LookedBack.IsZero() {
			t.Fatalf("the first page looked at %d, done: %v", out.Looked, out.Done)
		}
		at := out.Iterator
		out = searched{}
		w.do("GET", "/api/v1/message?text=none&iterator="+at, "").want(200).decode(&out)
		if out.Looked != 1000 || !out.Done {
			t.Errorf("the second page looked at %d, done: %v", out.Looked, out.Done)
		}
	})
}
