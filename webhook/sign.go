package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// ErrNoSecret is the error of a signer or verifier that was given no secret.
var ErrNoSecret = errors.New("no webhook secret is configured")

// maxSignatures is how many signatures of one request a verifier examines,
// and so how many a signer makes.
const maxSignatures = 32

// The versions of a signature: HMAC-SHA256 and ed25519.
const (
	versionHMAC    = "v1"
	versionEd25519 = "v1a"
)

// Signer signs with one secret, or with several while one replaces another:
// a receiver that knows any of them is content. It is safe for concurrent use.
type Signer struct {
	secrets []*Secret
}

// NewSigner returns a signer that signs with each of the 1 to 32 secrets, in
// that order. A public key is refused with [ErrSecret], because it cannot
// sign; having no secret is [ErrNoSecret].
func NewSigner(secrets ...*Secret) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, ErrNoSecret
	}
	if len(secrets) > maxSignatures {
		return nil, fmt.Errorf("%w: %d secrets, receivers examine no more than %d signatures", ErrSecret, len(secrets), maxSignatures)
	}
	signer := &Signer{secrets: make([]*Secret, len(secrets))}
	for i, s := range secrets {
		switch {
		case s.none():
			return nil, ErrNoSecret
		case s.kind == prefixPublic:
			return nil, fmt.Errorf("%w: a public key (whpk_) cannot sign; use its private key (whsk_)", ErrSecret)
		}
		signer.secrets[i] = s
	}
	return signer, nil
}

// Sign returns the value of the header webhook-signature for message id with
// this body, sent at that time: one signature per secret, separated by spaces.
// The header webhook-timestamp must then be at.Unix().
//
// Sign panics if [ValidID] refuses id, because two different messages could
// then have the same signature.
func (s *Signer) Sign(id string, at time.Time, body []byte) string {
	if !ValidID(id) {
		panic("webhook: an id that cannot be signed: see ValidID")
	}
	p := pads.Get().(*pad)
	p.head = appendHead(p.head[:0], id)
	p.head = strconv.AppendInt(p.head, at.Unix(), 10)
	p.head = append(p.head, '.')
	p.out = p.out[:0]
	for i, secret := range s.secrets {
		if i > 0 {
			p.out = append(p.out, ' ')
		}
		p.appendSignature(secret, body)
	}
	header := string(p.out)
	p.release()
	return header
}

// pad is the scratch memory of one call, kept for the next.
type pad struct {
	head []byte // "id.timestamp."
	sum  []byte // one raw signature
	out  []byte // the header
	text []byte // head and body together, which only ed25519 needs
}

var pads = sync.Pool{New: func() any { return new(pad) }}

// maxPad is the longest text whose memory is kept: one huge message must not
// stay in memory for as long as small ones come.
const maxPad = 64 << 10

func (p *pad) release() {
	if cap(p.text) > maxPad {
		p.text = nil
	}
	pads.Put(p)
}

// appendHead appends the part of the signed text before the timestamp.
func appendHead(dst []byte, id string) []byte {
	return append(append(dst, id...), '.')
}

// appendSignature appends to out what secret makes of head and body.
func (p *pad) appendSignature(secret *Secret, body []byte) {
	if secret.kind == prefixHMAC {
		p.out = append(p.out, versionHMAC...)
		p.sum = secret.appendMAC(p.sum[:0], p.head, body)
	} else {
		p.out = append(p.out, versionEd25519...)
		p.sum = append(p.sum[:0], ed25519.Sign(secret.private, p.signed(body))...)
	}
	p.out = append(p.out, ',')
	p.out = base64.StdEncoding.AppendEncode(p.out, p.sum)
}

// signed returns head and body in one piece.
func (p *pad) signed(body []byte) []byte {
	p.text = append(append(p.text[:0], p.head...), body...)
	return p.text
}
