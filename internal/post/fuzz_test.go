package post_test

import (
	"net"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// FuzzAnswer lets a receiver say anything. The answer is kept within its bounds,
// and the next request gets its own.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		ok("hello"), ok("hello") + ok("poison"), chunkedHead + "5\r\nhello\r\n0\r\n\r\n",
		chunkedHead + "5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n" + ok("poison"), header(2<<10) + "x",
		"HTTP/1.1 100 Continue\r\n\r\n" + ok(""), "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\nx",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\n\n", "",
	} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, said []byte, hangUp bool) {
		if len(said) >= 4<<10 {
			return // what lies behind a full buffer only a socket tells
		}
		answer := func(c net.Conn, v visit) {
			if v.body == "second" {
				echo(c, v)
				return
			}
			c.Write(said)
			if hangUp {
				c.Close()
			}
		}
		inBubble(t, answer, func(t *testing.T, w *world) {
			res, err := w.post(t.Context(), "first")
			if took := time.Since(w.start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if (err == nil) != (res != nil) || kind(err) == unknown {
				t.Fatalf("got %+v, %v", res, err)
			}
			if err == nil {
				bounded(t, res)
			}
			time.Sleep(time.Second)
			if hangUp { // which only a socket would notice
				w.client.CloseIdle()
			}
			res, err = w.post(t.Context(), "second")
			if err != nil || res.Status != 200 || string(res.Body) != "second" {
				t.Errorf("the next request got %+v, %v", res, err)
			}
			if seen := w.seen(); len(seen) != 2 {
				t.Errorf("the receiver saw %v", seen)
			}
		})
	})
}

// bounded checks what every response has.
func bounded(t *testing.T, res *post.Response) {
	if res.Status < 101 || res.Status > 999 {
		t.Errorf("status %d", res.Status)
	}
	if len(res.Body) > post.MaxBody {
		t.Errorf("the body is of %d bytes", len(res.Body))
	}
	size := 0
	for name, values := range res.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > post.MaxHeader+len("Cache-Control: no-cache") { // which net/http adds to a Pragma
		t.Errorf("the header is of %d bytes", size)
	}
}
