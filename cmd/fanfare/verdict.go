package main

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/verdict"
)

// judge verifies the signature of a request.
func (l *listener) judge(r *http.Request, body []byte, now time.Time) verdict.Verdict {
	j := verdict.Judge{Profile: l.profile, Secrets: l.secrets, Verifier: l.verifier, URL: l.publicURL(r)}
	return j.Of(r, body, now)
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

// wordsOf says a verdict to whoever can give fanfare listen more flags.
func wordsOf(v verdict.Verdict) string {
	switch v.State {
	case "valid":
		return "valid (" + v.Scheme + ")"
	case "invalid":
		return "not valid: " + v.Reason
	case "unchecked":
		return `not checked; give the endpoint's secret with --secret (see "fanfare endpoint secret")`
	case "other":
		return "not checked: it is of another profile, " + v.Scheme + "; give --signature " + v.Scheme + " and its --secret"
	}
	return "none"
}
