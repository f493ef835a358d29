package fanfare_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// An issuer is a token endpoint, and the one who judges its tokens. It holds
// clients strictly to RFC 6749.
type issuer struct {
	*receiver
	style    string        // "basic" or "body"
	lifetime time.Duration // of a token
	untold   bool          // in answers

	mu     sync.Mutex
	issued int
	ends   map[string]time.Time // of tokens that are good
}

const (
	clientID     = "acme: client/1"
	clientSecret = "client+secret%&x"
)

// issuer starts one at auth.example; before, if set, may answer instead.
func (w *world) issuer(style string, before func(rw http.ResponseWriter, r *http.Request) bool) *issuer {
	w.t.Helper()
	is := &issuer{style: style, lifetime: 10 * time.Minute, ends: map[string]time.Time{}}
	is.receiver = w.receiver("auth.example", func(n int, rw http.ResponseWriter, r *http.Request) {
		if before != nil && before(rw, r) {
			return
		}
		form, err := url.ParseQuery(is.requests()[n-1].body)
		if err != nil {
			refuse(rw, 400, "invalid_request")
			return
		}
		is.answer(rw, r, form)
	})
	return is
}

func refuse(rw http.ResponseWriter, status int, code string) {
	if status == 401 {
		rw.Header().Set("WWW-Authenticate", "Basic")
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	json.NewEncoder(rw).Encode(map[string]string{"error": code, "error_description": "on purpose, not for " + clientSecret})
}

func (is *issuer) answer(rw http.ResponseWriter, r *http.Request, form url.Values) {
	id, secret, ok := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	secret, _ = url.QueryUnescape(secret)
	if is.style == "body" {
		if ok { // a client must use one way only
			refuse(rw, 400, "invalid_request")
			return
		}
		id, secret = form.Get("client_id"), form.Get("client_secret")
	} else if form.Has("client_id") || form.Has("client_secret") {
		refuse(rw, 400, "invalid_request")
		return
	}
	scopes := strings.Fields(form.Get("scope"))
	switch {
	case r.Method != "POST", r.Header.Get("Content-Type") != "application/x-www-form-urlencoded", r.URL.RawQuery != "":
		refuse(rw, 400, "invalid_request")
	case id != clientID || secret != clientSecret:
		refuse(rw, 401, "invalid_client")
	case form.Get("grant_type") != "client_credentials":
		refuse(rw, 400, "unsupported_grant_type")
	case slices.ContainsFunc(scopes, func(s string) bool { return s != "hooks:write" && s != "hooks:read" }):
		refuse(rw, 400, "invalid_scope")
	default:
		is.issue(rw)
	}
}

func (is *issuer) issue(rw http.ResponseWriter) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.issued++
	token := fmt.Sprintf("access-token-%d", is.issued)
	is.ends[token] = time.Now().Add(is.lifetime)
	out := map[string]any{"access_token": token, "token_type": "bearer", "expires_in": is.lifetime.Seconds()}
	if is.untold {
		delete(out, "expires_in")
	}
	rw.Header().Set("Content-Type", "application/json;charset=UTF-8")
	json.NewEncoder(rw).Encode(out)
}

// revoke makes all tokens useless.
func (is *issuer) revoke() {
	is.mu.Lock()
	defer is.mu.Unlock()
	clear(is.ends)
}

// guarded answers 200 to who brings a good token, and else 401.
func (is *issuer) guarded(_ int, rw http.ResponseWriter, r *http.Request) {
	is.mu.Lock()
	defer is.mu.Unlock()
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !time.Now().Before(is.ends[token]) {
		rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		rw.WriteHeader(401)
	}
}

func (is *issuer) client() *fanfare.OAuth2 {
	return &fanfare.OAuth2{TokenURL: "http://auth.example/token", ClientID: clientID, ClientSecret: clientSecret, Style: is.style}
}

