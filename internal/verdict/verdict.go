// Package verdict says of a webhook that has arrived what is known of its signature:
// whether it is good, and if it cannot be said, what it looks signed by. It is for
// those who look on, such as "fanfare listen" and the inspector; receivers use package
// webhook alone.
package verdict

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// A Verdict says what is known of a request's signature.
type Verdict struct {
	// State is "valid", "invalid", "unchecked" for want of a secret, "other" where
	// it is of another profile than the judge was told, or "absent".
	State  string
	Scheme string // of a valid one: v1, v1a or the profile; of another or an unchecked one: the profile it looks like
	Reason string // of an invalid one

	Missing bool // of an invalid one: what should sign it is not there
}

// A Judge verifies the signatures of requests.
type Judge struct {
	Profile  webhook.Profile   // that requests must be of; "": standard
	Secrets  []*webhook.Secret // of the standard profile
	Verifier *webhook.Verifier // of a profile other than the standard's
	URL      string            // where the sender has sent the request, but for the query; "": what the request says
}

// Of judges a request whose body was read.
func (j *Judge) Of(r *http.Request, body []byte, now time.Time) Verdict {
	told := j.Profile
	if told == "" {
		told = webhook.Standard // as a secret alone is one of its
	}
	seen := told // whatever else the request carries
	if there, _ := Shows(told, r); there == 0 && told != webhook.BodyToken {
		seen = ProfileOf(r)
	}
	switch {
	case seen != "" && seen != told && told != webhook.None && (j.Profile != "" || len(j.Secrets) > 0 || seen != webhook.Basic):
		return Verdict{State: "other", Scheme: string(seen)}
	case told != webhook.Standard:
		verifier := *j.Verifier
		verifier.URL = j.URL
		if _, err := verifier.VerifyRequest(r, body, now); err != nil {
			return Verdict{State: "invalid", Reason: err.Error(), Missing: errors.Is(err, webhook.ErrMissingHeader)}
		}
		return Verdict{State: "valid", Scheme: string(told)}
	case len(j.Secrets) == 0 && seen == webhook.Standard:
		return Verdict{State: "unchecked", Scheme: string(seen)}
	case len(j.Secrets) == 0:
		return Verdict{State: "absent"}
	}
	var first error
	for _, secret := range j.Secrets {
		_, err := webhook.NewVerifier(secret).Verify(r.Header, body, now)
		switch {
		case err == nil && secret.Public() != "":
			return Verdict{State: "valid", Scheme: "v1a"}
		case err == nil:
			return Verdict{State: "valid", Scheme: "v1"}
		case first == nil:
			first = err
		}
	}
	return Verdict{State: "invalid", Reason: first.Error()}
}

// ProfileOf is the profile that a request looks signed by, of several the one that
// shows most of itself; "" if none shows. A name and password may stand beside any
// signature, so that basic is the last to be thought of.
func ProfileOf(r *http.Request) webhook.Profile {
	best, most := webhook.Profile(""), 0
	for _, p := range webhook.Profiles() {
		if there, of := Shows(p, r); there == of && (there > most || there > 0 && best == webhook.Basic) {
			best, most = p, there
		}
	}
	return best
}

// Shows counts the places where a request that is signed in a profile shows it: those
// that are there, of how many.
func Shows(p webhook.Profile, r *http.Request) (there, of int) {
	if p == webhook.Standard && r.Header.Get("svix-signature") != "" {
		return 1, 1
	}
	headers, query := p.Adds()
	for _, name := range headers {
		if !isSignature(name) {
			continue
		}
		if value := r.Header.Get(name); value != "" && (p != webhook.Basic || strings.HasPrefix(value, "Basic ")) {
			there++
		}
		of++
	}
	if len(headers) == 0 {
		values, _ := url.ParseQuery(r.URL.RawQuery) // what cannot be read signs nothing
		for _, name := range query {
			if values.Has(name) {
				there++
			}
			of++
		}
	}
	return there, of
}

// isSignature tells the headers of a profile that sign from those that only inform.
func isSignature(header string) bool {
	name := strings.ToLower(header)
	return strings.Contains(name, "signature") || strings.Contains(name, "hmac") || name == "authorization"
}
