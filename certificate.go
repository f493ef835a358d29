package fanfare

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"
)

// Bounds on certificates.
const (
	maxPEM          = 64 << 10
	maxCertificates = 32 // in a bundle
	maxChain        = 10 // of a client's certificate
	minRSA          = 2048
)

// checkCertificate refuses a certificate that could not be shown to the receiver
// at rawURL.
func (a *Auth) checkCertificate(rawURL string) error {
	switch {
	case a.Certificate == "" && a.Key == "":
		return nil
	case a.Certificate == "":
		return &InvalidError{"auth.mtls.certificate", "is missing; give the certificate that belongs to the key"}
	case a.Key == "":
		return &InvalidError{"auth.mtls.key", "is missing; give the private key of the certificate"}
	case strings.HasPrefix(rawURL, "http:"):
		return &InvalidError{"auth.mtls", "certificates are shown over TLS only; begin the URL with https://"}
	}
	chain, reason := certificates(a.Certificate, maxChain)
	if reason != "" {
		return &InvalidError{"auth.mtls.certificate", reason}
	}
	if reason := checkKey(a.Key); reason != "" {
		return &InvalidError{"auth.mtls.key", reason}
	}
	if key, ok := chain[0].PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
		return &InvalidError{"auth.mtls.key", fmt.Sprintf("has %d bits; RSA takes at least %d", key.N.BitLen(), minRSA)}
	}
	if _, err := tls.X509KeyPair([]byte(a.Certificate), []byte(a.Key)); err != nil {
		return &InvalidError{"auth.mtls.key", "does not belong to the first certificate, or cannot be read (" + strings.TrimPrefix(err.Error(), "tls: ") + ")"}
	}
	return nil
}

func (a *Auth) checkCA() error {
	if a.CA == "" {
		return nil
	}
	if _, reason := certificates(a.CA, maxCertificates); reason != "" {
		return &InvalidError{"auth.ca", reason}
	}
	return nil
}

// certificates reads a text of most certificates in PEM, of which there must be
// one, or says what is wrong with it. Since certificates are shown to who asks, there
// must be no key among them.
func certificates(text string, most int) (list []*x509.Certificate, reason string) {
	switch {
	case len(text) > maxPEM:
		return nil, fmt.Sprintf("at most %d bytes of PEM", maxPEM)
	case strings.Contains(text, "PRIVATE KEY"):
		return nil, "holds a private key, which does not belong here; leave only certificates"
	}
	block, rest := pem.Decode([]byte(text))
	for ; block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Sprintf("holds a %s; leave only what stands between BEGIN CERTIFICATE and END CERTIFICATE", bound(block.Type, 32))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Sprintf("the certificate no. %d cannot be read (%s)", len(list)+1, detail(err))
		}
		list = append(list, c)
	}
	switch {
	case len(list) == 0:
		return nil, "is not PEM; it begins with -----BEGIN CERTIFICATE-----"
	case strings.Contains(string(rest), "-----BEGIN"):
		return nil, "ends in something that cannot be read; is it cut off?"
	case len(list) > most:
		return nil, fmt.Sprintf("at most %d certificates", most)
	}
	return list, ""
}

// checkKey says what is wrong with a private key in PEM, as far as that can be
// told without its certificate.
func checkKey(text string) (reason string) {
	if len(text) > maxPEM {
		return fmt.Sprintf("at most %d bytes of PEM", maxPEM)
	}
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasPrefix(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return "is encrypted; give it without its passphrase"
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return ""
		}
	}
	return "is not PEM of a private key; it begins with -----BEGIN PRIVATE KEY-----"
}

// checkExpiry refuses certificates that have expired, but for those that had has:
// what runs out must not keep its endpoint from being changed. Both were checked.
func (a *Auth) checkExpiry(had *Auth, now time.Time) error {
	for _, c := range []struct{ field, text, had string }{
		{"auth.mtls.certificate", a.Certificate, had.Certificate},
		{"auth.ca", a.CA, had.CA},
	} {
		if c.text == c.had {
			continue
		}
		list, _ := certificates(c.text, maxCertificates)
		for _, cert := range list {
			if now.After(cert.NotAfter) {
				return &InvalidError{c.field, fmt.Sprintf("the certificate of %q expired on %s; give one that is valid",
					plain(bound(cert.Subject.String(), 100)), cert.NotAfter.UTC().Format(time.DateOnly))}
			}
		}
	}
	return nil
}

// checkChangedCertificates is checkExpiry for an endpoint that is there already.
func (h *Hub) checkChangedCertificates(ctx context.Context, ep *Endpoint) error {
	if ep.Auth.Certificate == "" && ep.Auth.CA == "" {
		return nil
	}
	had, err := h.Endpoint(ctx, ep.Application, string(ep.ID))
	if err != nil {
		return err
	}
	return ep.Auth.checkExpiry(&had.Auth, h.now())
}

// tlsConfig is what connections to the receiver are made with; nil: the usual.
func (a *Auth) tlsConfig() (*tls.Config, error) {
	if a.Certificate == "" && a.CA == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(a.Certificate), []byte(a.Key))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if a.CA != "" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM([]byte(a.CA))
	}
	return config, nil
}

// tokenConfig is what connections to the token endpoint are made with; nil: the
// usual. The client's certificate is for the receiver alone.
func (a *Auth) tokenConfig() *tls.Config {
	if a.CA == "" {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM([]byte(a.CA))
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}
