package api

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// benchmarkBody is a message with a payload of 755 bytes.
func benchmarkBody() []byte {
	payload := `{"id":12345678901234567890,"items":[` + strings.Repeat(`{"sku":"A-1","n":2,"price":9.99},`, 20)
	payload += `{"note":"` + strings.Repeat("n", 755-len(payload)-12) + `"}]}`
	return []byte(`{"eventType":"record.created","payload":` + payload + `}`)
}

// instant accepts everything and keeps nothing.
type instant struct{ fanfare.Store }

func (instant) Accept(context.Context, fanfare.ApplicationID, []*fanfare.Intake, *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	return nil, nil
}

// discard is a response nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkCreateMessage measures the whole handler, without net/http's server
// and without a store.
func BenchmarkCreateMessage(b *testing.B) {
	store := instant{storetest.NewModel()}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	hub := fanfare.New(store, &fanfare.Options{Logger: log})
	api := New(hub, store, &Options{Logger: log, KeyHash: HashKey(testKey)})
	if err := hub.CreateApplication(b.Context(), &fanfare.Application{Name: "acme", UID: "acme"}); err != nil {
		b.Fatal(err)
	}
	body := benchmarkBody()
	r := httptest.NewRequest("POST", "/api/v1/app/acme/msg", nil)
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bench")
	r.ContentLength = int64(len(body))
	in := bytes.NewReader(body)
	b.ReportAllocs()
	for b.Loop() {
		in.Reset(body)
		r.Body = io.NopCloser(in)
		w := &discard{header: http.Header{}}
		api.ServeHTTP(w, r)
		if w.status != http.StatusAccepted {
			b.Fatal(w.status)
		}
	}
}
