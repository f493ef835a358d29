package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A partWorld is a world with an application of which someone is let into the
// channels eu and us: what they see, and what they do not.
type partWorld struct {
	*world
	app    string
	key    string            // in the channels, with all scopes, of the application
	all    string            // the same, of all applications
	token  string            // of a session with all capabilities
	eps    map[string]string // endpoints by uid
	msgs   map[string]string // messages by event id
	hidden []string          // ids of what they do not see
	seen   map[string]string // holes of paths, filled with what they see
	theirs map[string]string // and with what they do not
}

// hiddenPayload stands in all that must not be seen.
const hiddenPayload = "not for your eyes"

// inPart runs do in such a world. Messages with fail in their event id fail.
func inPart(t *testing.T, do func(w *partWorld)) {
	answer := func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/wide") {
			rw.WriteHeader(500)
		}
	}
	running(t, answer, func(t *testing.T, w *world) {
		p := &partWorld{world: w, app: w.app("acme"), eps: map[string]string{}, msgs: map[string]string{}}
		w.do("POST", "/api/v1/event-type", `{"name":"record.created","schemas":{"1":{"examples":[{}]}}}`).want(201)
		p.build()
		do(p)
	})
}

func (w *partWorld) build() {
	w.t.Helper()
	for uid, channels := range map[string]string{"mine": `["eu"]`, "both": `["us","eu"]`, "everything": `null`, "wide": `["eu","de"]`, "de": `["de"]`} {
		w.eps[uid] = w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/`+uid+`","uid":"`+uid+`","retry":{"preset":"none"},"channels":`+channels+`}`).want(201).id()
	}
	for uid, channels := range map[string]string{"poll": `["eu"]`, "poll-all": `null`} {
		w.eps[uid] = w.do("POST", "/api/v1/app/acme/endpoint", `{"kind":"poller","uid":"`+uid+`","channels":`+channels+`}`).want(201).id()
	}
	hook := w.do("POST", "/api/v1/app/acme/hooks", `{"target_url":"http://example.com/hook","event":"x"}`).want(201).id()
	for i := range 3 {
		for name, channels := range map[string]string{"eu": `["eu"]`, "de-eu": `["de","eu"]`, "us": `["us"]`, "de": `["de"]`, "none": `null`} {
			payload := `"` + name + `"`
			if name == "de" || name == "none" {
				payload = `"` + hiddenPayload + `"`
			}
			id := fmt.Sprintf("%s-%d", name, i)
			w.msgs[id] = w.message("acme", `{"eventType":"record.created","eventId":"`+id+`","channels":`+channels+`,"payload":`+payload+`}`)
			time.Sleep(time.Second)
		}
	}
	w.do("POST", "/api/v1/app/acme/msg/de-0/endpoint/mine/resend", "").want(202)
	time.Sleep(time.Minute)
	w.who()
	w.hide(hook)
}

// who makes those who are let into the channels.
func (w *partWorld) who() {
	w.t.Helper()
	channels, admin := []string{"eu", "us"}, []fanfare.Scope{fanfare.ScopeAdmin}
	var err error
	for _, k := range []*fanfare.Key{{Application: fanfare.ApplicationID(w.app)}, {}} {
		k.Name, k.Scopes, k.Channels = "k", admin, channels
		secret, err := w.hub.CreateKey(w.t.Context(), k)
		w.ok(err)
		if w.all = secret; k.Application != "" {
			w.key = secret
		}
	}
	s := &fanfare.Session{Application: fanfare.ApplicationID(w.app), Capabilities: fanfare.Capabilities(), Channels: channels}
	w.token, err = w.hub.CreateSession(w.t.Context(), s, 24*time.Hour)
	w.ok(err)
}

