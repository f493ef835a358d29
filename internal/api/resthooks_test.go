package api

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const hooksAt = "/api/v1/app/acme/hooks"

// zapier asks as Zapier's platform does, by the headers it sends.
func (w *world) zapier(method, path, body string) *answer {
	w.t.Helper()
	return w.do(method, path, body, "User-Agent: Zapier", "Accept: application/json, */*", "Accept-Encoding: gzip,deflate")
}

func TestAZapFromOnToOff(t *testing.T) {
	status, got := http.StatusOK, []string{}
	running(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.URL.Path+" "+string(body))
		rw.WriteHeader(status)
		io.WriteString(rw, `{"status":"success"}`)
	}, func(t *testing.T, w *world) {
		w.app("acme")
		w.endpoint("acme", "ordinary")
		w.do("PATCH", "/api/v1/app/acme/endpoint/ordinary", `{"paused":true}`).want(200)

		// On: the platform keeps the whole answer, and asks for samples.
		target := "http://example.com/hooks/standard/1/a/"
		on := w.zapier("POST", hooksAt, `{"target_url":"`+target+`","event":"record.created"}`).want(201)
		if on.object()["target_url"] != target || on.object()["event"] != "record.created" || on.object()["active"] != true || on.object()["account"] != "acme" {
			t.Errorf("subscribing is answered %s", on.body)
		}
		if a := w.zapier("GET", hooksAt+"/sample?event=record.created", "").want(200); string(a.body) != "[]" {
			t.Errorf("samples of nothing: %s", a.body)
		}
		if a := w.do("GET", "/api/v1/app/acme/endpoint/"+on.id(), "").want(200); a.object()["url"] != target {
			t.Errorf("the hook as an endpoint: %s", a.body)
		}

		w.message("acme", `{"eventType":"record.created","payload":{"id":7, "a": 1.0}}`)
		w.message("acme", `{"eventType":"record.updated","payload":{"id":8}}`)
		synctest.Wait()
		if want := []string{`/hooks/standard/1/a/ {"id":7, "a": 1.0}`}; !slices.Equal(got, want) {
			t.Errorf("the Zap was sent %q, want %q", got, want)
		}
		if a := w.zapier("GET", hooksAt+"/sample?event=record.created", "").want(200); string(a.body) != `[{"id":7, "a": 1.0}]` {
			t.Errorf("samples: %s", a.body)
		}

		// Off, and off again: the platform takes anything but a success with JSON for a failure.
		for _, want := range []string{`{"unsubscribed":1}`, `{"unsubscribed":0}`} {
			if a := w.zapier("DELETE", hooksAt+"/"+on.id(), "").want(200); string(a.body) != want {
				t.Errorf("unsubscribing is answered %s, want %s", a.body, want)
			}
		}
		w.message("acme", `{"eventType":"record.created","payload":1}`)
		synctest.Wait()
		if len(got) != 1 {
			t.Errorf("the Zap is off and was sent %q", got[1:])
		}

		// A target that answers 410 is not sent to any more.
		status = http.StatusGone
		gone := w.zapier("POST", hooksAt, `{"target_url":"http://example.com/gone","event":"record.created"}`).want(201).id()
		w.message("acme", `{"eventType":"record.created","payload":2}`)
		synctest.Wait()
		a := w.do("GET", hooksAt+"/"+gone, "").want(200)
		if reason, _ := a.object()["reason"].(string); a.object()["active"] != false || reason == "" {
			t.Errorf("after 410: %s", a.body)
		}
		w.message("acme", `{"eventType":"record.created","payload":3}`)
		time.Sleep(time.Hour)
		if len(got) != 2 {
			t.Errorf("after 410 it was sent %q", got[2:])
		}

		// The same again begins anew; after a week of nothing it is swept away.
		status = http.StatusOK
		if again := w.zapier("POST", hooksAt, `{"target_url":"http://example.com/gone","event":"record.created"}`).want(201); again.id() != gone || again.object()["active"] != true {
			t.Errorf("subscribing again: %s", again.body)
		}
		status = http.StatusGone
		w.message("acme", `{"eventType":"record.created","payload":4}`)
		synctest.Wait()
		time.Sleep(hookKept)
		w.zapier("POST", hooksAt, `{"target_url":"`+target+`","event":"record.created"}`).want(201)
		w.do("GET", hooksAt+"/"+gone, "").want(200)
		time.Sleep(time.Minute)
		w.zapier("POST", hooksAt, `{"target_url":"`+target+`","event":"record.updated"}`).want(201)
		w.do("GET", hooksAt+"/"+gone, "").want(404)
		w.do("GET", "/api/v1/app/acme/endpoint/ordinary", "").want(200)
	})
}

