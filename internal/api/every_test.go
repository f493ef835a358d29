package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// everyPage reads a page of a list that all applications have, as names of what is on it.
func everyPage(w *world, path, at string) (names []string, next string) {
	w.t.Helper()
	if at != "" {
		path += "&iterator=" + at
	}
	var out struct {
		Data []struct {
			ID    string
			AppID string `json:"appId"`
		}
		Iterator string
		Done     bool
	}
	if err := json.Unmarshal(w.do("GET", path, "").want(200).body, &out); err != nil {
		w.t.Fatal(err)
	}
	for _, d := range out.Data {
		names = append(names, d.ID+" of "+d.AppID)
	}
	if out.Done != (out.Iterator == "") {
		w.t.Errorf("%s: done is %v, and the iterator %q", path, out.Done, out.Iterator)
	}
	return names, out.Iterator
}

func TestEveryEndpoint(t *testing.T) {
	w := newWorld(t)
	var want []string
	for _, app := range []string{w.app("a"), w.app("b")} {
		for i := range 3 {
			ep := &fanfare.Endpoint{Application: fanfare.ApplicationID(app), URL: fmt.Sprintf("https://example.com/%d", i), Disabled: i == 1}
			w.ok(w.hub.CreateEndpoint(t.Context(), ep))
			want = slices.Insert(want, 0, string(ep.ID)+" of "+app)
		}
	}
	var got []string
	for at, n := "", 0; n < 4; n++ {
		page, next := everyPage(w, "/api/v1/endpoint?limit=2", at)
		got = append(got, page...)
		if at = next; at == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("in pages of two there are %v, want %v", got, want)
	}
	if got, _ := everyPage(w, "/api/v1/endpoint?state=disabled", ""); !slices.Equal(got, []string{want[1], want[4]}) {
		t.Errorf("disabled are %v", got)
	}
	if got, _ := everyPage(w, "/api/v1/endpoint?state=failing", ""); len(got) > 0 {
		t.Errorf("failing are %v", got)
	}
	_, next := everyPage(w, "/api/v1/endpoint?limit=2", "")
	w.do("GET", "/api/v1/endpoint?state=disabled&iterator="+next, "").want(400)
	w.do("GET", "/api/v1/endpoint?iterator=x", "").want(400)
	w.do("GET", "/api/v1/endpoint?state=fine", "").want(422)
	w.do("GET", "/api/v1/attempt?iterator="+next, "").want(400)
}

func TestEveryAttempt(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(500)
		}
		io.WriteString(w, "hush")
	}, func(t *testing.T, w *world) {
		var apps []string
		for _, name := range []string{"good", "bad"} {
			app := w.app(name)
			w.ok(w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: fanfare.ApplicationID(app), URL: "http://example.com/" + name, Retry: fanfare.Retry{Preset: "none"}}))
			for range 2 {
				_, err := w.hub.Send(t.Context(), app, "x", []byte(`{}`))
				w.ok(err)
				synctest.Wait()
				apps = slices.Insert(apps, 0, app)
			}
		}
		var got []string
		for at, n := "", 0; n < 4; n++ {
			page, next := everyPage(w, "/api/v1/attempt?limit=3", at)
			for _, name := range page {
				_, app, _ := strings.Cut(name, " of ")
				got = append(got, app)
			}
			if at = next; at == "" {
				break
			}
		}
		if !slices.Equal(got, apps) {
			t.Errorf("in pages of three there are those of %v, want %v", got, apps)
		}
		for outcome, app := range map[string]string{"failed": apps[0], "succeeded": apps[3]} {
			page, _ := everyPage(w, "/api/v1/attempt?outcome="+outcome, "")
			if len(page) != 2 || !strings.HasSuffix(page[0], app) || !strings.HasSuffix(page[1], app) {
				t.Errorf("those that %s are %v", outcome, page)
			}
		}
		if body := string(w.do("GET", "/api/v1/attempt", "").want(200).body); strings.Contains(body, "hush") {
			t.Errorf("it has what was answered: %s", body)
		}
		w.do("GET", "/api/v1/attempt?outcome=odd", "").want(422)
	})
}
