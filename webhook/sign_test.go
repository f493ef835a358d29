package webhook_test

import (
	"bytes"
	"errors"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	official "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/fanfarehq/fanfare/webhook"
)

const (
	publishedID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	publishedBody      = `{"test": 2432232314}`
	publishedSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	// The same message signed with privateKey, by an implementation that is not Go's.
	ed25519Signature = "v1a,OVJuLC0iOuaBuQulpz9A/zDgvqV8z8miLUJk2j15ZMONwDNhOvPJ3rO4owAHFyjFq80+pUUjrNfTHAZs1RQnDw=="
)

var publishedTime = time.Unix(1614265330, 0)

func signer(t testing.TB, texts ...string) *webhook.Signer {
	t.Helper()
	var secrets []*webhook.Secret
	for _, text := range texts {
		secrets = append(secrets, secret(t, text))
	}
	s, err := webhook.NewSigner(secrets...)
	if err != nil {
		t.Fatalf("NewSigner: %v", err)
	}
	return s
}

// headers are those of a signed request, as a sender sets them.
func headers(id string, at time.Time, signature string) http.Header {
	h := make(http.Header)
	h.Set(webhook.HeaderID, id)
	h.Set(webhook.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(webhook.HeaderSignature, signature)
	return h
}

func everyByte() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestSignatureVectors(t *testing.T) {
	for _, test := range []struct {
		name    string
		secrets []string
		id      string
		at      time.Time
		body    []byte
		want    string
	}{
		{"published", []string{publishedSecret}, publishedID, publishedTime, []byte(publishedBody), publishedSignature},
		{"ed25519", []string{privateKey}, publishedID, publishedTime, []byte(publishedBody), ed25519Signature},
		{"no body at time zero", []string{longestSecret}, "a", time.Unix(0, 0), nil, "v1,uveq/R7Ke8zKZ1m8ObG+BocfQ3KjHEmEeOmkG099p/g="},
		{"every byte, and less than a second is cut", []string{longestSecret}, "evt-1", time.Unix(1700000000, 999999999), everyByte(),
			"v1,S42o0c+7TvO/9gS6qDGhueueGsdTehotzq9+TODBgyY="},
		{"three secrets in order", []string{privateKey, publishedSecret, seedKey}, publishedID, publishedTime, []byte(publishedBody),
			ed25519Signature + " " + publishedSignature + " " + ed25519Signature},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := signer(t, test.secrets...)
			for range 3 { // pooled states must not carry anything over
				if got := s.Sign(test.id, test.at, test.body); got != test.want {
					t.Errorf("Sign = %q, want %q", got, test.want)
				}
			}
		})
	}
}

func TestSignersThatCannotSign(t *testing.T) {
	var many []*webhook.Secret
	for range 33 {
		many = append(many, secret(t, publishedSecret))
	}
	for _, test := range []struct {
		name    string
		secrets []*webhook.Secret
		want    error
	}{
		{"no secret", nil, webhook.ErrNoSecret},
		{"a nil secret", []*webhook.Secret{secret(t, publishedSecret), nil}, webhook.ErrNoSecret},
		{"a secret nobody made", []*webhook.Secret{new(webhook.Secret)}, webhook.ErrNoSecret},
		{"a public key", []*webhook.Secret{secret(t, publicKey)}, webhook.ErrSecret},
		{"more secrets than are examined", many, webhook.ErrSecret},
	} {
		if s, err := webhook.NewSigner(test.secrets...); s != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: NewSigner = %v, %v, want %v", test.name, s, err, test.want)
		}
	}
	if _, err := webhook.NewSigner(many[:32]...); err != nil {
		t.Errorf("32 secrets: %v", err)
	}
}

func TestIDsThatCannotBeSigned(t *testing.T) {
	s := signer(t, publishedSecret)
	for id, want := range map[string]bool{
		"msg_1": true, "A-b_9": true, "urn:uuid:1": true, "~": true, "!": true, strings.Repeat("x", 256): true,
		"": false, "a.b": false, ".": false, "a b": false, "a\n": false, "a\x00": false, "\x7f": false,
		"é": false, "\xff": false, strings.Repeat("x", 257): false,
	} {
		if got := webhook.ValidID(id); got != want {
			t.Errorf("ValidID(%q) = %t, want %t", id, got, want)
		}
		if got := !panics(func() { s.Sign(id, publishedTime, nil) }); got != want {
			t.Errorf("Sign takes %q: %t, want %t", id, got, want)
		}
	}
}

func panics(do func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	do()
	return
}

func TestOfficialLibraryVerifiesWhatIsSigned(t *testing.T) {
	for _, text := range []string{publishedSecret, longestSecret, webhook.GenerateSecret().Reveal()} {
		theirs, err := official.NewWebhook(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range [][]byte{nil, []byte(publishedBody), everyByte(), bytes.Repeat([]byte("x"), 1<<20)} {
			now := time.Now()
			ours := headers("msg_1", now, signer(t, privateKey, text, publishedSecret).Sign("msg_1", now, body))
			if err := theirs.Verify(body, ours); err != nil {
				t.Errorf("%d bytes: %v", len(body), err)
			}
		}
	}
}

func TestWhatTheOfficialLibrarySignsVerifies(t *testing.T) {
	for _, text := range []string{publishedSecret, longestSecret, webhook.GenerateSecret().Reveal()} {
		theirs, err := official.NewWebhook(text)
		if err != nil {
			t.Fatal(err)
		}
		ours := webhook.NewVerifier(secret(t, privateKey), secret(t, text))
		for _, body := range [][]byte{nil, []byte(publishedBody), everyByte(), bytes.Repeat([]byte("x"), 1<<20)} {
			signature, err := theirs.Sign(publishedID, publishedTime, body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ours.Verify(headers(publishedID, publishedTime, signature), body, publishedTime); err != nil {
				t.Errorf("%d bytes: %v", len(body), err)
			}
		}
	}
}

func TestSigningFromManyGoroutines(t *testing.T) {
	s := signer(t, publishedSecret, privateKey)
	want := publishedSignature + " " + ed25519Signature
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				s.Sign("another", publishedTime, everyByte())
				if got := s.Sign(publishedID, publishedTime, []byte(publishedBody)); got != want {
					t.Errorf("Sign = %q, want %q", got, want)
				}
			}
		})
	}
	wg.Wait()
}

// Receivers import this package alone, so it brings nothing along.
func TestImportsOnlyTheStandardLibrary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			checked++
			if first, _, _ := strings.Cut(spec.Path.Value, "/"); strings.Contains(first, ".") {
				t.Errorf("%s imports %s", name, spec.Path.Value)
			}
		}
	}
	if checked == 0 {
		t.Error("no import was checked")
	}
}

func BenchmarkSign(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1<<10)
	for _, bench := range []struct {
		name    string
		secrets []string
	}{
		{"v1", []string{publishedSecret}},
		{"v1 rotating", []string{publishedSecret, longestSecret}},
		{"v1a", []string{privateKey}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := signer(b, bench.secrets...)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				s.Sign(publishedID, publishedTime, body)
			}
		})
	}
}
