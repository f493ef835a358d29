package api

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// TestADamagedMessageIsListedAsThat has one of three payloads changed on disk.
func TestADamagedMessageIsListedAsThat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	begin := func() *world {
		store, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return worldOn(t, store, &fanfare.Options{})
	}
	w := begin()
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"in"}`).want(201)
	for _, n := range []string{"one", "two", "six"} {
		w.message("acme", `{"eventType":"a.b","payload":{"n":"telltale `+n+`"}}`)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(file, []byte("telltale two")); n != 1 {
		t.Fatalf("the payload is in the file %d times, want once", n)
	}
	if err := os.WriteFile(path, bytes.Replace(file, []byte("telltale two"), []byte("telltale ten"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	w = begin()
	for _, where := range []string{"/msg", "/log/export", "/poller/in", "/endpoint/in/msg"} {
		body := string(w.do("GET", "/api/v1/app/acme"+where, "").want(200).body)
		for text, want := range map[string]int{`{"damaged":true}`: 1, "telltale one": 1, "telltale six": 1, "telltale": 2} {
			if n := strings.Count(body, text); n != want {
				t.Errorf("%s has %s %d times, want %d: %s", where, text, n, want, body)
			}
		}
	}
}
