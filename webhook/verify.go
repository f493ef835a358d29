package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What can be wrong with a webhook. [Verifier.Verify] wraps these with what
// was found and what to check; so does it [ErrNoSecret].
var (
	ErrMissingHeader   = errors.New("webhook header missing")
	ErrMalformedHeader = errors.New("webhook header malformed")
	ErrTooOld          = errors.New("webhook too old")
	ErrTooNew          = errors.New("webhook signed in the future")
	ErrNoMatch         = errors.New("no webhook signature matches")
)

// Verifier verifies webhooks that any of its secrets may have signed. It is
// safe for concurrent use.
type Verifier struct {
	// Tolerance is how far the timestamp of a webhook may be from the
	// clock, either way; exactly that far is accepted. Zero means five
	// minutes. It must not change while the verifier is in use. Stripe's
	// webhooks may be of the future, and some profiles have no time at all.
	Tolerance time.Duration

	// URL is where senders send, as they know it, for the profiles that sign
	// it; its query does not count, the request's does. Empty means what the
	// request says, which is something else behind most proxies. It must not
	// change while the verifier is in use.
	URL string

	hmacs []*Secret
	keys  []ed25519.PublicKey

	scheme scheme   // nil: of hmacs and keys
	texts  []string // the secrets of scheme
}

const defaultTolerance = 5 * time.Minute

// NewVerifier returns a verifier for secrets: several while the sender
// replaces one by another. A nil secret is as none, and a verifier without
// secrets refuses everything with [ErrNoSecret].
func NewVerifier(secrets ...*Secret) *Verifier {
	v := new(Verifier)
	for _, s := range secrets {
		switch {
		case s.none():
		case s.kind == prefixHMAC:
			v.hmacs = append(v.hmacs, s)
		default:
			v.keys = append(v.keys, s.public)
		}
	}
	return v
}

// Verify returns the event that a request with this header and body carries,
// if one of the first 32 signatures is by one of the secrets and the timestamp
// is close enough to now. Body must be the bytes as they arrived: JSON that was
// decoded and encoded again is another text. The event shares it.
//
// Where no webhook-id, webhook-timestamp or webhook-signature is present, the
// headers svix-id, svix-timestamp and svix-signature take their place.
//
// A verifier that a [Profile] made goes by that, and where it needs the URL of the
// request takes the field URL for it, query included: see [Verifier.VerifyRequest].
func (v *Verifier) Verify(header http.Header, body []byte, now time.Time) (Event, error) {
	if v != nil && v.scheme != nil {
		return v.scheme.verify(&arrival{v, header, v.URL, body, now})
	}
	if v == nil || len(v.hmacs)+len(v.keys) == 0 {
		return Event{}, fmt.Errorf("%w: give the verifier the secret of the endpoint", ErrNoSecret)
	}
	signed, err := readHeaders(header)
	if err != nil {
		return Event{}, err
	}
	if err := v.checkTime(signed.at, now); err != nil {
		return Event{}, err
	}
	if err := v.match(signed, body); err != nil {
		return Event{}, err
	}
	return Event{ID: signed.id, Type: eventType(header, body), Application: header.Get(HeaderApplication), Test: header.Get(HeaderTest) == "true", Time: signed.at, Body: body}, nil
}

// signedHeaders are the three headers that are signed or signatures.
type signedHeaders struct {
	id         string
	timestamp  string // as it was sent and signed
	at         time.Time
	signatures string
}

func readHeaders(header http.Header) (signedHeaders, error) {
	names := [3]string{HeaderID, HeaderTimestamp, HeaderSignature}
	if !hasAny(header, names) {
		if svix := [3]string{"svix-id", "svix-timestamp", "svix-signature"}; hasAny(header, svix) {
			names = svix
		}
	}
	var values [3]string
	for i, name := range names {
		value, err := single(header, name)
		if err != nil {
			return signedHeaders{}, err
		}
		values[i] = value
	}
	if !ValidID(values[0]) {
		return signedHeaders{}, fmt.Errorf("%w: %s must be 1 to %d visible ASCII characters without a dot", ErrMalformedHeader, names[0], maxID)
	}
	at, ok := parseTimestamp(values[1])
	if !ok {
		return signedHeaders{}, fmt.Errorf("%w: %s must be whole seconds since 1970 in decimal digits", ErrMalformedHeader, names[1])
	}
	return signedHeaders{id: values[0], timestamp: values[1], at: at, signatures: values[2]}, nil
}

