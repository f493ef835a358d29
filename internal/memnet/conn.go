package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A link is one connection: its two ends and the two streams between them.
type link struct {
	network          *Network
	listener         Addr
	dialer, accepter *conn
	closed           int // ends that closed; Network.mu guards it
}

// newLink makes the connection from local to remote that listener answers.
func newLink(n *Network, listener, local, remote Addr) *link {
	k := &link{network: n, listener: listener}
	there, back := newStream(), newStream()
	k.dialer = &conn{link: k, in: back, out: there, local: local, remote: remote}
	k.accepter = &conn{link: k, in: there, out: back, local: remote, remote: local}
	return k
}

func (k *link) reset() {
	k.dialer.in.reset()
	k.dialer.out.reset()
}

// A conn is one end of a link.
type conn struct {
	link          *link
	in, out       *stream
	local, remote Addr
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// Close ends both directions: the peer reads what was sent and then io.EOF, and
// what it writes fails with EPIPE.
func (c *conn) Close() error {
	if !c.in.closeRead() {
		return c.wrap("close", net.ErrClosed)
	}
	c.out.closeWrite()
	c.link.network.closed(c.link)
	return nil
}

// CloseWrite ends the direction to the peer only, as that of net.TCPConn does.
func (c *conn) CloseWrite() error {
	if c.in.readClosed() {
		return c.wrap("close", net.ErrClosed)
	}
	c.out.closeWrite()
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	if c.in.readClosed() {
		return c.wrap("set", net.ErrClosed)
	}
	c.in.setDeadline(&c.in.readBy, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.in.readClosed() {
		return c.wrap("set", net.ErrClosed)
	}
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

// wrap leaves io.EOF alone, as the net package does: readers compare with it.
func (c *conn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
