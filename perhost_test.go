package fanfare_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestAHostIsNotOverrun has endpoints of several applications at one host that is
// slow, and one at another host beside them.
func TestAHostIsNotOverrun(t *testing.T) {
	tests := map[string]struct {
		opt                 *fanfare.Options
		apps, each, perHost int
	}{
		"two":      {&fanfare.Options{PerHost: 3}, 2, 5, 3},
		"one":      {&fanfare.Options{PerHost: 1}, 3, 3, 1},
		"1000":     {&fanfare.Options{PerHost: 20}, 10, 100, 20},
		"defaults": {nil, 4, 250, 256},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, test.opt, func(t *testing.T, w *world) {
				var mu sync.Mutex
				now, most := 0, 0
				slow := w.receiver("slow.example", func(int, http.ResponseWriter, *http.Request) {
					mu.Lock()
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(time.Second)
					mu.Lock()
					now--
					mu.Unlock()
				})
				other := w.receiver("other.example", nil)
				w.endpoint(fanfare.Endpoint{URL: other.url})
				for i := range test.apps {
					app := &fanfare.Application{Name: "x", UID: fmt.Sprint("app-", i)}
					if err := w.hub.CreateApplication(t.Context(), app); err != nil {
						t.Fatal(err)
					}
					for range test.each {
						if err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: app.ID, URL: slow.url}); err != nil {
							t.Fatal(err)
						}
					}
				}
				for i := range test.apps {
					if _, err := w.hub.Send(t.Context(), fmt.Sprint("app-", i), "a.b", 1); err != nil {
						t.Fatal(err)
					}
				}
				w.send("a.b", 1)
				time.Sleep(100 * time.Millisecond)
				if got := len(other.requests()); got != 1 {
					t.Errorf("the other host had %d requests by then, want 1", got)
				}
				time.Sleep(time.Hour)
				mu.Lock()
				defer mu.Unlock()
				if got := len(slow.requests()); got != test.apps*test.each || most != test.perHost {
					t.Errorf("it had %d requests, %d at once at most; want %d, %d", got, most, test.apps*test.each, test.perHost)
				}
			})
		})
	}
}
