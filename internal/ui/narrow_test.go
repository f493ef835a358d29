package ui_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/fanfarehq/fanfare"
)

// readers are kinds of visitors who may do less than everything.
var readers = map[string]func(*world){
	"of a scope that opens nothing": func(w *world) { w.visitor(nil) },
	"who may read":                  func(w *world) { w.visitor(nil, allReads...) },
	"of applications":               func(w *world) { w.visitor(nil, fanfare.ScopeReadApplications) },
	"of endpoints":                  func(w *world) { w.visitor(nil, fanfare.ScopeReadEndpoints) },
	"of messages":                   func(w *world) { w.visitor(nil, fanfare.ScopeReadMessages) },
	"of event types":                func(w *world) { w.visitor(nil, fanfare.ScopeReadEventTypes) },
	"of endpoints that may be changed": func(w *world) {
		w.visitor(nil, fanfare.ScopeReadApplications, fanfare.ScopeReadEndpoints, fanfare.ScopeWriteEndpoints)
	},
	"who may send": func(w *world) {
		w.visitor(nil, fanfare.ScopeReadApplications, fanfare.ScopeReadMessages, fanfare.ScopeWriteMessages)
	},
	"who may all but see to the server": func(w *world) {
		w.visitor(nil, slices.DeleteFunc(fanfare.Scopes(), func(s fanfare.Scope) bool { return s == fanfare.ScopeAdmin })...)
	},
	"of one application": func(w *world) {
		w.visitor(func(k *fanfare.Key) { k.Application = w.app.ID }, fanfare.ScopeAdmin)
	},
	"who may read one application": func(w *world) { w.visitor(func(k *fanfare.Key) { k.Application = w.app.ID }, allReads...) },
	"of a channel":                 func(w *world) { w.visitor(func(k *fanfare.Key) { k.Channels = []string{"eu"} }, fanfare.ScopeAdmin) },
}

var allReads = []fanfare.Scope{fanfare.ScopeReadApplications, fanfare.ScopeReadEndpoints, fanfare.ScopeReadEventTypes, fanfare.ScopeReadMessages}

// TestPagesLeadToNoRefusal follows all links from the first page on, as each kind of
// visitor: none leads to where they are refused, no form that is offered is one that
// would be, and nothing of other applications or channels is seen.
func TestPagesLeadToNoRefusal(t *testing.T) {
	for name, enter := range readers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "record.created", Schemas: []byte(`{"1":{},"2":{}}`)}); err != nil {
				t.Fatal(err)
			}
			w.endpoint()
			w.answers(500, "no")
			w.message(1, `{"a":1}`)
			other := &fanfare.Application{Name: "Umbrella", UID: "umbrella"}
			if err := w.hub.CreateApplication(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			theirs := &fanfare.Endpoint{Application: other.ID, UID: "recipe.rain.umbrella", URL: w.rcv.URL + "/umbrella", Description: "Umbrella's"}
			if err := w.hub.CreateEndpoint(t.Context(), theirs); err != nil {
				t.Fatal(err)
			}
			enter(w)
			hidden := map[string][]string{"of one application": {"Umbrella"}, "who may read one application": {"Umbrella"}, "of a channel": {"/hook", "/umbrella"}}[name]
			seen := w.crawl(hidden)
			t.Logf("%d pages", seen)
			for _, path := range []string{"/app?search=umbrella", "/go?q=umbrella", "/go?q=" + string(theirs.ID)} {
				a := w.send(httptest.NewRequest(http.MethodGet, path, nil))
				if strings.Contains(name, "one application") && strings.Contains(strings.ReplaceAll(a.Body.String(), "umbrella\"", ""), "Umbrella") {
					t.Errorf("%s shows something of another application", path)
				}
			}
		})
	}
}

// TestNavigationLeadsWhereOneMayGo: of a place that is refused there is not even the name.
func TestNavigationLeadsWhereOneMayGo(t *testing.T) {
	w := newWorld(t, nil)
	for name, want := range map[string]string{
		"of a scope that opens nothing": "Home",
		"of applications":               "Home Applications",
		"of event types":                "Home Event types",
		"who may read":                  "Home Issues Applications Messages Deliveries Endpoints Event types Recipes Bulk",
		"who may read one application":  "Home Applications Messages Deliveries Endpoints Event types Recipes Bulk",
		"of a channel":                  "Home Applications Messages Event types Bulk",
	} {
		readers[name](w)
		var got []string
		each(w.get(200, "/").root, func(n *html.Node) {
			if n.Data == "nav" {
				each(n, func(item *html.Node) {
					if item.Data == "li" {
						got = append(got, strings.TrimSpace(text(item)))
					}
				})
			}
		})
		if strings.Join(got, " ") != want {
			t.Errorf("%s is led to %q, want %q", name, got, want)
		}
	}
}

// crawl follows all links, and returns how many pages there are.
func (w *world) crawl(hidden []string) int {
	w.t.Helper()
	seen, todo := map[string]bool{"/": true}, []string{"/"}
	for len(todo) > 0 && len(seen) < 400 {
		path := todo[0]
		todo = todo[1:]
		a := w.send(httptest.NewRequest(http.MethodGet, path, nil))
		d := w.parse(a, path)
		if a.Code != http.StatusOK && a.Code != http.StatusSeeOther {
			w.t.Errorf("%s is answered %d: %s", path, a.Code, d.words())
			continue
		}
		for _, text := range hidden {
			if strings.Contains(d.text, text) {
				w.t.Errorf("%s shows %s, which is not the visitor's to see: %s", path, text, d.words())
			}
		}
		for _, f := range d.forms() {
			if f.method == "post" && !w.pages.Offers(w.cookie, "POST", f.action) {
				w.t.Errorf("%s has a form for %s, which would be refused", path, f.action)
			}
		}
		links := d.all("a", "href")
		if to := a.Header().Get("Location"); to != "" {
			links = append(links, to)
		}
		for _, href := range links {
			u, err := url.Parse(href)
			if err != nil || u.Host != "" || u.Path == "" || seen[href] || strings.HasSuffix(u.Path, "/export") {
				continue
			}
			seen[href] = true
			todo = append(todo, href)
		}
	}
	return len(seen)
}
