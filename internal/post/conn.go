package post

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fanfarehq/fanfare/internal/plain"
)

const (
	maxLines   = 1000 // of one header; each takes far more memory than its bytes
	bufferSize = 4 << 10
	joinUnder  = 32 << 10 // a body as long is copied behind the head, to be written with it at once
)

// A conn is a connection and what has been read ahead from it. One goroutine
// uses it at a time; hangUp may be called by any.
type conn struct {
	net.Conn
	raw          net.Conn        // beneath TLS
	socket       syscall.RawConn // of raw; nil if it is none
	source       source
	r            *bufio.Reader
	out          []byte // to be written; used again
	before       head   // of the answer before, if that was plain
	beforeRaw    []byte
	restingSince time.Time
	rested       bool // it has carried a request before

	watched context.Context // it ends with this one
	unwatch func() bool
}

func newConn(c, raw net.Conn) *conn {
	cn := &conn{Conn: c, raw: raw, source: source{from: c}}
	if sc, ok := raw.(syscall.Conn); ok {
		cn.socket, _ = sc.SyscallConn() // it fails only for a connection that is of no use anyway
	}
	if _, ok := c.(*net.TCPConn); ok && cn.socket != nil { // and nothing around it that reads and writes otherwise
		cn.source.ask = newAsking(cn)
	}
	cn.r = bufio.NewReaderSize(&cn.source, bufferSize)
	return cn
}

// watch has the connection end when ctx does. It stays so while it rests: those
// who send much do it in the same context, and to watch that anew for each request
// would cost what a lock does that all of them need.
func (cn *conn) watch(ctx context.Context) {
	if cn.watched == ctx {
		return
	}
	if cn.unwatch != nil {
		cn.unwatch()
	}
	cn.watched, cn.unwatch = ctx, context.AfterFunc(ctx, cn.hangUp)
}

// end gives the connection up.
func (cn *conn) end() {
	if cn.unwatch != nil {
		cn.unwatch()
	}
	cn.hangUp()
}

// hangUp closes the connection at once. Close, of TLS, would say goodbye first, and
// wait seconds for an other end that does not read.
func (cn *conn) hangUp() { _ = cn.raw.Close() }

// errStale says that a connection that rested is of no more use: its other end has
// closed it, or said something unasked, which would be taken for the answer. Nothing
// was sent.
var errStale = errors.New("the connection is of no more use")

// wake readies a connection that rested for a request that ends by deadline. It
// reports whether the connection may still be of use.
func (cn *conn) wake(deadline time.Time) bool {
	if restedTooLong(cn) || cn.watched.Err() != nil || cn.SetDeadline(deadline) != nil {
		return false
	}
	cn.rested = true
	if _, ok := cn.Conn.(*tls.Conn); !ok {
		return true
	}
	// TLS reads ahead. This reads what it holds, and nothing else.
	if cn.SetReadDeadline(longAgo) != nil {
		return false
	}
	_, err := cn.r.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded) && cn.SetReadDeadline(deadline) == nil
}

// longAgo, as a deadline, makes what waits return.
var longAgo = time.Unix(1, 0)

// source bounds what is read from a connection.
type source struct {
	from  net.Conn
	ask   *asking // nil: a request is sent before its answer is read
	left  int     // bytes that may still be read
	lines int     // lines that may; with a buffer ahead they are not exact
	read  int     // bytes that were, since the request was sent
	err   error   // the connection's own
}

var errHeaderTooLong = fmt.Errorf("more than %d bytes or %d lines of header", MaxHeader, maxLines)

func (s *source) Read(p []byte) (int, error) {
	if s.left <= 0 || s.lines <= 0 {
		return 0, errHeaderTooLong
	}
	p = p[:min(len(p), s.left)]
	var n int
	var err error
	if s.ask != nil && s.ask.request != nil {
		n, err = s.ask.read(p)
	} else {
		n, err = s.from.Read(p)
	}
	s.left -= n
	s.lines -= bytes.Count(p[:n], []byte{'\n'})
	s.read += n
	s.err = err
	return n, err
}

