// Package safedial is the one guarded way out. Whoever lets strangers name the
// address to call can be made to call what only it can reach: the metadata
// service of its cloud, the database beside it, itself. This package promises
// that no connection is attempted to an address its Policy does not open,
// however the address is written and whatever the DNS answers, and that each
// refusal says in words what to do about it.
//
// CheckURL refuses at registration what can be told from the text. DialContext
// resolves, refuses a host of which any address is refused, dials only the
// addresses it has just checked, and lets the kernel connect only after a last
// look at the address itself. Redirects, requests and retries are the caller's.
package safedial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const (
	lookupTimeout  = 2 * time.Second
	connectTimeout = 10 * time.Second // the whole of DialContext, lookup included
	maxDialed      = 16               // addresses of one host; all are checked
)

// Policy says where a Dialer may go beside the public internet. The zero value
// opens nothing else.
type Policy struct {
	// Loopback lets connections reach 127.0.0.0/8, ::1, localhost and names
	// under .localhost, and with them the server itself. It is for development.
	Loopback bool

	// Allow opens networks that are not public. It cannot open those that hold
	// cloud credentials, nor those that carry IPv4 addresses inside IPv6 ones,
	// except NAT64's 64:ff9b::/96, where the address inside is judged.
	Allow []netip.Prefix

	// Listen holds the addresses this server listens on. They are refused,
	// also inside an allowed network. An unspecified address such as
	// 0.0.0.0:8080 means that port on every address of this machine.
	Listen []netip.AddrPort

	// HTTPSOnly refuses http URLs: what is sent to them can be read, and changed, by
	// whoever is between.
	HTTPSOnly bool

	// BaseURL is where the world reaches this server, perhaps through a proxy.
	// Its host and port are refused. Empty means unknown.
	BaseURL string
}

// A Dialer connects as its Policy permits. Use one for every outbound
// connection. Its methods may be called at the same time.
type Dialer struct {
	policy Policy
	base   string // host:port of Policy.BaseURL, or empty
	public *ssrf.Guardian

	// resolve asks for the addresses of an absolute name.
	resolve func(ctx context.Context, network, name string) ([]netip.Addr, error)

	// connect dials an address that was checked; control looks again on its way.
	connect func(ctx context.Context, network, address string) (net.Conn, error)

	// interfaces lists the machine's own addresses. It is asked at each dial,
	// because they change while a server runs.
	interfaces func() ([]net.Addr, error)
}

// New returns a Dialer for p; nil means the zero Policy. It fails on a network
// that may not be allowed and on a BaseURL that is not one.
func New(p *Policy) (*Dialer, error) {
	if p == nil {
		p = new(Policy)
	}
	d := &Dialer{
		policy:     *p,
		public:     ssrf.New(ssrf.WithAnyNetwork(), ssrf.WithAnyPort()),
		interfaces: net.InterfaceAddrs,
	}
	d.resolve = (&net.Resolver{PreferGo: true}).LookupNetIP
	for _, allow := range p.Allow {
		if err := checkAllow(allow); err != nil {
			return nil, err
		}
	}
	if p.BaseURL != "" {
		u, err := url.Parse(p.BaseURL)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("base URL %q is not an http or https URL", p.BaseURL)
		}
		h, reason := parseHost(u.Hostname())
		if reason != "" {
			return nil, fmt.Errorf("base URL %q: %s", p.BaseURL, reason)
		}
		d.base = net.JoinHostPort(h.String(), portOf(u))
	}
	d.connect = (&net.Dialer{Control: d.control, KeepAlive: 15 * time.Second}).DialContext
	return d, nil
}

// A DeniedError is a connection that was refused here, before any packet was
// sent. An attempt that ends with one failed by egress_denied.
type DeniedError struct {
	Host   string     // as the caller named it
	Addr   netip.Addr // the address refused; the zero Addr if it was the name
	Reason string     // a sentence that says why, and what to do
}

func (e *DeniedError) Error() string {
	if !e.Addr.IsValid() || e.Host == e.Addr.String() {
		return e.Reason
	}
	return e.Host + ": " + e.Reason
}

// DialContext connects to address, host:port, over tcp, tcp4 or tcp6. It tries
// the host's addresses in the order of the resolver and takes ten seconds at
// most. A refusal by the Policy is a *DeniedError; every other error is one of
// the net package's.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	name, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	port, ok := parsePort(portText)
	if !ok {
		return nil, &DeniedError{Host: name, Reason: badPort(portText)}
	}
	h, reason := parseHost(name)
	if reason == "" {
		reason = d.refuseHost(h, portText)
	}
	if reason != "" {
		return nil, &DeniedError{Host: name, Reason: reason}
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	addrs, err := d.vetted(ctx, h, port)
	if err != nil {
		return nil, err
	}
	return d.dial(ctx, network, h, addrs[:min(len(addrs), maxDialed)])
}

// vetted returns the addresses of h, at least one, of which each was checked.
func (d *Dialer) vetted(ctx context.Context, h host, port uint16) ([]netip.AddrPort, error) {
	ips, err := d.lookup(ctx, h)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip.Unmap(), port)
		if reason := d.refuse(addrs[i]); reason != "" {
			return nil, &DeniedError{Host: h.String(), Addr: ip.Unmap(), Reason: reason}
		}
	}
	return addrs, nil
}

func (d *Dialer) lookup(ctx context.Context, h host) ([]netip.Addr, error) {
	if h.name == "" {
		return []netip.Addr{h.addr}, nil
	}
	if isLocalhost(h.name) { // refuseHost let it pass; no DNS may say where it is
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	// The final dot keeps the resolver from trying search domains.
	ips, err := d.resolve(ctx, "ip", h.name+".")
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		own := *dns // the resolver hands the same one to all who ask for that name at once
		own.Name = strings.TrimSuffix(own.Name, ".")
		err = &own
	}
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: h.name, IsNotFound: true}
	}
	return ips, err
}

// dial tries addrs one after the other. Each gets an equal part of the time
// that is left, so that one that never answers does not use up the others'.
func (d *Dialer) dial(ctx context.Context, network string, h host, addrs []netip.AddrPort) (net.Conn, error) {
	var first error
	for i, addr := range addrs {
		conn, err := d.dialOne(ctx, network, addr, len(addrs)-i)
		if err == nil {
			return conn, nil
		}
		if denied := (*DeniedError)(nil); errors.As(err, &denied) {
			return nil, &DeniedError{Host: h.String(), Addr: denied.Addr, Reason: denied.Reason}
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

func (d *Dialer) dialOne(ctx context.Context, network string, addr netip.AddrPort, left int) (net.Conn, error) {
	deadline, _ := ctx.Deadline() // DialContext set one
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
	defer cancel()
	return d.connect(ctx, network, addr.String())
}

// control is the last look: the address is the one the kernel is about to
// connect to.
func (d *Dialer) control(network, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return &DeniedError{Host: address, Reason: "only TCP connections to an IP address are made"}
	}
	if reason := d.refuse(addr); reason != "" {
		return &DeniedError{Host: addr.Addr().String(), Addr: addr.Addr(), Reason: reason}
	}
	return nil
}