// hide settles what is seen, and what is not.
func (w *partWorld) hide(hook string) {
	w.t.Helper()
	w.hidden = []string{hook, w.eps["everything"], w.eps["wide"], w.eps["de"], w.eps["poll-all"]}
	for id, msg := range w.msgs {
		if strings.HasPrefix(id, "de-eu") || strings.HasPrefix(id, "eu") || strings.HasPrefix(id, "us") {
			continue
		}
		w.hidden = append(w.hidden, msg)
	}
	w.seen = map[string]string{"{endpoint}": "mine", "{msg}": w.msgs["eu-0"], "{consumer}": "c", "{name}": "record.created"}
	w.theirs = map[string]string{"{endpoint}": w.eps["wide"], "{msg}": w.msgs["de-0"]}
	for _, msg := range w.msgs {
		var as struct {
			Data []struct{ ID, MsgID, EndpointID string }
		}
		w.do("GET", "/api/v1/app/acme/attempt/msg/"+msg+"?limit=250", "").want(200).decode(&as)
		for _, a := range as.Data {
			hidden := slices.Contains(w.hidden, a.MsgID) || slices.Contains(w.hidden, a.EndpointID)
			switch {
			case hidden:
				w.hidden = append(w.hidden, a.ID)
				if a.MsgID == w.seen["{msg}"] {
					w.theirs["{attempt}"] = a.ID // of a message that is seen
				}
			case a.MsgID == w.seen["{msg}"]:
				w.seen["{attempt}"] = a.ID
			}
		}
	}
	for _, uid := range []string{"mine", "wide"} {
		w.theirs["{task}"] = w.do("POST", "/api/v1/app/acme/endpoint/"+uid+"/recover", `{"since":"2000-01-01T00:00:00Z"}`).want(202).id()
		w.hidden = append(w.hidden, w.theirs["{task}"])
	}
	w.seen["{task}"] = w.as(w.key, "POST", "/api/v1/app/acme/endpoint/mine/recover", `{"since":"2000-01-01T00:00:00Z"}`).want(202).id()
	if w.seen["{attempt}"] == "" || w.theirs["{attempt}"] == "" || len(w.hidden) < 20 {
		w.t.Fatalf("there is too little to hide: %q, %v", w.hidden, w.seen)
	}
}

// fill fills the holes of a path with what is seen.
func (w *partWorld) fill(path string) string {
	for hole, name := range w.seen {
		path = strings.ReplaceAll(path, hole, name)
	}
	return strings.NewReplacer("{app}", "acme", "{", "", "}", "").Replace(path)
}

// TestWhatIsInOtherChannelsIsLikeAbsent asks every route, as those who are let into
// some channels only, for things of others and for things that never were.
func TestWhatIsInOtherChannelsIsLikeAbsent(t *testing.T) {
	inPart(t, func(w *partWorld) {
		photograph := func() (all string) {
			for _, path := range []string{"endpoint?limit=250", "msg?limit=250", "endpoint/wide/msg", "endpoint/wide/secret", "endpoint/wide/headers", "attempt/msg/de-0", "hooks"} {
				all += string(w.do("GET", "/api/v1/app/acme/"+path, "").want(200).body) + "\n"
			}
			return all
		}
		before, asked := photograph(), 0
		uids := map[string]string{"{endpoint}": "wide", "{msg}": "de-0"}
		for _, rt := range w.api.(*server).routes {
			op := rt.method + " " + rt.path
			if grants[op] == "open" {
				continue
			}
			for _, names := range []map[string]string{w.theirs, uids} {
				for hole, name := range names {
					if !strings.Contains(rt.path, hole) || hole == "{endpoint}" && rt.method == "PUT" && name == "wide" {
						continue // a uid is taken, whoever has it
					}
					at := w.fill(strings.Replace(rt.path, hole, "\x00", 1))
					for who, secret := range map[string]string{"key": w.key, "key of all": w.all, "session": w.token} {
						ask := func(name string) (int, string) {
							a := w.as(secret, rt.method, base+strings.Replace(at, "\x00", name, 1), bodies[op])
							return a.status, strings.ReplaceAll(string(a.body), name, "?")
						}
						status, body := ask(name)
						absent, absentBody := ask(name[:len(name)-1] + "0")
						if name == "de-0" {
							absent, absentBody = ask("de-9")
						}
						asked++
						refused := status == 404 || status == 403 || rt.action == "hook.unsubscribe" && body == `{"unsubscribed":0}`
						if !refused || status != absent || body != absentBody {
							t.Errorf("%s of a %s in another channel by %s: %d %s; of what never was: %d %s", op, hole, who, status, body, absent, absentBody)
						}
					}
				}
			}
		}
		if after := photograph(); after != before {
			t.Errorf("it was\n%s\nand is\n%s", before, after)
		}
		if asked < 300 {
			t.Errorf("asked only %d times", asked)
		}
	})
}

