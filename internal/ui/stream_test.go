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
	site := httptest.NewServer(w.site)
	defer site.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	misses := func(path string) {
		t.Helper()
		of := w.get(200, path).all("html", "data-stream")
		msg := w.message(1, `{}`)
		if len(of) != 1 {
			t.Fatalf("%s follows %q", path, of)
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+of[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", w.cookie)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if !strings.Contains(data, string(msg.ID)) {
					t.Errorf("%s: the first news are %s, want those of %s", path, data, msg.ID)
				}
				return
			}
		}
		t.Errorf("%s: the stream %s was answered %d and ended: %v", path, of[0], res.StatusCode, ctx.Err())
	}
	misses("/portal/endpoint/" + string(ep.ID))
	w.asOperator()
	misses("/delivery")
	misses("/app/acme")
	misses("/app/acme/endpoint/" + string(ep.ID))
}
