package fanfare

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
	"github.com/fanfarehq/fanfare/webhook"
)

// Bounds on the secrets of profiles whose secrets are any text.
const (
	minSecretText = 8
	maxSecretText = 256
)

// redacted ends what String tells of any secret.
const redacted = "_[redacted]"

// profile is how attempts to ep are signed.
func (ep *Endpoint) profile() webhook.Profile {
	return webhook.Profile(orDefault(ep.Signature, string(webhook.Standard)))
}

// checkSignature refuses a profile that does not exist, secrets that do not suit
// it, and headers and parameters that it sets itself.
func (ep *Endpoint) checkSignature() error {
	profile := ep.profile()
	if !profile.Known() {
		return &InvalidError{"signature", oneOf(webhook.Profiles())}
	}
	for _, s := range ep.Secrets {
		if err := checkSecret(profile, s.Text); err != nil {
			return err
		}
	}
	headers, query := profile.Adds()
	for name := range ep.Headers {
		if slices.ContainsFunc(headers, func(own string) bool { return strings.EqualFold(own, name) }) {
			return &InvalidError{"headers", fmt.Sprintf("%s is set by the signature %s", name, profile)}
		}
	}
	u, err := url.Parse(ep.URL)
	if err != nil {
		return &InvalidError{"url", err.Error()}
	}
	for _, name := range query {
		if u.Query().Has(name) {
			return &InvalidError{"url", fmt.Sprintf("%s in the query is set by the signature %s; remove it from the URL", name, profile)}
		}
	}
	return nil
}

func checkSecret(profile webhook.Profile, text string) error {
	if profile == webhook.Standard {
		if _, err := webhook.ParseSecret(text); err != nil {
			return &InvalidError{"secret", err.Error()}
		}
		return nil
	}
	if strings.HasSuffix(text, redacted) {
		return &InvalidError{"secret", "is what String tells of a Secret of package webhook; its text is what Reveal tells"}
	}
	if len(text) < minSecretText || len(text) > maxSecretText || !printable(text) {
		return &InvalidError{"secret", fmt.Sprintf("for the signature %s it must have %d to %d printable ASCII characters",
			profile, minSecretText, maxSecretText)}
	}
	return nil
}

// newTextSigner makes a signer for a profile other than the standard's. It signs
// once, so that signing cannot fail afterwards.
func newTextSigner(profile webhook.Profile, inForce []Secret, until time.Time) (signer, error) {
	s := signer{until: until}
	for _, secret := range inForce {
		s.texts = append(s.texts, secret.Text)
	}
	_, err := profile.Sign(&webhook.Message{ID: "msg_"}, s.texts...)
	return s, err
}

// profileHeader is requestHeader for a profile other than the standard's. The
// message's id and type are there as well: receivers go by the id when a message
// comes again. query is what the URL's query must have added. A profile that stands
// in the body changes out.
func (t *target) profileHeader(msg *Message, out *formatted, at time.Time) (header []Header, query string) {
	signed, err := t.profile().Sign(&webhook.Message{
		ID: string(msg.ID), Type: msg.EventType, Time: at,
		URL: t.URL, ContentType: out.contentType, Body: out.body,
	}, t.signer(at).texts...)
	if err != nil {
		panic(err) // newTextSigner has tried
	}
	if signed.Body != nil {
		out.body, out.contentType = signed.Body, orDefault(signed.ContentType, out.contentType)
	}
	header = append(slices.Clip(t.constant),
		Header{Name: "Content-Type", Value: out.contentType},
		Header{Name: webhook.HeaderID, Value: string(msg.ID)},
	)
	if msg.EventType != "" {
		header = append(header, Header{Name: webhook.HeaderEventType, Value: msg.EventType})
	}
	for _, f := range signed.Header {
		header = append(header, Header(f))
	}
	return append(header, out.header...), signed.Query
}

// shopHeader is what Shopify's own library refuses a webhook without, beside what
// is signed: whose it is, which is the application's uid or else its id, and a
// version of the API, which is the one that promises nothing. The endpoint's own
// headers of these names go before.
func (ep *Endpoint) shopHeader(owner string) []Header {
	if ep.profile() != webhook.Shopify {
		return nil
	}
	header := []Header{{"X-Shopify-Shop-Domain", owner}, {"X-Shopify-API-Version", "unstable"}}
	return slices.DeleteFunc(header, func(h Header) bool {
		for name := range ep.Headers {
			if strings.EqualFold(name, h.Name) {
				return true
			}
		}
		return false
	})
}

// withQuery is where a request goes whose URL has more in its query than t's. It
// shares t's connections.
func (t *target) withQuery(query string) (rawURL string, to *post.Target) {
	rawURL = webhook.AddQuery(t.URL, query)
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err) // t.URL is a URL, and query is escaped
	}
	return rawURL, t.reach(u)
}
