package front_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/front"
	"github.com/fanfarehq/fanfare/internal/memnet"
)

// world is a server in a bubble.
type world struct {
	*front.Server
	network *memnet.Network
	served  chan error
}

func newWorld(t *testing.T, handler http.HandlerFunc) *world {
	server := behind(io.Discard)
	server.Handler = handler
	w := &world{Server: &front.Server{HTTP: server}, network: memnet.New(), served: make(chan error, 1)}
	ln, err := w.network.Listen("host:80")
	if err != nil {
		t.Fatal(err)
	}
	go func() { w.served <- w.Serve(ln) }()
	return w
}

// talk says something and returns what comes back until the connection ends, and
// when that was.
func (w *world) talk(t *testing.T, text string) (said func() string, ended func() time.Duration) {
	c, err := w.network.DialContext(t.Context(), "tcp", "host:80")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	io.WriteString(c, text)
	var all []byte
	var end time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		all, _ = io.ReadAll(c)
		end = time.Since(start)
		c.Close()
	}()
	return func() string { <-done; return string(all) }, func() time.Duration { <-done; return end }
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) })
		for text, want := range map[string]time.Duration{
			"":                                      5 * time.Second,
			"POST /x":                               5 * time.Second,
			plain:                                   2 * time.Minute,
			strings.Replace(plain, ": 2", ": 3", 1): 15 * time.Second,
		} {
			if _, ended := w.talk(t, text); ended() != want {
				t.Errorf("after %q the connection lasts %v, want %v", text, ended(), want)
			}
		}
		w.Close()
		if err := <-w.served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// TestADribblingClient sends a byte of a body each second, of a minute's worth.
func TestADribblingClient(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"read":   func(_ http.ResponseWriter, r *http.Request) { io.ReadAll(r.Body) },
		"unread": func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, handler)
				c, err := w.network.DialContext(t.Context(), "tcp", "host:80")
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				io.WriteString(c, strings.Replace(plain, ": 2", ": 62", 1))
				for err == nil && time.Since(start) < time.Minute {
					time.Sleep(time.Second)
					_, err = io.WriteString(c, "x")
				}
				if took := time.Since(start); took < 15*time.Second || took > 17*time.Second {
					t.Errorf("the connection lasts %v, want 15s", took)
				}
				c.Close()
				w.Close()
			})
		})
	}
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
		})
		fresh, freshEnd := w.talk(t, "")
		time.Sleep(time.Second)
		busy, busyEnd := w.talk(t, plain)
		passed, passedEnd := w.talk(t, "GET / HTTP/1.1\r\nHost: host\r\n\r\n")
		time.Sleep(time.Second)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Shutdown(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the time is up", err)
		}
		if fresh() != "" || freshEnd() != 2*time.Second {
			t.Errorf("an idle connection got %q after %v", fresh(), freshEnd())
		}
		if err := w.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for name, c := range map[string]struct {
			said  func() string
			ended func() time.Duration
		}{"plain": {busy, busyEnd}, "another": {passed, passedEnd}} {
			if !strings.HasPrefix(c.said(), "HTTP/1.1 200 OK\r\n") || !strings.Contains(c.said(), "Connection: close\r\n") || c.ended() > 61*time.Second {
				t.Errorf("%s request under way got %q after %v", name, c.said(), c.ended())
			}
		}
		if err := <-w.served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if _, err := w.network.DialContext(t.Context(), "tcp", "host:80"); err == nil {
			t.Error("it still listens")
		}
	})
}

func TestCloseBeforeServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		ln, err := network.Listen("host:80")
		if err != nil {
			t.Fatal(err)
		}
		server := &front.Server{HTTP: behind(io.Discard)}
		server.Close()
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// flaky is a listener that has too few files twice.
type flaky struct {
	net.Listener
	left int
}

func (l *flaky) Accept() (net.Conn, error) {
	if l.left > 0 {
		l.left--
		return nil, errors.New("too many open files")
	}
	return l.Listener.Accept()
}

func TestAListenerThatRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &front.Server{HTTP: behind(io.Discard)}
		said := ask(t, func(ln net.Listener) error { return server.Serve(&flaky{ln, 2}) }, plain)
		if !strings.HasPrefix(said, "HTTP/1.1 200 OK") {
			t.Errorf("it says %q", said)
		}
		server.Close()
	})
}
