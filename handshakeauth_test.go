package fanfare_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// echo answers the handshakes dropbox and websub.
func echo(rw http.ResponseWriter, r *http.Request) {
	io.WriteString(rw, r.URL.Query().Get("challenge")+r.URL.Query().Get("hub.challenge"))
}

// TestAHandshakeSpeaksAsTheEndpointDoes to a receiver that lets nobody else in:
// every handshake brings what the endpoint's attempts bring.
func TestAHandshakeSpeaksAsTheEndpointDoes(t *testing.T) {
	ca, clients := nobody.issue(t, "Private CA"), nobody.issue(t, "Clients' CA")
	server, ours := ca.issue(t, "hooks.example"), clients.issue(t, "fanfare")
	tests := map[string]struct {
		change func(ep *fanfare.Endpoint)
		proof  string // the Authorization header that the receiver insists on; "": the issuer's
	}{
		"basic":  {func(ep *fanfare.Endpoint) { ep.Auth.Basic = &fanfare.BasicAuth{Username: "u", Password: "p"} }, "Basic dTpw"},
		"bearer": {func(ep *fanfare.Endpoint) { ep.Auth.Bearer = &fanfare.BearerAuth{Token: "let-me-in"} }, "Bearer let-me-in"},
		"header": {func(ep *fanfare.Endpoint) { ep.Headers = map[string]string{"Authorization": "Key k"} }, "Key k"},
		"basic signature": {func(ep *fanfare.Endpoint) {
			ep.Signature, ep.Secrets = "basic", []fanfare.Secret{{Text: "user:password"}}
		}, "Basic dXNlcjpwYXNzd29yZA=="},
		"oauth2": {func(ep *fanfare.Endpoint) {}, ""},
	}
	for name, test := range tests {
		for _, kind := range fanfare.Handshakes {
			t.Run(name+" "+kind, func(t *testing.T) {
				inBubble(t, nil, func(t *testing.T, w *world) {
					is := w.issuer("basic", nil)
					ep := fanfare.Endpoint{Handshake: fanfare.Handshake{Kind: kind}}
					ep.Auth.CA, ep.Auth.Certificate, ep.Auth.Key = ca.text, ours.text, ours.pkey
					if test.proof == "" {
						ep.Auth.OAuth2 = is.client()
					}
					test.change(&ep)
					rcv := w.secure("hooks.example", server, clients)
					g := &guest{receiver: rcv.receiver}
					rcv.answer = func(n int, rw http.ResponseWriter, r *http.Request) {
						if got := r.Header.Values("Authorization"); test.proof == "" {
							is.guarded(n, rw, r)
						} else if !slices.Equal(got, []string{test.proof}) {
							rw.WriteHeader(http.StatusUnauthorized)
						}
						if r.URL.RawQuery != "" {
							echo(rw, r)
							return
						}
						answers[kind](g, rw, r)
					}
					ep.URL = rcv.url + "in"
					now := w.reload(w.endpoint(ep))
					if !now.Verified() || len(rcv.shown) != 1 || !strings.HasPrefix(rcv.shown[0], "fanfare on ") {
						t.Errorf("verified: %v, %q; shown: %q", now.Verified(), now.Unverified(), rcv.shown)
					}
				})
			})
		}
	}
}

// TestAHandshakeUsesTheTokenOfTheDeliveries and drops it, as they do, when it is
// refused.
func TestAHandshakeUsesTheTokenOfTheDeliveries(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		is := w.issuer("basic", nil)
		rcv := w.receiver("hooks.example", func(n int, rw http.ResponseWriter, r *http.Request) {
			is.guarded(n, rw, r)
			echo(rw, r)
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: is.client()}, Handshake: fanfare.Handshake{Kind: "dropbox"}})
		msg := w.send("a.b", 1)
		synctest.Wait()
		if d := w.delivery(msg); d.State != fanfare.Delivered || is.issued != 1 {
			t.Fatalf("the delivery is %v, after %d tokens: %q", d.State, is.issued, w.reload(ep).Unverified())
		}
		is.revoke()
		time.Sleep(time.Minute)
		if err := w.hub.VerifyEndpoint(t.Context(), w.reload(ep)); err != nil {
			t.Fatal(err)
		}
		if got := w.reload(ep); got.Verified() || !strings.Contains(got.Unverified(), "401 Unauthorized") {
			t.Errorf("verified: %v, %q", got.Verified(), got.Unverified())
		}
		time.Sleep(time.Minute)
		if err := w.hub.VerifyEndpoint(t.Context(), w.reload(ep)); err != nil {
			t.Fatal(err)
		}
		if got := w.reload(ep); !got.Verified() || is.issued != 2 {
			t.Errorf("after %d tokens it is verified: %v, %q", is.issued, got.Verified(), got.Unverified())
		}
	})
}

// TestAHandshakeTellsWhatKeptItBack: no token, another CA, no certificate of ours;
// and no credentials.
func TestAHandshakeTellsWhatKeptItBack(t *testing.T) {
	ca, clients := nobody.issue(t, "Private CA"), nobody.issue(t, "Clients' CA")
	server := ca.issue(t, "hooks.example")
	tests := map[string]struct {
		auth fanfare.Auth
		says string
	}{
		"token": {fanfare.Auth{CA: ca.text, OAuth2: &fanfare.OAuth2{TokenURL: "http://auth.example/token", ClientID: clientID, ClientSecret: "another secret"}}, "no access token could be had from the token endpoint, so nothing was sent (it answered 401"},
		"CA":    {fanfare.Auth{CA: clients.text}, "certificate signed by unknown authority"},
		// What the other end says before it hangs up is not always heard.
		"certificate": {fanfare.Auth{CA: ca.text}, "certificate required|the connection was closed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				w.issuer("basic", nil)
				rcv := w.secure("hooks.example", server, clients)
				got := w.reload(w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: test.auth, Handshake: fanfare.Handshake{Kind: "websub"}}))
				said := slices.ContainsFunc(strings.Split(test.says, "|"), func(text string) bool { return strings.Contains(got.Unverified(), text) })
				if got.Verified() || !said || len(rcv.requests()) > 0 {
					t.Errorf("verified: %v, %q", got.Verified(), got.Unverified())
				}
			})
		})
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("hooks.example", func(_ int, rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("WebHook-Allowed-Origin", r.Header.Get("Authorization"))
		})
		auth := fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: "an-open-door"}}
		got := w.reload(w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: auth, Handshake: fanfare.Handshake{Kind: "cloudevents"}}))
		if text := got.Unverified(); strings.Contains(text, "an-open-door") || !strings.Contains(text, `"Bearer (not shown)"`) {
			t.Errorf("a receiver that echoes what it was sent: %q", text)
		}
	})
}