// TestNothingOfOtherChannelsIsShown by any route that reads.
func TestNothingOfOtherChannelsIsShown(t *testing.T) {
	inPart(t, func(w *partWorld) {
		for i := range 3 { // so that there is something in the memory of ETags and of pollers
			w.do("GET", fmt.Sprintf("/api/v1/app/acme/msg?limit=%d", i+1), "", "If-None-Match: x")
		}
		reached := 0
		for _, rt := range w.api.(*server).routes {
			if rt.method != "GET" || grants["GET "+rt.path] == "open" || strings.HasSuffix(rt.path, "/stream") {
				continue
			}
			for who, secret := range map[string]string{"key": w.key, "key of all": w.all, "session": w.token} {
				for _, query := range []string{"", "?limit=250&with_msg=true&attempts=true&event=record.created&expanded_statuses=true", "?limit=1&status=2", "?limit=1&channel=de", "?since=2000-01-01T00:00:00Z&limit=2"} {
					path := base + w.fill(rt.path) + query
					for range 40 { // pages
						a := w.as(secret, "GET", path, "")
						for _, id := range append(w.hidden, hiddenPayload) {
							if strings.Contains(string(a.body), id) {
								t.Fatalf("GET %s shows %s %s: %s", path, who, id, a.body)
							}
						}
						if a.status == 200 {
							reached++
						}
						var page struct {
							Iterator string
							Done     *bool
						}
						if json.Unmarshal(a.body, &page) != nil || page.Iterator == "" || page.Done == nil || *page.Done {
							break
						}
						path, _, _ = strings.Cut(path, "&iterator=")
						path += "&iterator=" + page.Iterator
						if query == "" {
							break
						}
					}
				}
			}
		}
		if reached < 300 {
			t.Errorf("only %d answers were looked at", reached)
		}
	})
}

// TestListsInChannelsAreWhole has them read by pages of every size.
func TestListsInChannelsAreWhole(t *testing.T) {
	inPart(t, func(w *partWorld) {
		for path, want := range map[string]int{
			"app/acme/endpoint": 3, "app/acme/hooks": 0, "app/acme/msg": 9, "app/acme/msg?status=0": 9, "app/acme/msg?status=2": 0, "app/acme/log": 9,
			"app/acme/msg?channel=de": 3, "app/acme/attempt/endpoint/mine": 6, "app/acme/attempt/endpoint/both": 9, "app/acme/endpoint/mine/msg": 6,
			"app/acme/attempt/msg/de-eu-0": 2, "app/acme/attempt/msg/us-1": 1, "app/acme/msg/de-eu-0/endpoint": 2, "background-task": 1,
			"app/acme/attempt/msg/de-eu-0?endpoint_id=both": 1, "app/acme/poller/poll": 6,
		} {
			if !strings.Contains(path, "?") {
				path += "?"
			}
			for _, secret := range []string{w.key, w.all, w.token} {
				for _, limit := range []string{"1", "2", "3", "250"} {
					var got []string
					for iterator := ""; ; {
						var page struct {
							Data     []struct{ ID string }
							Iterator string
							Done     bool
						}
						w.as(secret, "GET", "/api/v1/"+path+"&limit="+limit+iterator, "").want(200).decode(&page)
						for _, item := range page.Data {
							got = append(got, item.ID)
						}
						if !page.Done && fmt.Sprint(len(page.Data)) != limit {
							t.Errorf("%s: a page of %d, want %s", path, len(page.Data), limit)
						}
						if iterator = "&iterator=" + page.Iterator; page.Done {
							break
						}
					}
					if slices.Sort(got); len(got) != want || len(slices.Compact(got)) != want {
						t.Errorf("%s, %s a page: %d items, want %d", path, limit, len(got), want)
					}
				}
			}
		}
		stats := w.as(w.key, "GET", "/api/v1/app/acme/endpoint/mine/stats", "").want(200).object()
		if stats["success"] != 6.0 || w.do("GET", "/api/v1/app/acme/endpoint/mine/stats", "").object()["success"] != 7.0 {
			t.Errorf("stats are %v", stats)
		}
		export := w.as(w.key, "POST", "/api/v1/app/acme/msg/export", `{"attempts":true}`).want(202).id()
		content := w.as(w.key, "GET", "/api/v1/background-task/"+export+"/content", "").want(200)
		if n := strings.Count(string(content.body), "\n"); n != 9+15 {
			t.Errorf("%d lines are exported", n)
		}
		for _, id := range append(w.hidden, hiddenPayload) {
			if strings.Contains(string(content.body), id) {
				t.Errorf("the export shows %s", id)
			}
		}
	})
}

