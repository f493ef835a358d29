// Package post sends POST requests over HTTP/1.1, many a second to the same few
// hosts, and reads their answers within bounds.
//
// It is here because a general client costs far more a request: two goroutines a
// connection with the hand-over between them, and twice the allocations. What a
// response may look like is still judged by net/http ([http.ReadResponse]), but
// for heads about which nothing is doubtful. A request is written once: unlike [http.Transport], nothing here ever sends it
// again by itself. Proxies, cookies, compression and HTTP/2 do not exist here, and
// a redirect is an answer like any other: what to make of it is the caller's.
//
// Which addresses may be reached is decided by [Client.Dial] and left to it.
package post

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Bounds on a response. A body that is longer, or late, is cut short: the status
// was said before it.
const (
	MaxHeader = 64 << 10    // bytes of status line and header, interim responses included
	MaxBody   = 64 << 10    // bytes of body
	BodyGrace = time.Second // from the header's end to the body's
)

const (
	handshakeTimeout = 5 * time.Second
	maxRest          = 30 * time.Second // connections that rest longer are not used again
	maxIdle          = 2048             // connections that rest
	maxIdlePerPlace  = 256
)

// A Client sends requests and keeps connections between them. Its fields must not
// change once it is in use; its methods may be called concurrently.
type Client struct {
	// Dial makes connections. It is required.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RefusePlain, if it is not nil, is what requests to http URLs fail with. No
	// connection is made for them.
	RefusePlain error
	// TLS is cloned for each connection to an https URL whose Target has no
	// configuration of its own; nil means the defaults.
	TLS *tls.Config

	mu      sync.Mutex
	idle    map[place]*pool // each has a sweep to come
	resting int             // connections in idle
}

// A pool is the connections to a place that rest, the one used last at the end.
type pool struct{ conns []*conn }

// A place is what requests must have in common to share connections: one made
// by a Target's own configuration, which says who we are there, serves no other.
type place struct {
	origin string // scheme and address
	own    *tls.Config
}

// A Target is where requests go, with what is the same in all of them.
type Target struct {
	place
	address string // host:port
	host    string // without the port, for TLS
	tls     bool
	empty   bool   // requests have no body, nor say so
	head    []byte // request line and fields
}

// NewTarget makes a Target for an http or https URL. The header lines are sent
// with each request, as they are. Each ends with CRLF, and is valid; none, nor
// any given with a request, may be Host, Content-Length, Transfer-Encoding or
// Connection.
func NewTarget(u *url.URL, lines []byte) *Target {
	return newTarget(http.MethodPost, u, lines)
}

// NewGet makes a Target of which something is asked instead: its requests are
// GETs, and the body they are given is not sent.
func NewGet(u *url.URL, lines []byte) *Target {
	t := newTarget(http.MethodGet, u, lines)
	t.empty = true
	return t
}

// Over makes requests to t go over connections of that configuration instead of
// the Client's. They share them only with requests over the very same one, which
// must not change any more; nil means the Client's.
func (t *Target) Over(config *tls.Config) *Target {
	t.own = config
	return t
}

func newTarget(method string, u *url.URL, lines []byte) *Target {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	t := &Target{host: u.Hostname(), tls: u.Scheme == "https"}
	t.address = net.JoinHostPort(t.host, port)
	t.origin = u.Scheme + "://" + t.address
	t.head = append(t.head, method+" "+u.RequestURI()+" HTTP/1.1\r\nHost: "+u.Host+"\r\n"...)
	t.head = append(t.head, lines...)
	return t
}

// A Response is what came back.
type Response struct {
	Status      int
	Header      http.Header   // that of another Response as well, perhaps: it is not to be changed
	HeaderAfter time.Duration // from the call to the header's end
	Body        []byte
	Truncated   bool // there was, or may have been, more of it
}

// A ResponseError says that what came back is not a response that can be read.
type ResponseError struct{ Err error }

func (e *ResponseError) Error() string { return "bad response: " + e.Err.Error() }

