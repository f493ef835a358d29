package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/sqlite"
)

func TestServerEndsWhenDeliveringStops(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ln, err := listenOn("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	hub := fanfare.New(store, &fanfare.Options{Allow: []netip.Prefix{{}}}) // which Run refuses
	err = operate(t.Context(), hub, http.NotFoundHandler(), slog.New(slog.DiscardHandler), ln)
	if err == nil || !strings.Contains(err.Error(), "delivering has stopped: ") {
		t.Errorf("the server ends with %v, want the reason", err)
	}
}

func TestStreamsLastUntilTheServerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		network := memnet.New()
		ln, err := network.Listen("server:80")
		if err != nil {
			t.Fatal(err)
		}
		begun, lasted := time.Now(), time.Duration(0)
		stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			lasted = time.Since(begun)
		})
		server := newServer(endStreams(ctx, stream), slog.New(slog.DiscardHandler))
		served := make(chan error)
		go func() { served <- server.Serve(ln) }()

		transport := &http.Transport{DialContext: network.DialContext}
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://server:80/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/event-stream")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(time.Hour)
		end()
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Error(err)
		}
		if lasted != time.Hour {
			t.Errorf("the stream lasted %v, want an hour", lasted)
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
	})
}
