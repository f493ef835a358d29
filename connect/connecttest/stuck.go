package connecttest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// stuck has the other side take some messages, and then read no more of what it is sent,
// though it goes on speaking: as a broker does that is short of memory. What is sent
// meanwhile waits for good.
func (c *Case) stuck(t *testing.T) {
	way, p := c.way(t, nil), &plug{out: make(chan struct{})}
	dial := way.dial
	way.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		there, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return p.between(there), nil
	}
	sink := c.open(t, c.Config, way)
	t.Cleanup(p.end)
	const atOnce = 3
	var sending sync.WaitGroup
	for range atOnce {
		msg := c.message()
		sending.Go(func() {
			if reply, err := sink.Send(t.Context(), msg); err != nil || !taken(reply) {
				t.Errorf("%s (%d %s), %v; want success", reply.Class, reply.Status, reply.Detail, err)
			}
		})
	}
	sending.Wait()
	close(p.out)
	for range atOnce {
		msg := c.message()
		sending.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begun := time.Now()
			if reply, err := sink.Send(ctx, msg); err == nil && taken(reply) {
				t.Errorf("what nobody has read ended with %+v", reply)
			}
			if spent := time.Since(begun); spent > 15*time.Second {
				t.Errorf("it ended after %s, where it had a second", spent)
			}
		})
	}
	sending.Wait()
	begun := time.Now()
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
	if spent := time.Since(begun); spent > 15*time.Second {
		t.Errorf("it was closed after %s", spent)
	}
}

// A plug is between the two sides of connections.
type plug struct {
	out      chan struct{} // closed: what here says is not read any more
	relaying sync.WaitGroup

	mu  sync.Mutex
	all []net.Conn
}

// between relays both ways, and is what here speaks to.
func (p *plug) between(there net.Conn) net.Conn {
	here, relay := net.Pipe()
	p.mu.Lock()
	p.all = append(p.all, relay, there)
	p.mu.Unlock()
	p.relaying.Go(func() {
		_, _ = io.Copy(relay, there)
		_ = relay.Close()
	})
	p.relaying.Go(func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := relay.Read(buf)
			select {
			case <-p.out:
				return
			default:
			}
			if err == nil {
				_, err = there.Write(buf[:n])
			}
			if err != nil {
				_ = there.Close()
				return
			}
		}
	})
	return here
}

// end ends all that is left of the connections.
func (p *plug) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.all {
		_ = conn.Close()
	}
	p.relaying.Wait()
}
