package post_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/internal/post"
)

// TestWhatIsSent compares every byte with what was to be sent, and the address
// dialed with the one named.
func TestWhatIsSent(t *testing.T) {
	for raw, want := range map[string]struct{ address, line, host string }{
		"http://host":                    {"host:80", "/", "host"},
		"http://host/":                   {"host:80", "/", "host"},
		"http://host:8080/a/b":           {"host:8080", "/a/b", "host:8080"},
		"http://host:80/":                {"host:80", "/", "host:80"},
		"http://host?x=1":                {"host:80", "/?x=1", "host"},
		"http://host/?":                  {"host:80", "/?", "host"},
		"http://host/a?x=%0d%0aX:+y&&b=": {"host:80", "/a?x=%0d%0aX:+y&&b=", "host"},
		"http://host/%2F..%2f/%C3%BC%20": {"host:80", "/%2F..%2f/%C3%BC%20", "host"},
		"http://host//a/../b;c":          {"host:80", "//a/../b;c", "host"},
		"http://127.0.0.1:81/":           {"127.0.0.1:81", "/", "127.0.0.1:81"},
		"http://[::1]/":                  {"[::1]:80", "/", "[::1]"},
		"http://[2001:db8::1]:8080/x":    {"[2001:db8::1]:8080", "/x", "[2001:db8::1]:8080"},
	} {
		t.Run(raw, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, err := url.Parse(raw)
				if err != nil {
					t.Fatal(err)
				}
				const constant, own = "X-CASE: as Is \r\nx-empty: \r\n", "Webhook-Id: msg_1\r\nX: \xff\r\n"
				var sent bytes.Buffer
				client := &post.Client{Dial: recordTo(t, want.address, &sent)}
				to := post.NewTarget(u, []byte(constant))
				for _, body := range []string{"", "x"} {
					sent.Reset()
					if _, err := client.Post(t.Context(), time.Now().Add(time.Second), to, []byte(own), []byte(body)); err != nil {
						t.Fatal(err)
					}
					text := "POST " + want.line + " HTTP/1.1\r\nHost: " + want.host + "\r\n" + constant + own +
						"Content-Length: " + map[bool]string{true: "0", false: "1"}[body == ""] + "\r\n\r\n" + body
					if got := sent.String(); got != text {
						t.Errorf("sent\n%q, want\n%q", got, text)
					}
				}
				client.CloseIdle()
			})
		})
	}
}

// recordTo makes a dialer of one address, where what is sent is written down and
// each piece of it is answered with 204.
func recordTo(t *testing.T, address string, sent *bytes.Buffer) func(context.Context, string, string) (net.Conn, error) {
	network := memnet.New()
	l, err := network.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		l.Close()
		for buf := make([]byte, 64<<10); ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			sent.Write(buf[:n])
			io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	}()
	return network.DialContext
}

func TestBodiesOfEverySizeArrive(t *testing.T) {
	pattern := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz\x00\xff\r\n", 1<<20/40+1)
	var got string
	inBubble(t, func(c net.Conn, v visit) { got = v.body; io.WriteString(c, ok("")) }, func(t *testing.T, w *world) {
		sizes := []int{0, 1, 4 << 10, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 1 << 20, 7, 0}
		for _, n := range sizes {
			if _, err := w.post(t.Context(), pattern[:n]); err != nil {
				t.Fatal(err)
			}
			if got != pattern[:n] {
				t.Errorf("of %d bytes other bytes arrived, %d", n, len(got))
			}
		}
		if ever, _ := w.opened(); ever != 1 {
			t.Errorf("they took %d connections, want 1", ever)
		}
	})
}
