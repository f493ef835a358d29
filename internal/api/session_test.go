package api

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

func TestPortalSessionsAreListedAndEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		w.app("acme")
		w.app("other")
		one := w.begin(`{"sessionId":"one","expiry":3600}`)
		time.Sleep(time.Minute)
		secret, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: "Billing", Scopes: []fanfare.Scope{fanfare.ScopePortal}})
		w.ok(err)
		two := w.as(secret, "POST", "/api/v1/auth/app-portal-access/acme", `{"capabilities":["CreateAttempts"],"channels":["eu"],"featureFlags":["beta"]}`).want(200).object()["token"].(string)
		login, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: LoginPrefix + "Ada", Scopes: []fanfare.Scope{fanfare.ScopePortal}})
		w.ok(err)
		time.Sleep(time.Minute)
		three := w.as(login, "POST", "/api/v1/auth/app-portal-access/acme", "").want(200).object()["token"].(string)
		w.do("POST", "/api/v1/auth/app-portal-access/other", "").want(200)

		const path = "/api/v1/auth/app/acme/session"
		type session struct {
			ID, SessionID, CreatedBy, CreatedByName string
			Capabilities, Channels, FeatureFlags    []string
			ExpiresAt                               time.Time
		}
		list := func(query string) (all []session) {
			t.Helper()
			for at := ""; ; {
				var out struct {
					Data     []session
					Iterator string
					Done     bool
				}
				a := w.do("GET", path+"?"+query+at, "").want(200)
				for _, token := range []string{one, two, three} {
					if strings.Contains(string(a.body), token) {
						t.Error("the list has what opens a session")
					}
				}
				a.decode(&out)
				all = append(all, out.Data...)
				if out.Done {
					return all
				}
				at = "&iterator=" + out.Iterator
			}
		}
		shown := func(all []session) string {
			var names []string
			for _, s := range all {
				names = append(names, s.SessionID+"|"+s.CreatedByName)
			}
			return strings.Join(names, " ")
		}
		for query, want := range map[string]string{"": "|Ada |Billing one|", "limit=1": "|Ada |Billing one|", "limit=2&order=ascending": "one| |Billing |Ada"} {
			if got := shown(list(query)); got != want {
				t.Errorf("%q: %s, want %s", query, got, want)
			}
		}
		all := list("")
		if s := all[1]; fmt.Sprint(s.Capabilities, s.Channels, s.FeatureFlags) != "[CreateAttempts] [eu] [beta]" || !strings.HasPrefix(s.CreatedBy, "key_") || s.ID != w.sessionOf(two).ID() {
			t.Errorf("the session is %+v", s)
		}
		if s := all[2]; s.CreatedBy != "admin" || s.ExpiresAt.Sub(time.Now()) != 58*time.Minute {
			t.Errorf("the session is %+v", s)
		}

		w.do("DELETE", "/api/v1/auth/app/other/session/"+all[1].ID, "").want(404)
		w.do("DELETE", path+"/session_0000000000000000", "").want(404)
		w.do("DELETE", path+"/"+all[1].ID, "").want(204)
		w.as(two, "GET", "/api/v1/app/acme", "").want(401)
		w.as(one, "GET", "/api/v1/app/acme", "").want(200)
		w.do("DELETE", path+"/"+all[1].ID, "").want(404)
		var audit struct {
			Data []struct{ Action, Object, Application string }
		}
		w.do("GET", "/api/v1/audit?limit=1", "").want(200).decode(&audit)
		if e := audit.Data[0]; e.Action != "portal-session.end" || e.Object != all[1].ID || e.Application == "" {
			t.Errorf("the audit log has %+v", e)
		}
		time.Sleep(time.Hour)
		if got := shown(list("")); got != "|Ada" {
			t.Errorf("after an hour there are %s", got)
		}
		w.do("GET", "/api/v1/auth/app/nobody/session", "").want(404)
	})
}