func TestHooksByEveryName(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for i, target := range []string{"target_url", "targetUrl", "hookUrl", "hook_url", "subscription_url", "target", "url"} {
		event := []string{"event", "event_type", "eventType"}[i%3]
		for _, at := range []string{"hooks", "hooks/subscribe", "subscriptions", "subscriptions/subscribe"} {
			url := "https://hooks.example.com/" + target + "/" + at
			a := w.do("POST", "/api/v1/app/acme/"+at, `{"`+target+`":"`+url+`","`+event+`":"a.b"}`).want(201)
			if o := a.object(); o["target_url"] != url || o["event"] != "a.b" || a.header.Get("Fanfare-Ignored-Fields") != "" {
				t.Errorf("%s, %s at %s: %s", target, event, at, a.body)
			}
			noun, _, _ := strings.Cut(at, "/")
			end := "/api/v1/app/acme/" + noun
			switch i % 3 {
			case 0:
				w.do("DELETE", end, `{"`+target+`":"`+url+`"}`).want(200)
			case 1:
				w.do("POST", end+"/unsubscribe", `{"`+target+`":"`+url+`","`+event+`":"a.b"}`).want(200)
			case 2:
				w.do("POST", end+"/unsubscribe", `{"id":"`+a.id()+`"}`).want(200)
			}
			w.do("GET", "/api/v1/app/acme/endpoint/"+a.id(), "").want(404)
		}
	}
	// What an old client sends: both, which are the same.
	a := w.do("POST", hooksAt, `{"subscription_url":"https://hooks.example.com/1","target_url":"https://hooks.example.com/1","event":"a.b","form_id":"9"}`).want(201)
	if a.header.Get("Fanfare-Ignored-Fields") != "form_id" {
		t.Errorf("a filter is ignored without a word: %v", a.header)
	}
	w.do("DELETE", hooksAt+"?target_url=https://hooks.example.com/1&event=a.b", "").want(200)
}

func TestHooksAreNotSubscribedTwice(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.app("other")
	body := `{"target_url":"https://HOOKS.example.com/1","event":"a.b"}`
	id := w.do("POST", hooksAt, body).want(201).id()
	if a := w.do("POST", hooksAt, body).want(409); !strings.Contains(string(a.body), id) {
		t.Errorf("409 does not say by what: %s", a.body)
	}
	w.do("POST", "/api/v1/app/other/hooks", body).want(201)
	second := w.do("POST", hooksAt, `{"target_url":"https://HOOKS.example.com/1","events":["a.c","a.d"]}`).want(201).id()
	w.do("POST", hooksAt, `{"target_url":"https://HOOKS.example.com/1","events":["a.d","a.c"]}`).want(409)
	w.do("POST", hooksAt, `{"target_url":"https://HOOKS.example.com/1","event":"a.b","channels":["north"]}`).want(201)

	if a := w.do("PUT", hooksAt+"/"+second, `{"event":"a.b"}`).want(409); !strings.Contains(string(a.body), "another REST hook") {
		t.Errorf("changing one into another: %s", a.body)
	}
	w.do("PUT", hooksAt+"/"+second, `{"event":"a.z","active":false}`).want(200).has(map[string]any{"event": "a.z", "active": false, "reason": nil})
	// It is found by its target as its subscriber spelt it, though the server spells it in another way.
	w.do("DELETE", hooksAt, `{"target_url":"https://HOOKS.example.com/1","event":"a.z"}`).want(200)
	w.do("GET", hooksAt+"/"+second, "").want(404)
	w.do("DELETE", hooksAt, `{"target_url":"https://hooks.example.com/1"}`).want(200)
	w.do("DELETE", hooksAt, `{"target_url":"https://hooks.example.com/1"}`).want(200).has(map[string]any{"unsubscribed": 0.0})
	if n := len(w.do("GET", "/api/v1/app/other/hooks", "").items()); n != 1 {
		t.Errorf("another application has %d hooks, want 1", n)
	}
}

func TestHooksAreListedWithoutOtherEndpoints(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	var want []string
	for i := range 7 {
		w.endpoint("acme", "plain"+string(rune('a'+i)))
		want = append(want, w.do("POST", hooksAt, `{"target_url":"https://hooks.example.com/`+string(rune('a'+i))+`","event":"a.b"}`).want(201).id())
	}
	slices.Reverse(want)
	var got []string
	path := hooksAt + "?limit=3"
	for {
		page := w.do("GET", path, "").want(200)
		for _, item := range page.items() {
			got = append(got, item["id"].(string))
		}
		if page.object()["done"] == true {
			break
		}
		path = hooksAt + "?limit=3&iterator=" + page.object()["iterator"].(string)
	}
	if !slices.Equal(got, want) {
		t.Errorf("hooks %q, want %q", got, want)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		w.do(method, hooksAt+"/plaina", `{}`).want(404)
	}
	w.do("POST", hooksAt+"/unsubscribe", `{"id":"plaina"}`).want(404)
	w.do("DELETE", hooksAt, `{"target_url":"https://example.com/in"}`).want(200).has(map[string]any{"unsubscribed": 0.0})

	// One that is changed as an endpoint, or only looks like a hook, does no harm.
	w.do("PATCH", "/api/v1/app/acme/endpoint/"+want[0], `{"eventTypes":null}`).want(200)
	w.do("GET", hooksAt+"/"+want[0], "").want(200).has(map[string]any{"event": "*"})
	w.endpoint("acme", "hook-of-mine")
	w.do("PUT", hooksAt+"/hook-of-mine", `{"event":"a.b"}`).want(404)
}

