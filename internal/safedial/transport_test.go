package safedial

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/memnet"
)

// receive serves h at receiver.example:80 in memory and returns a transport to
// it and the list of what was dialed.
func receive(t *testing.T, h http.HandlerFunc) (*http.Transport, *[]string) {
	t.Helper()
	n := memnet.New()
	l, err := n.Listen("receiver.example:80")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(l) }()
	var dialed []string
	transport := NewTransport(func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return n.DialContext(ctx, network, address)
	})
	t.Cleanup(func() { transport.CloseIdleConnections(); srv.Close(); <-served })
	return transport, &dialed
}

func post(t *testing.T, transport *http.Transport, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestTransportIgnoresProxiesOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://proxy.example:3128")
	}
	transport, dialed := receive(t, func(w http.ResponseWriter, r *http.Request) {})
	post(t, transport, "http://receiver.example/")
	if len(*dialed) != 1 || (*dialed)[0] != "receiver.example:80" {
		t.Errorf("dialed %v, want the receiver only", *dialed)
	}
}

func TestTransportHandsOverWhatCame(t *testing.T) {
	transport, _ := receive(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("asked for encoding %q", got)
		}
		if r.URL.Path == "/redirect" {
			http.Redirect(w, r, "http://127.0.0.1/", http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "not gzip at all")
	})
	if _, body := post(t, transport, "http://receiver.example/"); body != "not gzip at all" {
		t.Errorf("body %q, want the bytes sent", body)
	}
	if resp, _ := post(t, transport, "http://receiver.example/redirect"); resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d, want the redirect itself", resp.StatusCode)
	}
}

func TestTransportKeepsConnectionsForThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, dialed := receive(t, func(w http.ResponseWriter, r *http.Request) {})
		for i, tt := range []struct {
			pause time.Duration
			dials int
		}{{0, 1}, {29 * time.Second, 1}, {31 * time.Second, 2}} {
			time.Sleep(tt.pause)
			post(t, transport, "http://receiver.example/")
			if len(*dialed) != tt.dials {
				t.Errorf("post %d: %d dials, want %d", i, len(*dialed), tt.dials)
			}
		}
	})
}

func TestTransportRefusesHugeHeaders(t *testing.T) {
	transport, _ := receive(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Huge", strings.Repeat("x", 65<<10))
	})
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://receiver.example/", nil)
	if resp, err := transport.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("65 KiB of headers were taken")
	}
}

func TestTransportRefusesOldTLSAndStaysOnHTTP1(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto)
	}))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	d := dialer(t, &Policy{Loopback: true})
	transport := NewTransport(d.DialContext)
	defer transport.CloseIdleConnections()
	transport.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, proto := post(t, transport, srv.URL); proto != "HTTP/1.1" {
		t.Errorf("spoke %s, want HTTP/1.1", proto)
	}

	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	defer old.Close()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", old.URL, nil)
	if resp, err := transport.RoundTrip(req); err == nil {
		resp.Body.Close()
		t.Error("TLS 1.1 was spoken")
	} else if !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1 failed by %v, want the protocol version", err)
	}
}

func TestADenialReachesTheCallerOfTheTransport(t *testing.T) {
	transport := NewTransport(dialer(t, nil).DialContext)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:9/", nil)
	resp, err := transport.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
	}
	var denied *DeniedError
	if !errors.As(err, &denied) {
		t.Errorf("RoundTrip = %v, want a DeniedError in it", err)
	}
}
