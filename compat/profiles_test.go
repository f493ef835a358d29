package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// A foreign is a webhook as profiles.mjs reads it; one to be signed has no headers.
type foreign struct {
	Profile string            `json:"profile"`
	Secret  string            `json:"secret"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    []byte            `json:"body"`
}

// TestProfileLibrariesVerify has the libraries of GitHub, Shopify, Slack, Stripe and
// Twilio verify what the server sends by their profiles, and refuse what was altered.
func TestProfileLibrariesVerify(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.call(t, "POST", "/app", `{"uid":"acme","name":"Acme"}`, http.StatusCreated, nil)
	var all []*foreign
	var want []string
	for _, c := range []struct{ profile, format, refusal string }{
		{"shopify", "raw", "Error: invalid_hmac"},
		{"shopify", "form", "Error: invalid_hmac"},
		{"slack", "raw", "Error: Failed to verify authenticity: signature mismatch"},
		{"slack", "form", "Error: Failed to verify authenticity: signature mismatch"},
		{"github", "raw", "no match"},
		{"github", "form", "no match"},
		{"stripe", "raw", "StripeSignatureVerificationError: No signatures found matching the expected signature for payload. Are you passing the raw request body you received from Stripe?"},
		{"twilio", "raw", "no match"},
		{"twilio", "form", "no match"},
	} {
		sent := s.deliver(t, c.profile, c.format)
		altered, another := *sent, *sent
		altered.Body = bytes.Replace(sent.Body, []byte("863"), []byte("864"), 1)
		another.Secret += "x"
		all = append(all, sent, &altered, &another)
		want = append(want, "ok", c.refusal, c.refusal)
	}
	for i, said := range byLibraries(t, all) {
		if said != want[i] {
			t.Errorf("the library of %s says %q of\n%s\n%q, want %q", all[i].Profile, said, all[i].Body, all[i].Headers, want[i])
		}
	}
}

// TestProfileLibrariesSign verifies what those libraries sign that can. Slack's
// cannot.
func TestProfileLibrariesSign(t *testing.T) {
	t.Parallel()
	const jsonBody, formBody = `{"id":"evt_1",  "text":"ä + €","n":863}`, "b=%C3%A4+%2B+%E2%82%AC&n=863&a=2&a=1&a=2&empty="
	const url, secret = "https://receiver.example/hook?team=a%20b", "whsec_the text of another"
	var all []*foreign
	add := func(profile, secret, body string) {
		all = append(all, &foreign{Profile: profile, Secret: secret, URL: url, Body: []byte(body)})
	}
	for _, profile := range []string{"github", "shopify", "stripe"} {
		add(profile, secret, jsonBody)
		add(profile, secret, formBody)
	}
	add("standard", oldSecret, jsonBody)
	add("standard", strings.TrimPrefix(oldSecret, "whsec_"), jsonBody)
	add("twilio form", secret, formBody)
	add("twilio JSON", secret, jsonBody)
	for i, signed := range byLibraries(t, all) {
		f := all[i]
		if err := json.Unmarshal([]byte(signed), f); err != nil {
			t.Errorf("the library of %s says %s", f.Profile, signed)
			continue
		}
		if err := f.verify(f.Secret, f.Body); err != nil {
			t.Errorf("%s: %v of %s", f.Profile, err, signed)
		}
		if err := f.verify(f.Secret, bytes.Replace(f.Body, []byte("863"), []byte("864"), 1)); !errors.Is(err, webhook.ErrNoMatch) {
			t.Errorf("%s, altered: %v, want ErrNoMatch", f.Profile, err)
		}
		if err := f.verify(otherSecret, f.Body); !errors.Is(err, webhook.ErrNoMatch) {
			t.Errorf("%s, with another secret: %v, want ErrNoMatch", f.Profile, err)
		}
	}
}

// verify asks our own verifier.
func (f *foreign) verify(secret string, body []byte) error {
	profile, kind, _ := strings.Cut(f.Profile, " ")
	v, err := webhook.Profile(profile).Verifier(secret)
	if err != nil {
		return err
	}
	r := httptest.NewRequest("POST", f.URL, nil)
	r.Header.Set("Content-Type", "application/json")
	if kind == "form" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range f.Headers {
		r.Header.Set(name, value)
	}
	_, err = v.VerifyRequest(r, body, time.Now())
	return err
}

// deliver sends one message to an endpoint of its own, and returns what arrived.
func (s *server) deliver(t *testing.T, profile, format string) *foreign {
	t.Helper()
	f := &foreign{Profile: profile, Secret: "whsec_the text of " + profile, Headers: map[string]string{}}
	rcv := newReceiver(t, nil)
	s.call(t, "POST", "/app/acme/endpoint", fmt.Sprintf(`{"url":%q,"signature":%q,"format":%q,"secret":%q,"eventTypes":[%q]}`,
		rcv.url+"?x=1", profile, format, f.Secret, profile+"."+format), http.StatusCreated, nil)
	s.call(t, "POST", "/app/acme/msg", fmt.Sprintf(`{"eventType":%q,"payload":{"id":"evt_1",  "text":"ä + €","n":863}}`, profile+"."+format),
		http.StatusAccepted, nil)
	a := rcv.wait(t, 1)[0]
	f.URL, f.Body = strings.TrimSuffix(rcv.url, "/hook")+a.uri, a.body
	for name := range a.header {
		f.Headers[strings.ToLower(name)] = a.header.Get(name)
	}
	return f
}

// byLibraries returns what the libraries say of each, a line.
func byLibraries(t *testing.T, all []*foreign) []string {
	t.Helper()
	var in bytes.Buffer
	for _, f := range all {
		line, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	said := strings.Split(strings.TrimSuffix(string(node(t, &in, "profiles.mjs")), "\n"), "\n")
	if len(said) != len(all) {
		t.Fatalf("profiles.mjs said %d things about %d webhooks", len(said), len(all))
	}
	return said
}
