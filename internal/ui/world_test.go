package ui_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/slack"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/ui"
	"github.com/fanfarehq/fanfare/storetest"
)

const adminKey = "fan_admin_test"

// A world is a Hub that runs, its API and its pages, a receiver that answers as it is
// told, and a visitor.
type world struct {
	t      *testing.T
	hub    *fanfare.Hub
	site   http.Handler
	app    *fanfare.Application
	rcv    *httptest.Server
	cookie string

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
}

func newWorld(t *testing.T, opt *ui.Options) *world {
	t.Helper()
	w := &world{t: t, answer: func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "taken") }}
	w.rcv = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.mu.Lock()
		answer := w.answer
		w.mu.Unlock()
		answer(rw, r)
	}))
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store := storetest.NewModel()
	w.hub = fanfare.New(store, &fanfare.Options{Logger: log, AllowLoopback: true, Transformer: upper{}, Connectors: map[string]fanfare.Connector{"slack": slack.Connector()}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		w.rcv.Close()
	})
	w.app = &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := w.hub.CreateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	routes := api.New(w.hub, store, &api.Options{Logger: log, KeyHash: api.HashKey(adminKey)})
	if opt == nil {
		opt = &ui.Options{}
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	pages, err := ui.New(w.hub, routes, opt)
	if err != nil {
		t.Fatal(err)
	}
	w.site = pages.Before(routes)
	w.enter(fanfare.Capabilities()...)
	return w
}

// upper runs scripts by writing the payload in capitals, or fails for one that says so.
type upper struct{}

