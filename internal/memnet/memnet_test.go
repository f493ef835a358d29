package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/memnet"
)

func TestDialWhereNobodyListensIsRefused(t *testing.T) {
	n := memnet.New()
	l, err := n.Listen("a:1")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, addr := range []string{"a:1", "b:1"} {
		if _, err := n.DialContext(context.Background(), "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial %s = %v, want ECONNREFUSED", addr, err)
		}
	}
}

func TestDialRefusesWhatItCannotDo(t *testing.T) {
	n := memnet.New()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := n.DialContext(done, "tcp", "a:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("dial with a cancelled context = %v", err)
	}
	var unknown net.UnknownNetworkError
	if _, err := n.DialContext(context.Background(), "udp", "a:1"); !errors.As(err, &unknown) {
		t.Errorf("dial udp = %v, want an unknown network", err)
	}
	for _, addr := range []string{"a", "a:", "a:http", "a:65536", "a:01"} {
		if _, err := n.DialContext(context.Background(), "tcp", addr); err == nil {
			t.Errorf("dial %q succeeded", addr)
		}
		if _, err := n.Listen(addr); err == nil {
			t.Errorf("listen on %q succeeded", addr)
		}
	}
}

func TestListen(t *testing.T) {
	n := memnet.New()
	exact, err := n.Listen("A.example:80")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen("a.example:80"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second listen = %v, want EADDRINUSE", err)
	}
	every, err := n.Listen(":80")
	if err != nil {
		t.Fatal(err)
	}
	for addr, l := range map[string]net.Listener{"a.example:80": exact, "b.example:80": every} {
		c, err := n.DialContext(context.Background(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got.LocalAddr().String() != addr || got.RemoteAddr().String() != c.LocalAddr().String() {
			t.Errorf("dial %s arrived at %v from %v, was dialed from %v", addr, got.LocalAddr(), got.RemoteAddr(), c.LocalAddr())
		}
	}
	free, err := n.Listen("a.example:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.DialContext(context.Background(), "tcp", free.Addr().String()); err != nil {
		t.Errorf("dial the free port: %v", err)
	}
}

func TestListenerCloseEndsAcceptAndResetsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen("a:1")
		if err != nil {
			t.Fatal(err)
		}
		queued, err := n.DialContext(context.Background(), "tcp", "a:1")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, err := queued.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Read on a connection nobody accepted = %v, want ECONNRESET", err)
		}

		l, err = n.Listen("a:1")
		if err != nil {
			t.Fatalf("the address was not freed: %v", err)
		}
		accepting := make(chan error)
		go func() { _, err := l.Accept(); accepting <- err }()
		synctest.Wait()
		l.Close()
		if err := <-accepting; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want net.ErrClosed", err)
		}
	})
}

// serve runs h at receiver.example:80 of a new network and returns that network
// and a client that dials it.
func serve(t *testing.T, h http.HandlerFunc) (*memnet.Network, *http.Client, *http.Server) {
	t.Helper()
	n := memnet.New()
	l, err := n.Listen("receiver.example:80")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(l) }()
	transport := &http.Transport{DialContext: n.DialContext}
	t.Cleanup(func() { transport.CloseIdleConnections(); srv.Close(); <-served })
	return n, &http.Client{Transport: transport}, srv
}

func TestHTTPInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				t.Error(err)
			}
			io.Copy(w, r.Body) // both directions at once, far beyond the window
		})
		start := time.Now()
		sent := strings.Repeat("fanfare ", 1<<17) // 1 MiB
		for range 3 {                             // over one kept-alive connection
			resp, err := client.Post("http://receiver.example/in", "text/plain", strings.NewReader(sent))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(got) != sent {
				t.Fatalf("got %d bytes, %v; want the %d sent", len(got), err, len(sent))
			}
		}
		if d := time.Since(start); d != 3*time.Minute {
			t.Errorf("three requests of a minute took %v", d)
		}
	})
}

func TestHTTPClientTimesOutOnAHangingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan time.Time, 1)
		_, client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done() // the server sees the client leave
			gone <- time.Now()
		})
		client.Timeout = 15 * time.Second
		start := time.Now()
		_, err := client.Get("http://receiver.example/")
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Fatalf("Get = %v, want a timeout", err)
		}
		if d := time.Since(start); d != 15*time.Second {
			t.Errorf("the client waited %v, want 15s", d)
		}
		if d := (<-gone).Sub(start); d != 15*time.Second {
			t.Errorf("the server saw the client leave after %v, want 15s", d)
		}
	})
}

func TestHTTPServerClosesOrIsCut(t *testing.T) {
	tests := []struct {
		name string
		end  func(*memnet.Network, *http.Server)
		want error
	}{
		{"close", func(_ *memnet.Network, srv *http.Server) { srv.Close() }, io.EOF},
		{"cut", func(n *memnet.Network, _ *http.Server) { n.Cut("receiver.example:80") }, syscall.ECONNRESET},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, client, srv := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				go func() { time.Sleep(time.Second); tt.end(n, srv) }()
				start := time.Now()
				_, err := client.Get("http://receiver.example/")
				if !errors.Is(err, tt.want) || time.Since(start) != time.Second {
					t.Errorf("Get = %v after %v, want %v after 1s", err, time.Since(start), tt.want)
				}
			})
		})
	}
}

func TestHTTPServerThatHijacksAndSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
			conn.Close()
		})
		resp, err := client.Get("http://receiver.example/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); string(got) != "abc" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("body %q, %v; want abc and an unexpected end", got, err)
		}
	})
}
