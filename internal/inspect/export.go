package inspect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ofTransport are headers that whoever makes the request anew sets by itself.
var ofTransport = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection"}

// Lines are the headers that a request has when it is made anew: in order of name, but for
// those of the transport.
func (req *Request) Lines() (all [][2]string) {
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		if slices.Contains(ofTransport, name) {
			continue
		}
		for _, value := range req.Header[name] {
			all = append(all, [2]string{name, value})
		}
	}
	return all
}

// Curl is a command for a shell that makes a request as it came.
func (req *Request) Curl() string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(valid(s), "'", `'\''`) + "'" }
	var b strings.Builder
	binary := !isText(req.Body)
	if binary {
		b.WriteString("printf %s " + quote(base64.StdEncoding.EncodeToString(req.Body)) + " | base64 -d | \\\n")
	}
	b.WriteString("curl -i -X " + quote(req.Method) + " " + quote(req.URL))
	for _, line := range req.Lines() {
		b.WriteString(" \\\n  -H " + quote(line[0]+": "+line[1]))
	}
	switch {
	case binary:
		b.WriteString(" \\\n  --data-binary @-")
	case len(req.Body) > 0:
		b.WriteString(" \\\n  --data-raw " + quote(string(req.Body)))
	}
	return b.String()
}

// Raw is a request as it goes over a connection of HTTP/1.1.
func (req *Request) Raw() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", req.Method, req.Target, req.Header.Get("Host"))
	for _, line := range req.Lines() {
		fmt.Fprintf(&b, "%s: %s\r\n", line[0], line[1])
	}
	if len(req.Body) > 0 || req.Method != http.MethodGet && req.Method != http.MethodHead {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(req.Body))
	}
	b.WriteString("\r\n")
	b.Write(req.Body)
	return b.Bytes()
}

// GoTest is Go that makes a request as it came, for the test of a handler.
func (req *Request) GoTest() string {
	var b strings.Builder
	fmt.Fprintf(&b, "r := httptest.NewRequest(%q, %q, strings.NewReader(%s))\n", req.Method, req.Target, goString(string(req.Body)))
	for _, line := range req.Lines() {
		fmt.Fprintf(&b, "r.Header.Add(%q, %q)\n", line[0], line[1])
	}
	return b.String()
}

// goString is a string as people write it in Go.
func goString(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// exported is a request in a file of them.
type exported struct {
	ID      int         `json:"id"`
	At      time.Time   `json:"at"`
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Proto   string      `json:"proto"`
	Address string      `json:"address"`
	Headers [][2]string `json:"headers"`
	Body    *string     `json:"body,omitempty"`
	Base64  []byte      `json:"bodyBase64,omitempty"` // in place of body, where that is no text
	Cut     bool        `json:"cut,omitempty"`
	Answer  int         `json:"answer"`
	Note    string      `json:"note,omitempty"`
	Pinned  bool        `json:"pinned,omitempty"`
}

// JSON is a list of the requests of a bin.
func (b *Bin) JSON() ([]byte, error) {
	all := make([]exported, 0, len(b.Requests))
	for i := range b.Requests {
		req := &b.Requests[i]
		e := exported{
			ID: req.ID, At: req.At.UTC(), Method: req.Method, URL: valid(req.URL), Proto: req.Proto, Address: req.Address,
			Headers: validLines(req.Lines()), Cut: req.Cut, Answer: req.Answer, Note: req.Note, Pinned: req.Pinned,
		}
		if text := string(req.Body); isText(req.Body) {
			e.Body = &text
		} else {
			e.Base64 = req.Body
		}
		all = append(all, e)
	}
	return json.MarshalIndent(all, "", "  ")
}

func validLines(lines [][2]string) [][2]string {
	all := make([][2]string, 0, len(lines))
	for _, line := range lines {
		all = append(all, [2]string{valid(line[0]), valid(line[1])})
	}
	return all
}

type (
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harBody struct {
		MimeType string `json:"mimeType"`
		Text     string `json:"text"`
		Encoding string `json:"encoding,omitempty"`
	}
	harRequest struct {
		Method      string    `json:"method"`
		URL         string    `json:"url"`
		HTTPVersion string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		QueryString []harPair `json:"queryString"`
		PostData    *harBody  `json:"postData,omitempty"`
		HeadersSize int       `json:"headersSize"`
		BodySize    int       `json:"bodySize"`
	}
	harResponse struct {
		Status      int       `json:"status"`
		StatusText  string    `json:"statusText"`
		HTTPVersion string    `json:"httpVersion"`
		Cookies     []harPair `json:"cookies"`
		Headers     []harPair `json:"headers"`
		Content     struct {
			Size     int    `json:"size"`
			MimeType string `json:"mimeType"`
		} `json:"content"`
		RedirectURL string `json:"redirectURL"`
		HeadersSize int    `json:"headersSize"`
		BodySize    int    `json:"bodySize"`
	}
	harEntry struct {
		Started  time.Time          `json:"startedDateTime"`
		Time     float64            `json:"time"`
		Request  harRequest         `json:"request"`
		Response harResponse        `json:"response"`
		Cache    struct{}           `json:"cache"`
		Timings  map[string]float64 `json:"timings"`
		Address  string             `json:"_clientAddress"`
		Comment  string             `json:"comment,omitempty"`
	}
)

// HAR is a list of the requests of a bin as an HTTP Archive 1.2, in the order in which
// they came. A body that is no text is in base 64, of which its encoding tells.
func (b *Bin) HAR() ([]byte, error) {
	entries := make([]harEntry, 0, len(b.Requests))
	for i := range b.Requests {
		entries = append(entries, b.Requests[i].har())
	}
	slices.SortStableFunc(entries, func(a, b harEntry) int { return a.Started.Compare(b.Started) })
	return json.MarshalIndent(map[string]any{"log": map[string]any{
		"version": "1.2", "creator": map[string]string{"name": "Fanfare", "version": "1"}, "entries": entries,
	}}, "", "  ")
}

func (req *Request) har() harEntry {
	took := float64(req.Took.Microseconds()) / 1000
	e := harEntry{Started: req.At.UTC(), Time: took, Timings: map[string]float64{"send": 0, "wait": 0, "receive": took}, Address: req.Address, Comment: req.Note}
	e.Request = harRequest{
		Method: req.Method, URL: valid(req.URL), HTTPVersion: req.Proto, Cookies: []harPair{}, Headers: []harPair{}, QueryString: []harPair{}, HeadersSize: -1, BodySize: len(req.Body),
	}
	for _, line := range validLines(req.Lines()) {
		e.Request.Headers = append(e.Request.Headers, harPair{line[0], line[1]})
	}
	if _, text, ok := strings.Cut(req.Target, "?"); ok {
		query, _ := url.ParseQuery(text) // what can be read of it
		for _, name := range slices.Sorted(maps.Keys(query)) {
			for _, value := range query[name] {
				e.Request.QueryString = append(e.Request.QueryString, harPair{valid(name), valid(value)})
			}
		}
	}
	if len(req.Body) > 0 {
		body := &harBody{MimeType: valid(req.Header.Get("Content-Type")), Text: string(req.Body)}
		if !isText(req.Body) {
			body.Text, body.Encoding = base64.StdEncoding.EncodeToString(req.Body), "base64"
		}
		e.Request.PostData = body
	}
	e.Response = harResponse{Status: req.Answer, StatusText: http.StatusText(req.Answer), HTTPVersion: req.Proto, Cookies: []harPair{}, Headers: []harPair{}, HeadersSize: -1, BodySize: -1}
	return e
}
