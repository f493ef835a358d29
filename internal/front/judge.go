package front

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare/internal/plain"
)

// A framing says where a request ends that begins with a head.
type framing struct {
	length  int64 // of the body
	chunked bool  // the length is not known, and 0

	measured bool // there is a Content-Length
	hosts    int
}

// judge holds a complete head to RFC 9112 without any of the leniency it allows.
func judge(head string) (f framing, wrong *refusal) {
	line, fields, _ := strings.Cut(head, "\r\n")
	old, wrong := judgeLine(line)
	if wrong != nil {
		return f, wrong
	}
	for {
		line, fields, _ = strings.Cut(fields, "\r\n")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			return f, folded
		}
		if !wellFormed(line) {
			return f, badField
		}
		name, value, _ := strings.Cut(line, ":")
		if wrong := f.heed(strings.ToLower(name), strings.Trim(value, " \t")); wrong != nil {
			return f, wrong
		}
	}
	switch {
	case f.hosts != 1:
		return f, badHost
	case f.chunked && f.measured:
		return f, twoLengths
	case f.chunked && old: // HTTP/1.0 knows no chunks, and net/http ignores them then
		return f, badCoding
	}
	return f, nil
}

// judgeLine reports also whether the request is of HTTP/1.0.
func judgeLine(line string) (old bool, wrong *refusal) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	if method == "" || !plain.All(method, &plain.InName) || target == "" || !plain.All(target, &inTarget) {
		return false, badLine
	}
	switch {
	case version == "HTTP/1.0":
		old = true
	case version == "HTTP/1.1":
	case len(version) == len("HTTP/1.1") && strings.HasPrefix(version, "HTTP/"):
		return false, badVersion
	default:
		return false, badLine
	}
	if method == http.MethodConnect && target[0] != '/' {
		target = "http://" + target // as net/http reads it
	}
	if _, err := url.ParseRequestURI(target); err != nil {
		return false, badLine
	}
	return old, nil
}

// wellFormed reports whether a line is a header field: no white space in or
// behind its name, and no control characters in its value.
func wellFormed(line string) bool {
	name, value, ok := strings.Cut(line, ":")
	return ok && name != "" && plain.All(name, &plain.InName) && plain.All(value, &plain.InValue)
}

// heed sees to the fields that say where a request ends, or that net/http would
// refuse in plain text. name is in small letters.
func (f *framing) heed(name, value string) *refusal {
	switch name {
	case "host":
		if f.hosts++; !plain.All(value, &inAnyHost) {
			return badHost
		}
	case "content-length":
		length, err := strconv.ParseInt(value, 10, 64)
		if err != nil || f.measured || !plain.All(value, &inLength) {
			return badLength
		}
		f.length, f.measured = length, true
	case "transfer-encoding":
		if f.chunked || !strings.EqualFold(value, "chunked") {
			return badCoding
		}
		f.chunked = true
	case "expect":
		if !strings.EqualFold(value, "100-continue") {
			return badExpectation
		}
	case "trailer":
		for part := range strings.SplitSeq(value, ",") {
			switch strings.ToLower(strings.TrimSpace(part)) {
			case "transfer-encoding", "content-length", "trailer":
				return badField
			}
		}
	}
	return nil
}

var (
	inTarget = plain.ClassOf("", [2]byte{'!', '~'}, [2]byte{0x80, 0xff})
	inLength = plain.ClassOf("", plain.Digits)
	// inAnyHost is what net/http takes too.
	inAnyHost = plain.ClassOf("!$%&'()*+,-.:;=[]_~", plain.Digits, plain.Lower, plain.Upper)
)
