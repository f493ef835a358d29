package torture

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A group is some nodes on one database, and what passes connections on to them.
type group struct {
	hosts   []*host
	servers []*server
}

// newGroup starts nodes and returns the host that clients know.
func newGroup(t *testing.T, url string, nodes int, chance *rand.Rand) (*group, *host) {
	t.Helper()
	g := &group{}
	var addresses []string
	for range nodes {
		h := newHost(t)
		h.url, h.flags = url, []string{"--drain-wait", "0s"}
		g.hosts = append(g.hosts, h)
		g.servers = append(g.servers, h.start(t))
		addresses = append(addresses, h.address)
		g.servers[0].ready(t) // the first one makes the tables
	}
	for _, s := range g.servers {
		s.ready(t)
	}
	return g, &host{url: url, address: passOn(t, addresses)}
}

// stop ends all nodes politely, and returns how long the slowest took.
func (g *group) stop(t *testing.T) (slowest time.Duration) {
	t.Helper()
	for _, s := range g.servers {
		slowest = max(slowest, s.stop(t))
	}
	return slowest
}

// complain shows some of what nodes that have ended said of requests they did not serve.
func (g *group) complain(t *testing.T) {
	t.Helper()
	for _, s := range g.servers {
		shown := 0
		for line := range strings.Lines(s.said()) {
			if strings.Contains(line, "request failed") && shown < 5 {
				shown++
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

// inFlight is how many attempts the nodes have under way.
func (g *group) inFlight(t *testing.T) (n int) {
	t.Helper()
	for _, h := range g.hosts {
		n += h.reads(t, "fanfare_attempts_in_flight")
	}
	return n
}

// reads reads one of a node's figures.
func (h *host) reads(t *testing.T, name string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(f)
		}
	}
	t.Fatalf("there is no figure %s", name)
	return 0
}

// passOn passes connections on to addresses in turn, and returns where.
func passOn(t *testing.T, addresses []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var passing sync.WaitGroup
	var next atomic.Uint64
	t.Cleanup(func() { l.Close(); passing.Wait() })
	passing.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { connect(client, addresses[next.Add(1)%uint64(len(addresses))]) })
		}
	})
	return l.Addr().String()
}

// connect passes a connection on until one of its ends is closed.
func connect(client net.Conn, address string) {
	defer client.Close()
	node, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer node.Close()
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(client, node)
		client.Close()
	})
	io.Copy(node, client)
	node.Close()
	back.Wait()
}

// A silence is how long clients hear of nothing that is accepted.
type silence struct {
	mu      sync.Mutex
	longest time.Duration
	last    time.Time
}

// listen measures silences until the test ends.
func (w *world) listen(t *testing.T) *silence {
	s := &silence{last: time.Now()}
	ended := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for heard := 0; ; {
			select {
			case now := <-tick.C:
				n := w.answered(http.StatusAccepted)
				if n > heard {
					s.hear(now)
				}
				heard = n
			case <-ended:
				return
			}
		}
	})
	t.Cleanup(func() { close(ended); working.Wait() })
	return s
}

func (s *silence) hear(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longest, s.last = max(s.longest, now.Sub(s.last)), now
}

// take returns the longest silence since it was taken last.
func (s *silence) take() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := s.longest
	s.longest = 0
	return longest
}

// heardSince reports whether something was accepted after a time.
func (s *silence) heardSince(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.After(at)
}
