package post_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// ok is a response that carries body.
func ok(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// A fault is a kind of error.
type fault string

const (
	none        fault = ""
	badResponse fault = "bad response"
	timeout     fault = "timeout"
	reset       fault = "reset"
	closed      fault = "closed"
	unknown     fault = "unknown"
)

func kind(err error) fault {
	var response *post.ResponseError
	var network net.Error
	switch {
	case err == nil:
		return none
	case errors.As(err, &response):
		return badResponse
	case errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, os.ErrDeadlineExceeded) && errors.As(err, &network) && network.Timeout():
		return timeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reset
	case errors.Is(err, io.ErrUnexpectedEOF):
		return closed
	}
	return unknown
}

// A beast is a receiver and what must come of a request to it.
type beast struct {
	answer    func(net.Conn, visit)
	status    int
	body      string
	truncated bool
	fault     fault
	took      time.Duration
	reused    bool // whether the next request goes over the same connection
}

func answers(status int, body, text string) beast {
	return beast{answer: say(text), status: status, body: body, reused: true}
}

func cut(status int, body string, took time.Duration, answer func(net.Conn, visit)) beast {
	return beast{answer: answer, status: status, body: body, truncated: true, took: took}
}

func refused(text string) beast { return beast{answer: say(text), fault: badResponse} }

// once makes b's connection one that is not used again.
func once(b beast) beast {
	b.reused = false
	return b
}

// drip sends each text, forever, so far apart.
func drip(head, text string, apart time.Duration) func(net.Conn, visit) {
	return func(c net.Conn, _ visit) {
		_, err := io.WriteString(c, head)
		for err == nil {
			_, err = io.WriteString(c, text)
			time.Sleep(apart)
		}
	}
}

// thenClose sends text and closes.
func thenClose(text string) func(net.Conn, visit) {
	return func(c net.Conn, _ visit) {
		io.WriteString(c, text)
		c.Close()
	}
}

// header is a response without body whose header is so long.
func header(length int) string {
	const before, after = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ", "\r\n\r\n"
	return before + strings.Repeat("x", length-len(before)-len(after)) + after
}

func gzipped(n int) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.Copy(w, io.LimitReader(zeros{}, int64(n)))
	w.Close()
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

