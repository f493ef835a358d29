//go:build unix

package post_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// TestZooInTheKernel is TestZoo where requests and answers go through sockets, for the
// receivers that do not dawdle.
func TestZooInTheKernel(t *testing.T) {
	for name, b := range zoo {
		if b.took > 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := connect(t, false, func(c net.Conn, v visit) {
				if v.body == "first" {
					b.answer(c, v)
				} else {
					echo(c, v)
				}
			})
			res, err := n.post([]byte("first"))
			// A close may overtake, as a reset, what was sent before it.
			if kind(err) != b.fault && (kind(err) != reset || b.reused) {
				t.Fatalf("got %v (%q), want %q", err, kind(err), b.fault)
			}
			if err == nil && (res.Status != b.status || string(res.Body) != b.body || res.Truncated != b.truncated) {
				t.Errorf("got %d, %d bytes %.40q, truncated %v; want %d, %d bytes %.40q, %v",
					res.Status, len(res.Body), res.Body, res.Truncated, b.status, len(b.body), b.body, b.truncated)
			}
			res, err = n.post([]byte("second"))
			if err != nil || res.Status != 200 || string(res.Body) != "second" {
				t.Fatalf("the next request got %+v, %v; want its own answer", res, err)
			}
			if seen := n.seen(); len(seen) != 2 {
				t.Errorf("the receiver saw %v, want each request once", seen)
			}
		})
	}
}

// TestWhoSpeaksFirst is about a receiver that says something on a new connection before
// it was asked: that is taken for its answer, and not for a reason to connect again.
func TestWhoSpeaksFirst(t *testing.T) {
	l, dial := loopback(t)
	defer l.Close()
	conns := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
			io.WriteString(c, "220 mail.example ESMTP\r\n")
		}
	}()
	client := &post.Client{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err == nil {
			n := &line{dialed: []*net.TCPConn{c.(*net.TCPConn)}}
			n.await(t)
		}
		return c, err
	}}
	_, err := client.Post(t.Context(), time.Now().Add(10*time.Second), target("http://hooks.example/"), nil, []byte("x"))
	if kind(err) != badResponse {
		t.Errorf("got %v, want a bad response", err)
	}
	if len(conns) != 1 {
		t.Errorf("there were %d connections, want 1", len(conns))
	}
	(<-conns).Close()
}

// TestARequestThatTheSocketHasNoRoomFor is one of which a part must be sent later.
func TestARequestThatTheSocketHasNoRoomFor(t *testing.T) {
	small := func(option int) func(_, _ string, rc syscall.RawConn) error {
		return func(_, _ string, rc syscall.RawConn) (err error) {
			failed := rc.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, option, 1) })
			return errors.Join(failed, err)
		}
	}
	listening := net.ListenConfig{Control: small(syscall.SO_RCVBUF)}
	l, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rcv, stop := receive(l, echo)
	defer stop()
	client := &post.Client{Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Control: small(syscall.SO_SNDBUF)}).DialContext(ctx, network, l.Addr().String())
	}}
	defer client.CloseIdle()
	for i := range 3 {
		body := strings.Repeat(fmt.Sprint(i), 31<<10)
		res, err := client.Post(t.Context(), time.Now().Add(10*time.Second), target("http://hooks.example/"), nil, []byte(body))
		if err != nil || string(res.Body) != body {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if ever, _ := rcv.opened(); ever != 1 {
		t.Errorf("it took %d connections, want 1", ever)
	}
}

// TestHeadsThatChange is about answers whose heads are mostly the same.
func TestHeadsThatChange(t *testing.T) {
	heads := []string{"X: a", "X: a", "X: b", "X: b", "X: a\r\nX: c", "X: a"}
	i := 0
	n := connect(t, false, func(c net.Conn, v visit) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n%s", heads[i], len(v.body), v.body)
		i++
	})
	for k, head := range heads {
		res, err := n.post(fmt.Append(nil, k))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.ReplaceAll(head, "X: ", ""), "\r\n")
		if !slices.Equal(res.Header["X"], want) || string(res.Body) != fmt.Sprint(k) {
			t.Errorf("answer %d has %v and %q, want %v", k, res.Header["X"], res.Body, want)
		}
	}
}

// A counted is a connection whose owner wants to know what goes through it.
type counted struct {
	*net.TCPConn
	wrote, read *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.wrote.Add(int64(n))
	return n, err
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// TestAConnectionOfSomebodyElse: one that is more than a socket is read and written by its
// own methods.
func TestAConnectionOfSomebodyElse(t *testing.T) {
	n := connect(t, false, echo)
	var wrote, read atomic.Int64
	dial := n.client.Dial
	n.client.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return counted{c.(*net.TCPConn), &wrote, &read}, nil
	}
	for i := range int64(3) {
		if _, err := n.post([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if wrote.Load() < 50*(i+1) || read.Load() != (i+1)*int64(len(ok("x"))) {
			t.Errorf("after %d requests %d bytes went through it, and %d came", i+1, wrote.Load(), read.Load())
		}
	}
}
