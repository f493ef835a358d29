package fake

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"strings"
	"sync"
)

// scriptFaults are the ids of deployments that fail, with what Google shows for them.
var scriptFaults = map[string]struct {
	status int
	page   string
}{
	"throws":    {200, `<!DOCTYPE html><html><head><title>Error</title></head><body><div>TypeError: Cannot read properties of undefined (reading 'data') (line 4, file "Code")</div></body></html>`},
	"no-dopost": {200, `<!DOCTYPE html><html><head><title>Error</title></head><body><div>Script function not found: doPost</div></body></html>`},
	"gone":      {404, `<!DOCTYPE html><html><head><title>Page Not Found</title></head><body>Sorry, unable to open the file at this time.</body></html>`},
	"forbidden": {403, `<!DOCTYPE html><html><head><title>Error</title></head><body>Access denied</body></html>`},
	"busy":      {429, `<!DOCTYPE html><html><head><title>Error</title></head><body>Service invoked too many times in a short time.</body></html>`},
	"broken":    {500, `<!DOCTYPE html><html><head><title>Error</title></head><body>We're sorry, a server error occurred.</body></html>`},
}

// AppsScript is web apps of Google Apps Script, under /macros/s/, an id and /exec
// (https://developers.google.com/apps-script/guides/web). One runs before it answers,
// with a 302 to where its output is: on script.googleusercontent.com, or on this host
// for who calls it by its address, so that nothing leaves the machine. The output is
// given once, to a GET. The ids throws, no-dopost, gone, forbidden, busy and broken
// fail as their names say; login asks for a login; html answers a page at once, as a
// script does that returns HtmlService; says-no returns {"ok":false}, and plain ok.
func AppsScript() http.Handler {
	s := &scripts{outputs: make(map[string]string)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /macros/s/{id}/exec", s.run)
	mux.HandleFunc("GET /macros/echo", s.echo)
	mux.HandleFunc("/macros/s/{id}/dev", func(rw http.ResponseWriter, r *http.Request) { s.login(rw) })
	return s.taken.shownBy(mux)
}

type scripts struct {
	taken taken

	mu      sync.Mutex
	outputs map[string]string // by key; each is given once
}

// A scriptEvent is what doPost is told: nothing of it is from a header but what the body is.
type scriptEvent struct {
	ID            string              `json:"id"`
	QueryString   string              `json:"queryString"`
	Parameter     map[string]string   `json:"parameter"`
	Parameters    map[string][]string `json:"parameters"`
	ContextPath   string              `json:"contextPath"`
	ContentLength int                 `json:"contentLength"`
	PostData      struct {
		Length   int    `json:"length"`
		Type     string `json:"type"`
		Contents string `json:"contents"`
		Name     string `json:"name"`
	} `json:"postData"`
}

func (s *scripts) login(rw http.ResponseWriter) {
	rw.Header().Set("Location", "https://accounts.google.com/ServiceLogin?passive=1209600&continue=https://script.google.com/")
	rw.WriteHeader(http.StatusFound)
}

func (s *scripts) run(rw http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if fault, ok := scriptFaults[id]; ok {
		page(rw, fault.status, fault.page)
		return
	}
	if id == "login" {
		s.login(rw)
		return
	}
	text, err := body(r)
	if err != nil {
		page(rw, http.StatusRequestEntityTooLarge, "<!DOCTYPE html>too large")
		return
	}
	e := &scriptEvent{ID: id, QueryString: r.URL.RawQuery, Parameter: map[string]string{}, Parameters: r.URL.Query(), ContentLength: len(text)}
	for name, values := range r.URL.Query() {
		e.Parameter[name] = values[0]
	}
	e.PostData.Length, e.PostData.Contents, e.PostData.Name = len(text), string(text), "postData"
	e.PostData.Type, _, _ = strings.Cut(r.Header.Get("Content-Type"), ";")
	s.taken.add(e)
	switch id {
	case "html":
		page(rw, http.StatusOK, "<!DOCTYPE html><p>Thank you</p>")
	case "says-no":
		s.redirect(rw, r, `{"ok":false}`)
	case "plain":
		s.redirect(rw, r, "ok")
	default:
		s.redirect(rw, r, `{"ok":true}`)
	}
}

// redirect keeps output, and answers where it is.
func (s *scripts) redirect(rw http.ResponseWriter, r *http.Request, output string) {
	key := randomHex(16)
	s.mu.Lock()
	if len(s.outputs) >= maxTaken {
		clear(s.outputs)
	}
	s.outputs[key] = output
	s.mu.Unlock()
	to := "/macros/echo?user_content_key=" + key + "&lib=M" + key
	if name, _, err := net.SplitHostPort(r.Host); err != nil || net.ParseIP(name) == nil {
		to = "https://script.googleusercontent.com" + to
	}
	rw.Header().Set("Location", to)
	page(rw, http.StatusFound, fmt.Sprintf(`<HTML><TITLE>Moved Temporarily</TITLE><A HREF="%s">here</A></HTML>`, html.EscapeString(to)))
}

func (s *scripts) echo(rw http.ResponseWriter, r *http.Request) {
	key := r.URL.Query().Get("user_content_key")
	s.mu.Lock()
	output, ok := s.outputs[key]
	delete(s.outputs, key)
	s.mu.Unlock()
	if !ok {
		page(rw, http.StatusNotFound, "<!DOCTYPE html>Sorry, unable to open the file at this time.")
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = rw.Write([]byte(output))
}

func page(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text))
}
