package api

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestURLsThatMayBeSecrets asks every route that shows anything of an application,
// of those that exist now and those to come, as someone who may not read secrets.
func TestURLsThatMayBeSecrets(t *testing.T) {
	running(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		const secret = "5ecr3t5ecr3t5ecr3t"
		w.do("POST", "/api/v1/app/acme/endpoint", `{"uid":"ep","url":"http://example.com/in/`+secret+`"}`).want(201)
		w.do("POST", "/api/v1/app/acme/hooks", `{"target_url":"http://example.com/hook/`+secret+`","event":"x"}`).want(201)
		w.message("acme", `{"eventType":"x","payload":1,"eventId":"m"}`)
		time.Sleep(time.Second)
		attempt := w.do("GET", "/api/v1/app/acme/attempt/endpoint/ep", "").items()[0]["id"].(string)
		hook := w.do("GET", "/api/v1/app/acme/endpoint?order=descending", "").items()[0]["id"].(string)
		session := w.begin(`{"capabilities":["ManageEndpoint"]}`)
		viewer, sender := w.begin(`{"readOnly":true}`), w.begin(`{"capabilities":["ViewBase","CreateAttempts"]}`)
		_, reader := w.makeKey(`{"name":"reader","scopes":["endpoints:read","messages:read"],"application":"acme"}`)
		_, writer := w.makeKey(`{"name":"writer","scopes":["endpoints:read","endpoints:write","messages:read"],"application":"acme"}`)
		shown := 0
		for op := range grants {
			method, path, _ := strings.Cut(op, " ")
			if method != "GET" || !strings.HasPrefix(path, "/app/{app}") || strings.HasSuffix(path, "/stream") || strings.HasSuffix(path, "/secret") {
				continue
			}
			ep := "ep"
			if strings.Contains(path, "/hooks/") || strings.Contains(path, "/subscriptions/") {
				ep = hook
			}
			at := base + strings.NewReplacer("{app}", "acme", "{endpoint}", ep, "{msg}", "m", "{attempt}", attempt).Replace(path)
			if strings.HasSuffix(path, "/export") {
				at += "?attempts=true"
			}
			whole := strings.Contains(string(w.do("GET", at, "").body), secret)
			for name, token := range map[string]string{"a viewer": viewer, "a sender": sender, "a reader": reader} {
				if a := w.as(token, "GET", at, ""); strings.Contains(string(a.body), secret) {
					t.Errorf("%s shows %s %s", op, name, a.body)
				} else if whole && a.status == 200 && !strings.Contains(string(a.body), "/***") {
					t.Errorf("%s does not show %s that there is more: %s", op, name, a.body)
				}
			}
			for name, token := range map[string]string{"a session": session, "a writer": writer} {
				if a := w.as(token, "GET", at, ""); a.status == 200 && whole != strings.Contains(string(a.body), secret) {
					t.Errorf("%s does not show %s the URL: %s", op, name, a.body)
				}
			}
			if whole {
				shown++
			}
		}
		if shown < 10 {
			t.Errorf("only %d routes show a URL", shown)
		}
		if f := w.followed("/app/acme/events/stream?last_event_id="+w.followed("/app/acme/events/stream", "", func() {}).last, "", func() {
			w.message("acme", `{"eventType":"x","payload":1}`)
			time.Sleep(time.Second)
		}); !strings.Contains(f.text, secret) {
			t.Errorf("the admin's stream: %s", f.text)
		}
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("logged: %s", w.log)
		}
	})
}
