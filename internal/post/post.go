// Package post sends POST requests over HTTP/1.1, many a second to the same few
// hosts, and reads their answers within bounds.
//
// It is here because a general client costs more than twice as much a request:
// two goroutines a connection and the hand-over between them. What a response
// may look like is still judged by net/http ([http.ReadResponse]). A request is
// written once: unlike [http.Transport], nothing here ever sends it again by
// itself. Redirects, proxies, cookies, compression and HTTP/2 do not exist here.
//
// Which addresses may be reached is decided by [Client.Dial] and left to it.
package post

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
	maxIdle          = 30 * time.Second // connections that rest longer are not used again
	maxIdlePerHost   = 256
	maxInterim       = 100 // responses 1xx before the one that counts
	bufferSize       = 4 << 10
)

// A Client sends requests and keeps connections between them. Its fields must not
// change once it is in use; its methods may be called concurrently.
type Client struct {
	// Dial makes connections. It is required.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS is cloned for each connection to an https URL; nil means the defaults.
	TLS *tls.Config

	mu   sync.Mutex
	idle map[string]*pool // by place; each has a sweep to come
}

// A pool is the connections to a place that rest, the one used last at the end.
type pool struct{ conns []*conn }

// A Target is where requests go, with what is the same in all of them.
type Target struct {
	place   string // scheme and address: what may share connections
	address string // host:port
	host    string // without the port, for TLS
	tls     bool
	head    []byte // request line and fields
}

// NewTarget makes a Target for an http or https URL. The header lines are sent
// with each request, as they are. Each ends with CRLF, and is valid; none, nor
// any given with a request, may be Host, Content-Length, Transfer-Encoding or
// Connection.
func NewTarget(u *url.URL, lines []byte) *Target {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	t := &Target{host: u.Hostname(), tls: u.Scheme == "https"}
	t.address = net.JoinHostPort(t.host, port)
	t.place = u.Scheme + "://" + t.address
	t.head = append(t.head, "POST "+u.RequestURI()+" HTTP/1.1\r\nHost: "+u.Host+"\r\n"...)
	t.head = append(t.head, lines...)
	return t
}

// A Response is what came back.
type Response struct {
	Status      int
	Header      http.Header
	HeaderAfter time.Duration // from the call to the header's end
	Body        []byte
	Truncated   bool // there was, or may have been, more of it
}

// A ResponseError says that what came back is not a response that can be read.
type ResponseError struct{ Err error }

func (e *ResponseError) Error() string { return "bad response: " + e.Err.Error() }

// Unwrap returns what was wrong.
func (e *ResponseError) Unwrap() error { return e.Err }

var errHeaderTooLong = fmt.Errorf("more than %d bytes of header", MaxHeader)

// Post sends one request, with further header lines, and reads the answer, all before deadline, or until ctx
// ends. Faults of the network are returned as they came, a deadline missed as
// [os.ErrDeadlineExceeded] or [context.DeadlineExceeded].
func (c *Client) Post(ctx context.Context, deadline time.Time, t *Target, lines, body []byte) (*Response, error) {
	begun := time.Now()
	cn, err := c.conn(ctx, deadline, t)
	if err != nil {
		return nil, err
	}
	unwatch := context.AfterFunc(ctx, func() { cn.Close() })
	res, reusable, err := cn.exchange(begun, deadline, t, lines, body)
	if !unwatch() {
		reusable = false
		if err != nil {
			err = context.Cause(ctx)
		}
	}
	if reusable {
		c.rest(t, cn)
	} else {
		cn.Close()
	}
	return res, err
}

// CloseIdle closes the connections that rest.
func (c *Client) CloseIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.idle {
		for _, cn := range p.conns {
			cn.Close()
		}
		p.conns = nil
	}
}

// conn takes a connection that rests, or makes one.
func (c *Client) conn(ctx context.Context, deadline time.Time, t *Target) (*conn, error) {
	for {
		cn := c.wakeOne(t)
		if cn == nil {
			return c.dial(ctx, deadline, t)
		}
		if err := cn.SetDeadline(deadline); err == nil && cn.quiet() {
			return cn, nil
		}
		cn.Close()
	}
}

// wakeOne takes the connection to t that was used last, if there is one.
func (c *Client) wakeOne(t *Target) *conn {
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
			c.idle = make(map[string]*pool)
		}
		p = &pool{}
		c.idle[t.place] = p
		time.AfterFunc(maxIdle, func() { c.sweep(t.place) })
	}
	if len(p.conns) >= maxIdlePerHost {
		cn.Close()
		return
	}
	p.conns = append(p.conns, cn)
}

// sweep closes the connections to a place that rested too long. It comes again
// until none is left.
func (c *Client) sweep(place string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.idle[place]
	old := 0
	for old < len(p.conns) && restedTooLong(p.conns[old]) {
		p.conns[old].Close()
		old++
	}
	p.conns = slices.Delete(p.conns, 0, old)
	if len(p.conns) == 0 {
		delete(c.idle, place)
		return
	}
	time.AfterFunc(maxIdle-time.Since(p.conns[0].restingSince), func() { c.sweep(place) })
}

