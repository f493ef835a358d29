// Package memnet is a network in memory, for tests.
//
// It promises what net/http needs from TCP: buffered full-duplex connections,
// deadlines, a half close, io.EOF after the last byte of a peer that closed,
// and the errors a kernel would give (ECONNREFUSED, ECONNRESET, EPIPE,
// EADDRINUSE). Whatever waits here waits on a sync.Cond and on timers of the
// caller's, so both ends may live in one testing/synctest bubble and its clock
// advances while they wait. Names are not resolved: an address is reached under
// exactly the text it listens on. Delay and loss are left to the test.
package memnet

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Addr is an address of a Network, written host:port.
type Addr string

// Network says "tcp", which is what these connections stand for.
func (Addr) Network() string { return "tcp" }

func (a Addr) String() string { return string(a) }

// A Network joins listeners and those who dial them. Its methods may be called
// at the same time.
type Network struct {
	mu        sync.Mutex
	listeners map[Addr]*listener
	links     map[*link]struct{} // whose two ends are not both closed yet
	lastPort  int                // given out for port 0 and to dialing ends
}

// New returns a network on which nobody listens yet.
func New() *Network {
	return &Network{
		listeners: make(map[Addr]*listener),
		links:     make(map[*link]struct{}),
		lastPort:  49151,
	}
}

// Listen takes addr, host:port. Port 0 takes a free one, which the listener's
// Addr tells. An empty host takes every host at that port that nobody else
// listens on.
func (n *Network) Listen(addr string) (net.Listener, error) {
	host, port, err := split(addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: Addr(addr), Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == "0" {
		port = n.freePortLocked(host)
	}
	at := join(host, port)
	if n.listeners[at] != nil {
		err := os.NewSyscallError("bind", syscall.EADDRINUSE)
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: at, Err: err}
	}
	l := &listener{network: n, addr: at}
	l.change.L = &l.mu
	n.listeners[at] = l
	return l, nil
}

// DialContext connects to whoever listens on addr. The connection stands as
// soon as it is queued for Accept, as with a kernel's backlog, so DialContext
// never waits. Where nobody listens the error wraps syscall.ECONNREFUSED. Its
// signature is that of http.Transport's field of the same name.
func (n *Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	refuse := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: Addr(addr), Err: err}
	}
	if err := ctx.Err(); err != nil {
		return refuse(err)
	}
	if !strings.HasPrefix(network, "tcp") {
		return refuse(net.UnknownNetworkError(network))
	}
	host, port, err := split(addr)
	if err != nil {
		return refuse(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[join(host, port)]
	if l == nil {
		l = n.listeners[join("", port)]
	}
	if l == nil {
		return refuse(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	k := newLink(n, l.addr, join("192.0.2.1", n.nextPortLocked()), join(host, port))
	if !l.queue(k) {
		return refuse(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	n.links[k] = struct{}{}
	return k.dialer, nil
}

// Cut resets every connection made through the listener on addr, at both ends:
// bytes on their way are lost, and what is read or written from now on fails
// with syscall.ECONNRESET. The listener stays. Cut returns how many connections
// it reset.
func (n *Network) Cut(addr string) int {
	host, port, err := split(addr)
	if err != nil {
		return 0
	}
	cut := n.linksTo(join(host, port))
	for _, k := range cut {
		k.reset()
	}
	return len(cut)
}

func (n *Network) linksTo(addr Addr) []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	var to []*link
	for k := range n.links {
		if k.listener == addr {
			to = append(to, k)
			delete(n.links, k)
		}
	}
	return to
}

// closed counts an end of k that closed, and forgets k after the second.
func (n *Network) closed(k *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k.closed++; k.closed == 2 {
		delete(n.links, k)
	}
}

func (n *Network) freePortLocked(host string) string {
	for {
		if port := n.nextPortLocked(); n.listeners[join(host, port)] == nil {
			return port
		}
	}
}

func (n *Network) nextPortLocked() string {
	if n.lastPort++; n.lastPort > 65535 {
		n.lastPort = 49152
	}
	return strconv.Itoa(n.lastPort)
}

func split(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", err
	}
	if p, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(p, 10) != port {
		return "", "", fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	return strings.ToLower(host), port, nil
}

func join(host, port string) Addr { return Addr(net.JoinHostPort(host, port)) }

// A listener holds the connections that were dialed and not yet accepted.
type listener struct {
	network *Network
	addr    Addr

	mu      sync.Mutex
	change  sync.Cond
	waiting []*link
	closed  bool
}

func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.change.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	k := l.waiting[0]
	l.waiting = l.waiting[1:]
	return k.accepter, nil
}

// Close frees the address and resets what nobody accepted. Accepted
// connections live on.
func (l *listener) Close() error {
	waiting, ok := l.shut()
	if !ok {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
	}
	for _, k := range waiting {
		k.reset()
	}
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	delete(l.network.listeners, l.addr)
	for _, k := range waiting {
		delete(l.network.links, k)
	}
	return nil
}

func (l *listener) shut() (waiting []*link, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, false
	}
	l.closed = true
	waiting, l.waiting = l.waiting, nil
	l.change.Broadcast()
	return waiting, true
}

func (l *listener) queue(k *link) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.waiting = append(l.waiting, k)
	l.change.Signal()
	return true
}
