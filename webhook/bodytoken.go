package webhook

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"
)

// tokenName is the member of an object, or the field of a form, that holds the
// secret.
const tokenName = "token"

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// bodyToken is the scheme of receivers that look for the secret in what they are
// sent. It comes last there: of two members of one name parsers take the last.
type bodyToken struct{}

func (bodyToken) adds() (headers, query []string) { return nil, nil }

func (bodyToken) sign(m *Message, secrets []string) Signature {
	media, _, _ := mime.ParseMediaType(m.ContentType)
	if media == formType {
		field := tokenName + "=" + url.QueryEscape(secrets[0])
		if len(m.Body) == 0 {
			return Signature{Body: []byte(field)}
		}
		return Signature{Body: append(append(bytes.Clone(m.Body), '&'), field...)}
	}
	member := append([]byte(`"`+tokenName+`":`), quoted(secrets[0])...)
	if object, ok := openObject(m.Body); ok {
		return Signature{ContentType: jsonType, Body: append(append(object, member...), '}')}
	}
	data := m.Body
	if !json.Valid(data) {
		data = quoted(string(data))
	}
	b := append([]byte(`{"data":`), data...)
	return Signature{ContentType: jsonType, Body: append(append(append(b, ','), member...), '}')}
}

// openObject returns the JSON object that body is, as far as another member may
// follow.
func openObject(body []byte) (object []byte, ok bool) {
	text := bytes.Trim(body, " \t\r\n")
	if !bytes.HasPrefix(text, []byte("{")) || !json.Valid(text) {
		return nil, false
	}
	object = bytes.TrimRight(text[:len(text)-1], " \t\r\n")
	if len(object) == 1 {
		return bytes.Clone(object), true
	}
	return append(bytes.Clone(object), ','), true
}

// quoted is s as a JSON string. What is not UTF-8 in it is replaced.
func quoted(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a form
	}
	return text
}

// verify compares digests: the length of what they are of would show otherwise.
func (bodyToken) verify(a *arrival) (Event, error) {
	token, err := tokenIn(a.header.Get("Content-Type"), a.body)
	if err != nil {
		return Event{}, err
	}
	sum := sha256.Sum256([]byte(token))
	for _, secret := range a.texts {
		want := sha256.Sum256([]byte(secret))
		if subtle.ConstantTimeCompare(sum[:], want[:]) == 1 {
			return a.event(HeaderID, time.Time{}), nil
		}
	}
	return Event{}, fmt.Errorf("%w: check that the %s in the body is the secret of this endpoint", ErrNoMatch, tokenName)
}

func tokenIn(contentType string, body []byte) (token string, err error) {
	if media, _, _ := mime.ParseMediaType(contentType); media == formType {
		fields, err := url.ParseQuery(string(body))
		if all := fields[tokenName]; err == nil && len(all) > 0 {
			return all[len(all)-1], nil
		}
		return "", fmt.Errorf("%w: the form has no field %s", ErrMissingHeader, tokenName)
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object[tokenName] == nil {
		return "", fmt.Errorf("%w: the body is no JSON object with a member %s", ErrMissingHeader, tokenName)
	}
	if json.Unmarshal(object[tokenName], &token) != nil || !strings.HasPrefix(string(object[tokenName]), `"`) {
		return "", fmt.Errorf("%w: the member %s of the body is not a string", ErrMalformedHeader, tokenName)
	}
	return token, nil
}
