package ui

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/inspect"
)

// A handmade request is one that somebody has changed.
type handmade struct {
	Method string
	Below  string // of a bin's address: what stands behind it, with a query
	Header [][2]string
	Body   []byte
}

// belowBin is what stands behind the bin's address in the one that a request was sent to.
func belowBin(req *inspect.Request) string {
	_, rest, _ := strings.Cut(req.Target, inspect.Path)
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		return rest[i:]
	}
	return ""
}

// intoBin gives a request to a bin, as if it had come from the visitor, and does not wait
// for the answer where that is delayed.
func (v *visit) intoBin(b *found, m handmade) error {
	ctx, cancel := context.WithCancel(v.r.Context())
	r, err := http.NewRequestWithContext(ctx, m.Method, v.site+inspect.Path+b.Token+m.Below, bytes.NewReader(m.Body))
	if err != nil {
		cancel()
		return wrongField("path", "It has characters that no address has.")
	}
	for _, line := range m.Header {
		if !fanfare.OfConnection(line[0]) {
			r.Header.Add(line[0], line[1])
		}
	}
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), v.r.RemoteAddr
	cancel() // it is kept all the same
	v.bins.ServeHTTP(&answer{header: http.Header{}}, r)
	return nil
}

type sendFormBody struct {
	Word    string
	Action  string
	Back    string
	ID      int
	Fields  []field
	Problem string
	Once    string
	Result  *sentBody // nil: nothing was sent
}

// A sentBody is what came of a request that was made by hand.
type sentBody struct {
	Why      *why
	Status   string
	Took     string
	Head     [][2]string
	Response *payload
}

func editRequest(v *visit) error { return v.showSend(http.StatusOK, nil, nil) }

// editable reports whether a body can be changed in a form, byte for byte.
func editable(req *inspect.Request) bool {
	switch req.Kind() {
	case inspect.KindImage, inspect.KindBinary:
		return false
	}
	return len(req.Body) <= maxShown && !req.Cut && text(req.Body) == string(req.Body)
}

func (v *visit) showSend(status int, told *refusal, result *sentBody) error {
	if _, err := v.mine(); err != nil {
		return err
	}
	b, req, err := v.arrived()
	if err != nil {
		return err
	}
	body := sendFormBody{Word: strings.ToLower(b.shelf.word), Action: b.at + "/request/" + strconv.Itoa(req.ID) + "/send", Back: b.at + "?request=" + strconv.Itoa(req.ID), ID: req.ID, Once: once(), Result: result}
	body.Fields = v.sendFields(b, req)
	if told != nil {
		body.Problem = told.Detail
		for i := range body.Fields {
			name := body.Fields[i].Name
			if name == "to" {
				name = "url" // as the API calls it
			}
			body.Fields[i].Problem = told.Fields[name]
		}
	}
	return v.showAs(status, "console/binsend", fmt.Sprintf("Edit and send request %d", req.ID), body)
}

// sendFields are the request as a form, or what the form said before.
func (v *visit) sendFields(b *found, req *inspect.Request) []field {
	value := func(name, kept string) string {
		if v.r.Method == http.MethodPost {
			return v.r.PostFormValue(name)
		}
		return kept
	}
	var head strings.Builder
	for _, line := range req.Lines() {
		head.WriteString(line[0] + ": " + text([]byte(line[1])) + "\n")
	}
	var all []field
	if v.app == "" {
		all = append(all, field{Name: "to", Label: "Send it to", Kind: "url", Code: true, Value: value("to", ""), Placeholder: "http://localhost:3000/hook", Hint: "Empty: into this " + v.binWord() + " again. What the server may send to is what endpoints may be: on this machine only in development."})
	}
	all = append(all,
		field{Name: "method", Label: "Method", Kind: "select", Options: methodOptions(value("method", req.Method))},
		field{Name: "path", Label: "Behind the " + strings.ToLower(b.shelf.word) + "'s address", Kind: "text", Code: true, Value: value("path", belowBin(req)), Hint: "Of what goes into the " + strings.ToLower(b.shelf.word) + ": more of a path, a query."},
		field{Name: "headers", Label: "Headers", Kind: "textarea", Rows: 8, Code: true, Value: value("headers", head.String()), Hint: "One a line. Host and length are set as is right."},
	)
	if editable(req) {
		all = append(all, field{Name: "body", Label: "Body", Kind: "textarea", Rows: 14, Code: true, Value: value("body", inForm(req.Body)), Hint: "As long as it is not changed, the bytes are sent as they came, so that a signature stays good."})
	}
	return all
}

