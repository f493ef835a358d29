package all_test

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A shelf takes requests, and answers each as it is told to.
type shelf struct {
	answer func(rw http.ResponseWriter, r *http.Request) // nil: with 200

	mu     sync.Mutex
	bodies []string
}

func (s *shelf) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.bodies = append(s.bodies, string(text))
	s.mu.Unlock()
	if s.answer != nil {
		s.answer(rw, r)
	}
}

func (s *shelf) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.bodies...)
}

// TestReorder has stock go up and down around where it is to be reordered.
func TestReorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, app := newHub(t)
		supplier := &shelf{}
		hub.Serve("supplier.test", supplier)
		ep := &fanfare.Endpoint{
			Application: app.ID, Kind: "http", Filter: "payload.data.stock < 10 && payload.previous.stock >= 10",
			Config: json.RawMessage(`{"url":"http://supplier.test/orders","body":{"sku":"{{payload.data.sku}}","quantity":"{{100 - payload.data.stock}}"}}`),
		}
		if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		before := 20
		for _, stock := range []int{11, 9, 8, 3, 30, 10, 9} {
			type shape struct {
				Sku   string `json:"sku"`
				Stock int    `json:"stock"`
			}
			if _, err := hub.Send(t.Context(), "acme", "product.update", map[string]shape{"data": {"pen", stock}, "previous": {"pen", before}}); err != nil {
				t.Fatal(err)
			}
			before = stock
		}
		synctest.Wait()
		if got := supplier.taken(); len(got) != 2 || got[0] != `{"sku":"pen","quantity":91}` || got[1] != got[0] {
			t.Errorf("ordered %q; want once for each time that it went below ten", got)
		}
	})
}

// TestAScriptMayBeSlow has a script run for longer than other endpoints may.
func TestAScriptMayBeSlow(t *testing.T) {
	for after, want := range map[time.Duration]fanfare.Class{50 * time.Second: fanfare.ClassSuccess, 70 * time.Second: fanfare.ClassTimeout} {
		synctest.Test(t, func(t *testing.T) {
			hub, app := newHub(t)
			hub.Serve("script.test", &shelf{answer: func(rw http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(after):
				case <-r.Context().Done():
				}
				rw.Header().Set("Location", "https://script.googleusercontent.com/macros/echo?user_content_key=k&lib=l")
				rw.WriteHeader(http.StatusFound)
			}})
			ep := &fanfare.Endpoint{Application: app.ID, Kind: "apps-script", Config: json.RawMessage(`{"url":"http://script.test/macros/s/x/exec","signature":"none"}`)}
			if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			msg, err := hub.Send(t.Context(), "acme", "a.b", 1)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(61 * time.Second)
			synctest.Wait()
			attempts, err := hub.Attempts(t.Context(), app.ID, fanfare.AttemptFilter{Message: msg.ID, Page: fanfare.Page{Limit: 10}})
			if err != nil || len(attempts) == 0 {
				t.Fatalf("%d attempts, %v", len(attempts), err)
			}
			if a := attempts[len(attempts)-1]; a.Class != want {
				t.Errorf("a script that took %s: %s; want %s", after, a.Class, want)
			}
		})
	}
}

// TestAnUpdateLeadsToNoOther has the service that is written to tell of each update, as
// it tells of all others, to the same Hub.
func TestAnUpdateLeadsToNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		tags    func(r *http.Request) []string // of what it tells
		updates int
	}{
		"it says whose it is": {func(r *http.Request) []string { return []string{"origin:" + r.Header.Get("Fanfare-Origin")} }, 1},
		"it does not":         {func(*http.Request) []string { return nil }, fanfare.MaxHops + 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub, app := newHub(t)
				records := &shelf{}
				records.answer = func(_ http.ResponseWriter, r *http.Request) {
					msg := &fanfare.Message{EventType: "record.update", Payload: []byte(`{"id":"r1"}`), Tags: c.tags(r)}
					if err := msg.Passed(r.Header.Get("Fanfare-Hops")); err != nil {
						t.Error(err)
					}
					_, _ = hub.SendBatch(r.Context(), "acme", []*fanfare.Message{msg}, nil)
				}
				hub.Serve("records.test", records)
				hub.Serve("beers.test", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{"abv":7.5}`) }))
				ep := &fanfare.Endpoint{Application: app.ID, Kind: "lookup", Config: json.RawMessage(
					`{"find":{"url":"http://beers.test/"},"url":"http://records.test/{{payload.id}}","body":{"abv":"{{answer.abv}}"}}`)}
				if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
					t.Fatal(err)
				}
				if _, err := hub.Send(t.Context(), "acme", "record.create", map[string]string{"id": "r1"}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := records.taken(); len(got) != c.updates || got[0] != `{"abv":7.5}` {
					t.Errorf("updated %d times, with %q; want %d", len(got), got, c.updates)
				}
			})
		})
	}
}
