package front

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/fanfarehq/fanfare/internal/plain"
)

// maxBody is how many bytes a plain body has at most.
const maxBody = 1 << 20

// A request is what a handler is given, in one piece.
type request struct {
	http.Request
	url  url.URL
	body body
}

// parse reads a complete head; nil if it is not plain.
func parse(head []byte) *request {
	line, fields := plain.Cut(head)
	target, ok := strings.CutPrefix(line, "POST ")
	if ok {
		target, ok = strings.CutSuffix(target, " HTTP/1.1")
	}
	if !ok {
		return nil
	}
	path, query, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(target, "?") ||
		!plain.All(path, &inPath) || !plain.All(query, &inQuery) {
		return nil
	}
	r := &request{url: url.URL{Path: path, RawQuery: query}}
	r.Method, r.URL, r.RequestURI = http.MethodPost, &r.url, target
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.ContentLength = -1
	r.Header = plain.Fields(fields, func(name, value string) (keep, ok bool) {
		return name != "Host", heed(&r.Request, name, value)
	})
	if r.Header == nil || r.Host == "" || r.ContentLength < 0 {
		return nil
	}
	return r
}

// heed sees to the fields that say how the request is to be read. It reports
// whether it is plain with this one.
func heed(r *http.Request, name, value string) bool {
	switch name {
	case "Host":
		if r.Host != "" || value == "" || !plain.All(value, &inHost) {
			return false
		}
		r.Host = value
	case "Content-Length":
		if r.ContentLength >= 0 {
			return false
		}
		r.ContentLength = int64(plain.Length(value, maxBody))
		return r.ContentLength >= 0
	case "Connection":
		return strings.EqualFold(value, "keep-alive")
	case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Pragma":
		return false
	}
	return true
}

var (
	inPath  = plain.ClassOf("/-_.~", plain.Digits, plain.Lower, plain.Upper)
	inQuery = plain.ClassOf("/-_.~=&,:;?%+@!$'()*", plain.Digits, plain.Lower, plain.Upper)
	inHost  = plain.ClassOf(".-:[]", plain.Digits, plain.Lower, plain.Upper)
)
