package post_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// TestAConnectionServesOneConfiguration has requests to one place go over several
// configurations, and notes on which connections they come and as whose.
func TestAConnectionServesOneConfiguration(t *testing.T) {
	ca, trust := authority(t)
	client := func(name string) *tls.Config {
		p := ca.issue(t, x509.Certificate{Subject: pkix.Name{CommonName: name}})
		return &tls.Config{RootCAs: trust.RootCAs, Certificates: []tls.Certificate{p.pair()}}
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			l, dial := loopback(t)
			var mu sync.Mutex
			var seen []string
			rcv, stop := receive(tls.NewListener(l, &tls.Config{
				Certificates: []tls.Certificate{ca.issue(t, hooks()).pair()}, MaxVersion: version,
				ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: trust.RootCAs,
			}), func(c net.Conn, v visit) {
				name := "-"
				if certs := c.(*tls.Conn).ConnectionState().PeerCertificates; len(certs) > 0 {
					name = certs[0].Subject.CommonName
				}
				mu.Lock()
				seen = append(seen, name)
				mu.Unlock()
				io.WriteString(c, ok(name))
			})
			defer stop()
			poster := &post.Client{Dial: dial, TLS: trust}
			defer poster.CloseIdle()
			u := &url.URL{Scheme: "https", Host: "hooks.example", Path: "/"}
			one, two := client("one"), client("two")
			order := []*tls.Config{one, two, nil, one, one.Clone(), two, nil, one}
			for _, config := range order {
				to := post.NewTarget(u, nil).Over(config) // another Target of the same configuration shares
				if _, err := poster.Post(t.Context(), time.Now().Add(10*time.Second), to, nil, nil); err != nil {
					t.Fatal(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if want := []string{"one", "two", "-", "one", "one", "two", "-", "one"}; !slices.Equal(seen, want) {
				t.Errorf("the requests came as %q, want %q", seen, want)
			}
			var conns []int
			for _, v := range rcv.seen() {
				conns = append(conns, v.conn)
			}
			if want := []int{0, 1, 2, 0, 3, 1, 2, 0}; !slices.Equal(conns, want) {
				t.Errorf("they came on the connections %v, want %v", conns, want)
			}
		})
	}
}

func TestAGetHasNoBody(t *testing.T) {
	inBubble(t, echo, func(t *testing.T, w *world) {
		var raw []string
		l, err := w.network.Listen("raw:80")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			for err == nil {
				b := make([]byte, 1<<10)
				var n int
				if n, err = c.Read(b); err == nil {
					raw = append(raw, string(b[:n]))
					io.WriteString(c, ok("here"))
				}
			}
		}()
		u := &url.URL{Scheme: "http", Host: "raw", Path: "/x", RawQuery: "a=b"}
		to := post.NewGet(u, []byte("User-Agent: t\r\n"))
		for _, size := range []int{3, 64 << 10} { // however long the one that is not sent
			res, err := w.client.Post(t.Context(), time.Now().Add(time.Second), to, []byte("X: y\r\n"), make([]byte, size))
			if err != nil || res.Status != http.StatusOK || string(res.Body) != "here" {
				t.Fatalf("got %+v, %v", res, err)
			}
		}
		const want = "GET /x?a=b HTTP/1.1\r\nHost: raw\r\nUser-Agent: t\r\nX: y\r\n\r\n"
		if !slices.Equal(raw, []string{want, want}) {
			t.Errorf("it sent %.200q, want %q twice", raw, want)
		}
	})
}
