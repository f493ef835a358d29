package main

import (
	"context"
	"io"
	"log/slog"
	"net"
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

// TestAServerTakesItsLeave asks a server that was told to stop: until it ends it answers,
// each connection once.
func TestAServerTakesItsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		told, stop := context.WithCancel(t.Context())
		late, end := linger(told, 5*time.Second, log)
		defer end()
		network := memnet.New()
		ln, err := network.Listen("server:80")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error)
		server := newServer(dismiss(told, http.NotFoundHandler()), log)
		go func() { served <- server.Serve(ln) }()
		connections := 0
		transport := &http.Transport{DialContext: func(ctx context.Context, protocol, address string) (net.Conn, error) {
			connections++
			return network.DialContext(ctx, protocol, address)
		}}
		defer transport.CloseIdleConnections()
		ask := func() {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://server:80/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body) // or the connection is not used again
			resp.Body.Close()
		}
		begun := time.Now()
		ask()
		ask()
		if connections != 1 {
			t.Errorf("two requests took %d connections before the server was told to stop, want 1", connections)
		}
		stop()
		ask() // the last one over that connection
		ask()
		ask()
		if connections != 3 {
			t.Errorf("%d connections were made, want one more for each of the last two requests", connections)
		}
		<-late.Done()
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("the server ended %v after it was told to", took)
		}
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
	})
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
