//go:build linux

package postgres_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// TestAHostThatFallsSilent has the first of two hosts take connections and answer
// nothing any more, as one does that hangs: what is called then is done on the
// other, however many connections to the first were at hand.
func TestAHostThatFallsSilent(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := newGag(t, u.Host)
	defer proxy.end() // before the store is closed, which would wait for it
	u.Host = proxy.address + "," + u.Host
	s := newShop(t, openAt(t, u.String()+"&target_session_attrs=read-write", nil), 3)
	s.store.Hurry(30*time.Second, 4*time.Second)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if err := s.store.Read(t.Context(), "SELECT pg_sleep(0.3)"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := proxy.passing(); n < 16 {
		t.Fatalf("%d connections are at hand, want 16", n)
	}
	time.Sleep(1200 * time.Millisecond) // after a second it is asked whether a connection is one
	proxy.hush()
	begun := time.Now()
	if err := s.acceptErr(s.intake(0)); err != nil {
		t.Fatal(err)
	}
	// What was under way has 4 s, and connecting to the silent one 3 s.
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A gag is a way to a server that can fall silent: what comes then is taken, and not
// passed on.
type gag struct {
	address, server string
	working         sync.WaitGroup

	mu     sync.Mutex
	silent bool
	open   map[net.Conn]net.Conn // to the server, of those that are passed on
	ends   []net.Conn
}

func newGag(t *testing.T, server string) *gag {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gag{address: l.Addr().String(), server: server, open: make(map[net.Conn]net.Conn)}
	g.working.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			g.working.Go(func() { g.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		g.end()
		g.working.Wait()
	})
	return g
}

// end closes all there is.
func (g *gag) end() {
	g.hush()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, conn := range g.ends {
		conn.Close()
	}
}

// serve passes a connection on until the server's end is closed, and takes what comes
// until the client's is.
func (g *gag) serve(client net.Conn) {
	defer client.Close()
	g.mu.Lock()
	g.ends = append(g.ends, client)
	var server net.Conn
	if !g.silent {
		server, _ = net.Dial("tcp", g.server) // nil: it is not there
		g.open[client] = server
	}
	g.mu.Unlock()
	if server != nil {
		g.working.Go(func() {
			io.Copy(client, server)
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.open[client] != nil { // the server itself has closed it
				client.Close()
			}
		})
		io.Copy(server, client) // until either is closed
	}
	io.Copy(io.Discard, client)
	if server != nil {
		server.Close()
	}
	g.mu.Lock()
	delete(g.open, client)
	g.mu.Unlock()
}

// hush begins the silence.
func (g *gag) hush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent = true
	for client, server := range g.open {
		delete(g.open, client)
		server.Close()
	}
}

// passing is how many connections are passed on.
func (g *gag) passing() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open)
}
