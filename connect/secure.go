package connect

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// TLS is how a server is spoken to over an encrypted connection. ca, the member of that
// name, is PEM: whom to trust in place of the system's authorities; "": these.
func TLS(host, ca string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if ca != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, Must(false, "ca", "has no certificate; give one that begins with -----BEGIN CERTIFICATE-----")
		}
	}
	return c, nil
}

// Servers reads addresses with commas between them, which is what the member of that name
// holds. Those without a port have the one given.
func Servers(member, text, port string) ([]string, error) {
	var all []string
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		host, p, err := net.SplitHostPort(one)
		if err != nil {
			host, p = strings.Trim(one, "[]"), port
		}
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || !isHost(host) {
			return nil, Must(false, member, "must name servers such as one.example.com:"+port+", with commas between them")
		}
		all = append(all, net.JoinHostPort(host, p))
	}
	return all, nil
}

func isHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name != "" && len(name) <= 253 && strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
	}) < 0
}