func (c *Client) dial(ctx context.Context, deadline time.Time, t *Target) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	raw, err := c.Dial(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	cn := &conn{Conn: raw, raw: raw}
	if t.tls {
		if cn.Conn, err = c.handshake(ctx, raw, t.host); err != nil {
			raw.Close()
			return nil, err
		}
	}
	cn.r = bufio.NewReaderSize(&cn.source, bufferSize)
	cn.source.from = cn.Conn
	if err := cn.SetDeadline(deadline); err != nil {
		raw.Close()
		return nil, err
	}
	return cn, nil
}

func (c *Client) handshake(ctx context.Context, raw net.Conn, host string) (net.Conn, error) {
	config := c.TLS.Clone() // of nil is nil
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = host
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

// A conn is a connection and what has been read ahead from it. One goroutine
// uses it at a time.
type conn struct {
	net.Conn
	raw          net.Conn // beneath TLS
	source       source
	r            *bufio.Reader
	out          []byte // to be written; used again
	restingSince time.Time
}

// source bounds what is read from a connection.
type source struct {
	from net.Conn
	left int // bytes that may still be read
	read int // bytes that were, since the request was sent
}

func (s *source) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, errHeaderTooLong
	}
	n, err := s.from.Read(p[:min(len(p), s.left)])
	s.left -= n
	s.read += n
	return n, err
}

// exchange sends a request and reads its answer. reusable is whether the
// connection may carry another.
func (cn *conn) exchange(begun, deadline time.Time, t *Target, lines, body []byte) (_ *Response, reusable bool, err error) {
	cn.source.left, cn.source.read = MaxHeader+bufferSize, 0
	sent := cn.send(t, lines, body)
	// Even if not all was taken there may be an answer that says why.
	res, err := cn.header()
	if err != nil {
		switch {
		case sent != nil:
			return nil, false, sent
		case cn.source.read > 0 && !isNetwork(err):
			return nil, false, &ResponseError{err}
		}
		return nil, false, err
	}
	out := &Response{Status: res.StatusCode, Header: res.Header, HeaderAfter: time.Since(begun)}
	whole := cn.body(res, out, deadline)
	reusable = whole && sent == nil && !res.Close && res.StatusCode >= 200 && cn.r.Buffered() == 0
	return out, reusable, nil
}

// joinUnder is the size of a body that is copied behind the head, to be written
// with it at once.
const joinUnder = 32 << 10

func (cn *conn) send(t *Target, lines, body []byte) error {
	b := append(cn.out[:0], t.head...)
	b = append(b, lines...)
	b = append(b, "Content-Length: "...)
	b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n\r\n"...)
	if len(body) > joinUnder {
		cn.out = b
		bufs := net.Buffers{b, body}
		_, err := bufs.WriteTo(cn.Conn)
		return err
	}
	b = append(b, body...)
	cn.out = b
	_, err := cn.Write(b)
	return err
}

// request is what responses are read as answers to.
var request = &http.Request{Method: http.MethodPost}

// header reads up to the end of the header of the response that counts.
func (cn *conn) header() (*http.Response, error) {
	for range maxInterim {
		res, err := http.ReadResponse(cn.r, request)
		if err != nil {
			return nil, err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, nil
		}
	}
	return nil, &ResponseError{fmt.Errorf("more than %d interim responses", maxInterim)}
}

// body reads what is of use of the body into out. It reports whether that was
// all of it.
func (cn *conn) body(res *http.Response, out *Response, deadline time.Time) (whole bool) {
	if res.ContentLength == 0 || res.StatusCode == http.StatusSwitchingProtocols {
		return true
	}
	cn.source.left = 2*MaxBody + bufferSize // chunks have a size of their own
	if int64(cn.r.Buffered()) < res.ContentLength || res.ContentLength < 0 {
		if grace := time.Now().Add(BodyGrace); grace.Before(deadline) {
			cn.SetReadDeadline(grace)
		}
	}
	var err error
	if n := res.ContentLength; 0 < n && n <= MaxBody {
		out.Body = make([]byte, n)
		got, e := io.ReadFull(res.Body, out.Body)
		out.Body, err = out.Body[:got], e
	} else if out.Body, err = io.ReadAll(io.LimitReader(res.Body, MaxBody+1)); len(out.Body) > MaxBody {
		out.Body, err = out.Body[:MaxBody], io.ErrShortBuffer
	}
	out.Truncated = err != nil
	return err == nil
}

// isNetwork reports whether err came from the connection rather than from what
// was read on it.
func isNetwork(err error) bool {
	var fault net.Error
	var op *net.OpError
	return errors.As(err, &op) || errors.As(err, &fault) && fault.Timeout()
}

func restedTooLong(cn *conn) bool {
	return time.Since(cn.restingSince) >= maxIdle
}