func (upper) Check(_ context.Context, code string) error {
	if strings.Contains(code, "wrong") {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (u upper) Transform(ctx context.Context, code string, input []byte) ([]byte, error) {
	if err := u.Check(ctx, code); err != nil {
		return nil, err
	}
	return []byte(strings.Replace(string(input), `"small"`, `"LARGE"`, 1)), nil
}

// answers has the receiver answer from now on with a status, a body and headers.
func (w *world) answers(status int, body string, header ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(rw http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			rw.Header().Set(header[i], header[i+1])
		}
		rw.WriteHeader(status)
		io.WriteString(rw, body)
	}
}

// enter begins a session with these capabilities and opens its link.
func (w *world) enter(capabilities ...fanfare.Capability) string {
	w.t.Helper()
	token, err := w.hub.CreateSession(w.t.Context(), &fanfare.Session{Application: w.app.ID, Capabilities: capabilities}, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cookie = ""
	r := httptest.NewRequest(http.MethodPost, "/portal/enter", strings.NewReader("key="+token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := w.send(r)
	if a.Code != http.StatusSeeOther {
		w.t.Fatalf("the link was answered %d: %s", a.Code, a.Body)
	}
	for _, c := range a.Result().Cookies() {
		w.cookie = c.Name + "=" + c.Value
	}
	return token
}

func (w *world) send(r *http.Request) *httptest.ResponseRecorder {
	if w.cookie != "" {
		r.Header.Set("Cookie", w.cookie)
	}
	a := httptest.NewRecorder()
	w.site.ServeHTTP(a, r)
	return a
}

// A doc is a page.
type doc struct {
	t    *testing.T
	root *html.Node
	text string
	path string
}

// get opens a page, which has to answer with a status.
func (w *world) get(status int, path string) *doc {
	w.t.Helper()
	a := w.send(httptest.NewRequest(http.MethodGet, path, nil))
	if a.Code != status {
		w.t.Fatalf("GET %s was answered %d, not %d: %s", path, a.Code, status, a.Body)
	}
	return w.parse(a, path)
}

func (w *world) parse(a *httptest.ResponseRecorder, path string) *doc {
	w.t.Helper()
	root, err := html.Parse(strings.NewReader(a.Body.String()))
	if err != nil {
		w.t.Fatal(err)
	}
	return &doc{w.t, root, a.Body.String(), path}
}

// post sends a form, and returns the page that it is answered with or leads to.
func (w *world) post(status int, path string, pairs ...string) *doc {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	a := w.send(r)
	if a.Code != status {
		w.t.Fatalf("POST %s was answered %d, not %d: %s", path, a.Code, status, a.Body)
	}
	if a.Code == http.StatusSeeOther {
		return w.get(http.StatusOK, a.Header().Get("Location"))
	}
	return w.parse(a, path)
}

// submit sends the form of a page that has a button with these words, as a browser does.
func (w *world) submit(status int, d *doc, button string, pairs ...string) *doc {
	w.t.Helper()
	var found, form *html.Node
	each(d.root, func(n *html.Node) {
		if n.Data == "button" && strings.TrimSpace(text(n)) == button {
			found = n
		}
	})
	for form = found; form != nil && form.Data != "form"; form = form.Parent {
	}
	if form == nil {
		w.t.Fatalf("%s has no button %q: %s", d.path, button, d.words())
	}
	action := attr(form, "action")
	values := map[string][]string{}
	if name := attr(found, "name"); name != "" {
		values[name] = []string{attr(found, "value")}
	}
	each(form, func(n *html.Node) {
		name := attr(n, "name")
		kind := attr(n, "type")
		switch {
		case name == "" || n.Data == "button":
		case n.Data == "textarea":
			values[name] = append(values[name], strings.TrimPrefix(text(n), "\n"))
		case n.Data == "select":
			each(n, func(o *html.Node) {
				if o.Data == "option" && (values[name] == nil || has(o, "selected")) {
					values[name] = []string{attr(o, "value")}
				}
			})
		case n.Data == "input" && (kind == "checkbox" || kind == "radio"):
			if has(n, "checked") {
				values[name] = append(values[name], attr(n, "value"))
			}
		case n.Data == "input":
			values[name] = append(values[name], attr(n, "value"))
		}
	})
	for i := 0; i+1 < len(pairs); i += 2 {
		values[pairs[i]] = []string{pairs[i+1]}
	}
	var flat []string
	for name, all := range values {
		for _, v := range all {
			flat = append(flat, name, v)
		}
	}
	return w.post(status, action, flat...)
}

func each(n *html.Node, do func(*html.Node)) {
	if n.Type == html.ElementNode {
		do(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, do)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return b.String()
}

// words are the text of the page's main part, with single spaces.
func (d *doc) words() string {
	var main string
	each(d.root, func(n *html.Node) {
		if n.Data == "main" {
			main = text(n)
		}
	})
	return strings.Join(strings.Fields(main), " ")
}

// says fails the test unless the page has all of these texts.
func (d *doc) says(want ...string) *doc {
	d.t.Helper()
	words := d.words()
	for _, text := range want {
		if !strings.Contains(words, text) {
			d.t.Errorf("%s does not say %q: %s", d.path, text, words)
		}
	}
	return d
}

// lacks fails the test if the page has one of these texts.
func (d *doc) lacks(not ...string) *doc {
	d.t.Helper()
	words := d.words()
	for _, text := range not {
		if strings.Contains(words, text) {
			d.t.Errorf("%s says %q: %s", d.path, text, words)
		}
	}
	return d
}

// all are the texts of the elements of a name, or their attributes.
func (d *doc) all(name, attribute string) (found []string) {
	each(d.root, func(n *html.Node) {
		if n.Data != name {
			return
		}
		if attribute == "" {
			found = append(found, strings.Join(strings.Fields(text(n)), " "))
		} else if has(n, attribute) {
			found = append(found, attr(n, attribute))
		}
	})
	return found
}

// endpoint makes one at the receiver.
func (w *world) endpoint(with ...func(*fanfare.Endpoint)) *fanfare.Endpoint {
	w.t.Helper()
	ep := &fanfare.Endpoint{Application: w.app.ID, URL: w.rcv.URL + "/hook", Retry: fanfare.Retry{Preset: "none"}}
	for _, do := range with {
		do(ep)
	}
	if err := w.hub.CreateEndpoint(w.t.Context(), ep); err != nil {
		w.t.Fatal(err)
	}
	return ep
}

// message sends one and waits until n attempts were made of it.
func (w *world) message(n int, payload string) *fanfare.Message {
	w.t.Helper()
	msg, err := w.hub.Send(w.t.Context(), "acme", "record.created", []byte(payload))
	if err != nil {
		w.t.Fatal(err)
	}
	w.attempts(msg, n)
	return msg
}

// attempts waits until a message has so many.
func (w *world) attempts(msg *fanfare.Message, n int) []*fanfare.Attempt {
	w.t.Helper()
	for range 500 {
		all, err := w.hub.Attempts(w.t.Context(), w.app.ID, fanfare.AttemptFilter{Message: msg.ID, Page: fanfare.Page{Limit: 100}})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(all) >= n {
			return all
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("message %s has not had %d attempts within five seconds", msg.ID, n)
	return nil
}

// A form of a page, and how many buttons it has.
type form struct {
	action  string
	buttons int
}

func (d *doc) forms() (all []form) {
	each(d.root, func(n *html.Node) {
		if n.Data != "form" {
			return
		}
		f := form{action: attr(n, "action")}
		each(n, func(b *html.Node) {
			if b.Data == "button" {
				f.buttons++
			}
		})
		all = append(all, f)
	})
	return all
}

// state is what is stored of the application's endpoints and deliveries, as text.
func (w *world) state() string {
	w.t.Helper()
	eps, err := w.hub.Endpoints(w.t.Context(), w.app.ID, fanfare.Page{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, ep := range eps {
		fmt.Fprintf(&b, "%+v\n", *ep)
		ds, err := w.hub.Deliveries(w.t.Context(), w.app.ID, fanfare.DeliveryFilter{Endpoint: ep.ID, Page: fanfare.Page{Limit: 100}})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, d := range ds {
			fmt.Fprintf(&b, "%+v\n", *d)
		}
	}
	return b.String()
}
