package webhook

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
)

// ErrSecret is the error of a text that is not a secret. What wraps it says
// why, and never repeats the text.
var ErrSecret = errors.New("invalid webhook secret")

// The prefixes say which kind of key follows in base64.
const (
	prefixHMAC    = "whsec_"
	prefixPrivate = "whsk_"
	prefixPublic  = "whpk_"
)

// HMAC keys shorter than this can be guessed; longer ones are only hashed
// down to the size of a block.
const (
	minHMACKey = 24
	maxHMACKey = 64
)

// Secret is one key: for HMAC, which signs and verifies, an ed25519 private
// key, which does both too, or an ed25519 public key, which only verifies.
// It prints as its kind and nothing more; [Secret.Reveal] tells its text.
type Secret struct {
	kind    string // one of the prefixes
	hmac    []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey

	// macs holds keyed HMAC states. Setting the key up costs more than
	// hashing a kilobyte, so it is done once per state.
	macs sync.Pool
}

// redacted stands for the key in what String tells.
const redacted = "[redacted]"

// ParseSecret reads a secret as Standard Webhooks writes it: "whsec_" and the
// base64 of 24 to 64 bytes for HMAC, "whsk_" and that of an ed25519 seed or
// private key, "whpk_" and that of an ed25519 public key. Base64 without a
// prefix is an HMAC key. Every error wraps [ErrSecret].
func ParseSecret(text string) (*Secret, error) {
	kind, encoded := splitPrefix(text)
	switch {
	case encoded == "":
		return nil, fmt.Errorf("%w: it is empty", ErrSecret)
	case strings.ContainsAny(text, " \t\r\n"):
		return nil, fmt.Errorf("%w: it holds a space or a line break; look for one at its end", ErrSecret)
	case encoded == redacted:
		return nil, fmt.Errorf("%w: this is what String tells of a Secret; its text is what Reveal tells", ErrSecret)
	case kind == "":
		return nil, fmt.Errorf("%w: it must start with whsec_, whsk_ or whpk_", ErrSecret)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil && encoded == text {
		return nil, fmt.Errorf("%w: it must be whsec_ and base64 of %d to %d bytes, and is not base64: %w", ErrSecret, minHMACKey, maxHMACKey, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: what follows %s is not standard base64: %w", ErrSecret, kind, err)
	}
	switch kind {
	case prefixPrivate:
		return privateSecret(key)
	case prefixPublic:
		return publicSecret(key)
	default:
		return hmacSecret(key)
	}
}

// splitPrefix returns the kind of key text holds and its base64. The kind is
// empty when text starts with some other prefix: base64 has no underscore.
func splitPrefix(text string) (kind, encoded string) {
	for _, prefix := range []string{prefixHMAC, prefixPrivate, prefixPublic} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return prefix, rest
		}
	}
	if strings.Contains(text, "_") {
		return "", text
	}
	return prefixHMAC, text
}

func hmacSecret(key []byte) (*Secret, error) {
	if len(key) < minHMACKey || len(key) > maxHMACKey {
		return nil, fmt.Errorf("%w: it has %d bytes and must have %d to %d", ErrSecret, len(key), minHMACKey, maxHMACKey)
	}
	s := &Secret{kind: prefixHMAC, hmac: key}
	s.macs.New = func() any { return hmac.New(sha256.New, key) }
	return s, nil
}

// privateSecret refuses a key whose public half is another's, because signing
// with one gives the private half away.
func privateSecret(key []byte) (*Secret, error) {
	var private ed25519.PrivateKey
	switch len(key) {
	case ed25519.SeedSize, ed25519.PrivateKeySize:
		private = ed25519.NewKeyFromSeed(key[:ed25519.SeedSize])
	default:
		return nil, fmt.Errorf("%w: an ed25519 private key has %d or %d bytes, this has %d",
			ErrSecret, ed25519.SeedSize, ed25519.PrivateKeySize, len(key))
	}
	if len(key) == ed25519.PrivateKeySize && !bytes.Equal(key, private) {
		return nil, fmt.Errorf("%w: the two halves of the ed25519 private key do not belong together", ErrSecret)
	}
	return &Secret{kind: prefixPrivate, private: private, public: private.Public().(ed25519.PublicKey)}, nil
}

func publicSecret(key []byte) (*Secret, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: an ed25519 public key has %d bytes, this has %d", ErrSecret, ed25519.PublicKeySize, len(key))
	}
	return &Secret{kind: prefixPublic, public: key}, nil
}

// GenerateSecret returns a new HMAC secret of 32 random bytes.
func GenerateSecret() *Secret {
	key := make([]byte, 32)
	rand.Read(key)
	s, err := hmacSecret(key)
	if err != nil {
		panic(err) // 32 bytes are within the bounds
	}
	return s
}

// GenerateKeyPair returns a new ed25519 private key. Receivers are given the
// text of [Secret.Public].
func GenerateKeyPair() *Secret {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	s, err := privateSecret(seed)
	if err != nil {
		panic(err) // a seed of that size is a key
	}
	return s
}

// Public returns the text, starting with "whpk_", that verifies what s signs
// and signs nothing. It is empty for HMAC, where both sides share the secret.
func (s *Secret) Public() string {
	if s.public == nil {
		return ""
	}
	return prefixPublic + base64.StdEncoding.EncodeToString(s.public)
}

// Reveal returns the text that [ParseSecret] reads, with its prefix. Whoever
// has it can sign.
func (s *Secret) Reveal() string {
	switch s.kind {
	case prefixPrivate:
		return prefixPrivate + base64.StdEncoding.EncodeToString(s.private)
	case prefixPublic:
		return s.Public()
	default:
		return prefixHMAC + base64.StdEncoding.EncodeToString(s.hmac)
	}
}

// none reports whether s is nil or was not made by this package's functions.
func (s *Secret) none() bool {
	return s == nil || s.kind == ""
}

// String returns the kind of the secret, never the secret.
func (s *Secret) String() string {
	if s.none() {
		return "no secret"
	}
	return s.kind + redacted
}

// Format prints what String returns, for every verb: some would otherwise
// print the bytes of the key.
func (s *Secret) Format(f fmt.State, _ rune) {
	io.WriteString(f, s.String())
}

// appendMAC appends the HMAC of head and body to dst.
func (s *Secret) appendMAC(dst, head, body []byte) []byte {
	mac := s.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(head)
	mac.Write(body)
	dst = mac.Sum(dst)
	s.macs.Put(mac)
	return dst
}
