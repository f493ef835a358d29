package fanfare_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A paper is a certificate and its key, as PEM too.
type paper struct {
	*x509.Certificate
	key        crypto.Signer
	text, pkey string
}

// issue makes a certificate for a name by p, or by itself if p is nil.
func (p *paper) issue(t *testing.T, name string, change ...func(*x509.Certificate)) *paper {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return p.issueFor(t, key, name, change...)
}

func (p *paper) issueFor(t *testing.T, key crypto.Signer, name string, change ...func(*x509.Certificate)) *paper {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), // a bubble begins in 2000
		NotAfter:  time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	if p == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	}
	for _, f := range change {
		f(template)
	}
	parent, by := template, key
	if p != nil {
		parent, by = p.Certificate, p.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &paper{made, key, inPEM("CERTIFICATE", der), inPEM("PRIVATE KEY", pkcs8)}
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (p *paper) pair() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Raw}, PrivateKey: p.key}
}

func (p *paper) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate)
	return pool
}

var nobody *paper

// A secured receiver notes beside its requests on which connection each came, and
// whose certificate was shown there.
type secured struct {
	*receiver
	answer func(n int, rw http.ResponseWriter, r *http.Request) // nil: 200

	mu    sync.Mutex
	shown []string // name and connection of each request
}

// secure starts a receiver at host, port 443, whose certificate is cert's. When it
// has clients, whoever comes must show a certificate by one of them.
func (w *world) secure(host string, cert, clients *paper) *secured {
	w.t.Helper()
	l, err := w.net.Listen(host + ":443")
	if err != nil {
		w.t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert.pair()}}
	if clients != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, clients.pool()
	}
	s := &secured{receiver: &receiver{url: "https://" + host + "/"}}
	s.server = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		name := ""
		if certs := r.TLS.PeerCertificates; len(certs) > 0 {
			name = certs[0].Subject.CommonName
		}
		s.receiver.mu.Lock()
		s.got = append(s.got, request{time.Now(), r.Header, string(body)})
		n := len(s.got)
		s.receiver.mu.Unlock()
		s.mu.Lock()
		s.shown = append(s.shown, name+" on "+r.RemoteAddr)
		s.mu.Unlock()
		if s.answer != nil {
			s.answer(n, rw, r)
		}
	})}
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	go s.server.Serve(tls.NewListener(l, config))
	w.t.Cleanup(func() { s.server.Close() })
	return s
}

func TestACertificateIsShownAndOneIsBelieved(t *testing.T) {
	ca, clients := nobody.issue(t, "Private CA"), nobody.issue(t, "Clients' CA")
	server, ours := ca.issue(t, "hooks.example"), clients.issue(t, "fanfare")
	stranger := nobody.issue(t, "fanfare")
	mutual := fanfare.Auth{Certificate: ours.text, Key: ours.pkey, CA: ca.text}
	tests := map[string]struct {
		auth      fanfare.Auth
		signature string
		tags      []string
		class     fanfare.Class
	}{
		"both":                         {mutual, "", nil, fanfare.ClassSuccess},
		"both, and the URL is changed": {mutual, "query", nil, fanfare.ClassSuccess},
		"both, and it was passed on":   {mutual, "", []string{"fanfare-hops:1"}, fanfare.ClassSuccess},
		"no certificate":               {fanfare.Auth{CA: ca.text}, "", nil, fanfare.ClassTLS},
		"another's certificate":        {fanfare.Auth{Certificate: stranger.text, Key: stranger.pkey, CA: ca.text}, "", nil, fanfare.ClassTLS},
		"the system's CAs":             {fanfare.Auth{Certificate: ours.text, Key: ours.pkey}, "", nil, fanfare.ClassTLS},
		"another CA":                   {fanfare.Auth{Certificate: ours.text, Key: ours.pkey, CA: clients.text}, "", nil, fanfare.ClassTLS},
		"one of several CAs":           {fanfare.Auth{Certificate: ours.text, Key: ours.pkey, CA: clients.text + "# ours:\n" + ca.text}, "", nil, fanfare.ClassSuccess},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.secure("hooks.example", server, clients)
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: test.auth, Signature: test.signature})
				msg := &fanfare.Message{EventType: "a.b", Payload: []byte("1"), Tags: test.tags}
				if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
					t.Fatal(errs, err)
				}
				time.Sleep(time.Second)
				a := w.attempts(msg)[0]
				if a.Class != test.class {
					t.Errorf("the attempt ended %q, want %q: %s", a.Class, test.class, a.Explanation())
				}
				if came := len(rcv.requests()) > 0; came != (test.class == fanfare.ClassSuccess) {
					t.Errorf("the receiver got it: %v", came)
				}
			})
		})
	}
}

