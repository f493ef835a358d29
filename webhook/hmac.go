package webhook

import (
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
)

// HMAC is the way of a sender that has no [Profile] here, and puts an HMAC of the body
// into a header. It verifies requests; the zero HMAC is of no use.
type HMAC struct {
	Header    string // such as X-Signature
	Algorithm string // sha256 (or ""), sha1 or sha512
	Encoding  string // hex (or "") or base64
	Prefix    string // before the digest, such as "sha256="
}

// Check says what is wrong with h.
func (h HMAC) Check() error {
	_, err := h.digest()
	return err
}

func (h HMAC) digest() (digest, error) {
	hashes := map[string]func() hash.Hash{"": sha256Of, "sha256": sha256Of, "sha1": sha1.New, "sha512": sha512.New}
	encodings := map[string]encoding{"": hexadecimal{}, "hex": hexadecimal{}, "base64": base64.StdEncoding.Strict()}
	d := digest{header: h.Header, prefix: h.Prefix, hash: hashes[h.Algorithm], encoding: encodings[h.Encoding]}
	switch {
	case h.Header == "":
		return d, errors.New("name the header that holds the signature")
	case d.hash == nil:
		return d, errors.New("the algorithm is sha256, sha1 or sha512")
	case d.encoding == nil:
		return d, errors.New("the encoding is hex or base64")
	}
	return d, nil
}

// Verifier returns a verifier of requests that any of the secrets may have signed. The
// error is [ErrNoSecret], or that of Check.
func (h HMAC) Verifier(secrets ...string) (*Verifier, error) {
	d, err := h.digest()
	if err != nil {
		return nil, err
	}
	if err := RESTHooks.checkSecrets(secrets); err != nil { // as all that is signed by any text
		return nil, err
	}
	return &Verifier{scheme: d, texts: secrets}, nil
}

// Sign returns the header that a request with that body must have, signed by secret.
func (h HMAC) Sign(body []byte, secret string) (Field, error) {
	d, err := h.digest()
	if err != nil {
		return Field{}, err
	}
	if secret == "" {
		return Field{}, ErrNoSecret
	}
	return d.sign(&Message{Body: body}, []string{secret}).Header[0], nil
}
