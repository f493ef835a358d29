package webhook

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

// A Profile is a way to sign webhooks that some receivers know already: which
// bytes are signed, by which algorithm, and where the signature stands. The
// secrets of all but [Standard] are raw text: Stripe's begins with "whsec_" too,
// but is not base64.
type Profile string

// The profiles. Of those whose format holds one signature only, the first secret
// signs; the others are signed with every secret, while one replaces another.
const (
	// Standard is Standard Webhooks, v1 and v1a: id, time and body, for each secret.
	Standard Profile = "standard"

	// GitHub signs the body, in X-Hub-Signature-256 and, for old receivers, with
	// SHA-1 in X-Hub-Signature. A [Verifier] goes by the first alone.
	GitHub Profile = "github"

	// Stripe signs time and body for each secret, in Stripe-Signature.
	Stripe Profile = "stripe"

	// Slack signs time and body, in X-Slack-Signature.
	Slack Profile = "slack"

	// Mandrill signs the URL and the fields of a form, in X-Mandrill-Signature.
	// A body that is no form is signed as by Twilio.
	Mandrill Profile = "mandrill"

	// Twilio signs the URL and the fields of a form, in X-Twilio-Signature. Of a
	// body that is no form the digest is added to the query as bodySHA256, and
	// the URL signed.
	Twilio Profile = "twilio"

	// Shopify signs the body, in X-Shopify-Hmac-Sha256. Its own library refuses
	// webhooks without X-Shopify-Shop-Domain and X-Shopify-API-Version, which no
	// signature covers and [Profile.Sign] does not add. An endpoint of Fanfare
	// sends the application's uid, or else its id, and "unstable", unless it has
	// headers of those names that say otherwise.
	Shopify Profile = "shopify"

	// Dropbox signs the body, in X-Dropbox-Signature.
	Dropbox Profile = "dropbox"

	// RESTHooks signs the body, in X-Hook-Signature, as resthooks.org and Asana do.
	RESTHooks Profile = "resthooks"

	// Intercom signs the body with SHA-1, in X-Hub-Signature, as WebSub does.
	Intercom Profile = "intercom"

	// Query is for receivers that cannot see headers, such as Google Apps Script.
	// The query holds whid, whts and, for each secret, a whsig: the HMAC-SHA256 in
	// hexadecimal digits of id, time and body with dots between them.
	Query Profile = "query"

	// Basic signs nothing: the secret is sent itself, as HTTP Basic credentials.
	// It is "name:password", or a password alone, whose name is then "webhook".
	Basic Profile = "basic"

	// BodyToken signs nothing: the secret is sent itself, as the member "token" of
	// a JSON body, or as a field of a form. A body that is neither a JSON object
	// nor a form becomes the member "data" of one.
	BodyToken Profile = "body-token"

	// None neither signs nor verifies anything.
	None Profile = "none"
)

// A scheme is what a profile does, but for [Standard], which [Signer] and
// [Verifier] do themselves.
type scheme interface {
	// adds names the headers and the parameters of the query that sign may set.
	adds() (headers, query []string)

	// sign returns what is to be added to a request that carries m. There is
	// at least one secret, the newest first.
	sign(m *Message, secrets []string) Signature

	// verify returns what the request says of itself, if it is by one of the
	// secrets.
	verify(r *arrival) (Event, error)
}

var schemes = map[Profile]scheme{
	Standard:  nil,
	GitHub:    github{},
	Stripe:    stripe{},
	Slack:     slack{},
	Mandrill:  form{"X-Mandrill-Signature"},
	Twilio:    form{"X-Twilio-Signature"},
	Shopify:   shopify{},
	Dropbox:   digest{header: "X-Dropbox-Signature", hash: sha256Of, encoding: hexadecimal{}},
	RESTHooks: digest{header: "X-Hook-Signature", hash: sha256Of, encoding: hexadecimal{}},
	Intercom:  xHub,
	Query:     query{},
	Basic:     basic{},
	BodyToken: bodyToken{},
	None:      none{},
}

// Profiles returns all profiles, in order of name.
func Profiles() []Profile {
	all := make([]Profile, 0, len(schemes))
	for p := range schemes {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// Known reports whether p is one of the profiles of this package.
func (p Profile) Known() bool {
	_, ok := schemes[p]
	return ok
}

// Overlaps reports whether a request can be signed by several secrets at once, so
// that the old one goes on working while receivers change over to its successor.
func (p Profile) Overlaps() bool { return p == Standard || p == Stripe || p == Query }

// GenerateSecret returns the text of a new secret, which nobody can guess.
func (p Profile) GenerateSecret() string {
	if p == Standard {
		return GenerateSecret().Reveal()
	}
	return rand.Text() + rand.Text()
}

// Adds returns the names of the headers and of the parameters of the URL's query
// that [Profile.Sign] may add, so that the caller adds no others of those names.
func (p Profile) Adds() (headers, query []string) {
	if p == Standard {
		return []string{HeaderID, HeaderTimestamp, HeaderSignature}, nil
	}
	if s := schemes[p]; s != nil {
		return s.adds()
	}
	return nil, nil
}

// Message is what one request carries and by which it is signed. A profile signs
// as much of it as its format has room for.
type Message struct {
	ID          string
	Type        string    // what happened; some profiles have a header for it
	Time        time.Time // of signing
	URL         string    // where it is sent, as the receiver knows it
	ContentType string    // of Body
	Body        []byte    // the bytes that are sent
}

// Signature is what a request carries because it is signed.
type Signature struct {
	Header []Field
	Query  string // to be added to the URL's query, escaped as that is

	// Body and ContentType are sent in place of the message's. Nil and empty:
	// those stay.
	Body        []byte
	ContentType string
}

// Field is a line of a header.
type Field struct{ Name, Value string }

// Sign returns what a request that carries m must have added to it. The newest
// secret comes first; no more than 32 are used. The error is [ErrNoSecret] when
// there is none, or one that is empty, and wraps [ErrSecret] when one does not
// suit the profile.
//
// Sign panics if [ValidID] refuses the id of m in a profile that signs the id.
func (p Profile) Sign(m *Message, secrets ...string) (Signature, error) {
	if err := p.checkSecrets(secrets); err != nil {
		return Signature{}, err
	}
	if p != Standard {
		return schemes[p].sign(m, secrets[:min(len(secrets), maxSignatures)]), nil
	}
	parsed, err := parseSecrets(secrets)
	if err != nil {
		return Signature{}, err
	}
	signer, err := NewSigner(parsed...)
	if err != nil {
		return Signature{}, err
	}
	return Signature{Header: []Field{
		{HeaderID, m.ID},
		{HeaderTimestamp, unix(m.Time)},
		{HeaderSignature, signer.Sign(m.ID, m.Time, m.Body)},
	}}, nil
}

func (p Profile) checkSecrets(secrets []string) error {
	switch {
	case !p.Known():
		return fmt.Errorf("webhook: unknown signature profile %q", string(p))
	case p != None && (len(secrets) == 0 || slices.Contains(secrets, "")):
		return ErrNoSecret
	}
	return nil
}

func parseSecrets(texts []string) ([]*Secret, error) {
	secrets := make([]*Secret, len(texts))
	for i, text := range texts {
		var err error
		if secrets[i], err = ParseSecret(text); err != nil {
			return nil, err
		}
	}
	return secrets, nil
}