// exchange sends a request and reads its answer. reusable is whether the
// connection may carry another. The error errStale is returned as it is.
func (cn *conn) exchange(begun, deadline time.Time, t *Target, lines, body []byte) (res *Response, reusable bool, err error) {
	cn.source.left, cn.source.read = MaxHeader+bufferSize, 0
	short := len(body) <= joinUnder || t.empty
	if ask := cn.source.ask; ask != nil && short {
		ask.request = cn.write(t, lines, body)
		res, reusable, err = cn.answer(begun, deadline)
		return res, reusable && ask.sent == nil, err
	}
	if cn.rested && !cn.quiet() {
		return nil, false, errStale
	}
	if short {
		_, sent := cn.Write(cn.write(t, lines, body))
		// Even if not all was taken there may be an answer that says why.
		res, reusable, err = cn.answer(begun, deadline)
		return res, reusable && sent == nil, err
	}
	// The answer to a long body may come early, and no more of it be taken.
	var sent error
	var sending sync.WaitGroup
	sending.Go(func() { sent = cn.send(t, lines, body) })
	res, reusable, err = cn.answer(begun, deadline)
	_ = cn.SetWriteDeadline(longAgo)
	sending.Wait()
	return res, reusable && sent == nil, err
}

// send sends a request with a long body.
func (cn *conn) send(t *Target, lines, body []byte) error {
	bufs := net.Buffers{cn.writeHead(t, lines, body), body}
	_, err := bufs.WriteTo(cn.Conn)
	return err
}

// write puts a request into out.
func (cn *conn) write(t *Target, lines, body []byte) []byte {
	cn.writeHead(t, lines, body)
	if !t.empty {
		cn.out = append(cn.out, body...)
	}
	return cn.out
}

func (cn *conn) writeHead(t *Target, lines, body []byte) []byte {
	b := append(append(cn.out[:0], t.head...), lines...)
	if !t.empty {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	cn.out = append(b, "\r\n"...)
	return cn.out
}

// answer reads what comes back. reusable is whether it ended where it said.
func (cn *conn) answer(begun, deadline time.Time) (_ *Response, reusable bool, err error) {
	h, err := cn.header()
	if err != nil {
		if errors.Is(err, errStale) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, cn.source.err) {
			return nil, false, err
		}
		return nil, false, &ResponseError{err}
	}
	out := &Response{Status: h.status, Header: h.fields, HeaderAfter: time.Since(begun)}
	whole := cn.body(&h, out, deadline)
	return out, h.framed && whole && cn.r.Buffered() == 0, nil
}

// A head is what was read of a response before its body.
type head struct {
	status int
	fields http.Header
	length int64 // of the body; -1: not told
	body   io.Reader
	framed bool // another response may follow it, and it is clear where
}

// request is what responses are read as answers to.
var request = &http.Request{Method: http.MethodPost}

// header reads up to the end of the header of the response that counts.
func (cn *conn) header() (h head, err error) {
	if err := cn.await(); err != nil {
		return h, err
	}
	raw, _ := cn.r.Peek(cn.r.Buffered())
	size := len(cn.beforeRaw)
	if size == 0 || !bytes.HasPrefix(raw, cn.beforeRaw) {
		cn.before, size = plainHead(raw)
		cn.beforeRaw = append(cn.beforeRaw[:0], raw[:size]...)
	}
	if size > 0 {
		_, _ = cn.r.Discard(size)
		h = cn.before
		h.body = cn.r // of which no more than that is read
		return h, nil
	}
	for {
		h, err = cn.response()
		if err != nil || h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			return h, err
		}
		if err := cn.await(); err != nil {
			return h, err
		}
	}
}

