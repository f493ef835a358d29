package ui_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestKeysAreTurnedOffAndOn in the portal and in the console, by a form that no script is needed for.
func TestKeysAreTurnedOffAndOn(t *testing.T) {
	const off = " data-keyless"
	for _, home := range []string{"", "/portal"} {
		w := newWorld(t, nil).asOperator()
		path := "/"
		if home != "" {
			w.enter(fanfare.ViewBase)
			path = home
		}
		let := w.cookie
		turn := func(keys string, has, offers string) {
			t.Helper()
			w.get(200, home+"/help").says(offers)
			r := httptest.NewRequest(http.MethodPost, home+"/keys", strings.NewReader("keys="+keys+"&here="+home+"/help"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			a := w.send(r)
			cookies := a.Result().Cookies()
			if len(cookies) != 1 || a.Code != http.StatusSeeOther || a.Header().Get("Location") != home+"/help" {
				t.Fatalf("the form of %s/help is answered %d, to %q, with %v", home, a.Code, a.Header().Get("Location"), cookies)
			}
			c := cookies[0]
			if c.Value != has || c.Path != path || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || time.Until(c.Expires) < 364*24*time.Hour {
				t.Errorf("%s/keys sets %v", home, c)
			}
			w.cookie = let + "; " + c.Name + "=" + c.Value
		}
		for _, at := range []string{path, home + "/help"} {
			if strings.Contains(w.get(200, at).text, off) {
				t.Errorf("%s has no keys before they are turned off", at)
			}
		}
		turn("off", "off", "Turn these keys off")
		for _, at := range []string{path, home + "/help"} {
			if !strings.Contains(w.get(200, at).text, off) {
				t.Errorf("%s has keys that were turned off", at)
			}
		}
		d := w.get(200, home+"/help")
		turn("on", "on", "Turn these keys on")
		if strings.Contains(w.get(200, path).text, off) {
			t.Errorf("%s has no keys, which were turned on again", path)
		}
		turn("%3Cx%3E", "on", "Turn these keys off")
		w.submit(303, d, "Turn these keys on")

		r := httptest.NewRequest(http.MethodPost, home+"/keys", strings.NewReader("keys=off"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if a := w.send(r); a.Code != http.StatusForbidden || a.Header().Get("Set-Cookie") != "" {
			t.Errorf("another site's %s/keys is answered %d", home, a.Code)
		}
	}
}
