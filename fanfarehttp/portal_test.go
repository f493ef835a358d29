package fanfarehttp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/fanfarehttp"
	"github.com/fanfarehq/fanfare/storetest"
)

// TestPortalBelowAPath mounts the handler as the package comment does, and opens a link.
func TestPortalBelowAPath(t *testing.T) {
	store := storetest.NewModel()
	hub := fanfare.New(store, nil)
	app := &fanfare.Application{Name: "Acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	token, err := hub.CreateSession(t.Context(), &fanfare.Session{Application: app.ID}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := fanfarehttp.New(hub, store, fanfarehttp.NewKey(), &fanfarehttp.Options{
		PublicURL: "https://example.com/webhooks", Portal: fanfarehttp.Portal{Name: "Acme Hooks"},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/webhooks/", http.StripPrefix("/webhooks", handler))
	open := func(path, cookie string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	in := open("/webhooks/portal?key="+token, "")
	if in.Code != http.StatusSeeOther || in.Header().Get("Location") != "/webhooks/portal" {
		t.Fatalf("the link is answered %d to %q", in.Code, in.Header().Get("Location"))
	}
	page := open("/webhooks/portal", strings.SplitN(in.Header().Get("Set-Cookie"), ";", 2)[0])
	body := page.Body.String()
	if page.Code != http.StatusOK || !strings.Contains(body, "Acme Hooks") || !strings.Contains(body, `href="/webhooks/portal/log"`) {
		t.Errorf("the portal is %d %s", page.Code, body)
	}
	_, file, _ := strings.Cut(body, `<script src="`)
	file, _, _ = strings.Cut(file, `"`)
	if got := open(file, ""); got.Code != http.StatusOK || !strings.HasPrefix(file, "/webhooks/assets/") {
		t.Errorf("its script %q is answered %d", file, got.Code)
	}
}
