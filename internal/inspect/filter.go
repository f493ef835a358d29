package inspect

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Filter picks requests by what people type.
type Filter struct {
	terms []func(*Request) bool
}

// ParseFilter reads words with spaces between, all of which have to hold of a request:
//
//	type:record.*  method:post  path:/hook  status:5xx  from:203.0.113.7  after:2h  before:1h  is:pinned
//
// Stars stand for anything. What is none of these is a text to be found anywhere in it.
func ParseFilter(text string, now time.Time) Filter {
	var f Filter
	for _, word := range strings.Fields(strings.ToLower(text)) {
		f.terms = append(f.terms, term(word, now))
	}
	return f
}

// Matches reports whether a request is one of those meant.
func (f Filter) Matches(req *Request) bool {
	for _, holds := range f.terms {
		if !holds(req) {
			return false
		}
	}
	return true
}

func term(word string, now time.Time) func(*Request) bool {
	key, value, ok := strings.Cut(word, ":")
	if ok && value != "" {
		switch key {
		case "type":
			return func(req *Request) bool { return like(value, strings.ToLower(req.Type)) }
		case "method":
			return func(req *Request) bool { return like(value, strings.ToLower(req.Method)) }
		case "from":
			return func(req *Request) bool { return like(value, strings.ToLower(req.Address)) }
		case "path":
			return func(req *Request) bool { return like(value+"*", strings.ToLower(req.below())) }
		case "status":
			value = strings.ReplaceAll(value, "x", "?")
			return func(req *Request) bool { return like(value, strconv.Itoa(req.Answer)) }
		case "is":
			return func(req *Request) bool { return value == "pinned" && req.Pinned || value == "noted" && req.Note != "" }
		case "after", "before":
			if at, ok := moment(value, now); ok {
				return func(req *Request) bool { return req.At.Before(at) == (key == "before") }
			}
		}
	}
	return func(req *Request) bool { return strings.Contains(req.words(), word) }
}

// moment reads how long ago something was, or when.
func moment(text string, now time.Time) (time.Time, bool) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), true
	}
	at, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	return at, err == nil
}

// like reports whether text is as a pattern says, in which * stands for anything and ?
// for one character.
func like(pattern, text string) bool {
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// below is the path behind the bin's own address, with a slash before it.
func (req *Request) below() string {
	_, rest, _ := strings.Cut(req.Target, Path)
	rest, _, _ = strings.Cut(rest, "?")
	_, rest, _ = strings.Cut(rest, "/")
	return "/" + rest
}

// words are all that can be looked for in a request, in small letters.
func (req *Request) words() string {
	var b strings.Builder
	for _, text := range []string{req.Method, req.Target, strconv.Itoa(req.Answer), req.Address, req.Type, req.Note} {
		b.WriteString(text + " ")
	}
	for name, values := range req.Header {
		b.WriteString(name + " " + strings.Join(values, " ") + " ")
	}
	b.Write(req.Body)
	return strings.ToLower(b.String())
}

// maxType bounds the name of an event's type, in bytes.
const maxType = 256

// typeHeaders say what has happened, of those who have a header for it.
var typeHeaders = []string{"Webhook-Event-Type", "Ce-Type", "X-GitHub-Event", "X-Shopify-Topic"}

// eventType is what has happened, as far as a request says: in a header, or as the type
// of a JSON body.
func eventType(req *Request) string {
	for _, name := range typeHeaders {
		if value := req.Header.Get(http.CanonicalHeaderKey(name)); value != "" && len(value) <= maxType {
			return strings.ToValidUTF8(value, "\ufffd")
		}
	}
	return typeInBody(req.Body)
}
