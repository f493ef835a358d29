package api

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// begin begins a session of acme and returns its token.
func (w *world) begin(body string) string {
	w.t.Helper()
	return w.do("POST", "/api/v1/auth/app-portal-access/acme", body).want(200).object()["token"].(string)
}

func (w *world) sessionOf(token string) *fanfare.Session {
	w.t.Helper()
	b, err := w.hub.Identify(w.t.Context(), token)
	w.ok(err)
	return b.Session
}

func TestPortalSessionsBegin(t *testing.T) {
	w := newWorld(t)
	acme := w.app("acme")
	const all = "ViewBase ViewEndpointSecret ManageEndpointSecret ManageTransformations CreateAttempts ManageEndpoint"
	for body, want := range map[string]string{
		"":   all,
		"{}": all,
		`{"capabilities":null,"expiry":null,"readOnly":null,"sessionId":null,"application":null,"featureFlags":[]}`: all,
		`{"capabilities":[]}`:                             "",
		`{"capabilities":["CreateAttempts"]}`:             "CreateAttempts",
		`{"capabilities":["ManageKeys"]}`:                 "ManageKeys",
		`{"readOnly":true}`:                               "ViewBase",
		`{"readOnly":true,"capabilities":["ManageKeys"]}`: "",
		`{"readOnly":true,"capabilities":["ViewEndpointSecret","ManageEndpoint","CreateAttempts"]}`: "ViewEndpointSecret",
		`{"readOnly":false,"expiry":3600,"application":{"name":"ignored, for there is one"}}`:       all,
	} {
		s := w.sessionOf(w.begin(body))
		var got []string
		for _, c := range s.Capabilities {
			got = append(got, string(c))
		}
		if strings.Join(got, " ") != want || string(s.Application) != acme {
			t.Errorf("%s: %+v", body, s)
		}
		ttl := 7 * 24 * time.Hour
		if strings.Contains(body, "3600") {
			ttl = time.Hour
		}
		if s.ExpiresAt.Sub(s.CreatedAt) != ttl {
			t.Errorf("%s: lasts %v", body, s.ExpiresAt.Sub(s.CreatedAt))
		}
	}
	for body, want := range map[string]string{
		`{"expiry":3599}`: "expiry", `{"expiry":604801}`: "expiry", `{"expiry":-1}`: "expiry", `{"expiry":9223372036854775807}`: "expiry",
		`{"expiry":"1"}`: "expiry", `{"capabilities":["All"]}`: "capabilities", `{"capabilities":["All"],"readOnly":true}`: "capabilities",
		`{"capabilities":["ViewBase","ViewBase"]}`: "capabilities", `{"sessionId":"` + strings.Repeat("s", 257) + `"}`: "sessionId",
		`{"featureFlags":["é"]}`: "featureFlags",
	} {
		a := w.do("POST", "/api/v1/auth/app-portal-access/acme", body).want(422)
		var out invalidOut
		a.decode(&out)
		if out.Detail[0].Loc[1] != want {
			t.Errorf("%.80s: %s", body, a.body)
		}
	}
}

func TestPortalLinksLeadToThisServer(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for given, want := range map[string]string{"": "http://127.0.0.1:8080", "https://hooks.example.com/": "https://hooks.example.com", "https://example.com/hooks": "https://example.com/hooks"} {
		w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey), BaseURL: given})
		for _, path := range []string{"app-portal-access", "dashboard-access"} {
			out := w.do("POST", "/api/v1/auth/"+path+"/acme", "").want(200).object()
			if out["url"] != want+"/portal#key="+out["token"].(string) || len(out) != 2 {
				t.Errorf("%s: %v", path, out)
			}
		}
	}
}

