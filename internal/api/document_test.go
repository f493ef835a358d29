package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/fanfarehq/fanfare"
)

// operations are those of the OpenAPI document, as "METHOD /path".
func (w *world) operations() map[string]map[string]any {
	w.t.Helper()
	a := w.send(httptest.NewRequest("GET", "/openapi.json", nil)).want(200)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]map[string]any
	}
	a.decode(&doc)
	if doc.OpenAPI != "3.1.0" {
		w.t.Fatalf("openapi is %q", doc.OpenAPI)
	}
	all := map[string]map[string]any{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			all[strings.ToUpper(method)+" "+path] = op
		}
	}
	return all
}

func TestDocumentListsEveryRoute(t *testing.T) {
	w := newWorld(t)
	listed := w.operations()
	routes := w.api.(*server).routes
	for _, rt := range routes {
		if listed[rt.method+" "+base+rt.path] == nil {
			t.Errorf("%s %s is not in the document", rt.method, rt.path)
		}
	}
	if len(listed) != len(routes) {
		t.Errorf("the document lists %d operations, and there are %d routes", len(listed), len(routes))
	}
}

func TestDocumentSaysWhatIsRequired(t *testing.T) {
	w := newWorld(t)
	a := w.send(httptest.NewRequest("GET", "/openapi.json", nil)).want(200)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
	a.decode(&doc)
	for name, want := range map[string][]string{
		"ApplicationIn": {"name"}, "EndpointIn": nil, "EndpointPatch": nil, "EndpointPut": nil, "BatchResult": nil, "MessageIn": {"eventType", "payload"},
		"EndpointMessageOut": {"channels", "deliverAt", "eventId", "eventType", "eventTypeVersion", "id", "nextAttempt", "orderingKey", "payload", "status", "statusText", "tags", "timestamp"},
		"MessageOut":         {"channels", "deliverAt", "eventId", "eventType", "eventTypeVersion", "id", "orderingKey", "payload", "tags", "timestamp"},
	} {
		got := doc.Components.Schemas[name]
		slices.Sort(got.Required)
		if !slices.Equal(got.Required, want) || got.Properties == nil {
			t.Errorf("%s requires %q of %d properties, want %q", name, got.Required, len(got.Properties), want)
		}
	}
}

func TestDocumentSaysWhatEverythingMeans(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]map[string]any
			}
		}
		Info struct{ Version string }
	}
	w.send(httptest.NewRequest("GET", "/openapi.json", nil)).want(200).decode(&doc)
	for name, s := range doc.Components.Schemas {
		for member, p := range s.Properties {
			if p["description"] == nil && p["$ref"] == nil {
				t.Errorf("%s.%s has no description; give its field a doc, or its name one in wording", name, member)
			}
		}
	}
	if doc.Info.Version != "1.2.3" {
		t.Errorf("the version is %q", doc.Info.Version)
	}
}

// example fills in a path of the document.
var example = strings.NewReplacer("{app}", "acme", "{endpoint}", "ep", "{msg}", "m", "{attempt}", "a", "{name}", "record.created")

func TestDocumentNamesEveryFormat(t *testing.T) {
	out, _ := reflect.TypeFor[endpointOut]().FieldByName("Format")
	if got := strings.Split(out.Tag.Get("enum"), ","); !slices.Equal(got, fanfare.Formats) {
		t.Errorf("the document says that a format is one of %q, and there are %q", got, fanfare.Formats)
	}
	in, _ := reflect.TypeFor[endpointIn]().FieldByName("Format")
	words := strings.FieldsFunc(in.Tag.Get("doc"), func(r rune) bool { return r != '-' && !unicode.IsLetter(r) })
	for _, name := range fanfare.Formats {
		if !slices.Contains(words, name) {
			t.Errorf("%s is not in %q", name, in.Tag.Get("doc"))
		}
	}
}

func TestEveryRouteNeedsTheKey(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	open := map[string]int{"GET /api/v1/health": 204, "GET /api/v1/health/ping": 204, "GET /api/v1/meta": 200, "GET /api/v1/kind": 200}
	wrong := map[string][]string{
		"none": nil, "empty": {""}, "scheme only": {"Bearer"}, "no key": {"Bearer "}, "basic": {"Basic " + testKey},
		"other": {"Bearer " + testKey + "x"}, "cut": {"Bearer " + testKey[1:]}, "upper": {"Bearer " + strings.ToUpper(testKey)},
		"twice": {"Bearer " + testKey, "Bearer " + testKey}, "long": {"Bearer " + strings.Repeat("k", 10<<10)},
		"look-alike": {"Bearer fan_аdmin_test"}, "two spaces": {"Bearer  " + testKey},
	}
	gone, leave := context.WithCancel(t.Context())
	leave() // so that a stream that lets us in ends
	for op := range w.operations() {
		method, path, _ := strings.Cut(op, " ")
		for name, values := range wrong {
			r := httptest.NewRequestWithContext(gone, method, example.Replace(path), strings.NewReader("{}"))
			r.Header["Authorization"] = values
			a := w.send(r)
			if want := open[op]; want != 0 {
				if a.status != want {
					t.Errorf("%s with key %q: %d", op, name, a.status)
				}
				continue
			}
			if a.status != http.StatusUnauthorized || !strings.HasPrefix(string(a.body), `{"code":"authentication_failed","detail":`) || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with key %q: %d %s", op, name, a.status, a.body)
			}
		}
	}
}

func TestWithoutKeyHashNoKeyOpensAnything(t *testing.T) {
	w := newWorld(t)
	w.api = New(w.hub, w.store, nil)
	w.do("GET", "/api/v1/app", "").want(401)
	w.do("GET", "/api/v1/app", "", "Authorization: Bearer ").want(401)
}

func TestAdminKeysAreRandomAndHashed(t *testing.T) {
	a, b := NewAdminKey(), NewAdminKey()
	if a == b || len(a) != len("fan_admin_")+43+6 || !strings.HasPrefix(a, "fan_admin_") {
		t.Errorf("keys %q and %q", a, b)
	}
	w := newWorld(t)
	w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(a)})
	w.do("GET", "/api/v1/app", "", "Authorization: bearer "+a).want(200)
	w.do("GET", "/api/v1/app", "", "Authorization: Bearer "+b).want(401)
}
