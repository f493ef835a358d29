package front

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// Bounds of what is plain.
const (
	maxHead = 4 << 10 // bytes
	maxBody = 1 << 20 // bytes
	maxLine = 40      // header fields
)

// end is what a head ends with.
var end = []byte("\r\n\r\n")

// parse reads a complete head; nil if it is not plain.
func parse(head []byte) *http.Request {
	text := string(head[:len(head)-len("\r\n")])
	line, text, _ := strings.Cut(text, "\r\n")
	target, ok := strings.CutPrefix(line, "POST ")
	if ok {
		target, ok = strings.CutSuffix(target, " HTTP/1.1")
	}
	if !ok {
		return nil
	}
	path, query, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(target, "?") ||
		!all(path, &inPath) || !all(query, &inQuery) {
		return nil
	}
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path, RawQuery: query}, RequestURI: target,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
	}
	lines := strings.Count(text, "\n")
	if lines > maxLine {
		return nil
	}
	r.Header = make(http.Header, lines)
	values := make([]string, 0, lines)
	for text != "" {
		line, text, _ = strings.Cut(text, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || name == "" || !all(name, &inName) || !all(value, &inValue) {
			return nil
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if !heed(r, name, value) {
			return nil
		}
		if name == "Host" {
			continue
		}
		if before, twice := r.Header[name]; twice {
			r.Header[name] = append(before, value)
			continue
		}
		values = append(values, value)
		r.Header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	if r.Host == "" || r.ContentLength < 0 {
		return nil
	}
	return r
}

// heed sees to the fields that say how the request is to be read. It reports
// whether it is plain with this one.
func heed(r *http.Request, name, value string) bool {
	switch name {
	case "Host":
		if r.Host != "" || value == "" || !all(value, &inHost) {
			return false
		}
		r.Host = value
	case "Content-Length":
		if r.ContentLength >= 0 || value == "" || len(value) > len("1048576") || !all(value, &isDigit) {
			return false
		}
		r.ContentLength = 0
		for _, digit := range []byte(value) {
			r.ContentLength = 10*r.ContentLength + int64(digit-'0')
		}
		return r.ContentLength <= maxBody
	case "Connection":
		return strings.EqualFold(value, "keep-alive")
	case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Pragma":
		return false
	}
	return true
}

// A class is a set of bytes.
type class [256]bool

func classOf(members string, more ...[2]byte) (c class) {
	for _, b := range []byte(members) {
		c[b] = true
	}
	for _, span := range more {
		for b := int(span[0]); b <= int(span[1]); b++ {
			c[b] = true
		}
	}
	return c
}

var (
	digits  = [2]byte{'0', '9'}
	lower   = [2]byte{'a', 'z'}
	upper   = [2]byte{'A', 'Z'}
	isDigit = classOf("", digits)
	inPath  = classOf("/-_.~", digits, lower, upper)
	inQuery = classOf("/-_.~=&,:;?%+@!$'()*", digits, lower, upper)
	inHost  = classOf(".-:[]", digits, lower, upper)
	inName  = classOf("!#$%&'*+-.^_`|~", digits, lower, upper) // RFC 9110, 5.6.2
	inValue = classOf("\t", [2]byte{' ', '~'}, [2]byte{0x80, 0xff})
)

// all reports whether s consists of members of c.
func all(s string, c *class) bool {
	for i := range len(s) {
		if !c[s[i]] {
			return false
		}
	}
	return true
}

// headIn returns the length of the head that b begins with; 0 if it is not
// complete.
func headIn(b []byte) int {
	if i := bytes.Index(b, end); i >= 0 {
		return i + len(end)
	}
	return 0
}
