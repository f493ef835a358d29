package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// A Key is 256 random bits. Its id is made of it, so that another key never goes
// by its name. Printing a Key shows the id only.
type Key struct {
	id     string
	secret [keyBytes]byte
}

const keyBytes = 32

// keyPrefix lets people and secret scanners see what a key is.
const keyPrefix = "fan_seal_"

// NewKey makes a random key.
func NewKey() Key {
	var secret [keyBytes]byte
	rand.Read(secret[:]) // never fails: crypto/rand ends the process instead
	return keyOf(secret)
}

func keyOf(secret [keyBytes]byte) Key {
	sum := sha256.Sum256(append([]byte("fanfare key id\x00"), secret[:]...))
	return Key{"k_" + base32.StdEncoding.EncodeToString(sum[:10]), secret}
}

var errKey = errors.New(`it must be 32 random bytes in base64 or hex, such as "openssl rand -base64 32" prints`)

// ParseKey reads a key as [Key.Text] writes it, or 32 bytes in base64 or hex.
func ParseKey(text string) (Key, error) {
	text = strings.TrimPrefix(text, keyPrefix)
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != keyBytes {
		text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimSuffix(text, "="))
		raw, err = base64.RawURLEncoding.Strict().DecodeString(text)
	}
	if err != nil || len(raw) != keyBytes {
		return Key{}, errKey // what is wrong with it might disclose it
	}
	return keyOf([keyBytes]byte(raw)), nil
}

// ID names the key.
func (k Key) ID() string { return k.id }

// Text writes the key down.
func (k Key) Text() string { return keyPrefix + base64.RawURLEncoding.EncodeToString(k.secret[:]) }

// String is the key's id.
func (k Key) String() string { return k.id }

// GoString is the key's id.
func (k Key) GoString() string { return k.id }
