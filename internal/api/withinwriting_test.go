package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestWritingInChannels gives what is made the channels of who makes it, and no
// others.
func TestWritingInChannels(t *testing.T) {
	inPart(t, func(w *partWorld) {
		const eps = "/api/v1/app/acme/endpoint"
		channels := func(a *answer) string {
			w.t.Helper()
			return fmt.Sprint(a.object()["channels"])
		}
		for _, secret := range []string{w.key, w.all, w.token} {
			for body, want := range map[string]string{`{}`: "[eu us]", `{"channels":null}`: "[eu us]", `{"channels":["us"]}`: "[us]"} {
				body = strings.Replace(strings.Replace(body, "{", `{"url":"http://example.com/new",`, 1), ",}", "}", 1)
				made := w.as(secret, "POST", eps, body).want(201)
				if got := channels(made); got != want {
					t.Errorf("%s is made with %s", body, got)
				}
				w.as(secret, "PUT", eps+"/"+made.id(), strings.Replace(body, "new", "newer", 1)).want(200)
				w.as(secret, "PATCH", eps+"/"+made.id(), `{"description":"x"}`).want(200)
				for _, no := range []string{`null`, `[]`, `["de"]`, `["eu","de"]`, `["EU"]`} {
					w.as(secret, "PATCH", eps+"/"+made.id(), `{"channels":`+no+`}`).want(403)
					if no != `null` {
						w.as(secret, "PUT", eps+"/"+made.id(), `{"url":"http://example.com/","channels":`+no+`}`).want(403)
						w.as(secret, "POST", eps, `{"url":"http://example.com/","channels":`+no+`}`).want(403)
						w.as(secret, "PUT", eps+"/a-new-one", `{"url":"http://example.com/","channels":`+no+`}`).want(403)
					}
				}
				if got := channels(w.do("GET", eps+"/"+made.id(), "").want(200)); got != want {
					t.Errorf("it has %s afterwards", got)
				}
				w.as(secret, "DELETE", eps+"/"+made.id(), "").want(204)
			}
			w.as(secret, "PUT", eps+"/wide", `{"url":"http://example.com/","channels":["eu"]}`).want(409)
			hook := w.as(secret, "POST", "/api/v1/app/acme/hooks", `{"target_url":"http://example.com/h","event":"x"}`).want(201)
			if channels(hook) != "[eu us]" {
				t.Errorf("a hook is made with %s", channels(hook))
			}
			w.as(secret, "PUT", "/api/v1/app/acme/hooks/"+hook.id(), `{"channels":["de"]}`).want(403)
			w.as(secret, "PUT", "/api/v1/app/acme/hooks/"+hook.id(), `{"channels":[]}`).want(403)
			w.as(secret, "POST", "/api/v1/app/acme/hooks", `{"target_url":"http://example.com/i","event":"x","channels":["de"]}`).want(403)
			w.as(secret, "DELETE", "/api/v1/app/acme/hooks/"+hook.id(), "").want(200)
		}
		const send = "/api/v1/app/acme/msg"
		if got := channels(w.as(w.key, "POST", send, `{"eventType":"x","payload":1}`).want(202)); got != "[eu us]" {
			t.Errorf("a message is sent with %s", got)
		}
		w.as(w.key, "POST", send, `{"eventType":"x","payload":1,"channels":["eu","de"]}`).want(403)
		var batch struct {
			Data []struct {
				Channels []string
				Error    *struct{ Status int }
			}
		}
		w.as(w.key, "POST", send+"/batch", `[{"eventType":"x","payload":1},{"eventType":"x","payload":1,"channels":["de"]},{"eventType":"x","payload":1,"channels":["us"]}]`).want(202).decode(&batch)
		if b := batch.Data; len(b) != 3 || fmt.Sprint(b[0].Channels, b[2].Channels) != "[eu us] [us]" || b[1].Error == nil || b[1].Error.Status != 403 {
			t.Errorf("a batch is answered %+v", b)
		}
		w.as(w.all, "POST", "/api/v1/app/nobody/msg", `{"eventType":"x","payload":1,"application":{"name":"x"}}`).want(403)
		example := w.as(w.token, "POST", eps+"/mine/send-example", `{"eventType":"record.created"}`).want(202)
		w.as(w.token, "GET", "/api/v1/app/acme/msg/"+example.id(), "").want(200)
	})
}

