package webhook

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// basicName is the user of a secret that is a password alone.
const basicName = "webhook"

// basic is the scheme of HTTP Basic credentials (RFC 7617).
type basic struct{}

func (basic) adds() (headers, query []string) { return []string{"Authorization"}, nil }

func (basic) sign(_ *Message, secrets []string) Signature {
	return Signature{Header: []Field{{"Authorization", "Basic " + base64.StdEncoding.EncodeToString(credentials(secrets[0]))}}}
}

// verify compares digests: the length of what they are of would show otherwise.
func (basic) verify(a *arrival) (Event, error) {
	value, err := single(a.header, "Authorization")
	if err != nil {
		return Event{}, err
	}
	kind, encoded, _ := strings.Cut(value, " ")
	given, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !strings.EqualFold(kind, "Basic") {
		return Event{}, fmt.Errorf("%w: Authorization must be Basic and the base64 of name:password", ErrMalformedHeader)
	}
	sum := sha256.Sum256(given)
	for _, secret := range a.texts {
		want := sha256.Sum256(credentials(secret))
		if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
			return a.event(HeaderID, time.Time{}), nil
		}
	}
	return Event{}, fmt.Errorf("%w: check that name and password are those of this endpoint", ErrNoMatch)
}

func credentials(secret string) []byte {
	if !strings.Contains(secret, ":") {
		secret = basicName + ":" + secret
	}
	return []byte(secret)
}
