package post_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/internal/post"
)

// A paper is a certificate with its key.
type paper struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issue makes a certificate by p, or by itself if p is nil.
func (p *paper) issue(t *testing.T, template x509.Certificate) *paper {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) // a bubble begins in 2000
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	parent, by := &template, key
	if p != nil {
		parent, by = p.Certificate, p.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &paper{made, key}
}

func (p *paper) pair() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Raw}, PrivateKey: p.key}
}

// authority makes the root of a world's trust, and the pool that holds it.
func authority(t *testing.T) (*paper, *tls.Config) {
	var nobody *paper
	ca := nobody.issue(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return ca, &tls.Config{RootCAs: pool}
}

func hooks() x509.Certificate { return x509.Certificate{DNSNames: []string{"hooks.example"}} }

// loopback listens, and makes a dialer that comes there whatever it is asked.
func loopback(t *testing.T) (net.Listener, func(context.Context, string, string) (net.Conn, error)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	}
}

func TestWhoeverIsNotTrustedGetsNothing(t *testing.T) {
	ca, trust := authority(t)
	var nobody *paper
	expired := hooks()
	expired.NotAfter = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	serving := func(p *paper) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{p.pair()}} }
	with := func(change func(c *tls.Config)) *tls.Config {
		c := serving(ca.issue(t, hooks()))
		change(c)
		return c
	}
	for name, test := range map[string]struct {
		server *tls.Config // nil: plain HTTP
		is     func(error) bool
	}{
		"wrong host": {serving(ca.issue(t, x509.Certificate{DNSNames: []string{"other.example"}})), is[x509.HostnameError]},
		"no name but the subject's": {serving(ca.issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "hooks.example"}})),
			is[x509.HostnameError]},
		"self-signed":      {serving(nobody.issue(t, hooks())), is[x509.UnknownAuthorityError]},
		"expired":          {serving(ca.issue(t, expired)), is[x509.CertificateInvalidError]},
		"TLS 1.1":          {with(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), isAlert},
		"another protocol": {with(func(c *tls.Config) { c.NextProtos = []string{"acme-tls/1"} }), isAlert},
		"wants to know us": {with(func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }),
			isAlert},
		"no TLS": {nil, is[tls.RecordHeaderError]},
	} {
		for _, size := range []int{1, 1 << 20} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				l, dial := loopback(t)
				if test.server != nil {
					l = tls.NewListener(l, test.server)
				} else {
					l = greeter{l}
				}
				rcv, stop := receive(l, echo)
				defer stop()
				var dialed net.Conn
				client := &post.Client{TLS: trust, Dial: func(ctx context.Context, network, address string) (_ net.Conn, err error) {
					dialed, err = dial(ctx, network, address)
					return dialed, err
				}}
				res, err := client.Post(t.Context(), time.Now().Add(10*time.Second), target("https://hooks.example/"), nil, make([]byte, size))
				if err == nil || !test.is(err) {
					t.Errorf("got a response: %v, and %v (%T)", res != nil, err, err)
				}
				if err := dialed.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
					t.Error("the connection was left open")
				}
				if len(rcv.seen()) != 0 {
					t.Error("the receiver got the request")
				}
			})
		}
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// isAlert reports whether the other end refused. Its type is not exported.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// A greeter is a listener of a protocol in which the server speaks first.
type greeter struct{ net.Listener }

func (g greeter) Accept() (net.Conn, error) {
	c, err := g.Listener.Accept()
	if err == nil {
		io.WriteString(c, "220 mail.example ESMTP\r\n")
	}
	return c, err
}

