package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/fanfarehq/fanfare/internal/memnet"
)

// pair returns the two ends of a connection through n to addr.
func pair(n *memnet.Network, addr string) (dialer, accepter net.Conn, l net.Listener, err error) {
	if l, err = n.Listen(addr); err != nil {
		return nil, nil, nil, err
	}
	if dialer, err = n.DialContext(context.Background(), "tcp", addr); err != nil {
		return nil, nil, nil, err
	}
	accepter, err = l.Accept()
	return dialer, accepter, l, err
}

func mustPair(t *testing.T, n *memnet.Network, addr string) (dialer, accepter net.Conn) {
	t.Helper()
	dialer, accepter, l, err := pair(n, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialer.Close(); accepter.Close(); l.Close() })
	return dialer, accepter
}

func TestConnBehavesAsTheNetPackageAsks(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c1, c2, l, err := pair(memnet.New(), "a:1")
		return c1, c2, func() { c1.Close(); c2.Close(); l.Close() }, err
	})
}

func TestWriteDoesNotWaitForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mustPair(t, memnet.New(), "a:1")
		sent := bytes.Repeat([]byte("0123456789abcdef"), 4096) // 64 KiB
		if n, err := a.Write(sent); n != len(sent) || err != nil {
			t.Fatalf("Write = %d, %v; want %d, nil", n, err, len(sent))
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(b, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("read other bytes than were written, or failed: %v", err)
		}
	})
}

func TestWriteBeyondTheWindowWaitsAndObeysItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := mustPair(t, memnet.New(), "a:1")
		start := time.Now()
		a.SetWriteDeadline(start.Add(7 * time.Second))
		n, err := a.Write(make([]byte, 64<<10+1))
		if n != 64<<10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v; want %d, deadline exceeded", n, err, 64<<10)
		}
		if d := time.Since(start); d != 7*time.Second {
			t.Errorf("Write waited %v, want 7s", d)
		}
	})
}

func TestReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mustPair(t, memnet.New(), "a:1")
		start := time.Now()
		a.SetReadDeadline(start.Add(time.Second))
		a.SetReadDeadline(start.Add(3 * time.Second)) // replaces the first

		_, err := a.Read(make([]byte, 1))
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != 3*time.Second {
			t.Fatalf("Read = %v after %v, want a timeout after 3s", err, time.Since(start))
		}

		a.SetReadDeadline(time.Time{})
		go func() { time.Sleep(time.Hour); b.Write([]byte("x")) }()
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("Read without deadline = %d, %v; want 1, nil", n, err)
		}
	})
}

func TestAPastDeadlineWakesAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := mustPair(t, memnet.New(), "a:1")
		done := make(chan error)
		go func() { _, err := a.Read(make([]byte, 1)); done <- err }()
		synctest.Wait()
		a.SetReadDeadline(time.Unix(1, 0))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want deadline exceeded", err)
		}
	})
}

func TestPeerCloseDrainsThenEndsAndRefusesWrites(t *testing.T) {
	a, b := mustPair(t, memnet.New(), "a:1")
	b.Write([]byte("last words"))
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "last words" || err != nil {
		t.Errorf("ReadAll = %q, %v; want the last words and no error", got, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write to a closed peer = %v, want EPIPE", err)
	}
}

func TestCloseWakesThisEndAndTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mustPair(t, memnet.New(), "a:1")
		own, other, writer := make(chan error, 1), make(chan error, 1), make(chan error, 1)
		go func() { _, err := a.Read(make([]byte, 1)); own <- err }()
		go func() { _, err := b.Read(make([]byte, 1)); other <- err }()
		go func() { _, err := b.Write(make([]byte, 1<<20)); writer <- err }()
		synctest.Wait() // a has a full window to read by now, and took one byte of it
		if err := <-own; err != nil {
			t.Errorf("Read = %v before the close", err)
		}
		a.Close()
		if err := <-other; err != io.EOF {
			t.Errorf("the peer's Read = %v, want io.EOF", err)
		}
		if err := <-writer; !errors.Is(err, syscall.EPIPE) {
			t.Errorf("the peer's Write = %v, want EPIPE", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close = %v, want net.ErrClosed", err)
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close = %v, want net.ErrClosed", err)
		}
	})
}

func TestCloseWriteEndsOneDirection(t *testing.T) {
	a, b := mustPair(t, memnet.New(), "a:1")
	if err := a.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read after the peer's CloseWrite = %v, want io.EOF", err)
	}
	b.Write([]byte("reply"))
	got := make([]byte, 5)
	if _, err := io.ReadFull(a, got); err != nil || string(got) != "reply" {
		t.Errorf("read %q, %v after own CloseWrite; want the reply", got, err)
	}
}

func TestCutResetsBothEndsOfThatAddressOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := mustPair(t, n, "a:1")
		c, d := mustPair(t, n, "c:1")
		b.Write([]byte("lost"))
		waiting := make(chan error)
		go func() { _, err := b.Read(make([]byte, 1)); waiting <- err }()
		synctest.Wait()

		if got := n.Cut("a:1"); got != 1 {
			t.Errorf("Cut = %d, want 1 connection", got)
		}
		if err := <-waiting; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a waiting Read = %v, want ECONNRESET", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Read = %v, want ECONNRESET", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Write = %v, want ECONNRESET", err)
		}
		if got := n.Cut("a:1"); got != 0 {
			t.Errorf("second Cut = %d, want 0", got)
		}
		e, f := mustPair(t, n, "e:1")
		e.Close()
		f.Close()
		if got := n.Cut("e:1"); got != 0 {
			t.Errorf("Cut of a connection closed at both ends = %d, want 0", got)
		}
		c.Write([]byte("x"))
		if _, err := d.Read(make([]byte, 1)); err != nil {
			t.Errorf("a connection to another address failed: %v", err)
		}
	})
}
