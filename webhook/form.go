package webhook

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"
)

// bodyDigest is the parameter of the query that holds the SHA-256 of a body that is
// no form, in hexadecimal digits.
const bodyDigest = "bodySHA256"

// A form is the scheme of Mandrill and Twilio, which put into this header the
// HMAC-SHA1 of the URL and the decoded fields, in order of name.
type form struct{ header string }

func (f form) adds() (headers, query []string) {
	return []string{f.header}, []string{bodyDigest}
}

func (f form) sign(m *Message, secrets []string) Signature {
	var s Signature
	text := m.URL
	if fields, ok := formFields(m.ContentType, m.Body); ok {
		text += fields
	} else {
		sum := sha256.Sum256(m.Body)
		s.Query = bodyDigest + "=" + hex.EncodeToString(sum[:])
		text = AddQuery(m.URL, s.Query)
	}
	s.Header = []Field{{f.header, standardBase64.EncodeToString(macOf(sha1.New, secrets[0], []byte(text)))}}
	return s
}

func (f form) verify(a *arrival) (Event, error) {
	value, err := single(a.header, f.header)
	if err != nil {
		return Event{}, err
	}
	mac, err := decodeDigest(f.header, value, standardBase64, sha1.Size)
	if err != nil {
		return Event{}, err
	}
	fields, ok := formFields(a.header.Get("Content-Type"), a.body)
	if !ok {
		if err := checkBodyDigest(a.url, a.body); err != nil {
			return Event{}, err
		}
	}
	other := toggledPort(a.url)
	if a.isBy([][]byte{mac}, sha1.New, []byte(other+fields)) != nil {
		err = a.isBy([][]byte{mac}, sha1.New, []byte(a.url+fields))
	}
	if err != nil {
		return Event{}, fmt.Errorf("%w; or that %s is the URL that the sender knows, which behind a proxy the verifier must be told", err, a.url)
	}
	return a.event(HeaderID, time.Time{}), nil
}

// formFields returns the names and values of a form's fields as they are signed: in
// order of name, and those of one name in order of value, each once. What does not
// parse as a form is none.
func formFields(contentType string, body []byte) (fields string, ok bool) {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != formType {
		return "", false
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return "", false
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		slices.Sort(values[name])
		for _, value := range slices.Compact(values[name]) {
			text.WriteString(name)
			text.WriteString(value)
		}
	}
	return text.String(), true
}

// checkBodyDigest returns nil if the query of the URL, which is signed, holds the
// digest of the body, which is not.
func checkBodyDigest(rawURL string, body []byte) error {
	values, err := parameters(rawURL)
	if err != nil {
		return err
	}
	switch n := len(values[bodyDigest]); {
	case n == 0:
		return fmt.Errorf("%w: the body is no form, and %s is not in the query of the URL", ErrMissingHeader, bodyDigest)
	case n > 1:
		return fmt.Errorf("%w: %s is in the query %d times", ErrMalformedHeader, bodyDigest, n)
	}
	claimed, err := decodeDigest(bodyDigest, values.Get(bodyDigest), hexadecimal{}, sha256.Size)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(body); subtle.ConstantTimeCompare(sum[:], claimed) == 0 {
		return fmt.Errorf("%w: the body is not the one of %s", ErrNoMatch, bodyDigest)
	}
	return nil
}

// toggledPort returns the URL with the port of its scheme, or without it if it has
// it: senders do not agree whether that is a part of what they sign.
func toggledPort(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	port := ":80"
	if u.Scheme == "https" {
		port = ":443"
	}
	host, had := strings.CutSuffix(u.Host, port)
	switch {
	case had:
	case u.Port() == "":
		host += port
	default:
		return rawURL
	}
	before, after, _ := strings.Cut(rawURL, u.Host) // the rest must stay as it is spelt
	return before + host + after
}

// AddQuery returns the URL with more added to its query, as [Profile.Sign] asks for.
func AddQuery(rawURL, more string) string {
	switch {
	case more == "":
		return rawURL
	case !strings.Contains(rawURL, "?"):
		return rawURL + "?" + more
	case strings.HasSuffix(rawURL, "?"), strings.HasSuffix(rawURL, "&"):
		return rawURL + more
	default:
		return rawURL + "&" + more
	}
}