func TestOverTLS(t *testing.T) {
	ca, trust := authority(t)
	cert := ca.issue(t, x509.Certificate{
		DNSNames: []string{"hooks.example"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")},
	})
	for raw, sni := range map[string]string{
		"https://hooks.example/": "hooks.example", "https://hooks.example:8443/": "hooks.example",
		"https://192.0.2.1/": "", "https://[2001:db8::1]:8443/": "",
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(fmt.Sprint(raw, tls.VersionName(version)), func(t *testing.T) {
				var mu sync.Mutex
				var hellos []string
				l, dial := loopback(t)
				rcv, stop := receive(tls.NewListener(l, &tls.Config{
					Certificates: []tls.Certificate{cert.pair()}, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"},
					GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
						mu.Lock()
						defer mu.Unlock()
						hellos = append(hellos, fmt.Sprint(hello.ServerName, hello.SupportedProtos))
						return nil, nil
					},
				}), echo)
				defer stop()
				client := &post.Client{Dial: dial, TLS: trust}
				defer client.CloseIdle()
				pattern := strings.Repeat("0123456789", 7000)[:64<<10]
				for _, n := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10} {
					res, err := client.Post(t.Context(), time.Now().Add(10*time.Second), target(raw), nil, []byte(pattern[:n]))
					if err != nil || string(res.Body) != pattern[:n] || res.Truncated {
						t.Fatalf("%d bytes did not come back: %v", n, err)
					}
				}
				if ever, _ := rcv.opened(); ever != 1 {
					t.Errorf("it took %d connections, want 1", ever)
				}
				if want := []string{sni + "[http/1.1]"}; !slices.Equal(hellos, want) {
					t.Errorf("the client said hello as %v, want %v", hellos, want)
				}
			})
		}
	}
	if trust.ServerName != "" || trust.NextProtos != nil {
		t.Error("the client changed the TLS configuration it was given")
	}
}

// inSecret runs f on a fake clock with a TLS receiver at hooks.example. What it
// writes leaves it together, once for each request.
func inSecret(t *testing.T, version uint16, serve func(c net.Conn), f func(t *testing.T, client *post.Client)) {
	ca, trust := authority(t)
	server := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, hooks()).pair()}, MaxVersion: version}
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		l, err := network.Listen("hooks.example:443")
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				wg.Go(func() { serve(tls.Server(&gathered{Conn: c}, server)); c.Close() })
			}
		})
		client := &post.Client{Dial: network.DialContext, TLS: trust}
		f(t, client)
		client.CloseIdle()
		l.Close()
		wg.Wait()
	})
}

// A gathered connection keeps what is written until the next read.
type gathered struct {
	net.Conn
	kept bytes.Buffer
}

func (g *gathered) Write(p []byte) (int, error) { return g.kept.Write(p) }

func (g *gathered) Read(p []byte) (int, error) {
	g.kept.WriteTo(g.Conn)
	return g.Conn.Read(p)
}

// TestWhatTLSReadAheadIsNoAnswer: a second record that came with the first is in
// no buffer but TLS's own.
func TestWhatTLSReadAheadIsNoAnswer(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, after := range map[string]string{"nothing": "", "a response": ok("poison"), "a byte": "H"} {
			t.Run(name+" in "+tls.VersionName(version), func(t *testing.T) {
				conns := 0
				serve := func(c net.Conn) {
					conns++
					rcv := &receiver{answer: func(c net.Conn, v visit) {
						echo(c, v)
						if v.body == "first" && after != "" {
							io.WriteString(c, after)
						}
					}}
					rcv.serve(c, 0)
				}
				inSecret(t, version, serve, func(t *testing.T, client *post.Client) {
					for _, body := range []string{"first", "second", "third"} {
						res, err := client.Post(t.Context(), time.Now().Add(10*time.Second), target("https://hooks.example/"), nil, []byte(body))
						if err != nil || string(res.Body) != body {
							t.Fatalf("the %s request got %+v, %v", body, res, err)
						}
						time.Sleep(time.Second)
					}
				})
				want := 2
				if after == "" {
					want = 1
				}
				if conns != want {
					t.Errorf("it took %d connections, want %d", conns, want)
				}
			})
		}
	}
}

// TestNoGoodbyeToTheDeaf: TLS would wait to tell a receiver that does not read
// that it is given up.
func TestNoGoodbyeToTheDeaf(t *testing.T) {
	serve := func(c net.Conn) {
		c.(*tls.Conn).Handshake()
		c.(*tls.Conn).NetConn().(*gathered).kept.WriteTo(c.(*tls.Conn).NetConn().(*gathered).Conn)
		time.Sleep(time.Hour)
	}
	inSecret(t, tls.VersionTLS13, serve, func(t *testing.T, client *post.Client) {
		start := time.Now()
		_, err := client.Post(t.Context(), start.Add(700*time.Millisecond), target("https://hooks.example/"), nil, make([]byte, 1<<20))
		if took := time.Since(start); kind(err) != timeout || took != 700*time.Millisecond {
			t.Errorf("got %v after %v, want a timeout after 700ms", err, took)
		}
	})
}
