package post

import (
	"bufio"
	"bytes"
	"maps"
	"net/http"
	"slices"
	"testing"
)

// FuzzPlainHead holds what is read of a plain response against what net/http
// reads of the same bytes.
func FuzzPlainHead(f *testing.F) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200\r\ncontent-length:  0 \r\nX-One: 1\r\nx-one: 2\r\nConnection: Keep-Alive\r\n\r\n",
		"HTTP/1.1 500 Went Wrong\r\nContent-Length: 3\r\nEmpty:\r\n\r\nno!",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 01\r\nConnection: close\r\n\r\nx",
		"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\nHTTP/1.1 200", "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nPragma: no-cache\r\n\r\nx", "HTTP/1.1 +20 OK\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, size := plainHead(b)
		if size == 0 {
			return
		}
		rest := bufio.NewReader(bytes.NewReader(b))
		res, err := http.ReadResponse(rest, request)
		if err != nil {
			t.Fatalf("net/http: %v", err)
		}
		if res.StatusCode != h.status || res.ContentLength != h.length || res.Close || len(res.TransferEncoding) > 0 || len(res.Trailer) > 0 {
			t.Errorf("%+v, and net/http reads %+v", h, res)
		}
		if !maps.EqualFunc(h.fields, res.Header, slices.Equal) {
			t.Errorf("fields %q, and net/http reads %q", h.fields, res.Header)
		}
		if left := len(b) - size; rest.Buffered() != min(left, 4096-size) {
			t.Errorf("%d bytes are left, and net/http leaves %d", left, rest.Buffered())
		}
	})
}

// TestWhatIsPlain sees that the usual responses are, so that what is gained by it
// is gained.
func TestWhatIsPlain(t *testing.T) {
	for text, want := range map[string]bool{
		"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 09:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nok": true,
		"HTTP/1.1 202 Accepted\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n":                                                     true,
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n":                                                  true,
		"HTTP/1.1 204 No Content\r\n\r\n":                                   true,
		"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n":              false,
		"HTTP/1.1 200 OK\r\n\r\n":                                           false,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n":                          false,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":    false,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n": false,
		"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n":     false,
	} {
		if _, size := plainHead([]byte(text)); (size > 0) != want {
			t.Errorf("%q: plain %t, want %t", text, size > 0, want)
		}
	}
}
