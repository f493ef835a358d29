package safedial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// A host is a name or an address, in its one canonical spelling.
type host struct {
	name string // lower case, ASCII, no final dot; empty for an address
	addr netip.Addr
}

func (h host) String() string {
	if h.name != "" {
		return h.name
	}
	return h.addr.String()
}

// parseHost takes a host without brackets and port, or tells why it takes none.
func parseHost(s string) (h host, reason string) {
	if strings.Contains(s, ":") {
		return parseIPv6(s)
	}
	name, err := toASCII(s)
	if err != nil {
		return h, fmt.Sprintf("%s is not a host name; use letters, digits, hyphens and dots", quote(s))
	}
	name = strings.TrimSuffix(name, ".")
	if reason := checkName(name); reason != "" {
		return h, fmt.Sprintf("%s is not a host name: %s", quote(s), reason)
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if !isNumber(last) {
		return host{name: name}, ""
	}
	// A resolver that is not this one may read 127.1, 0x7f000001 or 017700000001
	// as an address, so whatever ends in a number is one or is nothing.
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return h, fmt.Sprintf("%s is not an IPv4 address; write four decimal numbers from 0 to 255 without leading zeros", quote(s))
	}
	if strings.TrimSuffix(s, ".") != addr.String() {
		return h, fmt.Sprintf("%s is an unusual way to write an IPv4 address; write %v", quote(s), addr)
	}
	return host{addr: addr}, ""
}

func parseIPv6(s string) (h host, reason string) {
	if strings.Contains(s, "%") {
		return h, fmt.Sprintf("%s names a network card of this server; write the address without %%", quote(s))
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return h, fmt.Sprintf("%s is not an IPv6 address", quote(s))
	}
	if addr.Is4In6() {
		return h, fmt.Sprintf("%s is an IPv4 address in IPv6 notation; write %v", quote(s), addr.Unmap())
	}
	return host{addr: addr}, ""
}

// toASCII leaves plain ASCII to checkName: the rules of IDNA also forbid names
// that are in use, such as those with two hyphens in the third place.
func toASCII(s string) (string, error) {
	lower := strings.ToLower(s)
	if isASCII(lower) && !strings.HasPrefix(lower, "xn--") && !strings.Contains(lower, ".xn--") {
		return lower, nil
	}
	if !utf8.ValidString(s) {
		return "", errors.New("not UTF-8")
	}
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil {
		return "", err
	}
	// What is stored is read again, so it must mean itself.
	if again, err := idna.Lookup.ToASCII(ascii); err != nil || again != ascii {
		return "", errors.New("not in normal form")
	}
	return ascii, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func checkName(name string) (reason string) {
	if name == "" {
		return "it is empty"
	}
	if len(name) > 253 {
		return "it is longer than 253 characters"
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return "there is nothing between two dots"
		case len(label) > 63:
			return "a part is longer than 63 characters"
		case label[0] == '-' || label[len(label)-1] == '-':
			return "a part begins or ends with a hyphen"
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return "use letters, digits, hyphens and dots"
			}
		}
	}
	return ""
}

// isNumber reports whether an address parser of the C kind could take label for
// the last part of an IPv4 address.
func isNumber(label string) bool {
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	digits, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(digits, "0123456789abcdef") == ""
}

// refuseHost tells why the name of h at port may not be called, whatever it
// resolves to.
func (d *Dialer) refuseHost(h host, port string) string {
	switch {
	case d.policy.Loopback && (isLocalhost(h.name) || h.addr.IsLoopback()):
		return ""
	case d.base == net.JoinHostPort(h.String(), port) && !d.policy.Loopback:
		return fmt.Sprintf("%s is this server itself; name the server that is to be called", quote(h.String()))
	case h.name == "":
		return ""
	case isLocalhost(h.name):
		return fmt.Sprintf("%s is a loopback address; for development, serve --dev or Options.AllowLoopback allows it", quote(h.name))
	case metadataNames[h.name]:
		return fmt.Sprintf("%s is the metadata service of a cloud; it is never called", quote(h.name))
	case len(d.policy.Allow) == 0 && isLocal(h.name):
		return fmt.Sprintf("%s is a name of a local network; use a public name, or have the operator allow its network", quote(h.name))
	}
	return ""
}

func isLocalhost(name string) bool {
	switch name {
	case "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback":
		return true
	}
	return strings.HasSuffix(name, ".localhost")
}

var metadataNames = map[string]bool{
	"instance-data":              true,
	"instance-data.ec2.internal": true,
	"metadata":                   true,
	"metadata.google.internal":   true,
	"metadata.goog":              true,
}

// isLocal reports whether name can only mean something inside one network.
func isLocal(name string) bool {
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".internal") || strings.HasSuffix(name, ".local")
}

func parsePort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0 && s[0] != '0'
}

func badPort(s string) string {
	return fmt.Sprintf("port %s is not a number from 1 to 65535", quote(s))
}

// portOf returns the port of u, which may be the one its scheme implies.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// quote prepares what a stranger wrote for a sentence: short and printable. What
// is plainly safe keeps its looks.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	for _, r := range s {
		if r <= ' ' || r == '"' || r == utf8.RuneError || r >= 0x7f && r != '…' {
			return strconv.QuoteToASCII(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}
