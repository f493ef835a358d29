package safedial

import (
	"fmt"
	"net"
	"net/netip"
)

// A kind is a network that is not the public internet, and what it is to the
// reader of a refusal.
type kind struct {
	prefix netip.Prefix
	what   string
}

// never lists what no Policy opens: here clouds hand credentials to whoever
// asks. Not all of it looks special, so the tables of the registries lack some.
var never = []kind{
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address, where clouds keep their credentials"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fd00:ec2::254/128"), "the metadata service of a cloud"},
	{netip.MustParsePrefix("fd20:ce::254/128"), "the metadata service of a cloud"},
	{netip.MustParsePrefix("100.100.100.200/32"), "the metadata service of a cloud"},
	{netip.MustParsePrefix("192.0.0.192/32"), "the metadata service of a cloud"},
	{netip.MustParsePrefix("168.63.129.16/32"), "the host agent of a cloud"},
}

// carriers hold IPv4 addresses inside IPv6 ones, so opening one would open
// every IPv4 network beside it.
var carriers = []kind{
	{netip.MustParsePrefix("::/96"), "an IPv4 address inside an IPv6 one"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "an IPv4 address inside an IPv6 one"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a local NAT64 address"},
	{netip.MustParsePrefix("2001::/32"), "a Teredo address"},
	{netip.MustParsePrefix("2002::/16"), "a 6to4 address"},
}

// special names what the tables of package ssrf refuse. It decides nothing: an
// address those tables refuse and this list lacks is refused all the same.
var special = []kind{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "an address shared behind a carrier's NAT"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmarking address"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation address"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	{netip.MustParsePrefix("::/128"), "an unspecified address"},
	{nat64, "a NAT64 address"},
	{netip.MustParsePrefix("fc00::/7"), "a private address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation address"},
	{netip.MustParsePrefix("3fff::/20"), "a documentation address"},
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// checkAllow tells why p cannot stand in Policy.Allow.
func checkAllow(p netip.Prefix) error {
	switch {
	case !p.IsValid():
		return fmt.Errorf("an allowed network is empty; write it like 10.1.0.0/16")
	case p.Addr().Is4In6():
		return fmt.Errorf("allowed network %v: write it in IPv4 notation", p)
	case p != p.Masked():
		return fmt.Errorf("allowed network %v has bits set after its prefix; write %v or name one address", p, p.Masked())
	case p.Addr() == netip.IPv6Loopback() && p.IsSingleIP():
		return nil
	}
	for _, k := range never {
		if p.Overlaps(k.prefix) {
			return fmt.Errorf("allowed network %v includes %v, %s, which is never opened; allow smaller networks beside it", p, k.prefix, k.what)
		}
	}
	for _, k := range carriers {
		if p.Overlaps(k.prefix) {
			return fmt.Errorf("allowed network %v includes %v, each %s; allow the IPv4 network", p, k.prefix, k.what)
		}
	}
	return nil
}

// refuse tells why no connection may be made to addr, or returns "".
func (d *Dialer) refuse(addr netip.AddrPort) string {
	ip := addr.Addr().Unmap()
	if !ip.IsValid() {
		return "there is no address to connect to"
	}
	if ip.Zone() != "" {
		return fmt.Sprintf("%v names a network card of this server; write the address without %%", ip)
	}
	if what, ok := find(never, ip); ok {
		return fmt.Sprintf("%v is %s; it is never called", ip, what)
	}
	if d.policy.Loopback && ip.IsLoopback() {
		return ""
	}
	if isISATAP(ip) {
		return fmt.Sprintf("%v is an ISATAP address, which carries an IPv4 one; it is never called", ip)
	}
	if reason := d.refuseOwn(ip, addr.Port()); reason != "" {
		return reason
	}
	if !d.allows(ip) {
		if err := d.public.SafeAddr(ip); err != nil {
			return reasonAgainst(ip)
		}
		return ""
	}
	if nat64.Contains(ip) {
		return d.refuse(netip.AddrPortFrom(inside(ip), addr.Port()))
	}
	return ""
}

// refuseOwn tells whether a connection to ip and port would come back to this
// machine. In development it may.
func (d *Dialer) refuseOwn(ip netip.Addr, port uint16) string {
	if d.policy.Loopback {
		return ""
	}
	mine, err := d.isOwn(ip)
	if err != nil {
		return fmt.Sprintf("the server cannot tell whether %v is its own address (%v); try again later", ip, err)
	}
	for _, l := range d.policy.Listen {
		if l.Port() == port && (l.Addr().Unmap() == ip || mine && l.Addr().IsUnspecified()) {
			return fmt.Sprintf("%v port %d is this server itself; name the server that is to be called", ip, port)
		}
	}
	if mine && !ip.IsLoopback() && !d.allows(ip) && d.public.SafeAddr(ip) == nil {
		return fmt.Sprintf("%v is an address of this server itself; name the server that is to be called", ip)
	}
	return ""
}

func (d *Dialer) isOwn(ip netip.Addr) (bool, error) {
	if ip.IsLoopback() {
		return true, nil
	}
	own, err := d.interfaces()
	if err != nil {
		return false, err
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok {
			if a, ok := netip.AddrFromSlice(n.IP); ok && a.Unmap() == ip {
				return true, nil
			}
		}
	}
	return false, nil
}

func (d *Dialer) allows(ip netip.Addr) bool {
	for _, p := range d.policy.Allow {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// reasonAgainst says what ip is, which is not public and not allowed.
func reasonAgainst(ip netip.Addr) string {
	if ip.IsLoopback() {
		return fmt.Sprintf("%v is a loopback address; for development, serve --dev or Options.AllowLoopback allows it", ip)
	}
	what, ok := find(special, ip)
	if !ok {
		what, ok = find(carriers, ip)
	}
	if !ok {
		what = "not a public address"
	}
	return fmt.Sprintf("%v is %s; use a public address, or have the operator allow its network", ip, what)
}

func find(kinds []kind, ip netip.Addr) (what string, ok bool) {
	for _, k := range kinds {
		if k.prefix.Contains(ip) {
			return k.what, true
		}
	}
	return "", false
}

// isISATAP looks for the interface identifiers of RFC 5214, section 6.1.
func isISATAP(ip netip.Addr) bool {
	if !ip.Is6() {
		return false
	}
	b := ip.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// inside returns the IPv4 address in the last four bytes of ip.
func inside(ip netip.Addr) netip.Addr {
	b := ip.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}
