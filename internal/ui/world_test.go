package ui_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/email"
	"github.com/fanfarehq/fanfare/connect/slack"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/internal/ui"
	"github.com/fanfarehq/fanfare/storetest"
)

const adminKey = "fan_admin_test"

// home is where people reach a world unless its options say otherwise.
const home = "http://127.0.0.1:8080"

// A world is a Hub that runs, its API and its pages, a receiver that answers as it is
// told, and a visitor.
type world struct {
	t      *testing.T
	hub    *fanfare.Hub
	store  fanfare.Store
	site   http.Handler
	pages  *ui.Handler
	app    *fanfare.Application
	rcv    *httptest.Server
	cookie string

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
}

// A register is a store that tells when its Hub runs: what is accepted before, the
// scheduler finds later and knows less of.
type register struct {
	*storetest.Model
	once sync.Once
	runs chan struct{}
}

func (r *register) Lanes(ctx context.Context) ([]fanfare.Lane, error) {
	defer r.once.Do(func() { close(r.runs) })
	return r.Model.Lanes(ctx)
}

func (r *register) EveryEndpoint(ctx context.Context, f fanfare.EndpointFilter) ([]*fanfare.Endpoint, fanfare.EndpointID, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	return r.Model.EveryEndpoint(ctx, f)
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
	if opt == nil {
		opt = &ui.Options{}
	}
	own := *opt
	opt = &own
	at := cmp.Or(strings.TrimRight(opt.BaseURL, "/"), home)
	opt.Bins = inspect.New(at)
	store := &register{Model: storetest.NewModel(), runs: make(chan struct{})}
	w.store = store
	w.hub = fanfare.New(store, &fanfare.Options{Bins: &fanfare.Bins{At: at + inspect.Path, Serve: opt.Bins}, Logger: log, AllowLoopback: true, Transformer: upper{}, Connectors: map[string]fanfare.Connector{"slack": slack.Connector(), "smtp": email.Connector()}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.hub.Run(ctx) }()
	<-store.runs
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
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	pages, err := ui.New(w.hub, routes, opt)
	if err != nil {
		t.Fatal(err)
	}
	w.site, w.pages = pages.Before(routes), pages
	w.enter(fanfare.Capabilities()...)
	return w
}

// upper runs scripts by writing the payload in capitals, or fails for one that says so:
// wrong ones are not taken, and those that break are.
type upper struct{}

func (upper) Check(_ context.Context, code string) error {
	if strings.Contains(code, "wrong") {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (u upper) Transform(ctx context.Context, code string, input []byte) ([]byte, error) {
	if err := u.Check(ctx, code); err != nil || strings.Contains(code, "breaks") {
		return nil, cmp.Or(err, io.ErrUnexpectedEOF)
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
	values := valuesOf(form)
	if name := attr(found, "name"); name != "" {
		values[name] = []string{attr(found, "value")}
	}
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
	var all []*fanfare.Attempt
	w.until(fmt.Sprintf("message %s has %d attempts", msg.ID, n), func() bool {
		var err error
		all, err = w.hub.Attempts(w.t.Context(), w.app.ID, fanfare.AttemptFilter{Message: msg.ID, Page: fanfare.Page{Limit: 100}})
		if err != nil {
			w.t.Fatal(err)
		}
		return len(all) >= n
	})
	return all
}

// patience is how long tests wait for what comes by itself, on a machine however busy.
const patience = 30 * time.Second

// until waits for something to become so.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("it has not come to be within %v that %s", patience, what)
		}
	}
}

// comes opens a page until it says all of these texts.
func (w *world) comes(path string, want ...string) *doc {
	w.t.Helper()
	var d *doc
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		d = w.get(http.StatusOK, path)
		words := d.words()
		if !slices.ContainsFunc(want, func(text string) bool { return !strings.Contains(words, text) }) || time.Now().After(end) {
			return d.says(want...)
		}
	}
}

// A form of a page, and how many buttons it has.
type form struct {
	action  string
	method  string
	buttons int
}

func (d *doc) forms() (all []form) {
	each(d.root, func(n *html.Node) {
		if n.Data != "form" {
			return
		}
		f := form{action: attr(n, "action"), method: attr(n, "method")}
		each(n, func(b *html.Node) {
			if b.Data == "button" {
				f.buttons++
			}
		})
		all = append(all, f)
	})
	return all
}

// state is what is stored of the application's endpoints and deliveries, as text; but
// for since when an endpoint fails, which the engine notes a while after an attempt.
func (w *world) state() string {
	w.t.Helper()
	eps, err := w.hub.Endpoints(w.t.Context(), w.app.ID, fanfare.Page{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, ep := range eps {
		ep.FailingSince = time.Time{}
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
