package post_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// A phase is where a request stands still until it is ended from here.
type phase struct {
	url    string
	dial   bool // the dialing does
	body   int  // bytes to be sent
	listen func(c net.Conn)
	said   bool // the status came before
}

func silent(c net.Conn) { io.Copy(io.Discard, c) }

func deaf(c net.Conn) {
	synctest.Wait()
	<-time.After(time.Hour) // reads nothing till long after
	io.Copy(io.Discard, c)
}

func saying(text string) func(c net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	}
}

var phases = map[string]phase{
	"dial":                      {url: "http://host/", dial: true},
	"handshake":                 {url: "https://host:80/", listen: silent},
	"write":                     {url: "http://host/", body: 1 << 20, listen: deaf},
	"header":                    {url: "http://host/", listen: silent},
	"header, after a long body": {url: "http://host/", body: 1 << 20, listen: silent},
	"within the header":         {url: "http://host/", listen: saying("HTTP/1.1 200 OK\r\n")},
	"body":                      {url: "http://host/", listen: saying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), said: true},
	"body, while writing": {url: "http://host/", body: 1 << 20, said: true, listen: func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\nabc")
		deaf(c)
	}},
}

// enter brings a request into p, calls end and returns what Post did. It fails
// the test if the connection outlives the request.
func (p phase) enter(t *testing.T, end func(w *world, ctx context.Context, to *post.Target, body []byte) (*post.Response, error)) (res *post.Response, err error) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		other, err2 := w.network.Listen("other:80")
		if err2 != nil {
			t.Fatal(err2)
		}
		defer other.Close()
		ended := make(chan time.Time, 1)
		go func() {
			if c, err := other.Accept(); err == nil {
				p.listen(c)
				ended <- time.Now()
				c.Close()
			}
		}()
		w.client.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			if p.dial {
				<-ctx.Done()
				return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
			}
			return w.network.DialContext(ctx, network, "other:80")
		}
		res, err = end(w, t.Context(), target(p.url), []byte(strings.Repeat("x", p.body)))
		done := time.Now()
		if !p.dial {
			if at := <-ended; at.After(done) && p.body == 0 {
				t.Errorf("the connection ended %v after the request", at.Sub(done))
			}
		}
	})
	return res, err
}

func TestADeadlineIsExactInEveryPhase(t *testing.T) {
	for name, p := range phases {
		t.Run(name, func(t *testing.T) {
			const allowed = 700 * time.Millisecond // less than BodyGrace
			var took time.Duration
			res, err := p.enter(t, func(w *world, ctx context.Context, to *post.Target, body []byte) (*post.Response, error) {
				defer func() { took = time.Since(w.start) }()
				return w.client.Post(ctx, w.start.Add(allowed), to, nil, body)
			})
			if took != allowed {
				t.Errorf("it took %v, want %v", took, allowed)
			}
			p.judge(t, res, err, timeout)
		})
	}
}

func TestItEndsWithItsContextInEveryPhase(t *testing.T) {
	why := errors.New("the server stops")
	for name, p := range phases {
		t.Run(name, func(t *testing.T) {
			const after = 700 * time.Millisecond
			var took time.Duration
			res, err := p.enter(t, func(w *world, ctx context.Context, to *post.Target, body []byte) (*post.Response, error) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(after, func() { cancel(why) })
				defer func() { took = time.Since(w.start) }()
				return w.client.Post(ctx, w.start.Add(time.Hour), to, nil, body)
			})
			if took != after {
				t.Errorf("it took %v, want %v", took, after)
			}
			if !p.said && !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the context's cause", err)
			}
			p.judge(t, res, err, kind(err))
		})
	}
}

func (p phase) judge(t *testing.T, res *post.Response, err error, want fault) {
	t.Helper()
	switch {
	case p.said && (err != nil || string(res.Body) != "abc" || !res.Truncated):
		t.Errorf("got %+v, %v; want the response, cut short", res, err)
	case !p.said && (err == nil || kind(err) != want):
		t.Errorf("got %+v, %v; want %q", res, err, want)
	}
}

func TestAHandshakeHasFiveSeconds(t *testing.T) {
	var took time.Duration
	_, err := phases["handshake"].enter(t, func(w *world, ctx context.Context, to *post.Target, body []byte) (*post.Response, error) {
		defer func() { took = time.Since(w.start) }()
		return w.client.Post(ctx, w.start.Add(time.Minute), to, nil, body)
	})
	if took != 5*time.Second || kind(err) != timeout {
		t.Errorf("got %v after %v, want a timeout after 5s", err, took)
	}
}

func TestNothingIsSentOnceItsContextEnded(t *testing.T) {
	inBubble(t, echo, func(t *testing.T, w *world) {
		if _, err := w.post(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.post(ctx, "2"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
		if _, err := w.post(t.Context(), "3"); err != nil {
			t.Fatal(err)
		}
		if seen := w.seen(); len(seen) != 2 || seen[1] != (visit{0, "3"}) {
			t.Errorf("the receiver saw %v, want 1 and 3 on one connection", seen)
		}
	})
}

// TestAnEarlyAnswerToALongBody: a receiver that says why it takes no more of a
// body, and then does not read it, is heard at once.
func TestAnEarlyAnswerToALongBody(t *testing.T) {
	for name, hangUp := range map[string]bool{"and silence": false, "and goodbye": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				l, err := w.network.Listen("early:80")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					c, _ := l.Accept()
					time.Sleep(time.Second)
					io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo long")
					if !hangUp {
						time.Sleep(time.Hour)
					}
					c.Close()
				}()
				res, err := w.client.Post(t.Context(), w.start.Add(10*time.Second), target("http://early/"), nil, make([]byte, 1<<20))
				if err != nil || res.Status != 413 || string(res.Body) != "too long" || res.Truncated || time.Since(w.start) != time.Second {
					t.Errorf("got %+v, %v after %v; want 413 and all of its body after 1s", res, err, time.Since(w.start))
				}
				<-ended
				if _, err := w.client.Post(t.Context(), time.Now().Add(time.Second), target("http://early/"), nil, nil); kind(err) != timeout {
					t.Errorf("got %v, want another connection, which nobody accepts", err)
				}
			})
		})
	}
}

// TestSixtyFourAbusersTakeLittleMemory holds as many requests as deep in their
// worst answers as they go.
func TestSixtyFourAbusersTakeLittleMemory(t *testing.T) {
	lines := func() string {
		var b strings.Builder
		b.WriteString("HTTP/1.1 200 OK\r\n")
		for i := 0; b.Len() < 63<<10; i++ {
			for n := i; n > 0; n /= 36 {
				b.WriteByte("abcdefghijklmnopqrstuvwxyz0123456789"[n%36])
			}
			b.WriteString("x:\n")
		}
		return b.String()
	}()
	long := strings.Repeat("x", 63<<10)
	for name, head := range map[string]string{
		"header lines":  lines,
		"a header line": "HTTP/1.1 200 OK\r\nX: " + long,
		"a body":        "HTTP/1.1 200 OK\r\n\r\n" + long,
		"chunks":        chunkedHead + strings.Repeat("1\r\nx\r\n", 20<<10),
		"102":           strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 2300),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, say(head), func(t *testing.T, w *world) {
				before := heap()
				for range 64 {
					go w.post(t.Context(), "x")
				}
				synctest.Wait()
				grown := heap() - before
				t.Logf("%d KiB each", grown>>10/64)
				const limit = 64*64<<10 + 20<<20
				if grown > limit {
					t.Errorf("they hold %d KiB, want at most %d", grown>>10, limit>>10)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