// await returns once a response has begun.
func (cn *conn) await() error {
	cn.source.lines = maxLines
	_, err := cn.r.Peek(1)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// response reads the head of a response, whatever it is like.
func (cn *conn) response() (head, error) {
	raw, _ := cn.r.Peek(cn.r.Buffered())
	read := cn.source.read
	res, err := http.ReadResponse(cn.r, request)
	switch {
	case err != nil:
		return head{}, err
	case cn.source.read-cn.r.Buffered() > MaxHeader:
		return head{}, errHeaderTooLong
	case res.StatusCode < 100:
		return head{}, fmt.Errorf("status %q", res.Status)
	}
	if cn.source.read > read {
		raw = nil // overwritten
	}
	return head{
		status: res.StatusCode, fields: res.Header, length: res.ContentLength, body: res.Body,
		framed: res.StatusCode >= 200 && framedOnce(res, raw[:max(0, len(raw)-cn.r.Buffered())]),
	}, nil
}

// plainHead reads the head that b begins with, if that is one of a response with
// a body of a length told in it, or with none, and nothing is special about it. Otherwise size
// is 0, and it is for [http.ReadResponse] to judge.
func plainHead(b []byte) (h head, size int) {
	raw := plain.Head(b)
	if raw == nil {
		return h, 0
	}
	line, fields := plain.Cut(raw)
	line, ok := strings.CutPrefix(line, "HTTP/1.1 ")
	code, reason, _ := strings.Cut(line, " ")
	h.status = plain.Length(code, 999)
	if !ok || len(code) != 3 || h.status < 200 || h.status == http.StatusNotModified ||
		!plain.All(reason, &plain.InValue) {
		return h, 0
	}
	h.length = -1
	h.fields = plain.Fields(fields, func(name, value string) (keep, ok bool) {
		switch name {
		case "Content-Length":
			if h.length >= 0 {
				return false, false
			}
			h.length = int64(plain.Length(value, 1<<29))
			return true, h.length >= 0
		case "Connection":
			return true, strings.EqualFold(value, "keep-alive")
		case "Transfer-Encoding", "Trailer", "Pragma", "Upgrade":
			return false, false
		}
		return true, true
	})
	none := h.status == http.StatusNoContent
	if h.fields == nil || none != (h.length < 0) {
		return h, 0
	}
	h.length, h.framed = max(0, h.length), true
	return h, len(raw)
}

// framedOnce reports whether the end of a response is told in one way, and the
// connection stays. A length beside chunks is how responses are smuggled, and
// ReadResponse does not show it, so the raw header is looked at; empty means
// that it is not at hand.
func framedOnce(res *http.Response, raw []byte) bool {
	if res.Close || !res.ProtoAtLeast(1, 1) {
		return false
	}
	return len(res.TransferEncoding) == 0 ||
		len(raw) > 0 && !bytes.Contains(bytes.ToLower(raw), []byte("\ncontent-length"))
}

// body reads what is of use of the body into out. It reports whether that was
// all of it.
func (cn *conn) body(h *head, out *Response, deadline time.Time) (whole bool) {
	if h.length == 0 {
		return true
	}
	cn.source.left = 2*MaxBody + bufferSize // chunks have a size of their own
	cn.source.lines = cn.source.left
	if int64(cn.r.Buffered()) < h.length || h.length < 0 {
		if grace := time.Now().Add(BodyGrace); grace.Before(deadline) {
			_ = cn.SetReadDeadline(grace)
		}
	}
	var err error
	if n := h.length; 0 < n && n <= MaxBody {
		out.Body = make([]byte, n)
		got, e := io.ReadFull(h.body, out.Body)
		out.Body, err = out.Body[:got], e
	} else if out.Body, err = io.ReadAll(io.LimitReader(h.body, MaxBody+1)); len(out.Body) > MaxBody {
		out.Body, err = out.Body[:MaxBody], io.ErrShortBuffer
	}
	out.Truncated = err != nil
	return err == nil
}
