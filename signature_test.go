package fanfare_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// A verification is what a receiver finds out about a request.
type verification struct {
	event webhook.Event
	err   error
	query url.Values
}

// verifier starts a receiver that verifies what it is sent with the secrets, and
// returns its URL and where the verifications come.
func (w *world) verifier(profile webhook.Profile, secrets ...string) (string, <-chan verification) {
	w.t.Helper()
	v, err := profile.Verifier(secrets...)
	if err != nil {
		w.t.Fatal(err)
	}
	seen := make(chan verification, 10)
	var rcv *receiver
	rcv = w.receiver(string(profile)+".example", func(n int, _ http.ResponseWriter, r *http.Request) {
		event, err := v.VerifyRequest(r, []byte(rcv.requests()[n-1].body), time.Now())
		seen <- verification{event, err, r.URL.Query()}
	})
	return rcv.url, seen
}

func TestEveryProfileIsDeliveredAndVerified(t *testing.T) {
	const secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	for _, profile := range webhook.Profiles() {
		for name, payload := range map[string]string{"raw": `{ "n": 1.00 }`, "form": `{ "n": "ä" }`} {
			t.Run(string(profile)+" "+name, func(t *testing.T) {
				inBubble(t, nil, func(t *testing.T, w *world) {
					base, seen := w.verifier(profile, secret)
					ep := w.endpoint(fanfare.Endpoint{
						URL: base + "hook?team=a%20b", Signature: string(profile), Format: name, Secrets: []fanfare.Secret{{Text: secret}},
					})
					msg := w.send("record.created", []byte(payload))
					synctest.Wait()
					got := <-seen
					if got.err != nil || got.event.ID != string(msg.ID) || got.event.Type != "record.created" {
						t.Fatalf("verified %+v, %v; want %s, record.created", got.event, got.err, msg.ID)
					}
					if got.query.Get("team") != "a b" {
						t.Errorf("the query is %v, want the endpoint's own in it", got.query)
					}
					signed := w.attempts(msg)[0]
					if _, query := profile.Adds(); len(query) > 0 && name == "raw" {
						if !strings.HasPrefix(signed.URL, ep.URL+"&") {
							t.Errorf("the attempt went to %s, want what was added recorded", signed.URL)
						}
					} else if profile != webhook.Query && signed.URL != ep.URL {
						t.Errorf("the attempt went to %s, want %s", signed.URL, ep.URL)
					}
				})
			})
		}
	}
}

// TestProfilesSignThroughARotation has a receiver that knows the old secret only, and
// then one that knows the new one.
func TestProfilesSignThroughARotation(t *testing.T) {
	both := []webhook.Profile{webhook.Stripe, webhook.Query}
	for _, profile := range []webhook.Profile{webhook.Stripe, webhook.Query, webhook.GitHub, webhook.Slack, webhook.Twilio} {
		t.Run(string(profile), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				base, seen := w.verifier(profile, "the old secret")
				ep := w.endpoint(fanfare.Endpoint{URL: base, Signature: string(profile), Secrets: []fanfare.Secret{{Text: "the old secret"}}})
				if err := w.hub.RotateSecret(t.Context(), ep, "the new secret", fanfare.SecretOverlap); err != nil {
					t.Fatal(err)
				}
				w.send("a.b", 1)
				if during := <-seen; (during.err == nil) != slices.Contains(both, profile) {
					t.Errorf("with the old secret, during the overlap: %v", during.err)
				}
				time.Sleep(fanfare.SecretOverlap)
				w.send("a.b", 2)
				if after := <-seen; !errors.Is(after.err, webhook.ErrNoMatch) {
					t.Errorf("with the old secret, after the overlap: %v, want ErrNoMatch", after.err)
				}
			})
		})
	}
}

func TestChangingTheSignature(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		base, seen := w.verifier(webhook.Dropbox, "a text of one's own")
		ep := w.endpoint(fanfare.Endpoint{URL: base})
		ep.Signature = "dropbox"
		if err := w.hub.RotateSecret(t.Context(), ep, "a text of one's own", fanfare.SecretOverlap); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 1)
		if got := <-seen; got.err != nil {
			t.Error(got.err)
		}
		ep = w.reload(ep)
		ep.Signature = ""
		var invalid *fanfare.InvalidError
		if err := w.hub.UpdateEndpoint(t.Context(), ep); !errors.As(err, &invalid) || invalid.Field != "secret" {
			t.Errorf("standard, with a text for a secret: %v", err)
		}
		if err := w.hub.RotateSecret(t.Context(), ep, "", fanfare.SecretOverlap); err != nil {
			t.Fatal(err)
		}
		if secrets := w.reload(ep).Secrets; len(secrets) != 2 || strings.Contains(secrets[1].Text, " ") {
			t.Errorf("the secrets are %+v, want the new one and the first, without the text between", secrets)
		}
	})
}

func TestSignaturesThatCannotBeAreRefused(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		const at = "http://receiver.example/"
		text := func(s string) []fanfare.Secret { return []fanfare.Secret{{Text: s}} }
		tests := map[string]struct {
			ep    fanfare.Endpoint
			field string // "": none
		}{
			"unknown":             {fanfare.Endpoint{URL: at, Signature: "gitlab"}, "signature"},
			"7 bytes":             {fanfare.Endpoint{URL: at, Signature: "github", Secrets: text("1234567")}, "secret"},
			"8 bytes":             {fanfare.Endpoint{URL: at, Signature: "github", Secrets: text("12345678")}, ""},
			"256 bytes":           {fanfare.Endpoint{URL: at, Signature: "github", Secrets: text(strings.Repeat("x", 256))}, ""},
			"257 bytes":           {fanfare.Endpoint{URL: at, Signature: "github", Secrets: text(strings.Repeat("x", 257))}, "secret"},
			"not printable":       {fanfare.Endpoint{URL: at, Signature: "github", Secrets: text("1234567\n")}, "secret"},
			"a text, standard":    {fanfare.Endpoint{URL: at, Signature: "standard", Secrets: text("a text of one's own")}, "secret"},
			"header of its own":   {fanfare.Endpoint{URL: at, Signature: "github", Headers: map[string]string{"x-hub-signature": "x"}}, "headers"},
			"header of another":   {fanfare.Endpoint{URL: at, Signature: "slack", Headers: map[string]string{"x-hub-signature": "x"}}, ""},
			"authorization":       {fanfare.Endpoint{URL: at, Signature: "basic", Headers: map[string]string{"Authorization": "x"}}, "headers"},
			"parameter of its":    {fanfare.Endpoint{URL: at + "?whsig=1", Signature: "query"}, "url"},
			"parameter of others": {fanfare.Endpoint{URL: at + "?whsig=1", Signature: "stripe"}, ""},
			"none needs no care":  {fanfare.Endpoint{URL: at, Signature: "none"}, ""},
		}
		for name, test := range tests {
			test.ep.Application = w.app.ID
			err := w.hub.CreateEndpoint(t.Context(), &test.ep)
			var invalid *fanfare.InvalidError
			if test.field == "" && err != nil || test.field != "" && (!errors.As(err, &invalid) || invalid.Field != test.field) {
				t.Errorf("%s: %v, want it to be about %q", name, err, test.field)
			}
		}
	})
}