func hasAny(header http.Header, names [3]string) bool {
	for _, name := range names {
		if len(header.Values(name)) > 0 {
			return true
		}
	}
	return false
}

// single returns the value of a header that must be there once: of two, the
// application might go by another than the one that was verified.
func single(header http.Header, name string) (string, error) {
	values := header.Values(name)
	switch {
	case len(values) > 1:
		return "", fmt.Errorf("%w: %s is there %d times", ErrMalformedHeader, name, len(values))
	case len(values) == 0 || values[0] == "":
		return "", fmt.Errorf("%w: %s; check that a proxy does not strip it and that the sender signs in this way",
			ErrMissingHeader, name)
	}
	return values[0], nil
}

// parseTimestamp takes up to 12 digits, and so the next thirty thousand years.
func parseTimestamp(text string) (time.Time, bool) {
	if len(text) == 0 || len(text) > 12 || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

func (v *Verifier) checkTime(at, now time.Time) error {
	tolerance := v.Tolerance
	if tolerance == 0 {
		tolerance = defaultTolerance
	}
	switch age := now.Sub(at); {
	case age > tolerance:
		return fmt.Errorf("%w: it was signed %s ago, %s is allowed; check the clocks of both sides, or whether this is an old request sent again",
			ErrTooOld, age.Round(time.Second), tolerance)
	case age < -tolerance: // the least Duration, which Sub returns for the far future, has no positive
		return fmt.Errorf("%w: by %s, %s is allowed; check the clocks of both sides",
			ErrTooNew, at.Sub(now).Round(time.Second), tolerance)
	}
	return nil
}

// match returns nil if a signature is by one of the secrets. It compares what
// the signatures decode to, because one signature has several spellings.
func (v *Verifier) match(signed signedHeaders, body []byte) error {
	p := pads.Get().(*pad)
	defer p.release()
	p.head = appendHead(p.head[:0], signed.id)
	p.head = append(append(p.head, signed.timestamp...), '.')

	macs := v.macs(p.head, body)
	var text []byte
	if len(v.keys) > 0 {
		text = p.signed(body)
	}
	compared := 0
	rest, more := signed.signatures, true
	for n := 0; more && n < maxSignatures; n++ {
		var one string
		one, rest, more = strings.Cut(rest, " ")
		version, encoded, _ := strings.Cut(one, ",")
		switch {
		case version == versionHMAC && len(macs) > 0:
			compared++
			if isAnyOf(macs, decodeSignature(encoded, sha256.Size)) {
				return nil
			}
		case version == versionEd25519 && len(v.keys) > 0:
			compared++
			if isByAnyOf(v.keys, text, decodeSignature(encoded, ed25519.SignatureSize)) {
				return nil
			}
		}
	}
	if compared == 0 {
		return fmt.Errorf("%w: none is of a version the secret can check; v1 needs a whsec_ secret, v1a a whsk_ or whpk_ key", ErrNoMatch)
	}
	return fmt.Errorf("%w: check that the secret is the one of this endpoint, and that the body is verified as it arrived, before anything decodes it", ErrNoMatch)
}

// macs returns what the signature by each HMAC secret would be.
func (v *Verifier) macs(head, body []byte) [][]byte {
	macs := make([][]byte, len(v.hmacs))
	for i, s := range v.hmacs {
		macs[i] = s.appendMAC(nil, head, body)
	}
	return macs
}

// decodeSignature returns nil unless encoded is the base64 of size bytes, in
// the one spelling that standard encoders write.
func decodeSignature(encoded string, size int) []byte {
	if len(encoded) != base64.StdEncoding.EncodedLen(size) {
		return nil
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(signature) != size {
		return nil
	}
	return signature
}

func isAnyOf(macs [][]byte, signature []byte) bool {
	for _, mac := range macs {
		if hmac.Equal(mac, signature) {
			return true
		}
	}
	return false
}

func isByAnyOf(keys []ed25519.PublicKey, text, signature []byte) bool {
	for _, key := range keys {
		if ed25519.Verify(key, text, signature) {
			return true
		}
	}
	return false
}
