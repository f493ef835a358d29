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
