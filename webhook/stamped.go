package webhook

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	stripeHeader   = "Stripe-Signature"
	slackTimestamp = "X-Slack-Request-Timestamp"
)

// stripe is the scheme of Stripe, as stripe-go verifies it.
type stripe struct{}

func (stripe) adds() (headers, query []string) { return []string{stripeHeader}, nil }

func (stripe) sign(m *Message, secrets []string) Signature {
	at := unix(m.Time)
	value := "t=" + at
	for _, secret := range secrets {
		value += ",v1=" + hexadecimal{}.EncodeToString(macOf(sha256.New, secret, []byte(at), []byte("."), m.Body))
	}
	return Signature{Header: []Field{{stripeHeader, value}}}
}

// verify refuses what is too old, but not what is ahead of the clock.
func (stripe) verify(a *arrival) (Event, error) {
	value, err := single(a.header, stripeHeader)
	if err != nil {
		return Event{}, err
	}
	timestamp, macs, err := readStripe(value)
	if err != nil {
		return Event{}, err
	}
	at, err := a.stamp("t of "+stripeHeader, timestamp)
	if err != nil && !errors.Is(err, ErrTooNew) {
		return Event{}, err
	}
	if err := a.isBy(macs, sha256Of, []byte(timestamp), []byte("."), a.body); err != nil {
		return Event{}, err
	}
	return a.event(HeaderID, at), nil
}

// readStripe reads the time and the first v1 signatures of a header. One that is
// no digest is passed over, and so is what has another name.
func readStripe(value string) (timestamp string, macs [][]byte, err error) {
	for part := range strings.SplitSeq(value, ",") {
		name, text, ok := strings.Cut(part, "=")
		switch {
		case !ok || strings.Contains(text, "="):
			return "", nil, fmt.Errorf("%w: %s must be name=value, with commas between them", ErrMalformedHeader, stripeHeader)
		case name == "t" && timestamp != "":
			return "", nil, fmt.Errorf("%w: %s has two times", ErrMalformedHeader, stripeHeader)
		case name == "t":
			timestamp = text
		case name == "v1" && len(macs) < maxSignatures:
			if mac, err := decodeDigest(stripeHeader, text, hexadecimal{}, sha256.Size); err == nil {
				macs = append(macs, mac)
			}
		}
	}
	if timestamp == "" {
		return "", nil, fmt.Errorf("%w: %s has no time", ErrMalformedHeader, stripeHeader)
	}
	return timestamp, macs, nil
}

// slack is the scheme of Slack's signed requests.
type slack struct{}

var slackDigest = digest{header: "X-Slack-Signature", prefix: "v0=", hash: sha256Of, encoding: hexadecimal{}}

func (slack) adds() (headers, query []string) {
	return []string{slackTimestamp, slackDigest.header}, nil
}

func (slack) sign(m *Message, secrets []string) Signature {
	at := unix(m.Time)
	mac := macOf(sha256.New, secrets[0], []byte("v0:"+at+":"), m.Body)
	return Signature{Header: []Field{
		{slackTimestamp, at},
		{slackDigest.header, slackDigest.prefix + hexadecimal{}.EncodeToString(mac)},
	}}
}

func (slack) verify(a *arrival) (Event, error) {
	timestamp, err := single(a.header, slackTimestamp)
	if err != nil {
		return Event{}, err
	}
	at, err := a.stamp(slackTimestamp, timestamp)
	if err != nil {
		return Event{}, err
	}
	if err := slackDigest.check(a, []byte("v0:"+timestamp+":"), a.body); err != nil {
		return Event{}, err
	}
	return a.event(HeaderID, at), nil
}

// The parameters of the profile Query.
const (
	queryID        = "whid"
	queryTimestamp = "whts"
	querySignature = "whsig"
)

type query struct{}

func (query) adds() (headers, query []string) {
	return nil, []string{queryID, queryTimestamp, querySignature}
}

func (query) sign(m *Message, secrets []string) Signature {
	if !ValidID(m.ID) {
		panic("webhook: an id that cannot be signed: see ValidID")
	}
	at := unix(m.Time)
	added := queryID + "=" + url.QueryEscape(m.ID) + "&" + queryTimestamp + "=" + at
	for _, secret := range secrets {
		mac := macOf(sha256.New, secret, []byte(m.ID+"."+at+"."), m.Body)
		added += "&" + querySignature + "=" + hexadecimal{}.EncodeToString(mac)
	}
	return Signature{Query: added}
}

func (query) verify(a *arrival) (Event, error) {
	values, err := parameters(a.url)
	if err != nil {
		return Event{}, err
	}
	for _, name := range []string{queryID, queryTimestamp, querySignature} {
		switch n := len(values[name]); {
		case n == 0:
			return Event{}, fmt.Errorf("%w: %s in the query of the URL", ErrMissingHeader, name)
		case n > 1 && name != querySignature:
			return Event{}, fmt.Errorf("%w: %s is in the query %d times", ErrMalformedHeader, name, n)
		}
	}
	id, timestamp, signatures := values.Get(queryID), values.Get(queryTimestamp), values[querySignature]
	if !ValidID(id) {
		return Event{}, fmt.Errorf("%w: %s must be 1 to %d visible ASCII characters without a dot", ErrMalformedHeader, queryID, maxID)
	}
	at, err := a.stamp(queryTimestamp, timestamp)
	if err != nil {
		return Event{}, err
	}
	var macs [][]byte
	for _, text := range signatures[:min(len(signatures), maxSignatures)] {
		mac, err := decodeDigest(querySignature, text, hexadecimal{}, sha256.Size)
		if err != nil {
			return Event{}, err
		}
		macs = append(macs, mac)
	}
	if err := a.isBy(macs, sha256Of, []byte(id+"."+timestamp+"."), a.body); err != nil {
		return Event{}, err
	}
	return Event{ID: id, Type: eventType(a.header, a.body), Application: a.header.Get(HeaderApplication), Test: a.header.Get(HeaderTest) == "true", Time: at, Body: a.body}, nil
}

// none is the scheme of no signature at all.
type none struct{}

func (none) adds() (headers, query []string)   { return nil, nil }
func (none) sign(*Message, []string) Signature { return Signature{} }

func (none) verify(a *arrival) (Event, error) { return a.event(HeaderID, time.Time{}), nil }
