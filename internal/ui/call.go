package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A refusal is what the API does not do, or does not have, and why. It is also what the
// page for it shows.
type refusal struct {
	Status  int
	Code    string            // the API's word for it
	Heading string            // "": by the status
	Detail  string            // in a sentence, what to do
	Fields  map[string]string // what is wrong with what the visitor gave, by name such as retry.delays
	Clashes []clash           // what somebody else has changed meanwhile
}

func (p *refusal) Error() string { return p.Detail }

func (p *refusal) title() string {
	switch {
	case p.Heading != "":
		return p.Heading
	case p.Status == http.StatusNotFound:
		return "Not found"
	case p.Status == http.StatusForbidden:
		return "Not allowed"
	case p.Status == http.StatusUnauthorized:
		return "This link has expired"
	case p.Status >= 500:
		return "It did not work"
	}
	return "That cannot be done"
}

// An answer is what the API writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.body.Write(p)
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

// of is the path of something of the visit's application, such as of("endpoint", id), or of
// an operational endpoint.
func (v *visit) of(parts ...string) string {
	path := "/app/" + url.PathEscape(string(v.app))
	if v.own {
		path = "/operational-webhook"
	}
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// read asks the API for what is at a path, with the parameters that are not "". What a
// visitor of the console is let to a page for is settled before (consoleNeeds): a list that
// the page shows beside it is empty where the API refuses it to them.
func (v *visit) read(out any, path string, query ...string) error {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			values.Set(query[i], query[i+1])
		}
	}
	err := v.ask(http.MethodGet, path, values, nil, out)
	if told, refused := isRefused(err); refused && told.Status == http.StatusForbidden && v.rights != nil {
		if _, is := out.(interface{ isList() }); is {
			return nil
		}
	}
	return err
}

// ask asks the API for something, in the visitor's name, and reads its answer into out.
// What the API does not do it returns as a *refusal.
func (v *visit) ask(method, path string, query url.Values, in, out any) error {
	r, err := v.request(method, path, query, in)
	if err != nil {
		return err
	}
	_, err = v.answered(r, out)
	return err
}

// answered reads the answer to a request into out, and returns its header.
func (v *visit) answered(r *http.Request, out any) (http.Header, error) {
	a := &answer{header: http.Header{}}
	v.api.ServeHTTP(a, r)
	if a.status >= 400 {
		return nil, refused(a)
	}
	if out == nil || a.body.Len() == 0 {
		return a.header, nil
	}
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	return a.header, nil
}

// readTagged reads what is to be changed by amend, with the tag that it has.
func (v *visit) readTagged(out any, path string) (tag string, err error) {
	r, err := v.request(http.MethodGet, path, nil, nil)
	if err != nil {
		return "", err
	}
	header, err := v.answered(r, out)
	return header.Get("Etag"), err
}

// amend changes what is at a path, by PATCH or PUT, unless it has another tag by now: then it
// is a refusal with the status 412.
func (v *visit) amend(method, path, tag string, in any) error {
	r, err := v.request(method, path, nil, in)
	if err != nil {
		return err
	}
	r.Header.Set("If-Match", tag)
	_, err = v.answered(r, nil)
	return err
}

func (v *visit) request(method, path string, query url.Values, in any) (*http.Request, error) {
	var body []byte
	if raw, ok := in.(json.RawMessage); ok {
		body = raw // as it stands: payloads keep every byte
	} else if in != nil {
		var err error
		if body, err = encoded(in); err != nil {
			return nil, err
		}
	}
	address := "/api/v1" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(v.r.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.RemoteAddr, r.Host, r.RequestURI = v.r.RemoteAddr, v.r.Host, address
	r.Header.Set("Authorization", "Bearer "+v.token)
	r.Header.Set("User-Agent", "fanfare-pages")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	only := strings.HasSuffix(path, "/try") || strings.HasSuffix(path, "/check") // asks, as often as one likes
	if key := v.r.PostFormValue("once"); key != "" && method == http.MethodPost && !only {
		sum := sha256.Sum256([]byte(key + " " + path)) // one form may have several things done
		r.Header.Set("Idempotency-Key", "page_"+hex.EncodeToString(sum[:16]))
	}
	return r, nil
}

// encoded is JSON in which < and the like stand as they are: of a RawMessage in it no more
// than the space between its parts is lost.
func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// refused reads an answer that is not a success.
func refused(a *answer) error {
	var told struct {
		Code   string
		Detail json.RawMessage
	}
	p := &refusal{Status: a.status, Detail: http.StatusText(a.status)}
	if json.Unmarshal(a.body.Bytes(), &told) != nil {
		return p
	}
	p.Code = told.Code
	var fields []struct {
		Loc []string
		Msg string
	}
	switch {
	case json.Unmarshal(told.Detail, &p.Detail) == nil:
	case json.Unmarshal(told.Detail, &fields) == nil && len(fields) > 0:
		p.Fields = map[string]string{}
		for _, f := range fields {
			name := strings.Join(f.Loc[min(1, len(f.Loc)):], ".")
			if p.Fields[name] == "" {
				p.Fields[name] = f.Msg
			}
		}
		p.Detail = fields[0].Msg
		if name := strings.Join(fields[0].Loc[min(1, len(fields[0].Loc)):], "."); name != "" {
			p.Detail = name + ": " + p.Detail
		}
	}
	return p
}