func TestTheTokenRequestIsThatOfTheRFC(t *testing.T) {
	tests := map[string]struct {
		style  string
		change func(o *fanfare.OAuth2)
		body   string
	}{
		"basic":       {"basic", func(o *fanfare.OAuth2) { o.Style = "" }, "grant_type=client_credentials"},
		"basic, told": {"basic", func(o *fanfare.OAuth2) { o.Style = "basic" }, "grant_type=client_credentials"},
		"body":        {"body", func(*fanfare.OAuth2) {}, "client_id=acme%3A+client%2F1&client_secret=client%2Bsecret%25%26x&grant_type=client_credentials"},
		"scopes": {"basic", func(o *fanfare.OAuth2) { o.Scopes = []string{"hooks:write", "hooks:read"} },
			"grant_type=client_credentials&scope=hooks%3Awrite+hooks%3Aread"},
		"audience": {"basic", func(o *fanfare.OAuth2) { o.Audience = "https://hooks.example/" },
			"audience=https%3A%2F%2Fhooks.example%2F&grant_type=client_credentials"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				is := w.issuer(test.style, nil)
				rcv := w.receiver("receiver.example", is.guarded)
				o := is.client()
				test.change(o)
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: o}})
				msg := w.send("a.b", 1)
				synctest.Wait()
				if d := w.delivery(msg); d.State != fanfare.Delivered {
					t.Errorf("the delivery is %v: %s", d.State, w.attempts(msg)[0].Explanation())
				}
				if got := is.bodies(); !slices.Equal(got, []string{test.body}) {
					t.Errorf("it was asked %q, want %q once", got, test.body)
				}
			})
		})
	}
}

func TestSixtyFourDeliveriesFetchOneToken(t *testing.T) {
	inBubble(t, &fanfare.Options{PerEndpoint: 64}, func(t *testing.T, w *world) {
		is := w.issuer("basic", func(http.ResponseWriter, *http.Request) bool { time.Sleep(3 * time.Second); return false })
		rcv := w.receiver("receiver.example", func(n int, rw http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			is.guarded(n, rw, r)
		})
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: is.client()}})
		var msgs []*fanfare.Message
		for range 64 {
			msgs = append(msgs, w.send("a.b", 1))
		}
		time.Sleep(3*time.Second + time.Millisecond)
		if n := len(rcv.requests()); n != 64 {
			t.Errorf("when the token was there %d attempts went on, want all 64 at once", n)
		}
		time.Sleep(2 * time.Second)
		for _, msg := range msgs {
			if d := w.delivery(msg); d.State != fanfare.Delivered || d.Attempts != 1 {
				t.Fatalf("a delivery is %v after %d attempts: %s", d.State, d.Attempts, w.attempts(msg)[0].Explanation())
			}
		}
		if n := len(is.requests()); n != 1 {
			t.Errorf("%d tokens were fetched, want 1", n)
		}
		if a := w.attempts(msgs[0])[0]; a.Duration != 4*time.Second || a.FirstByte != 4*time.Second {
			t.Errorf("the attempt took %v, %v to the first byte; want 4s with the fetching of the token", a.Duration, a.FirstByte)
		}
	})
}

// TestATokenIsKeptUntilJustBeforeItsEnd sends just before and just after the times
// at which another is needed.
func TestATokenIsKeptUntilJustBeforeItsEnd(t *testing.T) {
	tests := map[string]struct {
		lifetime time.Duration
		untold   bool
		used     time.Duration
	}{
		"ten minutes": {10 * time.Minute, false, 9 * time.Minute},
		"a minute":    {time.Minute, false, 54 * time.Second},
		"untold":      {10 * time.Minute, true, 4*time.Minute + 30*time.Second},
		"a year":      {365 * 24 * time.Hour, false, 24*time.Hour - time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				is := w.issuer("basic", nil)
				is.lifetime, is.untold = test.lifetime, test.untold
				rcv := w.receiver("receiver.example", is.guarded)
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: is.client()}})
				w.send("a.b", 1)
				time.Sleep(test.used - 1)
				w.send("a.b", 2)
				synctest.Wait()
				if n := len(is.requests()); n != 1 {
					t.Errorf("just before %v there were %d tokens, want 1", test.used, n)
				}
				time.Sleep(1)
				msg := w.send("a.b", 3)
				synctest.Wait()
				if n := len(is.requests()); n != 2 || w.delivery(msg).State != fanfare.Delivered {
					t.Errorf("at %v there were %d tokens, want 2, and the delivery is %v", test.used, n, w.delivery(msg).State)
				}
			})
		})
	}
}

