package api

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
	"github.com/fanfarehq/fanfare/storetest"
)

// makeKey makes a key over HTTP and returns its id and its secret.
func (w *world) makeKey(body string) (id, secret string) {
	w.t.Helper()
	made := w.do("POST", "/api/v1/api-key", body).want(201).object()
	return made["id"].(string), made["token"].(string)
}

func TestKeysAreMadeListedAndRevoked(t *testing.T) {
	w := newWorld(t)
	acme := w.app("acme")
	plain, _ := w.makeKey(`{"name":"plain","scopes":["admin"]}`)
	id, secret := w.makeKey(`{"name":"bill","scopes":["messages:write","endpoints:read"],"application":"acme","expiresAt":"2999-01-02T03:04:05Z"}`)
	read := w.do("GET", "/api/v1/api-key/"+id, "").want(200)
	out := read.object()
	delete(out, "createdAt")
	want := `{"application":"` + acme + `","channels":null,"expiresAt":"2999-01-02T03:04:05Z","id":"` + id + `","lastUsedAt":null,"name":"bill","portal":false,"scopes":["messages:write","endpoints:read"]}`
	if got := asJSON(t, out); got != want {
		t.Errorf("the key is %s, want %s", got, want)
	}
	list := w.do("GET", "/api/v1/api-key?order=ascending", "").want(200)
	var page struct{ Data []struct{ ID string } }
	list.decode(&page)
	if len(page.Data) != 2 || page.Data[0].ID != plain || page.Data[1].ID != id {
		t.Errorf("the list is %s", list.body)
	}
	for _, a := range []*answer{read, list} {
		if bytes.Contains(a.body, []byte(secret)) || bytes.Contains(a.body, []byte("fan_key_")) || bytes.Contains(a.body, []byte("oken")) {
			t.Errorf("it shows the secret: %s", a.body)
		}
	}
	path := "/api/v1/app/acme/endpoint"
	w.as(secret, "GET", path, "").want(200)
	w.do("DELETE", "/api/v1/api-key/"+id, "").want(204)
	w.as(secret, "GET", path, "").want(401)
	w.do("DELETE", "/api/v1/api-key/"+id, "").want(404)
	w.do("GET", "/api/v1/api-key/"+id, "").want(404)
	w.do("GET", "/api/v1/api-key/acme", "").want(404)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := appendJSON(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestKeysThatCannotBe(t *testing.T) {
	w := newWorld(t)
	for body, want := range map[string]string{
		`{"scopes":["admin"]}`:                                                     "name",
		`{"name":"Console: somebody","scopes":["admin"]}`:                          "name",
		`{"name":"k"}`:                                                             "scopes",
		`{"name":"k","scopes":[]}`:                                                 "scopes",
		`{"name":"k","scopes":["root"]}`:                                           "scopes",
		`{"name":"k","scopes":["ADMIN"]}`:                                          "scopes",
		`{"name":"k","scopes":"admin"}`:                                            "scopes",
		`{"name":"k","scopes":["admin"],"application":"nobody"}`:                   "application",
		`{"name":"k","scopes":["admin"],"expiresAt":"2020-01-01T00:00:00Z"}`:       "expiresAt",
		`{"name":"k","scopes":["admin"],"expiresAt":"tomorrow"}`:                   "expiresAt",
		`{"name":"` + strings.Repeat("k", 257) + `","scopes":["admin"]}`:           "name",
		`{"name":"k","scopes":["` + strings.Repeat("admin", 10000) + `","admin"]}`: "scopes",
	} {
		a := w.do("POST", "/api/v1/api-key", body).want(422)
		var out invalidOut
		a.decode(&out)
		if out.Detail[0].Loc[1] != want {
			t.Errorf("%.80s: %s", body, a.body)
		}
	}
	w.do("POST", "/api/v1/api-key", `{"name":"k","scopes":["admin"]}`, "Idempotency-Key: ").want(422)
}

// TestSecretsAreNotInTheDatabase: neither in it nor beside it, also where requests
// would be remembered.
func TestSecretsAreNotInTheDatabase(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "fanfare.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := worldOn(t, store, &fanfare.Options{})
	w.app("acme")
	const once = "Idempotency-Key: once"
	body := `{"name":"in the database","scopes":["admin"]}`
	first := w.do("POST", "/api/v1/api-key", body, once).want(201).object()
	second := w.do("POST", "/api/v1/api-key", body, once).want(201).object()
	if first["id"] == second["id"] {
		t.Error("the answer, which has the secret, is remembered")
	}
	session := w.do("POST", "/api/v1/auth/app-portal-access/acme", "", once).want(200).object()
	w.do("POST", "/api/v1/auth/app-portal-access/acme", "", once).want(200)
	found := false
	look := func() {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		w.ok(err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			w.ok(err)
			found = found || bytes.Contains(text, []byte("in the database"))
			for _, secret := range []any{first["token"], second["token"], session["token"]} {
				if secret := secret.(string); bytes.Contains(text, []byte(secret[9:40])) {
					t.Errorf("%s has %s", file, secret)
				}
			}
		}
	}
	look()
	w.ok(store.Close())
	look()
	if !found {
		t.Error("the database was not looked at")
	}
}

// TestScopesOfApplicationsWithinOtherRequests: who may send messages may not
// thereby make applications.
func TestScopesOfApplicationsWithinOtherRequests(t *testing.T) {
	w := newWorld(t)
	acme := w.app("acme")
	_, sends := w.makeKey(`{"name":"k","scopes":["messages:write","portal"]}`)
	_, makes := w.makeKey(`{"name":"k","scopes":["messages:write","portal","applications:write"]}`)
	_, within := w.makeKey(`{"name":"k","scopes":["admin"],"application":"acme"}`)
	msg := `{"eventType":"x","payload":1,"application":{"name":"New"}}`
	for path, body := range map[string]string{"/app/new/msg": msg, "/app/new/msg/batch": "[" + msg + "]", "/auth/app-portal-access/new": `{"application":{"name":"New"}}`} {
		w.as(sends, "POST", base+path, body).want(403)
		w.as(within, "POST", base+path, body).want(404)
		w.do("GET", base+"/app/new", "").want(404)
		if a := w.as(makes, "POST", base+path, body); a.status >= 300 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		w.do("DELETE", base+"/app/new", "").want(204)
	}
	w.as(sends, "POST", base+"/app/acme/msg", msg).want(202)
	w.as(within, "POST", base+"/app", `{"name":"x"}`).want(403)
	w.as(within, "PUT", base+"/app/new", `{"name":"x"}`).want(404)
	w.as(within, "PUT", base+"/app/acme", `{"name":"x","uid":"renamed"}`).want(200)
	w.as(within, "GET", base+"/app/acme", "").want(404)
	w.as(within, "GET", base+"/app/renamed/", "").want(200)
	w.app("acme") // is now another's
	w.as(within, "GET", base+"/app/acme", "").want(404)
	w.as(within, "DELETE", base+"/app/"+acme, "").want(204)
	w.as(within, "GET", base+"/app/"+acme, "").want(401) // the key is gone with it
}

// TestOneApplicationIsAllThereIs: a list of applications is walked by who is let
// into one.
func TestOneApplicationIsAllThereIs(t *testing.T) {
	w := newWorld(t)
	w.app("before")
	acme := w.app("acme")
	w.app("behind")
	_, key := w.makeKey(`{"name":"k","scopes":["applications:read"],"application":"acme"}`)
	for _, order := range []string{"ascending", "descending"} {
		var page struct {
			Data                   []struct{ ID string }
			Iterator, PrevIterator string
			Done                   bool
		}
		get := func(query string) {
			t.Helper()
			page.Data = nil
			w.as(key, "GET", base+"/app?limit=1&order="+order+query, "").want(200).decode(&page)
		}
		get("")
		if len(page.Data) != 1 || page.Data[0].ID != acme || !page.Done {
			t.Errorf("%s: %+v", order, page)
		}
		for _, iterator := range []string{page.Iterator, page.PrevIterator} {
			if get("&iterator=" + iterator); len(page.Data) != 0 || !page.Done {
				t.Errorf("%s on: %+v", order, page)
			}
		}
	}
}

// TestStreamsEndWithTheirKey: when it is revoked, and when it expires.
func TestStreamsEndWithTheirKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		w.app("acme")
		id, revoked := w.makeKey(`{"name":"k","scopes":["messages:read"]}`)
		_, expires := w.makeKey(`{"name":"k","scopes":["messages:read"],"expiresAt":"` + time.Now().Add(2*time.Hour).Format(time.RFC3339) + `"}`)
		_, stays := w.makeKey(`{"name":"k","scopes":["messages:read"],"application":"acme"}`)
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan string, 3)
		follow := func(name, key, path string) {
			r := httptest.NewRequestWithContext(ctx, "GET", base+path, nil)
			r.Header.Set("Authorization", "Bearer "+key)
			go func() {
				w.api.ServeHTTP(httptest.NewRecorder(), r)
				ended <- name
			}()
		}
		start := time.Now()
		follow("revoked", revoked, "/events/stream")
		follow("expires", expires, "/events/stream")
		follow("stays", stays, "/app/acme/events/stream")
		time.Sleep(time.Hour)
		w.do("DELETE", base+"/api-key/"+id, "").want(204)
		if name := <-ended; name != "revoked" || time.Since(start) != time.Hour {
			t.Errorf("%s ended after %v", name, time.Since(start))
		}
		if name := <-ended; name != "expires" || time.Since(start) != 2*time.Hour {
			t.Errorf("%s ended after %v", name, time.Since(start))
		}
		leave()
		if name := <-ended; name != "stays" {
			t.Errorf("%s ended", name)
		}
	})
}
