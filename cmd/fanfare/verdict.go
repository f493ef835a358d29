package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// A verdict says what is known of a request's signature.
type verdict struct {
	// state is "valid", "invalid", "unchecked" for want of a secret, "other" where
	// it is of another profile than the listener was told, or "absent".
	state  string
	scheme string // of a valid one: v1, v1a or the profile; of another or an unchecked one: the profile it looks like
	reason string // of an invalid one
}

// judge verifies the signature of a request.
func (l *listener) judge(r *http.Request, body []byte, now time.Time) verdict {
	told := l.profile
	if told == "" {
		told = webhook.Standard // as a secret alone is one of its
	}
	seen := told // whatever else the request carries
	if there, _ := shows(told, r); there == 0 && told != webhook.BodyToken {
		seen = profileOf(r)
	}
	switch {
	case seen != "" && seen != told && told != webhook.None && (l.profile != "" || len(l.secrets) > 0 || seen != webhook.Basic):
		return verdict{state: "other", scheme: string(seen)}
	case told != webhook.Standard:
		verifier := *l.verifier
		verifier.URL = l.publicURL(r)
		if _, err := verifier.VerifyRequest(r, body, now); err != nil {
			return verdict{state: "invalid", reason: err.Error()}
		}
		return verdict{state: "valid", scheme: string(told)}
	case len(l.secrets) == 0 && seen == webhook.Standard:
		return verdict{state: "unchecked", scheme: string(seen)}
	case len(l.secrets) == 0:
		return verdict{state: "absent"}
	}
	var first error
	for _, secret := range l.secrets {
		_, err := webhook.NewVerifier(secret).Verify(r.Header, body, now)
		switch {
		case err == nil && secret.Public() != "":
			return verdict{state: "valid", scheme: "v1a"}
		case err == nil:
			return verdict{state: "valid", scheme: "v1"}
		case first == nil:
			first = err
		}
	}
	return verdict{state: "invalid", reason: first.Error()}
}

// publicURL is where the sender has sent a request, but for the query; "" if only the
// request tells. The whole URL of an endpoint is taken for what it is: its path is
// not added a second time.
func (l *listener) publicURL(r *http.Request) string {
	if l.public == "" {
		return ""
	}
	path := r.URL.EscapedPath()
	if u, err := url.Parse(l.public); err == nil && u.EscapedPath() == path {
		return l.public
	}
	return strings.TrimRight(l.public, "/") + path
}

func (v verdict) String() string {
	switch v.state {
	case "valid":
		return "valid (" + v.scheme + ")"
	case "invalid":
		return "not valid: " + v.reason
	case "unchecked":
		return `not checked; give the endpoint's secret with --secret (see "fanfare endpoint secret")`
	case "other":
		return "not checked: it is of another profile, " + v.scheme + "; give --signature " + v.scheme + " and its --secret"
	}
	return "none"
}

// profileOf is the profile that a request looks signed by, of several the one that
// shows most of itself; "" if none shows. A name and password may stand beside any
// signature, so that basic is the last to be thought of.
func profileOf(r *http.Request) webhook.Profile {
	best, most := webhook.Profile(""), 0
	for _, p := range webhook.Profiles() {
		if there, of := shows(p, r); there == of && (there > most || there > 0 && best == webhook.Basic) {
			best, most = p, there
		}
	}
	return best
}

// shows counts the places where a request that is signed in a profile shows it: those
// that are there, of how many.
func shows(p webhook.Profile, r *http.Request) (there, of int) {
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
