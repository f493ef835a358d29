package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash/crc32"
	"math/big"
	"net/http"
	"strings"
)

// KeySetting is the store's setting that keeps the hash of the admin key.
const KeySetting = "admin_key_hash"

// keyPrefix lets people and secret scanners see what a key is.
const keyPrefix = "fan_admin_"

const (
	keyDigits = 43 // of 32 bytes in base 62
	sumDigits = 6  // of their CRC-32
)

// NewAdminKey makes a key that opens everything: "fan_admin_", 32 random bytes
// and a checksum, in letters and digits. It is to be shown once; the server
// keeps its hash.
func NewAdminKey() (text string) {
	var secret [32]byte
	rand.Read(secret[:]) // never fails: crypto/rand ends the process instead
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.ChecksumIEEE(secret[:]))
	return keyPrefix + base62(secret[:], keyDigits) + base62(sum[:], sumDigits)
}

func base62(b []byte, digits int) string {
	text := new(big.Int).SetBytes(b).Text(62)
	return strings.Repeat("0", digits-len(text)) + text
}

// HashKey is what the server keeps of a key. A key is 256 random bits, so that
// one round of SHA-256 is as good as many.
func HashKey(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// maxKey bounds what is hashed on behalf of someone unknown.
const maxKey = 512

var unauthenticated = refuse(http.StatusUnauthorized, "authentication_failed",
	`Send the key in one header, "Authorization: Bearer <key>"; the key is missing or not valid.`)

// authenticate is the one place where it is settled who makes a request.
func (s *server) authenticate(r *http.Request) (identity, error) {
	values := r.Header["Authorization"]
	if len(values) != 1 || len(values[0]) > maxKey || len(s.keyHash) == 0 {
		return identity{}, unauthenticated
	}
	scheme, key, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || key == "" {
		return identity{}, unauthenticated
	}
	sum := sha256.Sum256([]byte(key))
	if subtle.ConstantTimeCompare(sum[:], s.keyHash) == 1 {
		return identity{admin: true}, nil
	}
	return s.identify(r.Context(), key)
}
