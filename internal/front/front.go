// Package front is an HTTP/1.1 server in front of net/http's. A plain POST, as
// any client library sends it, it reads and answers itself, at less than half of
// what that costs otherwise; a connection on which anything else arrives goes
// over to [http.Server] with all that was read of it.
//
// What is plain is judged narrowly: a POST whose path needs no unescaping and
// whose body has a length that is small, with well-formed header fields that ask
// for nothing special. Everything else is net/http's to judge, so that both
// give the same answer to the same bytes; but what could be read in two ways does
// not get there. It is refused, in JSON, and the connection closed.
//
// A handler is called as by net/http, but for three things. Its answer is kept in
// memory until it returns, so it cannot stream. Its context does not end when the
// client goes away: what was asked for is done. And its request cannot be
// hijacked.
package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Server serves the Handler of HTTP within its bounds. HTTP must have all
// of ReadHeaderTimeout, ReadTimeout, IdleTimeout and MaxHeaderBytes, and must not
// be used otherwise.
type Server struct {
	HTTP *http.Server

	closing atomic.Bool
	handler http.Handler // of plain requests: HTTP's own
	refuser *refuser     // of the others

	mu    sync.Mutex
	ln    net.Listener
	conns map[*conn]struct{}
	rest  chan struct{} // closed when closing, and no connection is left
}

// Serve serves the connections of ln until Shutdown or Close, and returns
// [http.ErrServerClosed] then. It must be called once.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	if s.closing.Load() {
		s.mu.Unlock()
		ln.Close()
		return http.ErrServerClosed
	}
	s.handler = s.HTTP.Handler
	s.refuser = newRefuser(s.handler)
	s.HTTP.Handler = s.refuser
	s.ln, s.conns, s.rest = ln, make(map[*conn]struct{}), make(chan struct{})
	s.mu.Unlock()
	over := &handover{addr: ln.Addr(), conns: make(chan net.Conn), done: make(chan struct{})}
	var all sync.WaitGroup
	all.Go(func() { _ = s.HTTP.Serve(over) })
	err := s.accept(ln, over, &all)
	over.Close()
	all.Wait()
	return err
}

func (s *Server) accept(ln net.Listener, over *handover, all *sync.WaitGroup) error {
	var wait time.Duration
	for {
		c, err := ln.Accept()
		if err == nil {
			wait = 0
			if cn := s.enter(c); cn != nil {
				all.Go(func() { cn.serve(over) })
			}
			continue
		}
		if s.closing.Load() {
			return http.ErrServerClosed
		}
		if errors.Is(err, net.ErrClosed) {
			s.Close()
			return err
		}
		// There are too many open files, or the like, which passes.
		wait = min(max(2*wait, 5*time.Millisecond), time.Second)
		<-time.After(wait)
	}
}

// enter takes a connection in, unless the server is closing.
func (s *Server) enter(c net.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		c.Close()
		return nil
	}
	cn := newConn(c, s)
	s.conns[cn] = struct{}{}
	return cn
}

// leave forgets a connection that was closed or has gone over.
func (s *Server) leave(cn *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, cn)
	if s.closing.Load() && len(s.conns) == 0 {
		close(s.rest)
	}
}

// shut lets no more connections in, and ends those that wait for a request.
func (s *Server) shut() (rest chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing.Swap(true) {
		if s.ln != nil {
			s.ln.Close()
			if len(s.conns) == 0 {
				close(s.rest)
			}
		}
	}
	for cn := range s.conns {
		if cn.waiting.Load() {
			cn.Close()
		}
	}
	return s.rest
}

// Shutdown is as [http.Server.Shutdown].
func (s *Server) Shutdown(ctx context.Context) error {
	rest := s.shut()
	behind := make(chan error, 1)
	go func() { behind <- s.HTTP.Shutdown(ctx) }()
	if rest != nil {
		select {
		case <-rest:
		case <-ctx.Done():
		}
	}
	if err := <-behind; err != nil {
		return err
	}
	return ctx.Err()
}

// Close is as [http.Server.Close].
func (s *Server) Close() error {
	s.shut()
	s.mu.Lock()
	for cn := range s.conns {
		cn.Close()
	}
	s.mu.Unlock()
	return s.HTTP.Close()
}

// A handover is the listener of the server behind.
type handover struct {
	addr  net.Addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handover) Addr() net.Addr { return h.addr }

// take gives c to the server behind.
func (h *handover) take(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.done:
		c.Close()
	}
}
