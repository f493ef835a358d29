//go:build unix

package post_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// A line is a client's way to a receiver through the kernel.
type line struct {
	client *post.Client
	*receiver
	dialed []*net.TCPConn
	post   func(body []byte) (*post.Response, error)
}

// connect makes a line, over TLS or not.
func connect(t *testing.T, secret bool, answer func(net.Conn, visit)) *line {
	l, dial := loopback(t)
	n := &line{client: new(post.Client)}
	to := target("http://hooks.example/")
	if secret {
		ca, trust := authority(t)
		n.client.TLS = trust
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, hooks()).pair()}})
		to = target("https://hooks.example/")
	}
	n.client.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err == nil {
			n.dialed = append(n.dialed, c.(*net.TCPConn))
		}
		return c, err
	}
	var stop func()
	n.receiver, stop = receive(l, answer)
	t.Cleanup(stop)
	t.Cleanup(n.client.CloseIdle)
	n.post = func(body []byte) (*post.Response, error) {
		return n.client.Post(t.Context(), time.Now().Add(10*time.Second), to, nil, body)
	}
	return n
}

// await returns when something has come on the last connection dialed, be it its
// end. Nothing is read.
func (n *line) await(t *testing.T) {
	rc, err := n.dialed[len(n.dialed)-1].SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	err = rc.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		return !errors.Is(err, syscall.EAGAIN)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// abort closes with a reset.
func abort(c net.Conn) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// TestAConnectionThatChangedWhileItRestedIsNotUsed: the receiver that ends it, or
// speaks on it unasked, costs no attempt.
func TestAConnectionThatChangedWhileItRestedIsNotUsed(t *testing.T) {
	for name, change := range map[string]func(c net.Conn){
		"closed":     func(c net.Conn) { c.Close() },
		"reset":      abort,
		"a response": func(c net.Conn) { io.WriteString(c, ok("poison")) },
		"a 408": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			c.Close()
		},
		"a byte": func(c net.Conn) { io.WriteString(c, "H") },
	} {
		for _, secret := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", name, secret), func(t *testing.T) {
				n := connect(t, secret, echo)
				for _, body := range []string{"1", "2"} {
					if res, err := n.post([]byte(body)); err != nil || string(res.Body) != body {
						t.Fatalf("%s: %+v, %v", body, res, err)
					}
				}
				n.mu.Lock()
				c := n.conns[0]
				n.mu.Unlock()
				change(c)
				n.await(t)
				if res, err := n.post([]byte("3")); err != nil || string(res.Body) != "3" {
					t.Errorf("got %+v, %v; want its own answer", res, err)
				}
				if got, want := n.seen(), []visit{{0, "1"}, {0, "2"}, {1, "3"}}; !slices.Equal(got, want) {
					t.Errorf("the receiver saw %v, want %v", got, want)
				}
			})
		}
	}
}

// TestWhatLiesBehindAFullBuffer: the first answer ends where the buffer does.
func TestWhatLiesBehindAFullBuffer(t *testing.T) {
	n := connect(t, false, func(c net.Conn, v visit) {
		if v.body == "first" {
			io.WriteString(c, header(4<<10)+ok("poison"))
			return
		}
		echo(c, v)
	})
	for _, body := range []string{"first", "second"} {
		if res, err := n.post([]byte(body)); err != nil || body == "second" && string(res.Body) != body {
			t.Errorf("%s: %+v, %v", body, res, err)
		}
	}
	if ever, _ := n.opened(); ever != 2 {
		t.Errorf("it took %d connections, want 2", ever)
	}
}

// TestWhatFailsIsNotSentAgain is TestNothingIsSentAgain with the kernel's errors.
func TestWhatFailsIsNotSentAgain(t *testing.T) {
	for name, end := range map[string]struct {
		how  func(c net.Conn)
		want fault
	}{"closed": {func(c net.Conn) { c.Close() }, closed}, "reset": {abort, reset}} {
		for _, secret := range []bool{false, true} {
			for _, fresh := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, TLS %v, fresh %v", name, secret, fresh), func(t *testing.T) {
					n := connect(t, secret, func(c net.Conn, v visit) {
						if v.body == "warm up" {
							echo(c, v)
							return
						}
						end.how(c)
					})
					want := []visit{{0, "once"}}
					if !fresh {
						want = []visit{{0, "warm up"}, {0, "once"}}
						if _, err := n.post([]byte("warm up")); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := n.post([]byte("once")); kind(err) != end.want {
						t.Errorf("got %v, want %q", err, end.want)
					}
					if got := n.seen(); !slices.Equal(got, want) {
						t.Errorf("the receiver saw %v, want %v", got, want)
					}
				})
			}
		}
	}
}

// TestALongBodyThatNobodyReads fills the kernel's buffers.
func TestALongBodyThatNobodyReads(t *testing.T) {
	body := make([]byte, 64<<20)
	l, dial := loopback(t)
	defer l.Close()
	client := &post.Client{Dial: dial}
	ask := func(wait time.Duration) (*post.Response, error) {
		return client.Post(t.Context(), time.Now().Add(wait), target("http://hooks.example/"), nil, body)
	}

	start := time.Now()
	_, err := ask(200 * time.Millisecond)
	if took := time.Since(start); kind(err) != timeout || took > 20*time.Second {
		t.Errorf("got %v after %v, want a timeout after 200ms", err, took)
	}
	if c, err := l.Accept(); err == nil {
		c.Close()
	}

	go func() {
		c, err := l.Accept()
		if err == nil {
			io.ReadFull(c, make([]byte, 1<<20))
			io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo long")
			c.Close() // which resets, as there is more to be read
		}
	}()
	res, err := ask(10 * time.Second)
	if err != nil || res.Status != 413 || string(res.Body) != "too long" {
		t.Errorf("got %+v, %v; want 413", res, err)
	}
}
