package front

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare/internal/plain"
)

// bufferSize is what a connection reads at once: a head and a short body.
const bufferSize = 8 << 10

// A conn is a connection whose requests have been plain so far. One goroutine
// serves it; Close may be called by any.
type conn struct {
	net.Conn
	server   *Server
	waiting  atomic.Bool // for the first byte of a request
	until    time.Time   // its deadline
	buf      []byte
	r, w     int // buf[r:w] is read and not used
	remote   string
	answered answer
}

func newConn(c net.Conn, s *Server) *conn {
	cn := &conn{Conn: c, server: s, buf: make([]byte, bufferSize), remote: c.RemoteAddr().String()}
	cn.waiting.Store(true)
	return cn
}

// serve answers requests until one is not plain, or the connection ends.
func (cn *conn) serve(over *handover) {
	defer cn.server.leave(cn)
	for limit := cn.server.HTTP.ReadHeaderTimeout; ; limit = cn.server.HTTP.IdleTimeout {
		if !cn.await(limit) {
			cn.Close()
			return
		}
		r := cn.request()
		if r == nil {
			_ = cn.SetDeadline(time.Time{})
			over.take(&guard{Conn: cn.Conn, server: cn.server, ahead: cn.buf[cn.r:cn.w:cn.w]})
			return
		}
		if !cn.answer(r) {
			cn.Close()
			return
		}
	}
}

// await waits until a request has begun. It reports whether one has.
func (cn *conn) await(limit time.Duration) bool {
	if cn.r < cn.w {
		return true
	}
	cn.waiting.Store(true)
	if cn.server.closing.Load() {
		return false
	}
	cn.allow(limit)
	// Under load the next request is here once the others had their turn. Without
	// that, reading would fail first, and wait for the poller.
	runtime.Gosched()
	n, err := cn.Read(cn.buf)
	cn.waiting.Store(false)
	cn.r, cn.w = 0, n
	return n > 0 && (err == nil || errors.Is(err, io.EOF))
}

// allow gives the connection about the time limit from now on. As that is a
// call into the runtime, it is not done for every request.
func (cn *conn) allow(limit time.Duration) {
	now := time.Now()
	if left := cn.until.Sub(now); left < limit-limit/8 || left > limit {
		cn.until = now.Add(limit)
		_ = cn.SetDeadline(cn.until)
	}
}

// request takes the head of a request from what was read; nil if it is not there
// as a whole, or not plain.
func (cn *conn) request() *http.Request {
	head := plain.Head(cn.buf[cn.r:cn.w])
	if head == nil {
		return nil
	}
	r := parse(head)
	if r == nil {
		return nil
	}
	cn.r += len(head)
	r.RemoteAddr = cn.remote
	r.body = body{cn: cn, left: int(r.ContentLength)}
	r.Body = &r.body
	return &r.Request
}

// answer has the handler answer r. It reports whether the connection can carry
// another request.
func (cn *conn) answer(r *http.Request) (reusable bool) {
	defer func() {
		if cause := recover(); cause != nil {
			reusable = false
			if err, ok := cause.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				cn.logger().Printf("panic serving %s: %v\n%s", cn.remote, cause, debug.Stack())
			}
		}
	}()
	b := r.Body.(*body)
	w := &cn.answered
	w.begin()
	cn.server.handler.ServeHTTP(w, r)
	leave := cn.server.closing.Load() || b.failed()
	out := w.finish(leave)
	if b.late { // what is left of the body has no more time for that
		_ = cn.SetWriteDeadline(time.Now().Add(cn.server.HTTP.IdleTimeout))
	} else {
		cn.allow(cn.server.HTTP.IdleTimeout)
	}
	_, err := cn.Write(out)
	w.end()
	if err != nil {
		return false
	}
	if b.left > 0 { // what the handler did not want
		_, _ = io.Copy(io.Discard, b)
	}
	return b.left == 0 && !leave && !w.last
}

func (cn *conn) logger() *log.Logger {
	if l := cn.server.HTTP.ErrorLog; l != nil {
		return l
	}
	return log.Default()
}

// A body is read from what came with the head, and then from the connection.
type body struct {
	cn   *conn
	left int
	late bool // the time for all of it runs
	err  error
}

func (b *body) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), b.left)]
	if cn := b.cn; cn.r < cn.w {
		n = copy(p, cn.buf[cn.r:cn.w])
		cn.r += n
	} else {
		if !b.late {
			b.late, cn.until = true, time.Time{}
			_ = cn.SetReadDeadline(time.Now().Add(cn.server.HTTP.ReadTimeout))
		}
		if n, err = cn.Read(p); errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
	}
	if b.left -= n; b.left == 0 {
		err = io.EOF
	}
	b.err = err
	return n, err
}

// failed reports whether the connection is of no more use.
func (b *body) failed() bool {
	return b.err != nil && !errors.Is(b.err, io.EOF) && !errors.Is(b.err, io.ErrUnexpectedEOF)
}

func (b *body) Close() error { return nil }