func TestPortalMakesItsApplication(t *testing.T) {
	w := newWorld(t)
	path := "/api/v1/auth/app-portal-access/"
	w.do("POST", path+"new", "").want(404)
	w.do("POST", path+"app_00000000000000000000000000", `{"application":{"name":"New"}}`).want(404)
	for body, want := range map[string]string{`{"application":{"name":"New","uid":"other"}}`: "application uid", `{"application":{"name":"New","rateLimit":-1}}`: "application rateLimit"} {
		a := w.do("POST", path+"new", body).want(422)
		var out invalidOut
		a.decode(&out)
		if strings.Join(out.Detail[0].Loc, " ") != "body "+want {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	w.do("GET", "/api/v1/app/new", "").want(404)
	token := w.do("POST", path+"new", `{"application":{"name":"New"}}`).want(200).object()["token"].(string)
	w.as(token, "GET", "/api/v1/app/new", "").want(200)
	w.as(token, "GET", "/api/v1/app/new/endpoint", "").want(200)
}

func TestPortalSessionsAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, storetest.NewModel(), &fanfare.Options{})
		w.app("acme")
		one, two, three := w.begin(`{"sessionId":"one"}`), w.begin(`{"sessionId":"two"}`), w.begin("")
		lives := func(token string, want bool) {
			t.Helper()
			status := 401
			if want {
				status = 200
			}
			w.as(token, "GET", "/api/v1/app/acme", "").want(status)
		}
		for _, token := range []string{one, two, three} {
			lives(token, true)
		}
		expire := "/api/v1/auth/app/acme/expire-all"
		w.do("POST", expire, `{"sessionIds":["one"]}`).want(204)
		lives(one, false)
		lives(two, true)
		w.as(two, "POST", "/api/v1/auth/logout", "", "Idempotency-Key: k").want(204)
		lives(two, false)
		w.as(two, "POST", "/api/v1/auth/logout", "", "Idempotency-Key: k").want(401)
		four := w.begin("")
		w.as(four, "POST", "/api/v1/auth/logout", "", "Idempotency-Key: k").want(204) // another's key
		lives(four, false)
		w.do("POST", "/api/v1/auth/logout", "").want(403)
		w.do("POST", expire, `{"expiry":60}`).want(204)
		lives(three, true)
		time.Sleep(time.Minute)
		lives(three, false)
		for _, body := range []string{`{"expiry":-1}`, `{"expiry":604801}`, `{"expiry":9223372036854775807}`, `{"sessionIds":["é"]}`} {
			w.do("POST", expire, body).want(422)
		}
		w.do("POST", "/api/v1/auth/app/nobody/expire-all", "").want(404)
	})
}

// TestFlaggedEventTypesAreHidden: from those who are let into one application, but
// for sessions that have one of the flags.
func TestFlaggedEventTypesAreHidden(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		flags := map[string]string{"b": `["beta"]`, "c": `["beta","gamma"]`, "e": `["gamma"]`}[name]
		if flags == "" {
			flags = "null"
		}
		w.do("POST", "/api/v1/event-type", `{"name":"`+name+`","schemas":{"1":{"examples":[{}]}},"featureFlags":`+flags+`}`).want(201)
	}
	_, key := w.makeKey(`{"name":"k","scopes":["event-types:read"]}`)
	_, within := w.makeKey(`{"name":"k","scopes":["event-types:read"],"application":"acme"}`)
	for want, token := range map[string]string{
		"a b c d e f": key, "a d f": within, "a d f ": w.begin(""),
		"a b c d f": w.begin(`{"featureFlags":["beta","other"]}`), "a c d e f": w.begin(`{"featureFlags":["gamma"]}`),
	} {
		want := strings.Fields(want)
		for _, limit := range []string{"1", "2", "3", "50"} {
			var got []string
			for iterator := ""; ; {
				var page struct {
					Data     []struct{ Name string }
					Iterator string
					Done     bool
				}
				w.as(token, "GET", "/api/v1/event-type?limit="+limit+iterator, "").want(200).decode(&page)
				for _, t := range page.Data {
					got = append(got, t.Name)
				}
				if iterator = "&iterator=" + page.Iterator; page.Done {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s a page: %q, want %q", limit, got, want)
			}
		}
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			status := 404
			if slices.Contains(want, name) {
				status = 200
			}
			w.as(token, "GET", "/api/v1/event-type/"+name, "").want(status)
			if strings.HasPrefix(token, "fan_sess_") {
				if a := w.as(token, "POST", "/api/v1/app/acme/endpoint/ep/send-example", `{"eventType":"`+name+`"}`); (a.status == 404) != (status == 404) {
					t.Errorf("the example of %s: %d %s", name, a.status, a.body)
				}
			}
		}
	}
}