// TestNoEndpointGoesByAnothersCertificate has three endpoints on one host take turns.
func TestNoEndpointGoesByAnothersCertificate(t *testing.T) {
	ca := nobody.issue(t, "CA")
	server, one, two := ca.issue(t, "hooks.example"), ca.issue(t, "one"), ca.issue(t, "two")
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.secure("hooks.example", server, ca)
		for _, p := range []*paper{one, two, one} {
			w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{Certificate: p.text, Key: p.pkey, CA: ca.text}, EventTypes: []string{"e" + p.Subject.CommonName}})
		}
		const rounds = 4
		for range rounds {
			for _, name := range []string{"one", "two"} {
				w.send("e"+name, 1)
				time.Sleep(time.Second)
			}
		}
		synctest.Wait()
		per := map[string]int{}
		names := map[string]int{}
		for _, s := range rcv.shown {
			name, _, _ := strings.Cut(s, " ")
			per[s]++
			names[name]++
		}
		if names["one"] != 2*rounds || names["two"] != rounds {
			t.Errorf("certificates were shown as %v, want one %d times and two %d times", names, 2*rounds, rounds)
		}
		if len(per) != 3 {
			t.Errorf("the requests came as %v, want three connections, one for each endpoint", per)
		}
	})
}

func TestCertificatesAreChecked(t *testing.T) {
	ca := nobody.issue(t, "CA")
	ours := ca.issue(t, "fanfare")
	ended := ca.issue(t, "ended", func(c *x509.Certificate) { c.NotAfter = time.Date(1999, 6, 1, 0, 0, 0, 0, time.UTC) })
	weakKey, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := ca.issueFor(t, weakKey, "weak")
	strongKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	strong := ca.issueFor(t, strongKey, "strong")
	long := strings.Repeat(ours.text, 200)
	tests := map[string]struct {
		auth          fanfare.Auth
		field, reason string // of the error; "" for none
	}{
		"a pair":             {fanfare.Auth{Certificate: ours.text, Key: ours.pkey}, "", ""},
		"a pair with RSA":    {fanfare.Auth{Certificate: strong.text, Key: strong.pkey}, "", ""},
		"a chain":            {fanfare.Auth{Certificate: ours.text + ca.text, Key: ours.pkey}, "", ""},
		"a CA":               {fanfare.Auth{CA: ca.text}, "", ""},
		"no key":             {fanfare.Auth{Certificate: ours.text}, "auth.mtls.key", "is missing"},
		"no certificate":     {fanfare.Auth{Key: ours.pkey}, "auth.mtls.certificate", "is missing"},
		"another's key":      {fanfare.Auth{Certificate: ours.text, Key: ca.pkey}, "auth.mtls.key", "does not belong"},
		"the chain reversed": {fanfare.Auth{Certificate: ca.text + ours.text, Key: ours.pkey}, "auth.mtls.key", "does not belong"},
		"encrypted":          {fanfare.Auth{Certificate: ours.text, Key: inPEM("ENCRYPTED PRIVATE KEY", []byte("x"))}, "auth.mtls.key", "is encrypted"},
		"encrypted of old": {fanfare.Auth{Certificate: ours.text, Key: "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n"},
			"auth.mtls.key", "is encrypted"},
		"no PEM":               {fanfare.Auth{Certificate: "hello", Key: ours.pkey}, "auth.mtls.certificate", "is not PEM"},
		"a key that is no PEM": {fanfare.Auth{Certificate: ours.text, Key: "hello"}, "auth.mtls.key", "is not PEM of a private key"},
		"a broken certificate": {fanfare.Auth{Certificate: inPEM("CERTIFICATE", []byte("x")), Key: ours.pkey}, "auth.mtls.certificate", "no. 1 cannot be read"},
		"cut off":              {fanfare.Auth{Certificate: ours.text + ca.text[:100], Key: ours.pkey}, "auth.mtls.certificate", "cut off"},
		"both in one":          {fanfare.Auth{Certificate: ours.text + ours.pkey, Key: ours.pkey}, "auth.mtls.certificate", "holds a private key"},
		"expired":              {fanfare.Auth{Certificate: ended.text, Key: ended.pkey}, "auth.mtls.certificate", `"CN=ended" expired on 1999-06-01`},
		"an expired CA":        {fanfare.Auth{CA: ca.text + ended.text}, "auth.ca", `"CN=ended" expired on 1999-06-01`},
		"RSA with 1024 bits":   {fanfare.Auth{Certificate: weak.text, Key: weak.pkey}, "auth.mtls.key", "has 1024 bits"},
		"too long":             {fanfare.Auth{Certificate: long, Key: ours.pkey}, "auth.mtls.certificate", "at most 65536 bytes"},
		"a key too long":       {fanfare.Auth{Certificate: ours.text, Key: ours.pkey + long}, "auth.mtls.key", "at most 65536 bytes"},
		"a long chain":         {fanfare.Auth{Certificate: strings.Repeat(ours.text, 11), Key: ours.pkey}, "auth.mtls.certificate", "at most 10"},
		"many CAs":             {fanfare.Auth{CA: strings.Repeat(ca.text, 33)}, "auth.ca", "at most 32"},
		"a CA that is a key":   {fanfare.Auth{CA: ca.pkey}, "auth.ca", "holds a private key"},
		"something else":       {fanfare.Auth{CA: inPEM("CERTIFICATE REQUEST", []byte("x"))}, "auth.ca", "holds a CERTIFICATE REQUEST"},
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		for name, test := range tests {
			err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: "https://example.com/", Auth: test.auth})
			var invalid *fanfare.InvalidError
			if errors.As(err, &invalid); test.field == "" && err == nil {
				continue
			}
			if invalid == nil || invalid.Field != test.field || !strings.Contains(invalid.Reason, test.reason) {
				t.Errorf("%s: %v; want %s: …%s…", name, err, test.field, test.reason)
			}
		}
		err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: "http://example.com/", Auth: fanfare.Auth{Certificate: ours.text, Key: ours.pkey}})
		if err == nil || !strings.Contains(err.Error(), "begin the URL with https://") {
			t.Errorf("a certificate for http gives %v", err)
		}
	})
}

// TestWhatExpiresMeanwhileCanBeKept: the endpoint can be changed, and only what is
// new has to be valid.
func TestWhatExpiresMeanwhileCanBeKept(t *testing.T) {
	short := func(c *x509.Certificate) { c.NotAfter = time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC) }
	first, second := nobody.issue(t, "first", short), nobody.issue(t, "second", short)
	inBubble(t, nil, func(t *testing.T, w *world) {
		ep := w.endpoint(fanfare.Endpoint{URL: "https://example.com/", Auth: fanfare.Auth{Certificate: first.text, Key: first.pkey, CA: first.text}})
		time.Sleep(2 * time.Hour)
		if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
			t.Errorf("pausing it gives %v", err)
		}
		ep.Auth.CA = second.text
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err == nil || !strings.Contains(err.Error(), "expired") {
			t.Errorf("another that has expired gives %v", err)
		}
	})
}
