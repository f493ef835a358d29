package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A foreign is a webhook as profiles.mjs reads it.
type foreign struct {
	Profile string            `json:"profile"`
	Secret  string            `json:"secret"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

// TestProfileLibraries has the libraries of GitHub, Stripe and Twilio verify what the
// server sends by their profiles, and refuse what was altered.
func TestProfileLibraries(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.call(t, "POST", "/app", `{"uid":"acme","name":"Acme"}`, http.StatusCreated, nil)
	var all []*foreign
	var want []string
	for _, c := range []struct{ profile, format, refusal string }{
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
	said := byLibraries(t, all)
	for i, f := range all {
		if i >= len(said) || strings.TrimSpace(said[i]) != want[i] {
			t.Errorf("the library of %s says %q of\n%s\n%q, want %q", f.Profile, said[min(i, len(said)-1)], f.Body, f.Headers, want[i])
		}
	}
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

// byLibraries returns what the libraries say of each.
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
	return slices.Collect(strings.Lines(string(node(t, &in, "profiles.mjs"))))
}
