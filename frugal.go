package fanfare

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// What a sink's connection may read: at once, and more of it each second. What libraries
// read they mostly keep in memory, and the server is a customer's.
const (
	maxHeard       = 16 << 20 // bytes
	heardPerSecond = 1 << 20
)

var errTalkative = errors.New("the other side says more than is read here")

// A frugalConn ends when the other side says too much.
type frugalConn struct {
	net.Conn

	mu   sync.Mutex
	left float64   // bytes that may still be read
	at   time.Time // when that was
}

// frugal has the connections that dial makes read within bounds.
func frugal(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &frugalConn{Conn: conn, left: maxHeard, at: time.Now()}
		if raw, ok := conn.(syscall.Conn); ok { // by which libraries see whether one that rests has ended
			return struct {
				*frugalConn
				syscall.Conn
			}{c, raw}, nil
		}
		return c, nil
	}
}

// Read is io.Reader's.
func (c *frugalConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.left = min(maxHeard, c.left+now.Sub(c.at).Seconds()*heardPerSecond) - float64(n)
	c.at = now
	if c.left < 0 {
		return 0, errors.Join(errTalkative, c.Close())
	}
	return n, err
}
