package torture

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// A wire is what lies between a node and its database: a proxy that can be cut,
// made slow, or fall silent.
type wire struct {
	ln   net.Listener
	to   string
	done sync.WaitGroup

	mu     sync.Mutex
	joints map[*joint]bool
	delay  time.Duration // of what goes through, each way
	held   chan struct{} // nil: nothing is held back; closed when it goes on
}

// A joint is the two connections that a wire joins.
type joint struct{ near, far net.Conn }

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{ln: ln, to: to, joints: make(map[*joint]bool)}
	w.done.Go(w.accept)
	t.Cleanup(func() {
		ln.Close()
		w.release()
		w.cut()
		w.done.Wait()
	})
	return w
}

func (w *wire) at() string { return w.ln.Addr().String() }

func (w *wire) accept() {
	for {
		near, err := w.ln.Accept()
		if err != nil {
			return
		}
		w.done.Go(func() { w.join(near) })
	}
}

// join carries bytes until one side ends.
func (w *wire) join(near net.Conn) {
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		near.Close()
		return
	}
	p := &joint{near, far}
	w.mu.Lock()
	w.joints[p] = true
	w.mu.Unlock()
	var ways sync.WaitGroup
	ways.Go(func() { w.carry(far, near) })
	ways.Go(func() { w.carry(near, far) })
	ways.Wait()
	near.Close()
	far.Close()
	w.mu.Lock()
	delete(w.joints, p)
	w.mu.Unlock()
}

// carry carries what comes from one side to the other. What is held back arrives
// when the wire is released, even if whoever sent it has given up since: so does what
// a network delays.
func (w *wire) carry(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		delay, held := w.delay, w.held
		w.mu.Unlock()
		if held != nil {
			<-held
		}
		if delay > 0 {
			<-time.After(delay)
		}
		if n > 0 {
			if _, failed := to.Write(buf[:n]); failed != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			if half, ok := to.(*net.TCPConn); ok && err == io.EOF {
				half.CloseWrite()
			} else {
				to.Close()
			}
			return
		}
	}
}

// cut resets all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.joints {
		for _, c := range []net.Conn{p.near, p.far} {
			if tcp, ok := c.(*net.TCPConn); ok {
				tcp.SetLinger(0)
			}
			c.Close()
		}
	}
}

// hold lets nothing through any more, and has neither side know.
func (w *wire) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held == nil {
		w.held = make(chan struct{})
	}
}

// release lets go on what was held back.
func (w *wire) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != nil {
		close(w.held)
		w.held = nil
	}
}

// slow delays everything from now on, each way.
func (w *wire) slow(delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = delay
}
