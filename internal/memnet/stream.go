package memnet

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes a stream holds before its writer waits.
const window = 64 << 10

// A stream is one direction of a link.
type stream struct {
	mu     sync.Mutex
	change sync.Cond // broadcast whenever a field below changes
	buf    bytes.Buffer

	writerGone bool  // the reader gets io.EOF once buf is empty
	readerGone bool  // the writer gets EPIPE
	broken     error // both get it, at once

	readBy, writeBy deadline
}

func newStream() *stream {
	s := new(stream)
	s.change.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerGone:
			return 0, net.ErrClosed
		case s.broken != nil:
			return 0, s.broken
		case s.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.buf.Len() > 0:
			n, _ := s.buf.Read(p)
			s.change.Broadcast()
			return n, nil
		case s.writerGone:
			return 0, io.EOF
		}
		s.change.Wait()
	}
}

// write returns how much of p entered the stream, which is less than all of it
// only beside an error. Of two writers at once, neither is kept whole past the
// window.
func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch room := window - s.buf.Len(); {
		case s.writerGone:
			return n, net.ErrClosed
		case s.broken != nil:
			return n, s.broken
		case s.writeBy.passed:
			return n, os.ErrDeadlineExceeded
		case s.readerGone:
			return n, syscall.EPIPE
		case n == len(p):
			return n, nil
		case room > 0:
			m := min(room, len(p)-n)
			s.buf.Write(p[n : n+m])
			n += m
			s.change.Broadcast()
			if n == len(p) {
				return n, nil
			}
			continue
		}
		s.change.Wait()
	}
}

// closeRead reports whether it was this call that closed the reader's side.
func (s *stream) closeRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readerGone {
		return false
	}
	s.readerGone = true
	s.buf = bytes.Buffer{}
	s.readBy.stop()
	s.change.Broadcast()
	return true
}

func (s *stream) closeWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writerGone = true
	s.writeBy.stop()
	s.change.Broadcast()
}

func (s *stream) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = syscall.ECONNRESET
	s.buf = bytes.Buffer{}
	s.change.Broadcast()
}

func (s *stream) readClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readerGone
}

// A deadline is a moment after which reads, or writes, of a stream fail. The
// stream's lock guards it.
type deadline struct {
	timer  *time.Timer
	passed bool
	set    int // tells a timer that fired late that it was replaced
}

func (d *deadline) stop() {
	d.set++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// setDeadline sets d, which is one of s's own two, to t. The zero time removes
// it.
func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.passed = false
	s.change.Broadcast()
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.passed = true
		return
	}
	set := d.set
	d.timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.set == set {
			d.passed = true
			s.change.Broadcast()
		}
	})
}
