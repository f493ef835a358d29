package ui_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/internal/ui"
)

// asks sends a request that takes answers of a kind.
func (w *world) asks(method, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept", accept)
	return w.send(r)
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// TestWhereNothingIsABrowserGetsAPage, and everybody else what the API says.
func TestWhereNothingIsABrowserGetsAPage(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	for _, path := range []string{"/nosuchpage", "/issue/", "/issue/no/such/page", "/metrics/x", "/leave", `/"><script>alert(1)</script>`} {
		path = strings.NewReplacer(`"`, "%22", "<", "%3C", ">", "%3E").Replace(path)
		a := w.asks("GET", path, browser)
		d := w.parse(a, path)
		if a.Code != 404 || a.Header().Get("Content-Type") != "text/html; charset=utf-8" || a.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("GET %s was answered %d: %v", path, a.Code, a.Header())
		}
		d.says("Not found", "There is no such page")
		d.inert(t)
		if nav := strings.Join(d.all("nav", ""), " "); !strings.Contains(nav, "Issues") {
			t.Errorf("GET %s leads to %q", path, nav)
		}
		if got := w.asks("HEAD", path, browser).Code; got != 404 {
			t.Errorf("HEAD %s was answered %d", path, got)
		}
		for _, accept := range []string{"", "*/*", "application/json"} {
			if a := w.asks("GET", path, accept); a.Code < 404 || a.Header().Get("Content-Type") != "application/json" {
				t.Errorf("GET %s, which takes %q, was answered %d: %s", path, accept, a.Code, a.Body)
			}
		}
	}
	for method, path := range map[string]string{"GET": "/api/v1/nosuchroute", "HEAD": "/api", "POST": "/nosuchpage"} {
		if a := w.asks(method, path, browser); a.Code < 404 || a.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s was answered %d: %s", method, path, a.Code, a.Body)
		}
	}
	if a := w.asks("GET", "/openapi.json", browser); a.Code != 200 || a.Header().Get("Content-Type") != "application/json" || !strings.Contains(a.Body.String(), `"openapi"`) {
		t.Errorf("what is there was answered %d: %v", a.Code, a.Header())
	}
	w.cookie = ""
	a := w.asks("GET", "/nosuchpage", browser)
	if d := w.parse(a, "/nosuchpage").says("There is no such page"); a.Code != 404 || len(d.all("nav", "")) != 0 {
		t.Errorf("who is not logged in is answered %d and led to %q", a.Code, d.all("nav", ""))
	}
}

func TestPortalAloneHasNoPageForNothing(t *testing.T) {
	w := newWorld(t, &ui.Options{PortalOnly: true})
	if a := w.asks("GET", "/nosuchpage", browser); a.Code != http.StatusNotFound || a.Header().Get("Content-Type") != "application/json" {
		t.Errorf("it was answered %d: %s", a.Code, a.Body)
	}
}

// TestWhatGoesBeforeAnAnswerIsNoAnswer has what is behind the pages say something first.
func TestWhatGoesBeforeAnAnswerIsNoAnswer(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	for _, status := range []int{http.StatusOK, http.StatusNotFound} {
		site := httptest.NewServer(w.pages.Before(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Link", "</a.css>; rel=preload")
			rw.WriteHeader(http.StatusEarlyHints)
			rw.Header().Del("Link")
			rw.WriteHeader(status)
			io.WriteString(rw, "behind")
		})))
		defer site.Close()
		var hints []string
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, " ", h.Get("Link")))
			return nil
		}}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", site.URL+"/nosuchpage", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", browser)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if want := []string{"103 </a.css>; rel=preload"}; !slices.Equal(hints, want) || a.Header.Get("Link") != "" || a.StatusCode != status {
			t.Errorf("before it was %q, then %d with %v", hints, a.StatusCode, a.Header)
		}
		if page := strings.Contains(string(text), "There is no such page"); page != (status == http.StatusNotFound) || strings.HasSuffix(string(text), "behind") == page {
			t.Errorf("%d is %s", status, text)
		}
	}
}
