package fake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// A courier sends the webhooks of a fake, once each, and follows no redirect.
type courier struct {
	client  *http.Client
	timeout time.Duration
}

// courierWith sends by client; nil: to addresses of this machine alone.
func courierWith(client *http.Client, timeout time.Duration) courier {
	if client == nil {
		dialer := &net.Dialer{Control: onlyHere}
		client = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return courier{&own, timeout}
}

// onlyHere keeps a fake from sending anything off this machine.
func onlyHere(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err == nil && !to.Addr().Unmap().IsLoopback() {
		err = fmt.Errorf("a fake sends to this machine only, not to %s", to.Addr())
	}
	return err
}

// A parcel is a webhook that was sent, and what came of it.
type parcel struct {
	at       time.Time
	duration time.Duration
	status   int // 0: there was no answer
	header   http.Header
	body     string
	fault    string // why there was no answer
}

// delivered reports whether it was answered with a 2xx.
func (p *parcel) delivered() bool { return p.status >= 200 && p.status < 300 }

func (c courier) send(ctx context.Context, url string, header http.Header, body []byte) *parcel {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	p := &parcel{at: time.Now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		p.fault = "the URL cannot be called"
		return p
	}
	req.Header = header
	res, err := c.client.Do(req)
	p.duration = time.Since(p.at)
	if err != nil {
		p.fault = faultInWords(err)
		return p
	}
	defer res.Body.Close()
	p.status, p.header = res.StatusCode, res.Header
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxBody)) // what is missing of it is seen
	p.body = string(text)
	return p
}

func faultInWords(err error) string {
	var name *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &name):
		return "failed to find the host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "failed to connect: refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	}
	return "failed: " + err.Error()
}

// serial makes numbers, each once.
type serial struct {
	mu sync.Mutex
	n  int64
}

func (s *serial) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return s.n
}