// Unwrap returns what was wrong.
func (e *ResponseError) Unwrap() error { return e.Err }

// Post sends one request, with further header lines, and reads the answer, all
// before deadline and before ctx ends. The connection ending before the answer's
// header does is an [io.ErrUnexpectedEOF], a deadline missed an
// [os.ErrDeadlineExceeded] or [context.DeadlineExceeded]; other faults of the
// network are returned as they came.
func (c *Client) Post(ctx context.Context, deadline time.Time, t *Target, lines, body []byte) (*Response, error) {
	begun := time.Now()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for {
		cn, err := c.conn(ctx, deadline, t)
		if err != nil {
			return nil, err
		}
		cn.watch(ctx)
		res, reusable, err := cn.exchange(begun, deadline, t, lines, body)
		if ctx.Err() != nil {
			reusable = false
			if err != nil {
				err = context.Cause(ctx)
			}
		}
		if reusable {
			c.rest(t, cn)
		} else {
			cn.end()
		}
		if !errors.Is(err, errStale) {
			return res, err
		}
	}
}

// CloseIdle closes the connections that rest.
func (c *Client) CloseIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.idle {
		for _, cn := range p.conns {
			cn.end()
		}
		c.resting -= len(p.conns)
		p.conns = nil
	}
}

// conn takes a connection that rests, or makes one.
func (c *Client) conn(ctx context.Context, deadline time.Time, t *Target) (*conn, error) {
	for {
		cn := c.lastUsed(t)
		if cn == nil {
			return c.dial(ctx, deadline, t)
		}
		if cn.wake(deadline) {
			return cn, nil
		}
		cn.end()
	}
}

// lastUsed takes the connection to t that was used last, if there is one.
func (c *Client) lastUsed(t *Target) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.idle[t.place]
	if p == nil || len(p.conns) == 0 {
		return nil
	}
	end := len(p.conns) - 1
	last := p.conns[end]
	p.conns[end] = nil
	p.conns = p.conns[:end]
	c.resting--
	return last
}

// rest keeps a connection for the next request, for a while.
func (c *Client) rest(t *Target, cn *conn) {
	cn.restingSince = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.idle[t.place]
	if p == nil {
		if c.idle == nil {
			c.idle = make(map[place]*pool)
		}
		p = &pool{}
		c.idle[t.place] = p
		time.AfterFunc(maxRest, func() { c.sweep(t.place) })
	}
	if len(p.conns) == maxIdlePerPlace || c.resting == maxIdle {
		cn.end()
		return
	}
	p.conns = append(p.conns, cn)
	c.resting++
}

func restedTooLong(cn *conn) bool {
	return time.Since(cn.restingSince) >= maxRest
}

// sweep closes the connections to a place that rested too long. It comes again
// until none is left.
func (c *Client) sweep(at place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.idle[at]
	old := 0
	for old < len(p.conns) && restedTooLong(p.conns[old]) {
		p.conns[old].end()
		old++
	}
	p.conns = slices.Delete(p.conns, 0, old)
	c.resting -= old
	if len(p.conns) == 0 {
		delete(c.idle, at)
		return
	}
	time.AfterFunc(maxRest-time.Since(p.conns[0].restingSince), func() { c.sweep(at) })
}

func (c *Client) dial(ctx context.Context, deadline time.Time, t *Target) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if !t.tls && c.RefusePlain != nil {
		return nil, c.RefusePlain
	}
	raw, err := c.Dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	secured := raw
	if t.tls {
		secured, err = c.handshake(ctx, raw, t)
	}
	if err == nil {
		err = secured.SetDeadline(deadline)
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return newConn(secured, raw), nil
}

func (c *Client) handshake(ctx context.Context, raw net.Conn, t *Target) (net.Conn, error) {
	config := c.TLS.Clone() // of nil is nil
	if t.own != nil {
		config = t.own.Clone()
	}
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = t.host
	}
	config.NextProtos = []string{"http/1.1"}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secured := tls.Client(raw, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secured, nil
}
