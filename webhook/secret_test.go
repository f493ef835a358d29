package webhook_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/webhook"
)

const (
	// The published secret of Standard Webhooks: 24 bytes.
	publishedSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	// Bytes 0 to 63, the longest HMAC key there is.
	longestSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
	// One ed25519 key, of the seed 1 to 32: as seed, in full, and its public half.
	seedKey    = "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
	privateKey = "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyB5tVYuj+ZU+UB4sRLoqYunkB+FOuaVvtfg45ELrQSWZA=="
	publicKey  = "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
)

func secret(t testing.TB, text string) *webhook.Secret {
	t.Helper()
	s, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatalf("ParseSecret: %v", err)
	}
	return s
}

func ofBytes(prefix string, n int) string {
	return prefix + base64.StdEncoding.EncodeToString(make([]byte, n))
}

func TestSecretTexts(t *testing.T) {
	for _, test := range []struct{ name, text, reveals, public string }{
		{"hmac", publishedSecret, publishedSecret, ""},
		{"longest hmac", longestSecret, longestSecret, ""},
		{"hmac without prefix", strings.TrimPrefix(publishedSecret, "whsec_"), publishedSecret, ""},
		{"private key", privateKey, privateKey, publicKey},
		{"seed of a private key", seedKey, privateKey, publicKey},
		{"public key", publicKey, publicKey, publicKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := secret(t, test.text)
			if got := s.Reveal(); got != test.reveals {
				t.Errorf("Reveal() = %q, want %q", got, test.reveals)
			}
			if got := s.Public(); got != test.public {
				t.Errorf("Public() = %q, want %q", got, test.public)
			}
		})
	}
}

func TestRefusedSecrets(t *testing.T) {
	full, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(privateKey, "whsk_"))
	if err != nil {
		t.Fatal(err)
	}
	full[ed25519.SeedSize] ^= 1
	for _, test := range []struct{ name, text, says string }{
		{"nothing", "", "empty"},
		{"nothing but a prefix", "whsec_", "empty"},
		{"23 bytes", ofBytes("whsec_", 23), "23 bytes and must have 24 to 64"},
		{"65 bytes", ofBytes("whsec_", 65), "65 bytes and must have 24 to 64"},
		{"another prefix", ofBytes("sk_", 32), "must start with whsec_"},
		{"prefix in capitals", ofBytes("WHSEC_", 32), "must start with whsec_"},
		{"url-safe base64", "whsec_" + strings.Repeat("-_-_", 8), "not standard base64"},
		{"not base64", "whsec_????", "not standard base64"},
		{"no padding", strings.TrimRight(longestSecret, "="), "not standard base64"},
		{"bits beyond the last byte", strings.Replace(longestSecret, "Pw==", "Px==", 1), "not standard base64"},
		{"unicode", "whsec_ключ", "not standard base64"},
		{"a line break at its end", publishedSecret + "\n", "line break"},
		{"a space at its start", " " + publishedSecret, "space"},
		{"private key of 33 bytes", ofBytes("whsk_", 33), "32 or 64 bytes, this has 33"},
		{"private key of other halves", "whsk_" + base64.StdEncoding.EncodeToString(full), "do not belong together"},
		{"public key of 31 bytes", ofBytes("whpk_", 31), "32 bytes, this has 31"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := webhook.ParseSecret(test.text)
			if s != nil || !errors.Is(err, webhook.ErrSecret) {
				t.Fatalf("ParseSecret = %v, %v; want no secret and ErrSecret", s, err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q does not say %q", err, test.says)
			}
			if body := strings.TrimSpace(test.text); len(body) > 10 && strings.Contains(err.Error(), body[6:]) {
				t.Errorf("error %q repeats the text", err)
			}
		})
	}
}

func TestGeneratedSecrets(t *testing.T) {
	a, b := webhook.GenerateSecret(), webhook.GenerateSecret()
	if a.Reveal() == b.Reveal() {
		t.Error("two generated secrets are the same")
	}
	if got, want := len(a.Reveal()), len(ofBytes("whsec_", 32)); got != want {
		t.Errorf("a generated secret has %d characters, want %d", got, want)
	}
	c, d := webhook.GenerateKeyPair(), webhook.GenerateKeyPair()
	if c.Public() == d.Public() {
		t.Error("two generated key pairs are the same")
	}
	for _, s := range []*webhook.Secret{a, c} {
		if got := secret(t, s.Reveal()).Reveal(); got != s.Reveal() {
			t.Error("a generated secret does not survive its text")
		}
	}
	secret(t, c.Public())
}

func TestSecretsDoNotPrint(t *testing.T) {
	for _, text := range []string{publishedSecret, privateKey, publicKey} {
		s := secret(t, text)
		want := text[:strings.Index(text, "_")+1] + "[redacted]"
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%o", "%b", "%T%v"} {
			got := strings.TrimPrefix(fmt.Sprintf(verb, withType(verb, s)...), "*webhook.Secret")
			if got != want {
				t.Errorf("Sprintf(%q) = %q, want %q", verb, got, want)
			}
		}
		holder := struct{ hidden *webhook.Secret }{s}
		for _, got := range []string{fmt.Sprintf("%+v", holder), fmt.Sprintf("%d", holder), fmt.Sprintf("%#v", holder)} {
			if len(got) > 80 {
				t.Errorf("a struct that holds the secret prints as %q", got)
			}
		}
		if got, err := json.Marshal(s); err != nil || string(got) != "{}" {
			t.Errorf("json.Marshal = %s, %v, want {}", got, err)
		}
	}
	var none *webhook.Secret
	if got := fmt.Sprint(none); got != "no secret" {
		t.Errorf("a nil secret prints as %q", got)
	}
}

func withType(verb string, s *webhook.Secret) []any {
	if strings.HasPrefix(verb, "%T") {
		return []any{s, s}
	}
	return []any{s}
}

func FuzzParseSecret(f *testing.F) {
	for _, text := range []string{publishedSecret, longestSecret, seedKey, privateKey, publicKey,
		"", "whsec_", "whsk_", "whpk_", "_", ofBytes("", 24), ofBytes("whsec_", 23), ofBytes("whsec_", 65),
		"whsec_ключ", publishedSecret + "\n", "whsec_\x00", strings.Repeat("A", 1<<12)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := webhook.ParseSecret(text)
		if err != nil {
			if s != nil || !errors.Is(err, webhook.ErrSecret) {
				t.Fatalf("ParseSecret = %v, %v", s, err)
			}
			return
		}
		again, err := webhook.ParseSecret(s.Reveal())
		if err != nil || again.Reveal() != s.Reveal() || again.Public() != s.Public() {
			t.Fatalf("the text revealed is not the same secret: %v", err)
		}
		if !strings.HasPrefix(text, "whsk_") && !strings.HasSuffix(s.Reveal(), text) {
			t.Fatalf("%q reveals another key", text)
		}
	})
}