// TestCursorsAreNotCarriedOver between those who are let into different channels.
func TestCursorsAreNotCarriedOver(t *testing.T) {
	inPart(t, func(w *partWorld) {
		_, other := w.makeKey(`{"name":"k","scopes":["admin"],"channels":["eu"]}`)
		_, same := w.makeKey(`{"name":"k","scopes":["admin"],"channels":["us","eu"]}`)
		for _, path := range []string{"app/acme/msg", "app/acme/endpoint", "app/acme/attempt/endpoint/mine", "app/acme/poller/poll"} {
			for from, to := range map[string]string{testKey: w.key, w.key: testKey, other: w.all, w.token: other} {
				cursor := w.as(from, "GET", "/api/v1/"+path+"?limit=1", "").want(200).object()["iterator"].(string)
				w.as(to, "GET", "/api/v1/"+path+"?limit=1&iterator="+cursor, "").want(400)
			}
			cursor := w.as(w.key, "GET", "/api/v1/"+path+"?limit=1", "").want(200).object()["iterator"].(string)
			w.as(same, "GET", "/api/v1/"+path+"?limit=1&iterator="+cursor, "").want(200)
		}
		etag := w.do("GET", "/api/v1/app/acme/msg?limit=1", "", "If-None-Match: x").want(200).header.Get("Etag")
		w.do("GET", "/api/v1/app/acme/msg?limit=1", "", "If-None-Match: "+etag).want(304)
		w.message("acme", `{"eventType":"x","payload":1,"channels":["de"]}`)
		etag = w.do("GET", "/api/v1/app/acme/msg?limit=1", "", "If-None-Match: x").want(200).header.Get("Etag")
		w.as(w.key, "GET", "/api/v1/app/acme/msg?limit=1", "", "If-None-Match: "+etag).want(200)
		for _, body := range []string{`{"eventType":"x","payload":1,"channels":["eu"]}`} {
			first := w.do("POST", "/api/v1/app/acme/msg", body, "Idempotency-Key: k").want(202).id()
			second := w.as(w.key, "POST", "/api/v1/app/acme/msg", body, "Idempotency-Key: k").want(202).id()
			third := w.as(w.all, "POST", "/api/v1/app/acme/msg", body, "Idempotency-Key: k").want(202).id()
			if first == second || second != third {
				t.Errorf("with one idempotency key: %s, %s and %s", first, second, third)
			}
		}
		replay := `{"since":"2000-01-01T00:00:00Z"}`
		first := w.do("POST", "/api/v1/app/acme/endpoint/mine/recover", replay, "Idempotency-Key: r").want(202).id()
		if second := w.as(w.key, "POST", "/api/v1/app/acme/endpoint/mine/recover", replay, "Idempotency-Key: r").want(202).id(); second == first {
			t.Error("a remembered answer is shown to somebody else")
		}
	})
}
