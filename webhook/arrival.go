package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Verifier returns a verifier of requests that any of the secrets may have signed
// in this profile. Requests come to it by [Verifier.VerifyRequest]; a [Handler]
// does that. The errors are those of [Profile.Sign].
func (p Profile) Verifier(secrets ...string) (*Verifier, error) {
	if err := p.checkSecrets(secrets); err != nil {
		return nil, err
	}
	if p != Standard {
		return &Verifier{scheme: schemes[p], texts: secrets}, nil
	}
	parsed, err := parseSecrets(secrets)
	if err != nil {
		return nil, err
	}
	return NewVerifier(parsed...), nil
}

// VerifyRequest is [Verifier.Verify] for a request whose body was read: some
// profiles sign its URL, or have their signature there. The event is as complete
// as the profile: without a header for the id, or for the time, that is empty.
//
// [ErrMissingHeader] and [ErrMalformedHeader] are also about what should stand in
// the query.
func (v *Verifier) VerifyRequest(r *http.Request, body []byte, now time.Time) (Event, error) {
	if v == nil || v.scheme == nil {
		return v.Verify(r.Header, body, now)
	}
	return v.scheme.verify(&arrival{v, r.Header, v.urlOf(r), body, now})
}

// urlOf returns the URL that a request was sent to, as the sender has it: what
// stands before the query may have been changed on the way, the query is not.
func (v *Verifier) urlOf(r *http.Request) string {
	base, _, _ := strings.Cut(v.URL, "?")
	if base == "" {
		base = "http://"
		if r.TLS != nil {
			base = "https://"
		}
		base += r.Host + r.URL.EscapedPath()
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		base += "?" + r.URL.RawQuery
	}
	return base
}

// An arrival is a request that a scheme verifies.
type arrival struct {
	*Verifier
	header http.Header
	url    string
	body   []byte
	now    time.Time
}

// event is the request as an event, of what the named header says is its id. Where
// that is not there, the header webhook-id may be.
func (a *arrival) event(idHeader string, at time.Time) Event {
	id := ""
	for _, name := range []string{idHeader, HeaderID} {
		if id = a.header.Get(name); ValidID(id) {
			break
		}
		id = ""
	}
	return Event{ID: id, Type: eventType(a.header, a.body), Application: a.header.Get(HeaderApplication), Test: a.header.Get(HeaderTest) == "true", Time: at, Body: a.body}
}

// isBy returns nil if one of the macs is what one of the secrets makes of the
// parts.
func (a *arrival) isBy(macs [][]byte, hash func() hash.Hash, parts ...[]byte) error {
	for _, secret := range a.texts {
		if isAnyOf(macs, macOf(hash, secret, parts...)) {
			return nil
		}
	}
	return fmt.Errorf("%w: check that the secret is the one of this endpoint, and that the body is verified as it arrived, before anything decodes it", ErrNoMatch)
}

// stamp reads a time, which must be close enough to now.
func (a *arrival) stamp(what, text string) (time.Time, error) {
	at, ok := parseTimestamp(text)
	if !ok {
		return at, fmt.Errorf("%w: %s must be whole seconds since 1970 in decimal digits", ErrMalformedHeader, what)
	}
	return at, a.checkTime(at, a.now)
}

func macOf(hash func() hash.Hash, secret string, parts ...[]byte) []byte {
	mac := hmac.New(hash, []byte(secret))
	for _, part := range parts {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

func sha256Of() hash.Hash { return sha256.New() }

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// An encoding writes digests as text. What it reads has one spelling in base64 and,
// for want of a rule, upper and lower case in hexadecimal digits.
type encoding interface {
	EncodeToString(digest []byte) string
	DecodeString(text string) ([]byte, error)
}

var standardBase64 = base64.StdEncoding.Strict()

type hexadecimal struct{}

func (hexadecimal) EncodeToString(digest []byte) string      { return hex.EncodeToString(digest) }
func (hexadecimal) DecodeString(text string) ([]byte, error) { return hex.DecodeString(text) }

// decodeDigest reads one digest of size bytes.
func decodeDigest(what, text string, encoding encoding, size int) ([]byte, error) {
	digest, err := encoding.DecodeString(text)
	if err != nil || len(digest) != size || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%w: %s is not a digest of %d bytes", ErrMalformedHeader, what, size)
	}
	return digest, nil
}

// parameters reads the query of a URL.
func parameters(rawURL string) (url.Values, error) {
	_, query, _ := strings.Cut(rawURL, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("%w: the query of the URL: %w", ErrMalformedHeader, err)
	}
	return values, nil
}