func TestHooksRefuse(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	const to = `"target_url":"https://hooks.example.com/1",`
	for body, field := range map[string]string{
		`{}`: "target_url", `{"event":"a.b"}`: "target_url", `{` + to + `"x":1}`: "event", `{` + to + `"event":""}`: "event", `{` + to + `"event":"a b"}`: "event",
		`{"target_url":"http://127.0.0.1/","event":"a.b"}`: "target_url", `{"target_url":"nonsense","event":"a.b"}`: "target_url", `{"target_url":1,"event":"a.b"}`: "target_url",
		`{` + to + `"events":"a.b"}`: "events", `{` + to + `"event":"a.b","secret":"short"}`: "secret", `{` + to + `"event":"a.b","active":"yes"}`: "active",
	} {
		a := w.do("POST", hooksAt, body).want(422)
		var out invalidOut
		a.decode(&out)
		if got := out.Detail[0].Loc; got[len(got)-1] != field {
			t.Errorf("%s: %s, want what is wrong with %s", body, a.body, field)
		}
	}
	w.do("DELETE", hooksAt, "").want(422)
	w.do("POST", hooksAt+"/unsubscribe", `{"event":"a.b"}`).want(422)
	w.do("GET", hooksAt+"/sample", "").want(422)
	w.do("GET", hooksAt+"/sample?event=a.b&limit=101", "").want(422)
	w.do("POST", "/api/v1/app/nobody/hooks", `{`+to+`"event":"a.b"}`).want(404)
	w.do("GET", "/api/v1/app/nobody/hooks/sample?event=a.b", "").want(404)
	w.do("DELETE", "/api/v1/app/nobody/hooks", `{`+to+`"event":"a.b"}`).want(404)
}

func TestAHookWithASecretIsSignedByIt(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	id := w.do("POST", hooksAt, `{"target_url":"https://hooks.example.com/1","event":"a.b","secret":"shared_secret"}`).want(201).id()
	w.do("GET", "/api/v1/app/acme/endpoint/"+id, "").want(200).has(map[string]any{"signature": "resthooks"})
	w.do("GET", "/api/v1/app/acme/endpoint/"+id+"/secret", "").want(200).has(map[string]any{"key": "shared_secret"})
}

func TestSamples(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	sample := func(query, want string) {
		t.Helper()
		if a := w.do("GET", hooksAt+"/sample?"+query, "").want(200); string(a.body) != want {
			t.Errorf("%s: %s, want %s", query, a.body, want)
		}
	}
	w.do("POST", "/api/v1/event-type", `{"name":"a.b","schemas":{"1":{"examples":[{"n":1},{"id":"mine","n": 2.0}]}}}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"a.one","schemas":{"1":{"example":{"n":1}}}}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"a.none"}`).want(201)
	sample("event=a.b", `[{"id":"example_1","n":1},{"id":"mine","n": 2.0}]`)
	sample("event_type=a.b&limit=1", `[{"id":"example_1","n":1}]`)
	sample("event=a.one", `[{"id":"example_1","n":1}]`)
	sample("event=a.none", `[]`)
	sample("event=unknown", `[]`)

	w.message("acme", `{"eventType":"a.b","payload":{"id":1,"v":"old"}}`)
	object := w.message("acme", `{"eventType":"a.b","payload": { "x" : 1e2 }}`)
	empty := w.message("acme", `{"eventType":"a.b","payload":{ }}`)
	number := w.message("acme", `{"eventType":"a.b","payload":863}`)
	gone := w.message("acme", `{"eventType":"a.b","payload":{"id":"secret"}}`)
	w.do("DELETE", "/api/v1/app/acme/msg/"+gone+"/content", "").want(204)
	w.message("acme", `{"eventType":"a.c","payload":{"id":2}}`)
	w.message("acme", `{"eventType":"a.b","payload":{"id":1,"v":"new"}}`)
	sample("event=a.b", `[{"id":1,"v":"new"},{"id":"`+number+`","data":863},{"id":"`+empty+`"},{"id":"`+object+`", "x" : 1e2 }]`)
	sample("event=a.b&limit=1", `[{"id":1,"v":"new"}]`)
}