func TestATokenThatIsRefusedIsNotUsedAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		is := w.issuer("basic", nil)
		rcv := w.receiver("receiver.example", is.guarded)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: is.client()}})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		is.revoke()
		msg := w.send("a.b", 2)
		time.Sleep(time.Minute)
		as := w.attempts(msg)
		if len(as) != 2 || as[0].Class != fanfare.ClassStatus || as[0].Status != 401 || as[1].Class != fanfare.ClassSuccess {
			t.Fatalf("the attempts were %+v", as)
		}
		const why = "the access token was refused; the next attempt fetches a new one"
		if as[0].Detail != why {
			t.Errorf("the detail is %q, want %q", as[0].Detail, why)
		}
		if n := len(is.requests()); n != 2 {
			t.Errorf("%d tokens were fetched, want 2", n)
		}
	})
}

// TestATokenOutlivesOtherChanges: only what it was fetched with makes it another's.
func TestATokenOutlivesOtherChanges(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		is := w.issuer("basic", nil)
		rcv := w.receiver("receiver.example", is.guarded)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: is.client()}})
		step := func(what string, want int, change func()) {
			change()
			if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			w.send("a.b", 1)
			synctest.Wait()
			if n := len(is.requests()); n != want {
				t.Errorf("after %s there were %d requests for tokens, want %d", what, n, want)
			}
		}
		step("nothing", 1, func() {})
		step("a new description", 1, func() { ep.Description = "x" })
		step("a new scope", 2, func() { ep.Auth.OAuth2.Scopes = []string{"hooks:write"} })
		step("a wrong secret", 3, func() { ep.Auth.OAuth2.ClientSecret = "wrong" })
	})
}

