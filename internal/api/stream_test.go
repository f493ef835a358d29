package api

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A follower reads a stream of events.
type follower struct {
	last   string   // id of the last event
	got    []string // ids of attempts
	text   string
	leave  func()
	status int
}

// followed has someone follow from the event of that id, for as long as do takes.
func (w *world) followed(path, from string, do func()) *follower {
	w.t.Helper()
	return w.followedAs(testKey, path, from, do)
}

// followedAs is followed with that key or token.
func (w *world) followedAs(key, path, from string, do func()) *follower {
	w.t.Helper()
	ctx, leave := context.WithCancel(w.t.Context())
	in, out := io.Pipe()
	rec := &flushing{header: http.Header{}, Writer: out}
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1"+path, nil)
	r.Header.Set("Authorization", "Bearer "+key)
	if from != "" {
		r.Header.Set("Last-Event-ID", from)
	}
	f := &follower{last: from, leave: leave}
	ended, read := make(chan bool), make(chan bool)
	go func() {
		w.api.ServeHTTP(rec, r)
		out.Close()
		close(ended)
	}()
	go func() {
		defer close(read)
		for s := bufio.NewScanner(in); s.Scan(); {
			f.text += s.Text() + "\n"
			if id, ok := strings.CutPrefix(s.Text(), "id: "); ok {
				f.last = id
			}
			if data, ok := strings.CutPrefix(s.Text(), `data: {"id":"`); ok {
				id, _, _ := strings.Cut(data, `"`)
				f.got = append(f.got, id)
			}
		}
	}()
	synctest.Wait()
	do()
	synctest.Wait()
	leave()
	<-ended
	<-read
	f.status = rec.status
	return f
}

// attempted are the ids of all attempts of the application, in order of record.
func (w *world) attempted(app fanfare.ApplicationID) (ids []string) {
	w.t.Helper()
	for place := fanfare.Place(0); ; {
		some, next, err := w.store.Recorded(w.t.Context(), app, place, 100)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range some {
			ids = append(ids, string(r.ID))
		}
		if next == place {
			return ids
		}
		place = next
	}
}

// TestAStreamGoesOnWhereItWas has clients leave, attempts be made while they are
// away, and another server over the same store.
func TestAStreamGoesOnWhereItWas(t *testing.T) {
	slow := func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/slow") {
			time.Sleep(3 * time.Second) // begun before others, and recorded after them
		}
	}
	running(t, slow, func(t *testing.T, w *world) {
		for _, app := range []string{"acme", "other"} {
			w.app(app)
			w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"http://example.com/in"}`).want(201)
			w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"http://example.com/slow"}`).want(201)
		}
		some := func() {
			for range 3 {
				w.message("acme", `{"eventType":"x","payload":{}}`)
				w.message("other", `{"eventType":"x","payload":{}}`)
				time.Sleep(time.Second)
			}
		}
		acme, err := w.hub.Application(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		some() // before anyone follows
		time.Sleep(time.Minute)
		before := len(w.attempted(acme.ID))
		var got []string
		var last string
		for range 4 {
			f := w.followed("/app/acme/events/stream", last, some)
			if f.status != 200 || !strings.Contains(f.text, "retry: 1000\n") {
				t.Fatalf("status %d, %q", f.status, f.text)
			}
			got, last = append(got, f.got...), f.last
			some() // while it is away
			w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey)})
		}
		time.Sleep(time.Minute)
		f := w.followed("/app/acme/events/stream?last_event_id="+last, "", func() {})
		got = append(got, f.got...)
		if want := w.attempted(acme.ID)[before:]; len(want) < 40 || !slices.Equal(got, want) {
			t.Errorf("followed %d attempts, want these %d in order", len(got), len(want))
		}
		at := w.do("HEAD", "/api/v1/app/acme/events/stream", "").want(200).header.Get("Last-Event-ID")
		before = len(w.attempted(acme.ID))
		some()
		time.Sleep(time.Minute)
		if f, want := w.followed("/app/acme/events/stream", at, func() {}), w.attempted(acme.ID)[before:]; len(want) == 0 || !slices.Equal(f.got, want) {
			t.Errorf("from where HEAD said, it followed %d attempts, want %d", len(f.got), len(want))
		}
		if f := w.followed("/events/stream", "", func() {}); f.last == "" || len(f.got) != 0 {
			t.Errorf("a new stream begins with %v, id %q", f.got, f.last)
		} else {
			w.do("GET", "/api/v1/app/acme/events/stream", "", "Last-Event-ID: "+f.last).want(400) // of another stream
		}
		w.do("GET", "/api/v1/events/stream", "", "Last-Event-ID: 17").want(400)
	})
}

// TestAQuietStreamMovesOn has much happen in another application: who comes back
// need not be shown past it again.
func TestAQuietStreamMovesOn(t *testing.T) {
	running(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, w *world) {
		for _, app := range []string{"acme", "other"} {
			w.app(app)
			w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"http://example.com/in"}`).want(201)
		}
		f := w.followed("/app/acme/events/stream", "", func() {
			for range 5 {
				w.message("other", `{"eventType":"x","payload":{}}`)
			}
			time.Sleep(2*heartbeat + time.Second)
		})
		acme, err := w.hub.Application(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		place, ok := w.api.(*server).places.open(acme.ID, f.last)
		if newest, _ := w.store.LastRecorded(t.Context()); !ok || place != newest || len(f.got) != 0 {
			t.Errorf("the stream is at %d, %v, after %v; want %d", place, ok, f.got, newest)
		}
	})
}
