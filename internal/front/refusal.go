package front

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A refusal is how a request is answered that is not let through; the connection
// ends with it.
type refusal struct {
	status       int
	code, detail string // as the API words its errors
}

var (
	bareLineFeed   = &refusal{http.StatusBadRequest, "bad_request", "A line of the request's head ends in a line feed only; end lines with CR LF."}
	brokenOff      = &refusal{http.StatusBadRequest, "bad_request", "The request ends within its head."}
	badLine        = &refusal{http.StatusBadRequest, "bad_request", "The first line is no HTTP request: send a method, an address without spaces, and HTTP/1.1."}
	badField       = &refusal{http.StatusBadRequest, "bad_request", "A header is malformed: send names without spaces, and values without control characters."}
	folded         = &refusal{http.StatusBadRequest, "bad_request", "A header goes on in a second line; send each in one line."}
	badHost        = &refusal{http.StatusBadRequest, "bad_request", "Send one Host header with the name of the server."}
	badLength      = &refusal{http.StatusBadRequest, "bad_request", "Send one Content-Length, of digits only."}
	twoLengths     = &refusal{http.StatusBadRequest, "bad_request", "Send either Content-Length or Transfer-Encoding, not both."}
	badCoding      = &refusal{http.StatusNotImplemented, "not_implemented", "The only Transfer-Encoding here is chunked, in HTTP/1.1."}
	badVersion     = &refusal{http.StatusHTTPVersionNotSupported, "http_version", "This server speaks HTTP/1.1 and HTTP/1.0."}
	badExpectation = &refusal{http.StatusExpectationFailed, "expectation_failed", "The only Expect here is 100-continue."}
	longAddress    = &refusal{http.StatusRequestURITooLong, "uri_too_long", "The address is longer than 16 KiB; send fewer or shorter filters."}
	longHead       = &refusal{http.StatusRequestHeaderFieldsTooLarge, "headers_too_large", "The headers are longer than 16 KiB; send fewer."}
)

var refusals = []*refusal{
	bareLineFeed, brokenOff, badLine, badField, folded, badHost, badLength, twoLengths, badCoding, badVersion, badExpectation, longAddress, longHead,
}

// ServeHTTP implements http.Handler.
func (r *refusal) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	w.WriteHeader(r.status)
	fmt.Fprintf(w, `{"code":%q,"detail":%q}`, r.code, r.detail) // both are of plain letters
}

// A refuser is the handler of the server behind. To a request whose address begins
// with mark, which nobody outside knows, it answers with the refusal it names.
type refuser struct {
	next http.Handler
	mark string
}

func newRefuser(next http.Handler) *refuser {
	return &refuser{next, "/" + rand.Text() + "/"}
}

// ServeHTTP implements http.Handler.
func (f *refuser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if which, ok := strings.CutPrefix(r.RequestURI, f.mark); ok {
		if i, err := strconv.Atoi(which); err == nil && i < len(refusals) {
			refusals[i].ServeHTTP(w, r)
			return
		}
	}
	f.next.ServeHTTP(w, r)
}

// instead is the request that r answers. Its body, which never comes, is so long
// that net/http does not wait for it, and closes the connection as it does when
// the client may still be talking.
func (s *Server) instead(r *refusal) []byte {
	for i, known := range refusals {
		if r == known {
			return fmt.Appendf(nil, "POST %s%d HTTP/1.1\r\nHost: refused\r\nContent-Length: 1000000000\r\n\r\n", s.refuser.mark, i)
		}
	}
	panic("front: a refusal is not in the list")
}
