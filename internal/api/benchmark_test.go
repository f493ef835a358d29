package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
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

// BenchmarkEmptyPoll measures what it costs to be told that there is nothing new:
// by a consumer that polls, and by a list of messages that the client has.
func BenchmarkEmptyPoll(b *testing.B) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "fanfare.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	hub := fanfare.New(store, &fanfare.Options{Logger: log})
	handler := New(hub, store, &Options{Logger: log, KeyHash: HashKey(testKey)})
	app := &fanfare.Application{Name: "acme", UID: "acme"}
	if err := hub.CreateApplication(b.Context(), app); err != nil {
		b.Fatal(err)
	}
	if err := hub.CreateEndpoint(b.Context(), &fanfare.Endpoint{Application: app.ID, UID: "in", URL: "https://example.com/in"}); err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		if _, err := hub.Send(b.Context(), "acme", "record.created", i); err != nil {
			b.Fatal(err)
		}
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	get := func(at, tag string) *http.Response {
		r, err := http.NewRequest("GET", at, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+testKey)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		return resp
	}
	consumer := server.URL + "/api/v1/app/acme/poller/in/consumer/c"
	var page struct{ Iterator string }
	for range 2 {
		resp := get(consumer+"?limit=250&iterator="+page.Iterator, "")
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
	list := server.URL + "/api/v1/app/acme/msg?limit=250"
	resp := get(list, "")
	resp.Body.Close()
	for _, arm := range []struct {
		name, url, tag string
		status         int
	}{
		{"consumer", consumer + "?limit=250&iterator=" + page.Iterator, "", 200},
		{"not modified", list, resp.Header.Get("ETag"), 304},
	} {
		r := httptest.NewRequest("GET", arm.url, nil)
		r.Header.Set("Authorization", "Bearer "+testKey)
		if arm.tag != "" {
			r.Header.Set("If-None-Match", arm.tag)
		}
		b.Run(arm.name+"/handler", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: http.Header{}}
				if handler.ServeHTTP(w, r); w.status != arm.status {
					b.Fatal(w.status)
				}
			}
		})
		// With net/http's server, and a client that does as little as can be.
		b.Run(arm.name+"/loopback", func(b *testing.B) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			u, err := url.Parse(arm.url)
			if err != nil {
				b.Fatal(err)
			}
			ask := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + testKey + "\r\n"
			if arm.tag != "" {
				ask += "If-None-Match: " + arm.tag + "\r\n"
			}
			ask += "\r\n"
			answer := make([]byte, 4096)
			size, want := 0, fmt.Sprintf("HTTP/1.1 %d ", arm.status)
			before := cpuTime(b)
			for b.Loop() {
				if _, err := io.WriteString(conn, ask); err != nil {
					b.Fatal(err)
				}
				n, err := conn.Read(answer)
				if err != nil || !strings.HasPrefix(string(answer[:n]), want) || size != 0 && n != size {
					b.Fatalf("%v, %q", err, answer[:n])
				}
				size = n
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
