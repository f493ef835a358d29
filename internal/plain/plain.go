// Package plain reads the head of an HTTP/1.1 message that is as nearly all are,
// at a fraction of what net/http takes for it. What is plain is judged narrowly:
// whatever is doubtful, or merely rare, is left to net/http, so that there is
// never a second opinion on it. Fuzz tests of its users hold what is read here
// against what net/http reads.
package plain

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strings"
)

// Bounds of what is plain.
const (
	MaxHead = 4 << 10 // bytes
	maxLine = 40      // header fields
)

var end = []byte("\r\n\r\n")

// Head returns the head that b begins with, up to and including the empty line;
// nil if it is not there as a whole, or too long.
func Head(b []byte) []byte {
	b = b[:min(len(b), MaxHead)]
	if i := bytes.Index(b, end); i >= 0 {
		return b[:i+len(end)]
	}
	return nil
}

// Cut divides a head into its first line and its fields, for [Fields].
func Cut(head []byte) (line, fields string) {
	line, fields, _ = strings.Cut(string(head[:len(head)-len("\r\n")]), "\r\n")
	return line, fields
}

// Fields reads header fields, each of which ends with CRLF; nil if they are not
// plain. heed is shown each, its name in canonical form. It says whether the
// field is to be kept, and whether the message is still plain with it.
func Fields(text string, heed func(name, value string) (keep, ok bool)) http.Header {
	lines := strings.Count(text, "\n")
	if lines > maxLine {
		return nil
	}
	header := make(http.Header, lines)
	values := make([]string, 0, lines)
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || name == "" || !All(name, &InName) || !All(value, &InValue) {
			return nil
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		keep, ok := heed(name, value)
		if !ok {
			return nil
		}
		if !keep {
			continue
		}
		if before, twice := header[name]; twice {
			header[name] = append(before, value)
			continue
		}
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return header
}

// Length reads a Content-Length of at most limit, which is below 10^9; -1 if it is
// anything else.
func Length(value string, limit int) int {
	if value == "" || len(value) > 9 || !All(value, &isDigit) {
		return -1
	}
	n := 0
	for _, digit := range []byte(value) {
		n = 10*n + int(digit-'0')
	}
	if n > limit {
		return -1
	}
	return n
}

// A Class is a set of bytes.
type Class [256]bool

// ClassOf makes a set of members, and of spans of bytes from one to another.
func ClassOf(members string, spans ...[2]byte) (c Class) {
	for _, b := range []byte(members) {
		c[b] = true
	}
	for _, span := range spans {
		for b := int(span[0]); b <= int(span[1]); b++ {
			c[b] = true
		}
	}
	return c
}

// Spans for ClassOf.
var (
	Digits = [2]byte{'0', '9'}
	Lower  = [2]byte{'a', 'z'}
	Upper  = [2]byte{'A', 'Z'}
)

// What a field's name and value consist of (RFC 9110 §5.6.2, §5.5).
var (
	InName  = ClassOf("!#$%&'*+-.^_`|~", Digits, Lower, Upper)
	InValue = ClassOf("\t", [2]byte{' ', '~'}, [2]byte{0x80, 0xff})
	isDigit = ClassOf("", Digits)
)

// All reports whether s consists of members of c.
func All(s string, c *Class) bool {
	for i := range len(s) {
		if !c[s[i]] {
			return false
		}
	}
	return true
}