// TestWorkInChannels leaves alone what is in others.
func TestWorkInChannels(t *testing.T) {
	inPart(t, func(w *partWorld) {
		all := func() int {
			var n int
			for _, uid := range []string{"mine", "both", "everything", "wide", "de"} {
				s := w.do("GET", "/api/v1/app/acme/endpoint/"+uid+"/stats", "").want(200).object()
				n += int(s["success"].(float64) + s["fail"].(float64))
			}
			return n
		}
		attempts := len(w.attempted(fanfare.ApplicationID(w.app)))
		replay := w.as(w.key, "POST", "/api/v1/app/acme/msg/bulk-replay", `{"since":"2000-01-01T00:00:00Z"}`).want(202)
		time.Sleep(time.Minute)
		if n := len(w.attempted(fanfare.ApplicationID(w.app))) - attempts; n != 15 || replay.object()["total"] != 15.0 {
			t.Errorf("%d were sent again, of %v", n, replay.object()["total"])
		}
		if fmt.Sprint(replay.object()["parameters"].(map[string]any)["channels"]) != "[eu us]" {
			t.Errorf("the task is %s", replay.body)
		}
		w.as(w.token, "POST", "/api/v1/app/acme/msg/bulk-replay", `{"ids":["de-0"]}`).want(422)
		w.as(w.token, "POST", "/api/v1/app/acme/msg/bulk-replay", `{"ids":["eu-0"]}`).want(202)
		before := all()
		w.as(w.key, "POST", "/api/v1/app/acme/endpoint/mine/replay-missing", `{"since":"2000-01-01T00:00:00Z"}`).want(202)
		results := w.as(w.key, "POST", "/api/v1/app/acme/msg/bulk-expunge", `{"ids":["de-0","de-9","eu-1"]}`).want(200).object()["results"]
		if fmt.Sprint(results) != "map[de-0:not-found de-9:not-found eu-1:expunged]" {
			t.Errorf("expunging is answered %v", results)
		}
		w.as(w.all, "POST", "/api/v1/app/acme/msg/expunge-all-contents", "").want(202)
		time.Sleep(time.Minute)
		if all() != before {
			t.Errorf("%d deliveries, there were %d", all(), before)
		}
		gone := 0
		for id := range w.msgs {
			if payload := w.do("GET", "/api/v1/app/acme/msg/"+id, "").want(200).object()["payload"]; payload != hiddenPayload {
				gone++
				if fmt.Sprint(payload) != "map[expired:true]" {
					t.Errorf("%s has the payload %v", id, payload)
				}
			}
		}
		if gone != 9 {
			t.Errorf("%d payloads are gone", gone)
		}
		for _, uid := range []string{"mine", "everything"} {
			w.do("POST", "/api/v1/app/acme/endpoint/"+uid+"/pause", "").want(200)
		}
		w.message("acme", `{"eventType":"x","payload":1,"eventId":"held","channels":["eu"]}`)
		time.Sleep(time.Minute)
		if n := w.as(w.key, "DELETE", "/api/v1/app/acme/msg/held/pending", "").want(200).object()["cancelled"]; n != 1.0 {
			t.Errorf("%v were cancelled", n)
		}
		if n := w.do("DELETE", "/api/v1/app/acme/msg/held/pending", "").want(200).object()["cancelled"]; n != 1.0 {
			t.Errorf("%v were left", n)
		}
	})
}

// TestAStreamInChannels has nothing of others, and goes on for those of the same
// channels only.
func TestAStreamInChannels(t *testing.T) {
	inPart(t, func(w *partWorld) {
		for _, path := range []string{"/app/acme/events/stream", "/events/stream"} {
			some := func() {
				w.message("acme", `{"eventType":"x","payload":1,"channels":["de"]}`)
				w.message("acme", `{"eventType":"x","payload":1,"channels":["eu"]}`)
				w.message("acme", `{"eventType":"x","payload":1}`)
				time.Sleep(time.Minute)
			}
			f := w.followedAs(w.all, path, "", some)
			if len(f.got) != 2 {
				t.Errorf("%d attempts are seen, want 2", len(f.got))
			}
			some()
			if again := w.followedAs(w.all, path, f.last, func() {}); len(again.got) != 2 || again.status != 200 {
				t.Errorf("%d more are seen (status %d), want 2", len(again.got), again.status)
			}
			w.as(testKey, "GET", "/api/v1"+path, "", "Last-Event-ID: "+f.last).want(400)
		}
	})
}

// TestNarrowingIsHandedOn: who is let into some channels lets nobody into others.
func TestNarrowingIsHandedOn(t *testing.T) {
	inPart(t, func(w *partWorld) {
		const begin = "/api/v1/auth/app-portal-access/acme"
		for who, c := range map[string]struct{ by, body, want string }{
			"the admin":              {testKey, `{}`, "<nil>"},
			"the admin, narrowed":    {testKey, `{"channels":["de"]}`, "[de]"},
			"a key":                  {w.key, `{}`, "[eu us]"},
			"a key, narrowed":        {w.key, `{"channels":["us"]}`, "[us]"},
			"a key of all":           {w.all, `{"channels":["eu"]}`, "[eu]"},
			"the old way of clients": {w.key, ``, "[eu us]"},
		} {
			path := begin
			if c.body == "" {
				path = "/api/v1/auth/dashboard-access/acme"
			}
			token := w.as(c.by, "POST", path, c.body).want(200).object()["token"].(string)
			made := w.as(token, "POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/p"}`).want(201)
			if got := fmt.Sprint(made.object()["channels"]); got != c.want {
				t.Errorf("a session begun by %s writes %s, want %s", who, got, c.want)
			}
		}
		w.as(w.key, "POST", begin, `{"channels":["de"]}`).want(403)
		w.as(w.key, "POST", begin, `{"channels":["eu","de"]}`).want(403)
		for _, body := range []string{`{"channels":[]}`, `{"channels":["eu","eu"]}`, `{"channels":[""]}`, `{"channels":["é"]}`, `{"channels":["1","2","3","4","5","6","7","8","9","10","11"]}`} {
			w.do("POST", begin, body).want(422)
			w.do("POST", "/api/v1/api-key", strings.Replace(body, "{", `{"name":"k","scopes":["admin"],`, 1)).want(422)
		}
		id, key := w.makeKey(`{"name":"k","scopes":["admin"],"channels":["eu"]}`)
		if got := w.do("GET", "/api/v1/api-key/"+id, "").want(200).object()["channels"]; fmt.Sprint(got) != "[eu]" {
			t.Errorf("the key is shown with %v", got)
		}
		w.as(key, "POST", "/api/v1/api-key", `{"name":"k","scopes":["admin"]}`).want(403)
		w.as(key, "GET", "/metrics", "", "X-Forwarded-For: 192.0.2.1").want(403)
		w.as(key, "GET", "/api/v1/app?exclude_apps_with_no_endpoints=true", "").want(403)
		w.as(key, "GET", "/api/v1/app", "").want(200)
	})
}
