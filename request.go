package fanfare

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/fanfarehq/fanfare/internal/post"
)

// A Request is one that somebody has made by hand.
type Request struct {
	Method string // one of RequestMethods
	URL    string
	Header []Header
	Body   []byte
}

// RequestMethods are what a Request may have.
var RequestMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// Bounds of requests made by hand.
const (
	maxRequestHeaders   = 100
	maxRequestHeaderSum = 32 << 10
)

// ofConnections are set by HTTP itself, and not by those who make requests.
var ofConnections = []string{
	"Host", "Content-Length", "Connection", "Keep-Alive", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect", "Proxy-Connection",
	"Proxy-Authorization", "Proxy-Authenticate",
}

// OfConnection reports whether a header of that name is set by HTTP itself, so that a
// [Request] cannot have it.
func OfConnection(name string) bool {
	return slices.Contains(ofConnections, textproto.CanonicalMIMEHeaderKey(name))
}

// SendRequest makes a request through the guard that every attempt goes through, or hands
// it to one of this program's bins, and returns what came of it. It is no attempt to
// deliver a message: nothing is stored, and redirects are not followed. What opens doors
// is not in what is returned. To be refused is no error; what is wrong with the request
// itself is an *InvalidError; [ErrBusy] is as of [Hub.Reach].
func (h *Hub) SendRequest(ctx context.Context, r *Request) (*Attempt, error) {
	ep := &Endpoint{URL: r.URL}
	if err := allWrong(h.checkTarget(ep), h.checkRequest(r)); err != nil {
		return nil, err
	}
	end, err := h.reaching.begin("")
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, h.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, ep.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, &InvalidError{"url", "cannot be called: " + plain(err.Error())}
	}
	a := &Attempt{URL: ep.URL, StartedAt: h.now(), RequestHeader: slices.Clone(r.Header), Number: 1, Manual: true}
	for _, line := range r.Header {
		req.Header.Add(line.Name, line.Value)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", userAgent)
	}
	hidden := hide(a.RequestHeader)
	begun := time.Now()
	res, err := h.roundTrip(req)
	a.Duration = time.Since(begun).Truncate(time.Microsecond)
	if err != nil {
		a.Class, a.Detail = classify(err), conceal(hidden, detail(err))
		return a, nil
	}
	a.Status = res.Status
	a.Class, a.Detail = Success{}.Judge(res.Status, res.Header.Get("Location"), res.Body)
	concealAnswer(hidden, res)
	a.ResponseHeader, a.ResponseBody, a.Truncated = recordHeader(res.Header), res.Body, res.Truncated
	return a, nil
}

// roundTrip makes the request, on a connection of its own.
func (h *Hub) roundTrip(req *http.Request) (*post.Response, error) {
	if h.opt.Bins.has(req.URL.String()) {
		return h.opt.Bins.take(req)
	}
	if req.URL.Scheme == "http" && h.client.RefusePlain != nil {
		return nil, h.client.RefusePlain
	}
	transport := &http.Transport{
		DialContext: h.client.Dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: post.MaxHeader, TLSClientConfig: h.client.TLS.Clone(),
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, post.MaxBody+1))
	// What came before it broke off is shown as what it is: the beginning.
	more := err != nil || len(body) > post.MaxBody
	return &post.Response{Status: res.StatusCode, Header: res.Header, Body: body[:min(len(body), post.MaxBody)], Truncated: more}, nil
}

func (h *Hub) checkRequest(r *Request) error {
	sum := 0
	for _, line := range r.Header {
		sum += len(line.Name) + len(line.Value)
		switch {
		case !httpguts.ValidHeaderFieldName(line.Name):
			return &InvalidError{"headers", fmt.Sprintf("%q is not a header name", bound(line.Name, 32))}
		case OfConnection(line.Name):
			return &InvalidError{"headers", fmt.Sprintf("%s is set by HTTP itself; leave it out", line.Name)}
		case !httpguts.ValidHeaderFieldValue(line.Value):
			return &InvalidError{"headers", fmt.Sprintf("the value of %s has characters that no header may have", line.Name)}
		}
	}
	return allWrong(
		must(slices.Contains(RequestMethods, r.Method), "method", "one of "+strings.Join(RequestMethods, ", ")),
		must(len(r.Header) <= maxRequestHeaders && sum <= maxRequestHeaderSum, "headers", fmt.Sprintf("at most %d, of together %d KiB", maxRequestHeaders, maxRequestHeaderSum>>10)),
		must(len(r.Body) <= h.opt.MaxPayload, "body", fmt.Sprintf("at most %d bytes", h.opt.MaxPayload)),
	)
}
