package api

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatTheClientHasIsNotSentAgain(t *testing.T) {
	w, ids := pollable(t, 2)
	for _, path := range []string{"/app", "/app/acme", "/app/acme/msg", "/app/acme/msg?limit=1", "/app/acme/msg/" + ids[0], "/app/acme/endpoint/in", "/app/acme/poller/in", "/event-type"} {
		first := w.do("GET", "/api/v1"+path, "").want(200)
		tag := first.header.Get("ETag")
		if tag == "" || first.header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%s has ETag %q and Cache-Control %q", path, tag, first.header.Get("Cache-Control"))
			continue
		}
		for _, has := range []string{tag, `"x", ` + tag, "W/" + tag, "*"} {
			for range 3 {
				a := w.do("GET", "/api/v1"+path, "", "If-None-Match: "+has).want(304)
				if len(a.body) != 0 || a.header.Get("ETag") != tag || a.header.Get("Content-Type") != "" {
					t.Errorf("%s with %s: %d bytes, %v", path, has, len(a.body), a.header)
				}
			}
		}
		if a := w.do("GET", "/api/v1"+path, "", `If-None-Match: "x"`).want(200); string(a.body) != string(first.body) {
			t.Errorf("%s with another tag: %s", path, a.body)
		}
	}
	for _, path := range []string{"/app/acme/endpoint/in/secret", "/app/acme/endpoint/in/headers"} {
		if a := w.do("GET", "/api/v1"+path, "").want(200); a.header.Get("ETag") != "" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %v", path, a.header)
		}
	}
}

// TestAChangeIsSeenAtOnce asks with the ETag of before after each kind of change.
func TestAChangeIsSeenAtOnce(t *testing.T) {
	w, ids := pollable(t, 2)
	w.app("other")
	tag := ""
	ask := func(status int) {
		t.Helper()
		tag = w.do("GET", "/api/v1/app/acme/msg", "", "If-None-Match: "+tag).want(status).header.Get("ETag")
	}
	ask(200)
	ask(304)
	w.message("other", `{"eventType":"x","payload":{}}`)
	ask(304)
	w.message("acme", `{"eventType":"x","payload":{}}`)
	ask(200)
	ask(304)
	w.do("DELETE", "/api/v1/app/acme/msg/"+ids[0]+"/content", "").want(204)
	ask(200)
	ask(304)
	w.do("GET", "/api/v1/app/acme/msg?limit=1", "", "If-None-Match: "+tag).want(200)
	w.do("DELETE", "/api/v1/app/acme", "").want(204)
	w.do("GET", "/api/v1/app/acme/msg", "", "If-None-Match: "+tag).want(404)
}

// answerTo sends a request and gives its answer when there is one.
func (w *world) answerTo(path string, headers ...string) <-chan *answer {
	answered := make(chan *answer, 1)
	go func() { answered <- w.do("GET", "/api/v1"+path, "", headers...) }()
	synctest.Wait()
	return answered
}

func TestWaiting(t *testing.T) {
	for path, conditional := range map[string]bool{
		"/app/acme/msg?order=ascending&wait=20": false, "/app/acme/msg?wait=20": true,
		"/app/acme/poller/in?wait=20": false, "/app/acme/poller/in/consumer/c?wait=20": false,
	} {
		running(t, nil, func(t *testing.T, w *world) {
			for _, app := range []string{"acme", "other"} {
				w.app(app)
				w.do("POST", "/api/v1/app/"+app+"/endpoint", `{"url":"https://example.com/in","uid":"in","filterTypes":["wanted"],"disabled":true}`).want(201)
			}
			var headers []string
			if conditional {
				headers = []string{"If-None-Match: " + w.do("GET", "/api/v1/app/acme/msg", "").header.Get("ETag")}
			}
			begun := time.Now()
			waiting := w.answerTo(path, headers...)
			w.message("other", `{"eventType":"wanted","payload":{}}`)
			if strings.Contains(path, "poller") {
				w.message("acme", `{"eventType":"unwanted","payload":{}}`)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			select {
			case a := <-waiting:
				t.Fatalf("%s did not wait: %d %s", path, a.status, a.body)
			default:
			}
			id := w.message("acme", `{"eventType":"wanted","payload":{}}`)
			if a := (<-waiting).want(200); !strings.Contains(string(a.body), id) || time.Since(begun) > 6*time.Second {
				t.Errorf("%s: after %v %s, want %s in it after 5 s", path, time.Since(begun), a.body, id)
			}
		})
	}
}

func TestWaitingEnds(t *testing.T) {
	running(t, nil, func(t *testing.T, w *world) {
		w.app("acme")
		w.endpoint("acme", "in")
		begun := time.Now()
		a := (<-w.answerTo("/app/acme/poller/in?wait=7")).want(200)
		if took := time.Since(begun); took != 7*time.Second || !strings.Contains(string(a.body), `"data":[]`) {
			t.Errorf("after %v: %s; want nothing after 7 s", took, a.body)
		}
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/app/acme/poller/in?wait=60", nil)
		r.Header.Set("Authorization", "Bearer "+testKey)
		answered := make(chan *answer, 1)
		go func() { answered <- w.send(r) }()
		synctest.Wait()
		leave() // as when the server ends
		if a := (<-answered).want(200); !strings.Contains(string(a.body), `"data":[]`) {
			t.Errorf("in the end: %s", a.body)
		}
		if n := w.api.(*server).waiting.Load(); n != 0 {
			t.Errorf("%d still wait", n)
		}
		w.do("GET", "/api/v1/app/acme/msg?wait=61", "").want(422)
		w.api.(*server).waiting.Store(maxWaiting)
		if a := w.do("GET", "/api/v1/app/acme/poller/in?wait=7", "").want(429); a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
		}
		w.do("GET", "/api/v1/events/stream", "").want(429)
	})
}