// TestWithoutATokenNothingIsSent reads what a person is told of each failure.
func TestWithoutATokenNothingIsSent(t *testing.T) {
	say := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(rw http.ResponseWriter, _ *http.Request) bool {
			rw.WriteHeader(status)
			fmt.Fprint(rw, body)
			return true
		}
	}
	tests := map[string]struct {
		change func(o *fanfare.OAuth2)
		before func(http.ResponseWriter, *http.Request) bool
		detail string
	}{
		"wrong secret": {func(o *fanfare.OAuth2) { o.ClientSecret = "wrong" }, nil,
			`it answered 401 Unauthorized, invalid_client: it does not know a client of this id and secret, or wants them in the other style; it says "on purpose, not for client+secret%&x"`},
		"an echo of the secret": {nil, func(rw http.ResponseWriter, _ *http.Request) bool { refuse(rw, 401, "invalid_client"); return true },
			`it answered 401 Unauthorized, invalid_client: it does not know a client of this id and secret, or wants them in the other style; it says "on purpose, not for (not shown)"`},
		"other style": {func(o *fanfare.OAuth2) { o.Style = "body" }, nil,
			`it answered 400 Bad Request, invalid_request: it misses something in the request; some servers want an audience; it says "on purpose, not for (not shown)"`},
		"wrong scope": {func(o *fanfare.OAuth2) { o.Scopes = []string{"admin"} }, nil,
			`it answered 400 Bad Request, invalid_scope: a scope is unknown to it, or not granted to this client; it says "on purpose, not for (not shown)"`},
		"an error of its own":      {nil, say(403, `{"error":"blocked"}`), "it answered 403 Forbidden, blocked"},
		"an error of another form": {nil, say(400, `{"error":{"message":"no"}}`), "it answered 400 Bad Request"},
		"down":                     {nil, say(503, "<html>"), "it answered 503 Service Unavailable"},
		"a redirect":               {nil, say(302, ""), "it answered 302 Found"},
		"no JSON":                  {nil, say(200, "access_token=a&token_type=bearer"), "it answered 200 OK, but not in the JSON of RFC 6749"},
		"no token":                 {nil, say(200, `{"token_type":"bearer"}`), "it answered 200 OK, but without an access_token that can be sent"},
		"a token of two lines":     {nil, say(200, `{"access_token":"a\r\nX: y","token_type":"bearer"}`), "it answered 200 OK, but without an access_token that can be sent"},
		"another type":             {nil, say(200, `{"access_token":"aaaa","token_type":"mac"}`), `it answered 200 OK with a token of type "mac", which is not Bearer`},
		"no end":                   {nil, say(200, `{"access_token":"`+strings.Repeat("a", 70<<10)+`"}`), "it answered 200 OK and more than is read"},
		"nobody there":             {func(o *fanfare.OAuth2) { o.TokenURL = "http://nobody.example/" }, nil, "dial tcp nobody.example:80: connect: connection refused"},
		"silence":                  {nil, func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }, "read tcp"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				is := w.issuer("basic", test.before)
				rcv := w.receiver("receiver.example", nil)
				o := is.client()
				if test.change != nil {
					test.change(o)
				}
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: o}})
				msg := w.send("a.b", 1)
				time.Sleep(11 * time.Second)
				a := w.attempts(msg)[0]
				if a.Class != fanfare.ClassToken || a.State != fanfare.Waiting || !strings.HasPrefix(a.Detail, test.detail) {
					t.Errorf("the attempt ended %q, %v, %q; want a token's failure, %q", a.Class, a.State, a.Detail, test.detail)
				}
				if what, fix := a.Explain(); what != "No access token could be had from the token endpoint, so nothing was sent." || fix == "" {
					t.Errorf("it is explained as %q, %q", what, fix)
				}
				if n := len(rcv.requests()); n != 0 {
					t.Errorf("the receiver got %d requests, want none", n)
				}
			})
		})
	}
}

// TestThoseWhoWaitForATokenShareItsFailure: one request to a token endpoint that is
// down answers for all, and the next attempt asks anew.
func TestThoseWhoWaitForATokenShareItsFailure(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var up atomic.Bool
		is := w.issuer("basic", func(rw http.ResponseWriter, _ *http.Request) bool {
			time.Sleep(time.Second)
			if up.Load() {
				return false
			}
			rw.WriteHeader(503)
			return true
		})
		rcv := w.receiver("receiver.example", is.guarded)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: is.client()}})
		first, second := w.send("a.b", 1), w.send("a.b", 2)
		time.Sleep(1500 * time.Millisecond)
		if n := len(is.requests()); n != 1 {
			t.Errorf("%d requests for tokens, want 1", n)
		}
		up.Store(true)
		time.Sleep(time.Minute)
		for _, msg := range []*fanfare.Message{first, second} {
			if as := w.attempts(msg); as[0].Class != fanfare.ClassToken || w.delivery(msg).State != fanfare.Delivered {
				t.Errorf("the first attempt ended %q, and the delivery is %v", as[0].Class, w.delivery(msg).State)
			}
		}
	})
}

func TestATokenEndpointIsGuardedToo(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for raw, reason := range map[string]string{
			"":                             "the URL is empty",
			"http://169.254.169.254/token": "never called",
			"http://10.0.0.1/token":        "private address",
			"ftp://auth.example/":          "the scheme",
			"https://a:b@auth.example/":    "user name or password",
			"http://auth.example:25/token": "another protocol",
		} {
			o := &fanfare.OAuth2{TokenURL: raw, ClientID: "c", ClientSecret: "s"}
			err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: "http://receiver.example/", Auth: fanfare.Auth{OAuth2: o}})
			var invalid *fanfare.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != "auth.oauth2.tokenUrl" || !strings.Contains(invalid.Reason, reason) {
				t.Errorf("%q: %v; want …%s…", raw, err, reason)
			}
		}
	})
}
