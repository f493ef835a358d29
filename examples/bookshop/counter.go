package bookshop

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A counter counts what one of the ways costs.
type counter struct {
	requests atomic.Int64
	bytes    atomic.Int64

	mu   sync.Mutex
	late []time.Duration // of the newest books, in turn
	seen int             // books
	sum  time.Duration
	last string // what was said last
}

// maxLate is how many latenesses are kept.
const maxLate = 20_000

// found notes that a book has reached its reader.
func (c *counter) found(late time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.late) < maxLate {
		c.late = append(c.late, late)
	} else {
		c.late[c.seen%maxLate] = late
	}
	c.seen++
	c.sum += late
}

// says notes what was said last.
func (c *counter) says(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = text
}

func (c *counter) books() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// A Way is what telling the readers in one way has come to.
type Way struct {
	Requests int64   `json:"requests"`
	Useful   int     `json:"useful"` // requests that had a book for the reader
	Wasted   float64 `json:"wastedPercent"`
	Bytes    int64   `json:"bytes"`  // both ways, without what is below TCP
	Mean     float64 `json:"meanMs"` // from when a book was published to when its reader has it
	P99      float64 `json:"p99Ms"`
	Said     string  `json:"said"`
}

// way is how it stands.
func (c *counter) way() Way {
	requests, bytes := c.requests.Load(), c.bytes.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	w := Way{Requests: requests, Useful: c.seen, Bytes: bytes, Said: c.last}
	if requests > 0 {
		w.Wasted = 100 * float64(max(0, requests-int64(c.seen))) / float64(requests)
	}
	if c.seen > 0 {
		sorted := slices.Sorted(slices.Values(c.late))
		w.Mean = milliseconds(c.sum / time.Duration(c.seen))
		w.P99 = milliseconds(sorted[(len(sorted)*99-1)/100])
	}
	return w
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// counted is ln, whose connections' bytes c counts.
func (c *counter) counted(ln net.Listener) net.Listener { return &countedListener{ln, c} }

type countedListener struct {
	net.Listener
	c *counter
}

func (l *countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countedConn{conn, l.c}, nil
}

type countedConn struct {
	net.Conn
	c *counter
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.c.bytes.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.c.bytes.Add(int64(n))
	return n, err
}
