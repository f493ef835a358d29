package api

import (
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestForeignIsLikeAbsent asks every route, as those who are let into one
// application only, for things of another and for things that never were. The
// answers must not differ, and nothing may change.
func TestForeignIsLikeAbsent(t *testing.T) {
	w := newWorld(t)
	acme, other := w.app("acme"), w.app("other")
	w.endpoint("acme", "ep")
	parts := map[string]string{"{app}": other, "{endpoint}": w.endpoint("other", "theirs")}
	parts["{msg}"] = w.message("other", `{"eventType":"record.created","payload":{},"eventId":"theirs"}`)
	parts["{source}"] = w.do("POST", "/api/v1/app/other/source", `{"uid":"theirs","profile":"none"}`).want(201).id()
	parts["{attempt}"] = "atmpt_" + parts["{msg}"][len("msg_"):]
	parts["{task}"] = w.do("POST", "/api/v1/app/other/endpoint/theirs/replay-missing", `{"since":"2026-01-02T00:00:00Z"}`).want(202).id()
	own := w.message("acme", `{"eventType":"record.created","payload":{}}`)
	uids := map[string]string{"{app}": "other", "{endpoint}": "theirs", "{msg}": "theirs", "{source}": "theirs"}
	w.do("POST", "/api/v1/event-type", `{"name":"record.created"}`).want(201)
	k := &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, Application: fanfare.ApplicationID(acme)}
	key, err := w.hub.CreateKey(t.Context(), k)
	w.ok(err)
	session := &fanfare.Session{Application: fanfare.ApplicationID(acme), Capabilities: fanfare.Capabilities()}
	token, err := w.hub.CreateSession(t.Context(), session, time.Hour)
	w.ok(err)
	photograph := func() (all string) {
		for _, path := range []string{"", "/endpoint", "/msg", "/endpoint/theirs/msg", "/endpoint/theirs/secret", "/endpoint/theirs/headers", "/source"} {
			all += string(w.do("GET", "/api/v1/app/other"+path, "").want(200).body) + "\n"
		}
		return all
	}
	before := photograph()
	asked := 0
	for _, rt := range w.api.(*server).routes {
		op := rt.method + " " + rt.path
		if grants[op] == "open" {
			continue
		}
		for _, names := range []map[string]string{parts, uids} {
			for hole, name := range names {
				if !strings.Contains(rt.path, hole) || (hole == "{endpoint}" || hole == "{source}") && rt.method == "PUT" && name == "theirs" {
					continue // a PUT makes what has another's uid, within its own application
				}
				at := strings.Replace(rt.path, hole, "\x00", 1)
				at = strings.NewReplacer("{app}", "acme", "{endpoint}", "ep", "{msg}", own, "{attempt}", parts["{attempt}"], "{", "", "}", "").Replace(at)
				for who, secret := range map[string]string{"key": key, "session": token} {
					ask := func(name string) (int, string) {
						a := w.as(secret, rt.method, base+strings.Replace(at, "\x00", name, 1), bodies[op])
						return a.status, strings.ReplaceAll(string(a.body), name, "?")
					}
					status, body := ask(name)
					absent, absentBody := ask(name[:len(name)-1] + "0")
					asked++
					refused := status == 404 || status == 403 && hole != "{app}" || rt.action == "hook.unsubscribe" && body == `{"unsubscribed":0}`
					if !refused || status != absent || body != absentBody {
						t.Errorf("%s of another's %s by %s: %d %s; of what never was: %d %s", op, hole, who, status, body, absent, absentBody)
					}
				}
			}
		}
	}
	if after := photograph(); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
	for _, rt := range w.api.(*server).routes {
		if rt.method != "GET" || strings.Contains(rt.path, "{") || rt.stream || grants["GET "+rt.path] == "open" {
			continue
		}
		for who, secret := range map[string]string{"key": key, "session": token} {
			got := string(w.as(secret, "GET", base+rt.path, "").body)
			for hole, name := range parts {
				if strings.Contains(got, name) {
					t.Errorf("GET %s shows a %s another's %s: %s", rt.path, who, hole, got)
				}
			}
		}
	}
	t.Logf("%d times", asked)
}
