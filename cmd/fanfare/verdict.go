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
	seen := profileOf(r)
	told := l.profile
	if told == "" {
		told = webhook.Standard
	}
	switch {
	case seen != "" && seen != told && told != webhook.None && (l.profile != "" || len(l.secrets) > 0 || seen != webhook.Basic):
		return verdict{state: "other", scheme: string(seen)}
	case told != webhook.Standard:
		if _, err := l.verifier.VerifyRequest(r, body, now); err != nil {
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
// shows most of itself; "" if none shows.
func profileOf(r *http.Request) webhook.Profile {
	best, most := webhook.Profile(""), 0
	values, _ := url.ParseQuery(r.URL.RawQuery) // what cannot be read signs nothing
	for _, p := range webhook.Profiles() {
		shown, whole := 0, true
		headers, query := p.Adds()
		for _, name := range headers {
			if !isSignature(name) {
				continue
			}
			if value := r.Header.Get(name); value == "" || p == webhook.Basic && !strings.HasPrefix(value, "Basic ") {
				whole = false
			}
			shown++
		}
		if len(headers) == 0 {
			for _, name := range query {
				whole = whole && values.Has(name)
				shown++
			}
		}
		if whole && shown > most {
			best, most = p, shown
		}
	}
	if best == "" && r.Header.Get("svix-signature") != "" {
		return webhook.Standard
	}
	return best
}

// isSignature tells the headers of a profile that sign from those that only inform.
func isSignature(header string) bool {
	name := strings.ToLower(header)
	return strings.Contains(name, "signature") || strings.Contains(name, "hmac") || name == "authorization"
}
