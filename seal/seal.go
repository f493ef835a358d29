// Package seal makes secrets unreadable where they are stored. A [Ring] of keys
// seals a text for one place, such as a field of a row, and opens it there and
// nowhere else. Where the ring itself is kept is its user's affair; it should not
// be where the sealed texts are.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Ring is some keys, of which the first one seals and all open. It never
// changes, so it may be used concurrently.
type Ring struct{ keys []Key }

// NewRing makes a ring of keys that are unlike each other, the one that seals
// first.
func NewRing(current Key, others ...Key) *Ring {
	return &Ring{append([]Key{current}, others...)}
}

// maxKeys bounds a ring.
const maxKeys = 64

// ParseRing reads what [Ring.Text] writes: keys divided by line breaks or commas,
// the one that seals first. Lines that begin with # are comments.
func ParseRing(text string) (*Ring, error) {
	r := &Ring{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			k, err := ParseKey(part)
			if err != nil {
				return nil, fmt.Errorf("key number %d: %w", len(r.keys)+1, err)
			}
			if r.Has(k.id) {
				return nil, fmt.Errorf("key number %d is the same as one before it; leave it out", len(r.keys)+1)
			}
			r.keys = append(r.keys, k)
		}
	}
	switch {
	case len(r.keys) == 0:
		return nil, errors.New("there is no key")
	case len(r.keys) > maxKeys:
		return nil, fmt.Errorf("there are %d keys and at most %d are taken; leave out old ones", len(r.keys), maxKeys)
	}
	return r, nil
}

// With is the ring with one more key, which seals from now on.
func (r *Ring) With(current Key) *Ring { return NewRing(current, r.keys...) }

// Using is the ring of the same keys, of which the one of that id seals; a
// [MissingKeyError] if there is none.
func (r *Ring) Using(id string) (*Ring, error) {
	i := slices.IndexFunc(r.keys, func(k Key) bool { return k.id == id })
	switch {
	case i < 0:
		return nil, &MissingKeyError{id}
	case i == 0:
		return r, nil
	}
	return NewRing(r.keys[i], slices.Delete(slices.Clone(r.keys), i, i+1)...), nil
}

// Text writes the keys down, one a line. It opens everything they seal.
func (r *Ring) Text() string {
	var b strings.Builder
	for _, k := range r.keys {
		b.WriteString(k.Text() + "\n")
	}
	return b.String()
}

// Current is the id of the key that seals.
func (r *Ring) Current() string { return r.keys[0].id }

// Has reports whether there is a key of that id.
func (r *Ring) Has(id string) bool {
	return slices.ContainsFunc(r.keys, func(k Key) bool { return k.id == id })
}

// IDs are the ids of the keys, that of the one that seals first.
func (r *Ring) IDs() []string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.id
	}
	return ids
}

// String names the keys, and discloses none.
func (r *Ring) String() string { return strings.Join(r.IDs(), " ") }

// GoString does what String does.
func (r *Ring) GoString() string { return r.String() }

// A sealed text is "v1.", the id of its key, ".", and in base64url a random salt,
// a nonce and the ciphertext. Each is sealed with a key of its own, which is
// derived from the ring's by the salt (HKDF-SHA-256, RFC 5869), by AES-256-GCM:
// so no number of them wears a key out. The place is authenticated with it.
const (
	version   = "v1"
	saltBytes = 16
)

// Seal seals text for a place. It does so differently each time.
func (r *Ring) Seal(place string, text []byte) string {
	k := &r.keys[0]
	raw := make([]byte, saltBytes, saltBytes+len(text)+28)
	rand.Read(raw) // never fails: crypto/rand ends the process instead
	raw = append(raw, k.derive(raw).Seal(nil, nil, text, []byte(place))...)
	return version + "." + k.id + "." + base64.RawURLEncoding.EncodeToString(raw)
}

// ErrForged is what Open returns for what was not sealed for that place, or was
// altered since.
var ErrForged = errors.New("it was not sealed for this place, or was altered since")

// A MissingKeyError says which key would open a sealed text.
type MissingKeyError struct{ ID string }

func (e *MissingKeyError) Error() string { return "the key " + e.ID + " is missing" }

// Open gives the text that was sealed for a place; ErrForged, or a
// [MissingKeyError].
func (r *Ring) Open(place, sealed string) ([]byte, error) {
	rest, ok := strings.CutPrefix(sealed, version+".")
	id, text, dot := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || !dot || err != nil || len(raw) < saltBytes || strings.ContainsAny(text, "\r\n") { // which base64 passes over
		return nil, ErrForged
	}
	i := slices.IndexFunc(r.keys, func(k Key) bool { return k.id == id })
	if i < 0 {
		return nil, &MissingKeyError{id}
	}
	plain, err := r.keys[i].derive(raw[:saltBytes]).Open(nil, nil, raw[saltBytes:], []byte(place))
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}

// derive makes the cipher of one sealed text.
func (k *Key) derive(salt []byte) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, k.secret[:], salt, "fanfare seal "+version, keyBytes)
	if err != nil {
		panic(err) // the sizes are right
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}
