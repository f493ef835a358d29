package email_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/internal/memnet"
)

// A dialer is a way to a server, whatever its address.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// served has a mailbox answer on a network of its own; with implicit from the first
// byte on encrypted.
func served(t *testing.T, m *fake.Mailbox, implicit *tls.Config) dialer {
	t.Helper()
	network := memnet.New()
	ln, err := network.Listen("mail:25")
	if err != nil {
		t.Fatal(err)
	}
	if implicit != nil {
		ln = tls.NewListener(ln, implicit)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := m.Serve(ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		_ = ln.Close()
		serving.Wait()
	})
	return func(ctx context.Context, kind, _ string) (net.Conn, error) {
		return network.DialContext(ctx, kind, "mail:25")
	}
}

// certified makes a certificate for a host; authority is it in PEM.
func certified(t *testing.T, host string) (server *tls.Config, authority string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// counted keeps what is written to a connection.
type counted struct {
	net.Conn
	mu   sync.Mutex
	sent bytes.Buffer
	over bool
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.sent.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *counted) Close() error {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	return c.Conn.Close()
}

func (c *counted) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}