func methodOptions(chosen string) (all []option) {
	for _, m := range fanfare.RequestMethods {
		all = append(all, option{m, m, m == chosen})
	}
	return all
}

// oneLine makes ends of lines alike, which browsers do with what stands in forms.
func oneLine(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// inForm is a text as people change it: JSON in lines.
func inForm(was []byte) string {
	if lines := pretty(was); lines != "" {
		return lines
	}
	return string(was)
}

// edited is a text as a form has it, or the bytes that inForm was given, if it is the
// same.
func edited(form string, was []byte) []byte {
	if oneLine(form) == oneLine(inForm(was)) {
		return was
	}
	return []byte(oneLine(form))
}

// headerLines reads lines such as "Name: value", of which names may be there twice.
func headerLines(text string) (all [][2]string, told *refusal) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, wrongField("headers", fmt.Sprintf("%q is not of the form Name: value", cut(line, 60)))
		}
		all = append(all, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return all, nil
}

// sendEdited sends a request that was changed: into the bin, or to where the form says.
func sendEdited(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	b, req, err := v.arrived()
	if err != nil {
		return err
	}
	m := handmade{Method: v.said("method"), Below: v.said("path"), Body: req.Body}
	if editable(req) && v.r.PostForm.Has("body") {
		m.Body = edited(v.r.PostFormValue("body"), req.Body)
	}
	var told *refusal
	if m.Header, told = headerLines(v.r.PostFormValue("headers")); told != nil {
		return v.showSend(told.Status, told, nil)
	}
	if to := v.said("to"); to != "" && v.app == "" {
		return v.sendAway(to, m)
	}
	if m.Below != "" && m.Below[0] != '/' && m.Below[0] != '?' {
		m.Below = "/" + m.Below
	}
	if err := v.intoBin(b, m); err != nil {
		told, _ := isRefused(err)
		return v.showSend(http.StatusUnprocessableEntity, told, nil)
	}
	return v.changed(s, nil, "requestagain")
}

// sendAway has the API make a request, and shows what came of it.
func (v *visit) sendAway(to string, m handmade) error {
	in := map[string]any{"method": m.Method, "url": to, "headers": m.Header, "bodyBase64": base64.StdEncoding.EncodeToString(m.Body)}
	if m.Header == nil {
		in["headers"] = [][2]string{}
	}
	out := &triedOut{}
	err := v.ask(http.MethodPost, "/url/send", nil, in, out)
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusTooManyRequests) {
		return v.showSend(told.Status, told, nil)
	}
	if err != nil {
		return err
	}
	return v.showSend(http.StatusOK, nil, out.body())
}

// triedOut is what came of something that is stored nowhere.
type triedOut struct {
	URL             string
	Status          *int
	ResponseHeaders [][2]string
	Response        string
	Truncated       bool
	DurationMs      int64
	ErrorClass      string
	Explanation     struct{ What, Fix string }
}

func (t *triedOut) body() *sentBody {
	b := &sentBody{Took: taken(t.DurationMs), Head: t.ResponseHeaders, Why: &why{Tone: "ok", Heading: "Sent", What: t.Explanation.What, Fix: t.Explanation.Fix}}
	if t.ErrorClass != "" {
		b.Why.Tone, b.Why.Heading = "bad", "Not taken"
	}
	if t.Status != nil {
		b.Status = strings.TrimSpace(fmt.Sprintf("%d %s", *t.Status, http.StatusText(*t.Status)))
		b.Response = newPayload("response", "What it answered", t.Response)
		if t.Truncated {
			b.Response.Note = "This is the beginning of it."
		}
	}
	return b
}
