package inspect

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Bounds of what is kept of a request beside its body.
const (
	maxHeaders = 16 << 10
	maxTarget  = 4 << 10
)

// ServeHTTP takes what is sent to a bin, below [Path], and answers as the bin says.
func (s *Bins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	_, path, _ := strings.Cut(r.URL.Path, Path)
	token, _, _ := strings.Cut(path, "/")
	b := s.of(token)
	if b == nil {
		http.Error(w, "There is no such bin, or no longer.", http.StatusNotFound)
		return
	}
	req := s.noted(r, began)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var long *http.MaxBytesError
	if err != nil && !errors.As(err, &long) {
		return // the sender has gone, and with it what it wanted to say
	}
	req.Body, req.Cut = body, req.Cut || long != nil
	req.Type = eventType(&req)
	req.Took = time.Since(began)
	answer, late := s.keep(b, req, began)
	if late {
		defer s.answered()
		select {
		case <-time.After(answer.Delay):
		case <-r.Context().Done():
			return
		}
	}
	h := w.Header()
	if h.Set("Content-Type", "text/plain; charset=utf-8"); answer.ContentType != "" {
		h.Set("Content-Type", answer.ContentType)
	}
	for _, line := range answer.Headers {
		// Browsers follow it after a form's POST too, and say then where the form was.
		followed := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header.Get("Origin") != ""
		if !followed || http.CanonicalHeaderKey(line[0]) != "Location" {
			h.Set(line[0], line[1])
		}
	}
	// What is answered is somebody's, and must not run in a browser as ours.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(answer.Status)
	if r.Method != http.MethodHead && answer.Status != http.StatusNoContent && answer.Status != http.StatusNotModified {
		io.WriteString(w, answer.Body)
	}
}

func (s *Bins) of(token string) *bin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byToken[token]
}

// noted is what a bin keeps of a request, but for the body.
func (s *Bins) noted(r *http.Request, at time.Time) Request {
	req := Request{At: at, Method: r.Method, Target: r.URL.RequestURI(), Proto: r.Proto, Address: r.RemoteAddr, Header: http.Header{}}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		req.Address = host
	}
	scheme := "http"
	if r.TLS != nil {
		scheme, req.TLS = "https", tls.VersionName(r.TLS.Version)
	}
	base := s.base
	if base == "" {
		base = scheme + "://" + r.Host
	}
	req.URL = base + req.Target
	if len(req.Target) > maxTarget {
		req.Target, req.URL, req.Cut = req.Target[:maxTarget], base+req.Target[:maxTarget], true
	}
	size := 0
	for name, values := range r.Header {
		for _, v := range values {
			if size += len(name) + len(v); size > maxHeaders {
				req.Cut = true
				return req
			}
			req.Header[name] = append(req.Header[name], v)
		}
	}
	req.Header.Set("Host", r.Host)
	return req
}

func (req *Request) size() int {
	n := len(req.Body) + 2*len(req.Target) + len(req.Type) + len(req.Note) + 512
	for name, values := range req.Header {
		for _, v := range values {
			n += len(name) + len(v) + 32
		}
	}
	return n
}

// keep adds a request to a bin, and lets go of the oldest ones for which there is no
// room. It returns what to answer, and whether that is to wait; see answered.
func (s *Bins) keep(b *bin, req Request, now time.Time) (a Answer, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a = b.answerLocked()
	if s.byID[b.ID] != b {
		return a, false // it was removed meanwhile
	}
	b.used = now
	b.Received++
	req.ID, req.Answer = b.Received, a.Status
	b.Requests = append(b.Requests, req)
	s.grow(b, req.size())
	for len(b.Requests) > MaxRequests || b.bytes > MaxBytes {
		s.dropFirst(b)
	}
	for s.bytes > MaxTotal {
		s.dropFirst(s.largest())
	}
	b.ringLocked()
	if late = a.Delay > 0 && s.waiting < maxWaiting; late {
		s.waiting++
	}
	return a, late
}

// answerLocked is what a request is answered that has just come.
func (b *bin) answerLocked() Answer {
	if b.Next == nil {
		return b.Answer
	}
	a := *b.Next
	if left := a; left.Times > 1 {
		left.Times--
		b.Next = &left
	} else {
		b.Next = nil
	}
	return a
}

func (s *Bins) grow(b *bin, n int) { b.bytes += n; s.bytes += n }

// dropFirst lets go of the oldest request that is not pinned. There is one: what is
// pinned takes up half of the room at most.
func (s *Bins) dropFirst(b *bin) {
	i := slices.IndexFunc(b.Requests, func(req Request) bool { return !req.Pinned })
	s.grow(b, -b.Requests[i].size())
	b.Requests = slices.Delete(b.Requests, i, i+1)
}

// largest is the bin that has the most that could go.
func (s *Bins) largest() (most *bin) {
	for _, b := range s.byID {
		if most == nil || b.bytes-b.pinned > most.bytes-most.pinned {
			most = b
		}
	}
	return most
}

// answered says that an answer which had to wait waits no more.
func (s *Bins) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
}