func TestRates(t *testing.T) {
	running(t, nil, func(t *testing.T, w *world) {
		w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey), RateLimit: 2})
		made := w.do("POST", "/api/v1/api-key", `{"name":"k","scopes":["applications:read"]}`).want(201).object()
		for range 10 {
			if a := w.do("GET", "/api/v1/app", "").want(200); a.header.Get("RateLimit") != "" {
				t.Fatalf("the admin key has the rate %s", a.header.Get("RateLimit"))
			}
		}
		secret := ""
		for _, v := range made {
			if text, ok := v.(string); ok && strings.HasPrefix(text, "fan") {
				secret = text
			}
		}
		ask := func(status int, limit string) *answer {
			t.Helper()
			a := w.do("GET", "/api/v1/app", "", "Authorization: Bearer "+secret).want(status)
			if got := a.header.Get("RateLimit"); got != limit || a.header.Get("RateLimit-Policy") != `"key";q=2;w=1` || a.header.Get("X-RateLimit-Limit") != "2" {
				t.Errorf("%d has %q, want %q; %v", status, got, limit, a.header)
			}
			return a
		}
		ask(200, `"key";r=1;t=1`)
		ask(200, `"key";r=0;t=1`)
		a := ask(429, `"key";r=0;t=1`)
		if a.header.Get("Retry-After") != "1" || a.header.Get("X-RateLimit-Remaining") != "0" {
			t.Errorf("429 with %v", a.header)
		}
		w.do("GET", "/api/v1/app", "", "Authorization: bEARER "+secret).want(429) // it is one key however it is written
		time.Sleep(500 * time.Millisecond)
		ask(200, `"key";r=0;t=1`)
		ask(429, `"key";r=0;t=1`)
		time.Sleep(time.Hour)
		ask(200, `"key";r=1;t=1`)
	})
}

// TestKeysOfAPortalShareARate, however many the customer makes of them.
func TestKeysOfAPortalShareARate(t *testing.T) {
	running(t, nil, func(t *testing.T, w *world) {
		w.app("acme")
		w.app("other")
		const own = `{"name":"k","scopes":["messages:read"]}`
		_, one := w.keyBy(testKey, own)
		_, two := w.keyBy(testKey, own)
		others := w.do("POST", "/api/v1/app/other/key", own).want(201).object()["token"].(string)
		_, provider := w.makeKey(`{"name":"ours","scopes":["messages:read"],"application":"acme"}`)
		w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey), RateLimit: 2})
		for i, want := range []int{200, 200, 429, 429} {
			w.as([]string{one, two}[i%2], "GET", "/api/v1/app/acme/msg", "").want(want)
		}
		w.as(others, "GET", "/api/v1/app/other/msg", "").want(200)
		for range 2 {
			w.as(provider, "GET", "/api/v1/app/acme/msg", "").want(200)
		}
	})
}

func TestRatesAreKeptOfSoManyKeys(t *testing.T) {
	b := buckets{rate: 1}
	now := time.Now()
	for i := range 2 * maxBuckets {
		b.take([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, now.Add(time.Duration(i)*time.Millisecond))
	}
	if n := len(b.by); n > maxBuckets {
		t.Errorf("%d keys are kept", n)
	}
}
