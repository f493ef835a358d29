package safedial

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxURL is the length of the longest URL taken, as written and as stored.
const maxURL = 2048

// badPorts are the ports no browser sends HTTP to, because what listens there
// speaks another protocol and might obey (WHATWG Fetch, section 2.9).
var badPorts = []uint16{
	1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
	101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161,
	179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563,
	587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
	5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

// A URLError is a URL that CheckURL refused. Reason is for whoever wrote it.
type URLError struct {
	Reason string
}

func (e *URLError) Error() string { return e.Reason }

// CheckURL takes the URL of an endpoint, or refuses it with a *URLError. It asks
// no DNS: what a name resolves to is checked at each dial. The URL returned is
// in the one spelling in which it is to be stored and called: scheme and host in
// lower case, the host in ASCII without a final dot, all else as written, and
// ASCII throughout.
func (d *Dialer) CheckURL(raw string) (*url.URL, error) {
	if reason := checkText(raw); reason != "" {
		return nil, &URLError{reason}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &URLError{"the URL cannot be understood; write it like https://api.example.com/webhooks"}
	}
	if reason := d.checkParts(u); reason != "" {
		return nil, &URLError{reason}
	}
	h, reason := checkHost(u)
	if reason == "" {
		reason = d.refuseHost(h, portOf(u))
	}
	if port, _ := parsePort(portOf(u)); reason == "" && h.name == "" {
		reason = d.refuse(netip.AddrPortFrom(h.addr, port))
	}
	if reason != "" {
		return nil, &URLError{reason}
	}
	respell(u, h)
	if len(u.String()) > maxURL {
		return nil, &URLError{fmt.Sprintf("the URL is longer than %d characters when escaped; shorten it", maxURL)}
	}
	return u, nil
}

// checkText refuses what no URL contains, before a parser can be lenient.
func checkText(raw string) string {
	switch {
	case strings.TrimSpace(raw) == "":
		return "the URL is empty; write it like https://api.example.com/webhooks"
	case len(raw) > maxURL:
		return fmt.Sprintf("the URL is longer than %d characters; shorten it", maxURL)
	case !utf8.ValidString(raw):
		return "the URL is not valid UTF-8; write other bytes as %XX"
	case strings.Contains(raw, `\`):
		return `the URL contains a backslash; write it as / or %5C`
	case strings.Contains(raw, "#"):
		return "the URL has a fragment, which no server sees; remove the # and what follows"
	}
	for _, r := range raw {
		if r <= ' ' || r >= 0x7f && r < 0xa0 {
			return "the URL contains " + blank(r)
		}
	}
	return ""
}

func blank(r rune) string {
	if r == ' ' {
		return "a space; write it as %20"
	}
	return fmt.Sprintf("the control character U+%04X; remove it", r)
}

// checkParts judges all of u but its host.
// httpsOnly is why an http URL is refused where it is.
const httpsOnly = "only https is allowed here, by the setting --https-only (in the library: Options.HTTPSOnly); write https://, or have the operator take the setting back"

// AboutHTTPS reports whether a refusal in these words was of http as such.
func AboutHTTPS(detail string) bool { return strings.Contains(detail, httpsOnly) }

// RefusePlain is nil where http may be spoken, and else the *DeniedError for those
// who are about to. A Dialer cannot see it: it is asked for connections, whatever
// is said over them.
func (d *Dialer) RefusePlain() error {
	if !d.policy.HTTPSOnly {
		return nil
	}
	return &DeniedError{Reason: httpsOnly}
}

func (d *Dialer) checkParts(u *url.URL) string {
	switch {
	case u.Scheme == "":
		return "the URL does not begin with https:// or http://"
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("the scheme %s cannot be called; use https or http", quote(u.Scheme))
	case u.Scheme == "http" && d.policy.HTTPSOnly:
		return httpsOnly
	case u.Opaque != "":
		return fmt.Sprintf("write // after %s:", u.Scheme)
	case u.User != nil:
		return "the URL contains a user name or password; remove what stands before the @ and set the endpoint's auth or headers"
	case u.Hostname() == "":
		return fmt.Sprintf("the URL names no host; write it like %s://api.example.com/webhooks", u.Scheme)
	case strings.HasSuffix(u.Host, ":"):
		return "the port is empty; write it after the colon, or remove the colon"
	}
	if u.Port() == "" {
		return ""
	}
	port, ok := parsePort(u.Port())
	if !ok {
		return badPort(u.Port())
	}
	if slices.Contains(badPorts, port) {
		return fmt.Sprintf("port %d belongs to another protocol than HTTP; use another port", port)
	}
	return ""
}

func checkHost(u *url.URL) (h host, reason string) {
	name := u.Hostname()
	if bracketed := strings.HasPrefix(u.Host, "["); bracketed != strings.Contains(name, ":") {
		return h, fmt.Sprintf("%s is not a host; only IPv6 addresses stand in brackets", quote(u.Host))
	}
	return parseHost(name)
}

// respell gives u the spelling it is kept in.
func respell(u *url.URL, h host) {
	port := u.Port()
	u.Host = h.String()
	if h.name == "" && h.addr.Is6() {
		u.Host = "[" + u.Host + "]"
	}
	if port != "" {
		u.Host += ":" + port
	}
	u.RawQuery = escapeNonASCII(u.RawQuery) // paths are escaped by String
}

// escapeNonASCII writes the bytes a request line cannot carry as %XX.
func escapeNonASCII(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}
