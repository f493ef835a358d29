package safedial

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// dialer returns a Dialer for p on a machine whose addresses are own.
func dialer(t testing.TB, p *Policy, own ...string) *Dialer {
	t.Helper()
	d, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	d.interfaces = func() ([]net.Addr, error) {
		var addrs []net.Addr
		for _, s := range own {
			addrs = append(addrs, &net.IPNet{IP: net.ParseIP(s)})
		}
		return addrs, nil
	}
	return d
}

func at(ip string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(ip), 443) }

// denied is every block that no delivery may reach, written down apart from the
// tables in use.
var denied = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
	"::/3", "4000::/2", "8000::/1", // all but 2000::/3
	"::/96", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "5f00::/16", "fc00::/7", "fe80::/10",
	"fec0::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
}

func TestEveryDeniedBlockFromItsFirstToItsLastAddressAndNotBeyond(t *testing.T) {
	d := dialer(t, nil)
	var blocks []netip.Prefix
	for _, s := range denied {
		blocks = append(blocks, netip.MustParsePrefix(s))
	}
	beyond := 0
	for _, b := range blocks {
		first, last := b.Addr(), lastOf(b)
		for _, ip := range []netip.Addr{first, last} {
			if d.refuse(netip.AddrPortFrom(ip, 443)) == "" {
				t.Errorf("%v of %v may be called", ip, b)
			}
		}
		for _, ip := range []netip.Addr{first.Prev(), last.Next()} {
			if !ip.IsValid() || within(blocks, ip) {
				continue
			}
			beyond++
			if reason := d.refuse(netip.AddrPortFrom(ip, 443)); reason != "" {
				t.Errorf("%v beside %v is public but refused: %s", ip, b, reason)
			}
		}
	}
	if beyond < 30 {
		t.Errorf("only %d neighbours were public; the table is wrong", beyond)
	}
}

func TestOtherSpellingsOfADeniedIPv4AddressAreDenied(t *testing.T) {
	d := dialer(t, nil)
	for _, s := range denied {
		b := netip.MustParsePrefix(s)
		if !b.Addr().Is4() {
			continue
		}
		a := b.Addr().As4()
		var mapped, nat, sixToFour, compatible [16]byte
		copy(mapped[10:], []byte{0xff, 0xff, a[0], a[1], a[2], a[3]})
		copy(nat[:], []byte{0, 0x64, 0xff, 0x9b})
		copy(nat[12:], a[:])
		copy(sixToFour[:], []byte{0x20, 0x02, a[0], a[1], a[2], a[3]})
		copy(compatible[12:], a[:])
		for _, raw := range [][16]byte{mapped, nat, sixToFour, compatible} {
			if ip := netip.AddrFrom16(raw); d.refuse(netip.AddrPortFrom(ip, 443)) == "" {
				t.Errorf("%v, another spelling of %v, may be called", ip, b.Addr())
			}
		}
	}
}

func TestReasonsTellWhatTheAddressIsAndWhatToDo(t *testing.T) {
	tests := []struct{ ip, want string }{
		{"127.0.0.1", "127.0.0.1 is a loopback address; for development, serve --dev or Options.AllowLoopback allows it"},
		{"::1", "::1 is a loopback address; for development, serve --dev or Options.AllowLoopback allows it"},
		{"10.0.0.1", "10.0.0.1 is a private address; use a public address, or have the operator allow its network"},
		{"169.254.169.254", "169.254.169.254 is a link-local address, where clouds keep their credentials; it is never called"},
		{"168.63.129.16", "168.63.129.16 is the host agent of a cloud; it is never called"},
		{"fd00:ec2::254", "fd00:ec2::254 is the metadata service of a cloud; it is never called"},
		{"5f00::1", "5f00::1 is not a public address; use a public address, or have the operator allow its network"},
		{"2002:7f00:1::", "2002:7f00:1:: is a 6to4 address; use a public address, or have the operator allow its network"},
		{"2606:4700::5efe:7f00:1", "2606:4700::5efe:7f00:1 is an ISATAP address, which carries an IPv4 one; it is never called"},
		{"2606:4700::200:5efe:808:808", "2606:4700::200:5efe:808:808 is an ISATAP address, which carries an IPv4 one; it is never called"},
		{"2606:4700::1%eth0", "2606:4700::1%eth0 names a network card of this server; write the address without %"},
		{"8.8.8.8", ""},
		{"2606:4700::1", ""},
		{"::ffff:8.8.8.8", ""},
	}
	d := dialer(t, nil)
	for _, tt := range tests {
		if got := d.refuse(at(tt.ip)); got != tt.want {
			t.Errorf("refuse(%s) = %q, want %q", tt.ip, got, tt.want)
		}
	}
	if d.refuse(netip.AddrPort{}) == "" {
		t.Error("no address at all may be called")
	}
}

