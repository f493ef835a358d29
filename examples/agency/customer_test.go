package agency

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheCustomersPage(t *testing.T) {
	for path, want := range map[string][2]string{
		"/portal":    {"text/html; charset=utf-8", `data-app="a&#34;b"`},
		"/portal.js": {"text/javascript; charset=utf-8", "Bearer"},
	} {
		rec := httptest.NewRecorder()
		customerPage{`a"b`}.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		h := rec.Header()
		if h.Get("Content-Type") != want[0] || !strings.Contains(rec.Body.String(), want[1]) || h.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(h.Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%s is %v %s", path, h, rec.Body)
		}
	}
}
