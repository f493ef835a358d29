package ui_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAPageMissesNothingThatComesWhileItIsRead has attempts made after pages were read, and
// before they follow the news.
func TestAPageMissesNothingThatComesWhileItIsRead(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	misses := func(path string) {
		t.Helper()
		of := w.get(200, path).all("html", "data-stream")
		msg := w.message(1, `{}`)
		if len(of) != 1 {
			t.Fatalf("%s follows %q", path, of)
		}
		res := w.stream(of[0])
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if !strings.Contains(data, string(msg.ID)) {
					t.Errorf("%s: the first news are %s, want those of %s", path, data, msg.ID)
				}
				return
			}
		}
		t.Errorf("%s: the stream %s was answered %d and ended", path, of[0], res.StatusCode)
	}
	misses("/portal/endpoint/" + string(ep.ID))
	w.asOperator()
	misses("/delivery")
	misses("/app/acme")
	misses("/app/acme/endpoint/" + string(ep.ID))
}

// stream follows the news at a path as a browser does, for a while at most.
func (w *world) stream(path string) *http.Response {
	w.t.Helper()
	site := httptest.NewServer(w.site)
	w.t.Cleanup(site.Close)
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Cookie", w.cookie)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { res.Body.Close() })
	return res
}

// TestNewsOfAllApplicationsAreStreamed reads the stream as a browser does.
func TestNewsOfAllApplicationsAreStreamed(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	ep := w.endpoint()
	res := w.stream("/stream")
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("the stream was answered %d, %s", res.StatusCode, kind)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Scan() // it has begun
	msg := w.message(1, `{"secret":"is not for the stream"}`)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			want := `{"msgId":"` + string(msg.ID) + `","endpointId":"` + string(ep.ID) + `"}`
			if data != want {
				t.Errorf("the stream says %s, want %s", data, want)
			}
			return
		}
	}
	t.Errorf("the stream ended: %v", lines.Err())
}
