package front_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestADribblingHead sends a byte of a head each second, on a connection that has
// carried a request to net/http before.
func TestADribblingHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(http.ResponseWriter, *http.Request) {})
		c, err := w.network.DialContext(t.Context(), "tcp", "host:80")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: host\r\n\r\n")
		time.Sleep(time.Minute) // which an idle connection may
		start := time.Now()
		for err == nil && time.Since(start) < time.Minute {
			_, err = io.WriteString(c, "G")
			time.Sleep(time.Second)
		}
		if took := time.Since(start); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("the connection lasts %v, want 5s", took)
		}
		c.Close()
		w.Close()
	})
}

// TestAHeadThatBeginsDuringAnAnswer holds up neither that answer, nor the handler
// until the client's deadline.
func TestAHeadThatBeginsDuringAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
			start := time.Now()
			time.Sleep(time.Second)
			took = time.Since(start)
		})
		get := "GET / HTTP/1.1\r\nHost: host\r\n\r\n"
		said, ended := w.talk(t, get+get[:3])
		if got := said(); strings.Count(got, "HTTP/1.1 200 OK") != 1 || ended() != 5*time.Second || took != time.Second {
			t.Errorf("it says %q after %v; the handler took %v", got, ended(), took)
		}
		w.Close()
	})
}

// TestBadChunks has bodies end with an error, for the handler to answer, and lets
// nothing behind them be a request.
func TestBadChunks(t *testing.T) {
	head := "POST /x HTTP/1.1\r\nHost: host\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, body := range map[string]string{
		"no size":             "\r\n",
		"no hex":              "zz\r\n{}\r\n0\r\n\r\n",
		"a sign":              "+2\r\n{}\r\n0\r\n\r\n",
		"a prefix":            "0x2\r\n{}\r\n0\r\n\r\n",
		"a space":             "2 \r\n{}\r\n0\r\n\r\n",
		"too large":           "10000000000000002\r\n{}\r\n0\r\n\r\n",
		"line feeds":          "2\n{}\n0\n\n",
		"line feed in a size": "2;\na\r\n{}\r\n0\r\n\r\n",
		"long extension":      "2;" + strings.Repeat("a", 300) + "\r\n{}\r\n0\r\n\r\n",
		"longer than told":    "2\r\n{}x\r\n0\r\n\r\n",
		"bad trailer":         "2\r\n{}\r\n0\r\nX A: 1\r\n\r\n",
		"a line feed trailer": "2\r\n{}\r\n0\r\nX: 1\nY: 2\r\n\r\n",
		"long trailer":        "2\r\n{}\r\n0\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 100)+"\r\n", 50) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var bodies, errors int
				w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
					bodies++
					if _, err := io.ReadAll(r.Body); err != nil {
						errors++
					}
				})
				said, _ := w.talk(t, head+body+plain)
				if got := said(); bodies != 1 || errors != 1 || strings.Count(got, "HTTP/1.1 ") != 1 {
					t.Errorf("%d requests, %d with an error; it says %q", bodies, errors, got)
				}
				w.Close()
			})
		})
	}
}
