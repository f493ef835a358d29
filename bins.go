package fanfare

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/fanfarehq/fanfare/internal/post"
)

// Bins are addresses of this program itself that endpoints may have, although nothing
// else of it is ever sent to: test inboxes, whose owners have no server. What is for them
// is handed to Serve within the process. No connection is made for it, so the guard stays
// as it is, and Serve is reached by nothing but requests for bins.
type Bins struct {
	// At is what the URLs of bins begin with, such as https://hooks.example.com/bin/.
	// Behind it stands a token of small letters and digits, and perhaps more of a path.
	At string
	// Serve takes what is sent to them.
	Serve http.Handler
}

// A bin's token has so many letters and digits.
const (
	minBinToken = 20
	maxBinToken = 64
)

// has reports whether a URL is a bin's, spelled as they are.
func (b *Bins) has(rawURL string) bool {
	if b == nil || b.At == "" || b.Serve == nil || len(rawURL) > 2048 {
		return false
	}
	rest, ok := strings.CutPrefix(rawURL, b.At)
	if !ok || strings.ContainsAny(rest, "#\\") || strings.Contains(rest, "..") || !printable(rest) || strings.Contains(rest, " ") {
		return false
	}
	if _, err := url.Parse(rawURL); err != nil {
		return false
	}
	token := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		token = rest[:i]
	}
	return minBinToken <= len(token) && len(token) <= maxBinToken && !strings.ContainsFunc(token, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

var errBinFailed = errors.New("the bin failed on this request")

// take hands a request to the bins, and returns what they answer, within the bounds that
// answers from elsewhere have.
func (b *Bins) take(req *http.Request) (res *post.Response, err error) {
	req.RequestURI, req.RemoteAddr = req.URL.RequestURI(), "fanfare"
	a := &binAnswer{header: http.Header{}}
	defer func() {
		if recover() != nil {
			res, err = nil, errBinFailed
		}
	}()
	b.Serve.ServeHTTP(a, req)
	if err := req.Context().Err(); err != nil {
		return nil, context.Cause(req.Context())
	}
	a.WriteHeader(http.StatusOK)
	return &post.Response{Status: a.status, Header: a.header, Body: a.body.Bytes(), Truncated: a.more}, nil
}

// A binAnswer is what a bin answers.
type binAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
	more   bool // there was more of the body than is kept
}

func (a *binAnswer) Header() http.Header { return a.header }

func (a *binAnswer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

func (a *binAnswer) Write(text []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	room := post.MaxBody - a.body.Len()
	a.more = a.more || len(text) > room
	a.body.Write(text[:min(room, len(text))])
	return len(text), nil
}

// toBin makes the attempt at a bin of this program's own.
func (e *errand) toBin(ctx context.Context) (*post.Response, error) {
	ctx, cancel := context.WithDeadline(ctx, e.deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.a.URL, bytes.NewReader(e.out.body))
	if err != nil {
		return nil, err
	}
	lines := append(appendLines(nil, e.constant), e.lines...)
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(lines, "\r\n"...)))).ReadMIMEHeader()
	if err != nil {
		return nil, err
	}
	req.Header = http.Header(header)
	return e.bins.take(req)
}
