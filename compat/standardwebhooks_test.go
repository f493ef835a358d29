package compat

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/fanfarehq/fanfare/webhook"
)

// A signed is an arrival, and what to verify it with.
type signed struct {
	*arrival
	secret    string // for the libraries
	publicKey []byte // or, for Node's crypto, this
}

// MarshalJSON writes what verify.mjs reads.
func (s *signed) MarshalJSON() ([]byte, error) {
	headers := map[string]string{}
	for name := range s.header {
		headers[strings.ToLower(name)] = s.header.Get(name)
	}
	return json.Marshal(map[string]any{"secret": s.secret, "publicKey": s.publicKey, "headers": headers, "body": s.body})
}

// byNode verifies with JavaScript, and returns "ok" or an error's text for each.
func byNode(t *testing.T, all []*signed) []string {
	t.Helper()
	var in bytes.Buffer
	for _, s := range all {
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	said := strings.Split(strings.TrimSuffix(string(node(t, &in, "verify.mjs")), "\n"), "\n")
	if len(said) != len(all) {
		t.Fatalf("verify.mjs said %d things about %d webhooks", len(said), len(all))
	}
	return said
}

// byGo verifies with the official Go library.
func byGo(a *arrival, secret string) error {
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	return wh.Verify(a.body, a.header)
}

// A signing is a server with one endpoint, whose secret changes.
type signing struct {
	server *server
	rcv    *receiver
	sent   int
}

func newSigning(t *testing.T, secret string) *signing {
	s := &signing{startServer(t), newReceiver(t, nil), 0}
	s.server.call(t, "POST", "/app", `{"uid":"acme","name":"Acme"}`, http.StatusCreated, nil)
	s.server.call(t, "POST", "/app/acme/endpoint", `{"uid":"e","url":"`+s.rcv.url+`","secret":"`+secret+`"}`, http.StatusCreated, nil)
	return s
}

func (s *signing) rotate(t *testing.T, secret string) {
	s.server.call(t, "POST", "/app/acme/endpoint/e/secret/rotate", `{"key":"`+secret+`"}`, http.StatusNoContent, nil)
}

// send sends one message and returns how it arrived.
func (s *signing) send(t *testing.T) *arrival {
	s.server.call(t, "POST", "/app/acme/msg", `{"eventType":"x","payload":{"text": "ä \u00e4 €",  "n": 1.00}}`, http.StatusAccepted, nil)
	s.sent++
	return s.rcv.wait(t, s.sent)[s.sent-1]
}

// versions are those of the signatures, in order.
func versions(a *arrival) []string {
	var out []string
	for _, s := range strings.Fields(a.header.Get(webhook.HeaderSignature)) {
		version, _, _ := strings.Cut(s, ",")
		out = append(out, version)
	}
	return out
}

const (
	oldSecret   = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	newSecret   = "whsec_FxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
	otherSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// TestStandardWebhooksLibraries has the libraries of the standard verify what is
// signed with v1, through a rotation; and Node's crypto and our own verifier what
// is signed with v1a, which the libraries do not know.
func TestStandardWebhooksLibraries(t *testing.T) {
	t.Parallel()
	s := newSigning(t, oldSecret)
	before := s.send(t)
	s.rotate(t, newSecret)
	during := s.send(t)
	if got := versions(during); !slices.Equal(got, []string{"v1", "v1"}) {
		t.Fatalf("during a rotation the signatures are %q, want two of v1", got)
	}
	altered := *during
	altered.body = append([]byte(" "), during.body...)
	for _, c := range []struct {
		what    string
		arrival *arrival
		secret  string
		ok      bool
	}{
		{"before, old", before, oldSecret, true},
		{"before, new", before, newSecret, false},
		{"during, old", during, oldSecret, true},
		{"during, new", during, newSecret, true},
		{"during, another", during, otherSecret, false},
		{"altered", &altered, newSecret, false},
	} {
		if err := byGo(c.arrival, c.secret); (err == nil) != c.ok {
			t.Errorf("%s: the Go library says %v", c.what, err)
		}
		if said := byNode(t, []*signed{{arrival: c.arrival, secret: c.secret}})[0]; (said == "ok") != c.ok {
			t.Errorf("%s: the npm library says %s", c.what, said)
		}
	}

	pair := webhook.GenerateKeyPair()
	s.rotate(t, pair.Reveal())
	third := s.send(t)
	if got := slices.Sorted(slices.Values(versions(third))); !slices.Contains(got, "v1a") || !slices.Contains(got, "v1") {
		t.Fatalf("while a key pair follows a secret the signatures are %q, want both kinds", got)
	}
	if err := byGo(third, newSecret); err != nil {
		t.Errorf("beside v1a, the Go library says %v of v1", err)
	}
	verifiesV1a(t, third, pair)
}

func verifiesV1a(t *testing.T, a *arrival, pair *webhook.Secret) {
	t.Helper()
	public, err := webhook.ParseSecret(pair.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := webhook.NewVerifier(public).Verify(a.header, a.body, time.Now()); err != nil {
		t.Errorf("our own verifier says %v of v1a", err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(pair.Public(), "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	altered := *a
	altered.body = append([]byte(" "), a.body...)
	said := byNode(t, []*signed{{arrival: a, publicKey: raw}, {arrival: &altered, publicKey: raw}})
	if want := []string{"ok", "No matching v1a signature"}; !slices.Equal(said, want) {
		t.Errorf("Node's crypto says %q of v1a and of an altered body, want %q", said, want)
	}
}
