package ui_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/ui"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/sqlite"
)

var (
	stored   = flag.Int("deliveries", 100_000, "how many deliveries the benchmarks of pages store before they begin")
	database = flag.String("database", "", "URL of an empty PostgreSQL database that they store them in, instead of a file")
)

// BenchmarkConsole opens the console's pages over many deliveries, of 100 applications
// with two endpoints each, of which every tenth fails.
func BenchmarkConsole(b *testing.B) {
	store := openLoaded(b)
	msg, ep := fill(b, store, *stored)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	hub := fanfare.New(store, &fanfare.Options{Logger: log})
	routes := api.New(hub, store, &api.Options{Logger: log, KeyHash: api.HashKey(adminKey)})
	pages, err := ui.New(hub, routes, &ui.Options{Logger: log})
	if err != nil {
		b.Fatal(err)
	}
	key, err := hub.CreateKey(b.Context(), &fanfare.Key{Name: "Console: the admin key", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}})
	if err != nil {
		b.Fatal(err)
	}
	app := "/app/" + string(msg.Application)
	for _, path := range []string{
		"/", "/issue", "/app", "/app?search=shop", "/message", "/message?text=nothing+like+that", "/message?tag=none", "/message?id=none", "/message?status=2&app=" + string(msg.Application), "/delivery", "/delivery?outcome=failed", "/endpoint", "/endpoint?state=failing", "/endpoint?state=disabled",
		app, app + "/message/" + string(msg.ID), app + "/message/" + string(msg.ID) + "/to/" + string(ep), app + "/log", app + "/log?status=2", app + "/endpoint/" + string(ep),
	} {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Header.Set("Cookie", "fanfare_console="+key)
				a := httptest.NewRecorder()
				begun := time.Now()
				pages.ServeHTTP(a, r)
				took = append(took, time.Since(begun))
				if a.Code != http.StatusOK {
					b.Fatalf("%s was answered %d: %s", path, a.Code, a.Body)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

func openLoaded(b *testing.B) (store fanfare.Store) {
	var err error
	if *database != "" {
		store, err = postgres.Open(b.Context(), *database, nil)
	} else {
		store, err = sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "fanfare.db"))
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	return store
}

// fill stores so many deliveries, each of a message of its own and with one attempt. It
// returns the last.
func fill(b *testing.B, store fanfare.Store, n int) (msg *fanfare.Message, ep fanfare.EndpointID) {
	serial := uint64(0)
	begun := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Microsecond)
	at := begun
	id := func(prefix string) string {
		serial++
		at = begun.Add(time.Duration(serial) * time.Millisecond / 50)
		var raw [16]byte
		binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMilli())<<16|0x7000)
		binary.BigEndian.PutUint64(raw[8:], 1<<63|serial)
		return fanfare.EncodeID(prefix, raw)
	}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	type owned struct {
		app fanfare.ApplicationID
		ep  fanfare.EndpointID
		bad bool
	}
	var all []owned
	for i := range 100 {
		app := &fanfare.Application{ID: fanfare.ApplicationID(id("app_")), Name: fmt.Sprintf("Shop %d", i), CreatedAt: at, UpdatedAt: at}
		must(store.CreateApplication(b.Context(), app))
		for j := range 2 {
			e := &fanfare.Endpoint{ID: fanfare.EndpointID(id("ep_")), Application: app.ID, URL: "https://example.com/in", Secrets: []fanfare.Secret{{Text: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}, CreatedAt: at, UpdatedAt: at}
			must(store.CreateEndpoint(b.Context(), e))
			all = append(all, owned{app.ID, e.ID, (2*i+j)%10 == 9})
			if (2*i+j)%10 == 9 {
				must(store.SetFailingSince(b.Context(), e.ID, at))
			}
		}
	}
	payload := []byte(`{"id":"order_17","total":"19.90","currency":"EUR","lines":[{"sku":"a","n":1},{"sku":"b","n":2}]}`)
	const together = 1000
	for done := 0; done < n; done += together {
		to := all[done/together%len(all)]
		var intakes []*fanfare.Intake
		var outcomes []*fanfare.Outcome
		for range together {
			msg = &fanfare.Message{ID: fanfare.MessageID(id("msg_")), Application: to.app, EventType: "order.paid", Payload: payload, CreatedAt: at}
			d := fanfare.Delivery{Message: msg.ID, Endpoint: to.ep, State: fanfare.Waiting, Due: at}
			intakes = append(intakes, &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{d}})
			a := &fanfare.Attempt{ID: fanfare.AttemptID(id("atmpt_")), Message: msg.ID, Endpoint: to.ep, EventType: msg.EventType, Number: 1, URL: "https://example.com/in", StartedAt: at, Duration: 30 * time.Millisecond, Status: 200, Class: fanfare.ClassSuccess, State: fanfare.Delivered, ResponseBody: []byte("ok")}
			if to.bad {
				a.Status, a.Class, a.State = 503, fanfare.ClassStatus, fanfare.GivenUp
			}
			outcomes = append(outcomes, &fanfare.Outcome{Attempt: a, Delivery: fanfare.Delivery{Message: msg.ID, Endpoint: to.ep, State: a.State, Attempts: 1}})
		}
		_, err := store.Accept(b.Context(), to.app, intakes, nil)
		must(err)
		must(store.Record(b.Context(), outcomes...))
		ep = to.ep
	}
	return msg, ep
}