// zoo holds every receiver known to have hurt somebody's client.
var zoo = map[string]beast{
	// What is as it should be.
	"length":             answers(200, "hello", ok("hello")),
	"empty":              answers(200, "", ok("")),
	"chunks":             answers(200, "hello", chunkedHead+"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"),
	"chunks and trailer": answers(200, "hello", "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
	"64 KiB":             answers(200, strings.Repeat("x", 64<<10), ok(strings.Repeat("x", 64<<10))),
	"64 KiB in a chunk":  answers(200, strings.Repeat("x", 64<<10), chunkedHead+"10000\r\n"+strings.Repeat("x", 64<<10)+"\r\n0\r\n\r\n"),
	"64 KiB behind a long header": answers(200, strings.Repeat("x", 64<<10),
		"HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", 60<<10)+"\r\nContent-Length: 65536\r\n\r\n"+strings.Repeat("x", 64<<10)),
	"204":               answers(204, "", "HTTP/1.1 204 No Content\r\n\r\n"),
	"304 with a length": answers(304, "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
	"302 is returned":   answers(302, "", "HTTP/1.1 302 Found\r\nLocation: http://host/\r\nContent-Length: 0\r\n\r\n"),
	"307 is returned":   answers(307, "", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://host/\r\nContent-Length: 0\r\n\r\n"),
	"999":               answers(999, "", "HTTP/1.1 999 Request denied\r\nContent-Length: 0\r\n\r\n"),
	"no reason":         answers(200, "", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
	"the same length twice": answers(200, "hello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
	"100 first":              answers(200, "hello", "HTTP/1.1 100 Continue\r\n\r\n"+ok("hello")),
	"103 first":              answers(200, "hello", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+ok("hello")),
	"2000 × 102":             answers(200, "hello", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 2000)+ok("hello")),
	"a space before a colon": answers(200, "", "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n"),
	"900 lines":              answers(200, "", "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 900)+"Content-Length: 0\r\n\r\n"),
	"64 Ki lines of body":    answers(200, strings.Repeat("\n", 64<<10), ok(strings.Repeat("\n", 64<<10))),
	"64 KiB head":            answers(200, "", header(64<<10)),

	// Endings that are right, but end the connection.
	"Connection: close":  once(answers(200, "hello", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")),
	"until closed":       {answer: thenClose("HTTP/1.1 200 OK\r\n\r\nhello"), status: 200, body: "hello"},
	"1.0 until closed":   {answer: thenClose("HTTP/1.0 200 OK\r\n\r\nhello"), status: 200, body: "hello"},
	"1.0 with a length":  once(answers(200, "hello", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")),
	"1.0 and keep-alive": once(answers(200, "hello", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello")),
	"1.0 and chunks": once(answers(200, "hello",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello")),
	"101": once(answers(101, "", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")),
	"length and chunks": once(answers(200, "hello",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")),
	"chunks and length": once(answers(200, "hello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n")),
	"chunks and length before a space": once(answers(200, "hello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length : 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n")),
	"length and chunks behind a long line": once(answers(200, "hello",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: "+strings.Repeat("x", 5000)+"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")),
	"204 with a body":  once(answers(204, "", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello")),
	"304 with a body":  once(answers(304, "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello")),
	"two responses":    once(answers(200, "hello", ok("hello")+ok("poison"))),
	"204 and another":  once(answers(204, "", "HTTP/1.1 204 No Content\r\n\r\n"+ok("poison"))),
	"chunks, then one": once(answers(200, "hello", chunkedHead+"5\r\nhello\r\n0\r\n\r\n"+ok("poison"))),

	// Bodies that are cut short. The status was said.
	"endless chunks": cut(200, strings.Repeat("x", 64<<10), 0, drip(chunkedHead, "1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 0)),
	"endless":        cut(200, strings.Repeat("x", 64<<10), 0, drip("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 4096), 0)),
	"64 KiB and one": cut(200, strings.Repeat("x", 64<<10), 0, say(ok(strings.Repeat("x", 64<<10+1)))),
	"a huge length":  cut(200, "abc", time.Second, say("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nabc")),
	"a drip":         cut(200, "....", time.Second, drip("HTTP/1.1 200 OK\r\n\r\n", ".", 300*time.Millisecond)),
	"a drip of chunks": cut(200, "....", time.Second,
		drip(chunkedHead, "1\r\n.\r\n", 300*time.Millisecond)),
	"a drip of a length": cut(200, "....", time.Second,
		drip("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", ".", 300*time.Millisecond)),
	"3 bytes of 100, then closed": cut(200, "abc", 0, thenClose("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")),
	"3 bytes of 100":              cut(200, "abc", time.Second, say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")),
	"no last chunk, then closed":  cut(200, "abc", 0, thenClose(chunkedHead+"3\r\nabc\r\n")),
	"a chunk of no size":          cut(200, "", 0, say(chunkedHead+"zz\r\nhello\r\n")),
	"a chunk size of 17 digits":   cut(200, "", 0, say(chunkedHead+"10000000000000000\r\nhello\r\n")),
	"a chunk longer than it says": cut(200, "he", 0, say(chunkedHead+"2\r\nhello\r\n0\r\n\r\n")),
	"a chunk line of 8 KiB":       cut(200, "", 0, say(chunkedHead+"1;"+strings.Repeat("x", 8<<10)+"\r\n.\r\n")),
	"chunk extensions":            cut(200, ".....", 0, drip(chunkedHead, "1;"+strings.Repeat("x", 3000)+"\r\n.\r\n", 0)),
	"late, then a drip": cut(200, "..", 10*time.Second, func(c net.Conn, v visit) {
		time.Sleep(9500 * time.Millisecond)
		drip("HTTP/1.1 200 OK\r\n\r\n", ".", 300*time.Millisecond)(c, v)
	}),

	// No response in time.
	"silence":               {answer: say(""), fault: timeout, took: 10 * time.Second},
	"100, then silence":     {answer: say("HTTP/1.1 100 Continue\r\n\r\n"), fault: timeout, took: 10 * time.Second},
	"a drip of header":      {answer: drip("HTTP/1.1 200 OK\r\n", "X: y\r\n", 200*time.Millisecond), fault: timeout, took: 10 * time.Second},
	"a drip of one line":    {answer: drip("HTTP/1.1 200 ", "x", 200*time.Millisecond), fault: timeout, took: 10 * time.Second},
	"a drip of 102":         {answer: drip("", "HTTP/1.1 102 Processing\r\n\r\n", time.Second), fault: timeout, took: 10 * time.Second},
	"closed":                {answer: thenClose(""), fault: closed},
	"closed in its header":  {answer: thenClose("HTTP/1.1 200 OK\r\nX: y\r\n"), fault: closed},
	"closed after 100":      {answer: thenClose("HTTP/1.1 100 Continue\r\n\r\n"), fault: closed},
	"nonsense, then closed": {answer: thenClose("bogus"), fault: badResponse},

	// What is not a response.
	"a header of 64 KiB and one": refused(header(64<<10 + 1)),
	"a header of 1 MiB":          refused(header(1 << 20)),
	"a header of 1 MiB in lines": refused("HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: 0123456789\r\n", 1<<20/22)),
	"a header of 5000 lines":     refused("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 5000) + "Content-Length: 0\r\n\r\n"),
	"a header without end":       {answer: drip("HTTP/1.1 200 OK\r\n", "X: y\r\n", 0), fault: badResponse},
	"5000 × 102":                 refused(strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 5000) + ok("")),
	"102 without end":            {answer: drip("", "HTTP/1.1 102 Processing\r\n\r\n", 0), fault: badResponse},
	"length −1":                  refused("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
	"length +1":                  refused("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx"),
	"length 0x5":                 refused("HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello"),
	"length beyond an int64":     refused("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n"),
	"two lengths":                refused("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
	"two lengths in a line":      refused("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello"),
	"status 0200":                refused("HTTP/1.1 0200 OK\r\n\r\n"),
	"status 20":                  refused("HTTP/1.1 20 OK\r\n\r\n"),
	"status −20":                 refused("HTTP/1.1 -20 OK\r\n\r\n"),
	"status +20":                 refused("HTTP/1.1 +20 OK\r\n\r\n"),
	"status 000":                 refused("HTTP/1.1 000 OK\r\n\r\n"),
	"status 099":                 refused("HTTP/1.1 099 OK\r\n\r\n"),
	"status abc":                 refused("HTTP/1.1 abc OK\r\n\r\n"),
	"no status":                  refused("HTTP/1.1\r\n\r\n"),
	"HTTP/0.9":                   refused("<html>hello</html>\n"),
	"HTTP/x":                     refused("HTTP/x 200 OK\r\n\r\n"),
	"another protocol":           refused("SSH-2.0-OpenSSH_9.6\r\n"),
	"a TLS alert":                refused("\x15\x03\x01\x00\x02\x02\x46\n"),
	"an empty line first":        refused("\r\n" + ok("")),
	"no colon":                   refused("HTTP/1.1 200 OK\r\nhello\r\n\r\n"),
	"no name":                    refused("HTTP/1.1 200 OK\r\n: y\r\n\r\n"),
	"a first line continued":     refused("HTTP/1.1 200 OK\r\n X: y\r\n\r\n"),
	"ESC and more in a value":    refused("HTTP/1.1 200 OK\r\nX: \x1b[31m\xff\x80\r\n\r\n"),
	"NUL in a value":             refused("HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n"),
	"DEL in a value":             refused("HTTP/1.1 200 OK\r\nX: a\x7fb\r\n\r\n"),
	"chunks within gzip":         refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
	"chunks twice":               refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
}

// TestZoo meets every receiver, and after it one request more, which must get
// its own answer whatever the first one left behind.
func TestZoo(t *testing.T) {
	for name, b := range zoo {
		t.Run(name, func(t *testing.T) {
			answer := func(c net.Conn, v visit) {
				if v.body == "first" {
					b.answer(c, v)
				} else {
					echo(c, v)
				}
			}
			inBubble(t, answer, func(t *testing.T, w *world) {
				res, err := w.post(t.Context(), "first")
				if took := time.Since(w.start); kind(err) != b.fault || took != b.took {
					t.Fatalf("got %v (%q) after %v, want %q after %v", err, kind(err), took, b.fault, b.took)
				}
				if err == nil && (res.Status != b.status || string(res.Body) != b.body || res.Truncated != b.truncated) {
					t.Errorf("got %d, %d bytes %.40q, truncated %v; want %d, %d bytes %.40q, %v",
						res.Status, len(res.Body), res.Body, res.Truncated, b.status, len(b.body), b.body, b.truncated)
				}
				time.Sleep(time.Second)
				res, err = w.post(t.Context(), "second")
				if err != nil || res.Status != 200 || string(res.Body) != "second" {
					t.Fatalf("the next request got %+v, %v; want its own answer", res, err)
				}
				seen := w.seen()
				if len(seen) != 2 {
					t.Fatalf("the receiver saw %v, want each request once", seen)
				}
				if reused := seen[1].conn == seen[0].conn; reused != b.reused {
					t.Errorf("the connection was used again: %v, want %v", reused, b.reused)
				}
			})
		})
	}
}

func TestTheAnswerThatCountsIsKeptAsItCame(t *testing.T) {
	zip := gzipped(1 << 20)
	answer := func(c net.Conn, _ visit) {
		fmt.Fprintf(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nretry-after: 7\r\nX: a\r\nX: ü\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(zip), zip)
	}
	inBubble(t, func(c net.Conn, v visit) { time.Sleep(3 * time.Second); answer(c, v) }, func(t *testing.T, w *world) {
		res, err := w.post(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if string(res.Body) != zip || res.Truncated {
			t.Errorf("body is of %d bytes, truncated %v; want the %d bytes that were sent", len(res.Body), res.Truncated, len(zip))
		}
		want := fmt.Sprint(map[string][]string{
			"Retry-After": {"7"}, "X": {"a", "ü"}, "Content-Encoding": {"gzip"}, "Content-Length": {strconv.Itoa(len(zip))},
		})
		if got := fmt.Sprint(map[string][]string(res.Header)); got != want {
			t.Errorf("header is %s, want %s", got, want)
		}
		if res.HeaderAfter != 3*time.Second {
			t.Errorf("the header came after %v, want 3s", res.HeaderAfter)
		}
	})
}

// TestNothingIsSentAgain: the receiver may have acted on what it did not answer.
func TestNothingIsSentAgain(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		for name, end := range map[string]struct {
			how  func(w *world, c net.Conn)
			want fault
		}{
			"closed": {func(_ *world, c net.Conn) { c.Close() }, closed},
			"reset":  {func(w *world, _ net.Conn) { w.network.Cut(host) }, reset},
		} {
			t.Run(fmt.Sprintf("%s, fresh %v", name, fresh), func(t *testing.T) {
				var w *world
				answer := func(c net.Conn, v visit) {
					if v.body == "warm up" {
						echo(c, v)
						return
					}
					end.how(w, c)
				}
				inBubble(t, answer, func(t *testing.T, in *world) {
					w = in
					want := []visit{{0, "once"}}
					if !fresh {
						want = []visit{{0, "warm up"}, {0, "once"}}
						if _, err := w.post(t.Context(), "warm up"); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := w.post(t.Context(), "once"); kind(err) != end.want {
						t.Errorf("got %v, want %q", err, end.want)
					}
					time.Sleep(time.Hour)
					if got := w.seen(); fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("the receiver saw %v, want %v", got, want)
					}
				})
			})
		}
	}
}
