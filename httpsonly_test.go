package fanfare_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

const whyHTTPS = "only https is allowed here, by the setting --https-only"

// TestWhatIsStoredIsNotCalledByHTTP has a server be told --https-only that has
// endpoints from before: a plain one, one that an https URL sends on to http, one
// that must show that it wants messages, and one that needs a token.
func TestWhatIsStoredIsNotCalledByHTTP(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		plain := w.receiver("plain.example", nil)
		issuer := w.receiver("issuer.example", nil)
		asked := w.receiver("asked.example", status(500))
		ca := nobody.issue(t, "CA")
		secure := w.secure("secure.example", ca.issue(t, "secure.example"), nil)
		secure.answer = func(_ int, rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/away" {
				http.Redirect(rw, r, plain.url, http.StatusTemporaryRedirect)
			}
		}
		auth := fanfare.Auth{CA: ca.text}
		w.endpoint(fanfare.Endpoint{URL: plain.url, EventTypes: []string{"plain"}})
		w.endpoint(fanfare.Endpoint{URL: secure.url, EventTypes: []string{"secure"}, Auth: auth})
		w.endpoint(fanfare.Endpoint{URL: secure.url + "away", EventTypes: []string{"away"}, Auth: auth, Success: fanfare.Success{Redirects: "follow_307_308"}})
		auth.OAuth2 = &fanfare.OAuth2{TokenURL: issuer.url, ClientID: "me", ClientSecret: "open-sesame"}
		w.endpoint(fanfare.Endpoint{URL: secure.url, EventTypes: []string{"token"}, Auth: auth})
		shy := w.endpoint(fanfare.Endpoint{URL: asked.url, EventTypes: []string{"shy"}, Handshake: fanfare.Handshake{Kind: "challenge"}})
		synctest.Wait()
		before := len(asked.requests())
		w.close()
		w.run(&fanfare.Options{HTTPSOnly: true})
		for eventType, want := range map[string]fanfare.Class{
			"plain": fanfare.ClassDenied, "secure": fanfare.ClassSuccess, "away": fanfare.ClassDenied, "token": fanfare.ClassToken,
		} {
			msg := w.send(eventType, 1)
			time.Sleep(time.Second)
			a := w.attempts(msg)[0]
			if a.Class != want || want == fanfare.ClassDenied && !strings.Contains(a.Explanation(), whyHTTPS) || want == fanfare.ClassDenied && !strings.HasSuffix(a.Explanation(), "Make it an https URL.") {
				t.Errorf("%s: the attempt ended %q, %q; want %q", eventType, a.Class, a.Detail, want)
			}
		}
		time.Sleep(time.Minute)
		if err := w.hub.VerifyEndpoint(t.Context(), w.reload(shy)); err != nil {
			t.Fatal(err)
		}
		if n := len(asked.requests()); n != before || !strings.Contains(w.reload(shy).Unverified(), whyHTTPS) {
			t.Errorf("it was asked %d times, and then %d: %q", before, n, w.reload(shy).Unverified())
		}
		if n := len(plain.requests()) + len(issuer.requests()); n != 0 {
			t.Errorf("%d requests came by http", n)
		}
	})
}

func TestHTTPIsNotRegistered(t *testing.T) {
	inBubble(t, &fanfare.Options{HTTPSOnly: true}, func(t *testing.T, w *world) {
		for url, field := range map[string]string{"http://a.example/": "url", "HTTP://127.0.0.1/": "url", "https://a.example/": ""} {
			err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: url})
			var invalid *fanfare.InvalidError
			if errors.As(err, &invalid) != (field != "") || invalid != nil && (invalid.Field != field || !strings.HasPrefix(invalid.Reason, whyHTTPS)) {
				t.Errorf("%s: %v", url, err)
			}
		}
		err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{
			Application: w.app.ID, URL: "https://a.example/",
			Auth: fanfare.Auth{OAuth2: &fanfare.OAuth2{TokenURL: "http://issuer.example/", ClientID: "me", ClientSecret: "open-sesame"}},
		})
		var invalid *fanfare.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(invalid.Reason, whyHTTPS) {
			t.Errorf("a token by http: %v", err)
		}
	})
}