func TestLoopbackOpensLoopbackOnly(t *testing.T) {
	d := dialer(t, &Policy{Loopback: true, Listen: []netip.AddrPort{at("127.0.0.1")}}, "203.0.114.7")
	for _, ip := range []string{"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "203.0.114.7"} {
		if reason := d.refuse(at(ip)); reason != "" {
			t.Errorf("%s is refused in development: %s", ip, reason)
		}
	}
	for _, ip := range []string{"0.0.0.0", "::", "::2", "10.0.0.1", "169.254.169.254", "::127.0.0.1", "fe80::1", "64:ff9b::7f00:1"} {
		if d.refuse(at(ip)) == "" {
			t.Errorf("%s may be called in development", ip)
		}
	}
}

func TestAllowOpensExactlyItsNetworks(t *testing.T) {
	d := dialer(t, &Policy{Allow: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"),
		netip.MustParsePrefix("fd00:1::/32"),
		netip.MustParsePrefix("127.0.0.1/32"),
		netip.MustParsePrefix("::1/128"),
		netip.MustParsePrefix("64:ff9b::/96"),
	}})
	for _, ip := range []string{"10.1.0.0", "10.1.255.255", "::ffff:10.1.0.1", "fd00:1::9", "127.0.0.1", "::1", "64:ff9b::808:808", "64:ff9b::a01:1"} {
		if reason := d.refuse(at(ip)); reason != "" {
			t.Errorf("%s is refused: %s", ip, reason)
		}
	}
	for _, ip := range []string{"10.0.255.255", "10.2.0.0", "127.0.0.2", "fd00:2::", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::a83f:8110", "fd00:1::5efe:a01:1"} {
		if d.refuse(at(ip)) == "" {
			t.Errorf("%s may be called", ip)
		}
	}
}

func TestAllowRefusesWhatIsNeverOpened(t *testing.T) {
	tests := []struct{ prefix, want string }{
		{"169.254.0.0/16", "never opened"},
		{"169.254.169.254/32", "never opened"},
		{"0.0.0.0/0", "never opened"},
		{"fe80::/64", "never opened"},
		{"fd00::/8", "never opened"},
		{"fd00:ec2::254/128", "never opened"},
		{"168.63.129.16/32", "never opened"},
		{"168.63.0.0/16", "never opened"},
		{"100.64.0.0/10", "never opened"},
		{"::/0", "never opened"},
		{"::/96", "allow the IPv4 network"},
		{"::7f00:1/128", "allow the IPv4 network"},
		{"2002::/16", "allow the IPv4 network"},
		{"2001::/23", "allow the IPv4 network"},
		{"64:ff9b:1::/48", "allow the IPv4 network"},
		{"::ffff:10.0.0.0/104", "IPv4 notation"},
		{"10.0.0.1/8", "write 10.0.0.0/8"},
	}
	for _, tt := range tests {
		_, err := New(&Policy{Allow: []netip.Prefix{netip.MustParsePrefix(tt.prefix)}})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("allow %s = %v, want an error that says %q", tt.prefix, err, tt.want)
		}
	}
	if _, err := New(&Policy{Allow: []netip.Prefix{{}}}); err == nil {
		t.Error("an empty network was allowed")
	}
}

func TestTheServerDoesNotCallItself(t *testing.T) {
	d := dialer(t, &Policy{
		Allow:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("2606:4700::8/128")},
		Listen: []netip.AddrPort{netip.MustParseAddrPort("[::]:8080"), netip.MustParseAddrPort("10.9.9.9:9090")},
	}, "203.0.114.7", "10.0.0.5", "2606:4700::7", "2606:4700::8")
	tests := []struct {
		addr string
		want string
	}{
		{"203.0.114.7:443", "203.0.114.7 is an address of this server itself"},
		{"[::ffff:203.0.114.7]:443", "203.0.114.7 is an address of this server itself"},
		{"[2606:4700::7]:443", "2606:4700::7 is an address of this server itself"},
		{"203.0.114.7:8080", "203.0.114.7 port 8080 is this server itself"},
		{"10.0.0.5:8080", "10.0.0.5 port 8080 is this server itself"},
		{"127.0.0.1:8080", "127.0.0.1 port 8080 is this server itself"},
		{"10.9.9.9:9090", "10.9.9.9 port 9090 is this server itself"},
		{"10.0.0.5:9000", ""}, // another server on this machine, which the operator allowed
		{"[2606:4700::8]:9000", ""},
		{"10.0.0.6:8080", ""},
		{"127.0.0.1:9000", ""},
		{"203.0.114.8:8080", ""},
	}
	for _, tt := range tests {
		got := d.refuse(netip.MustParseAddrPort(tt.addr))
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("refuse(%s) = %q, want %q", tt.addr, got, tt.want)
		}
	}
	d.interfaces = func() ([]net.Addr, error) { return nil, errors.New("no netlink") }
	if got := d.refuse(at("8.8.8.8")); !strings.Contains(got, "no netlink") {
		t.Errorf("without knowing its own addresses, refuse = %q; want a refusal that says so", got)
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

func within(blocks []netip.Prefix, ip netip.Addr) bool {
	for _, b := range blocks {
		if b.Contains(ip) {
			return true
		}
	}
	return false
}
