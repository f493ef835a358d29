package webhook

import (
	"crypto/sha1"
	"fmt"
	"hash"
	"strings"
	"time"
)

// A digest is a scheme that puts the HMAC of the body into one header.
type digest struct {
	header   string
	prefix   string // before the digest
	hash     func() hash.Hash
	encoding encoding
}

// xHub is what WebSub defined and Intercom and old receivers of GitHub speak.
var xHub = digest{header: "X-Hub-Signature", prefix: "sha1=", hash: sha1.New, encoding: hexadecimal{}}

func (d digest) adds() (headers, query []string) { return []string{d.header}, nil }

func (d digest) sign(m *Message, secrets []string) Signature {
	value := d.prefix + d.encoding.EncodeToString(macOf(d.hash, secrets[0], m.Body))
	return Signature{Header: []Field{{d.header, value}}}
}

func (d digest) verify(a *arrival) (Event, error) {
	if err := d.check(a, a.body); err != nil {
		return Event{}, err
	}
	return a.event(HeaderID, time.Time{}), nil
}

// check returns nil if the header holds the HMAC of the parts.
func (d digest) check(a *arrival, parts ...[]byte) error {
	value, err := single(a.header, d.header)
	if err != nil {
		return err
	}
	encoded, ok := strings.CutPrefix(value, d.prefix)
	if !ok {
		return fmt.Errorf("%w: %s must begin with %s", ErrMalformedHeader, d.header, d.prefix)
	}
	mac, err := decodeDigest(d.header, encoded, d.encoding, d.hash().Size())
	if err != nil {
		return err
	}
	return a.isBy([][]byte{mac}, d.hash, parts...)
}

// named is a digest beside which headers say what happened and which event it is.
func (d digest) named(a *arrival, eventHeader, idHeader string) (Event, error) {
	if err := d.check(a, a.body); err != nil {
		return Event{}, err
	}
	event := a.event(idHeader, time.Time{})
	if t := a.header.Get(eventHeader); t != "" {
		event.Type = t
	}
	return event, nil
}

const (
	gitHubEvent    = "X-GitHub-Event"
	gitHubDelivery = "X-GitHub-Delivery"
)

var hub256 = digest{header: "X-Hub-Signature-256", prefix: "sha256=", hash: sha256Of, encoding: hexadecimal{}}

type github struct{}

func (github) adds() (headers, query []string) {
	return []string{gitHubEvent, gitHubDelivery, xHub.header, hub256.header}, nil
}

func (github) sign(m *Message, secrets []string) Signature {
	return Signature{Header: []Field{
		{gitHubEvent, m.Type},
		{gitHubDelivery, m.ID},
		xHub.sign(m, secrets).Header[0],
		hub256.sign(m, secrets).Header[0],
	}}
}

func (github) verify(a *arrival) (Event, error) {
	return hub256.named(a, gitHubEvent, gitHubDelivery)
}

const (
	shopifyTopic = "X-Shopify-Topic"
	shopifyID    = "X-Shopify-Webhook-Id"
)

var shopifyDigest = digest{header: "X-Shopify-Hmac-Sha256", hash: sha256Of, encoding: standardBase64}

type shopify struct{}

func (shopify) adds() (headers, query []string) {
	return []string{shopifyTopic, shopifyID, shopifyDigest.header}, nil
}

func (shopify) sign(m *Message, secrets []string) Signature {
	return Signature{Header: []Field{
		{shopifyTopic, m.Type},
		{shopifyID, m.ID},
		shopifyDigest.sign(m, secrets).Header[0],
	}}
}

func (shopify) verify(a *arrival) (Event, error) {
	return shopifyDigest.named(a, shopifyTopic, shopifyID)
}
