package fanfare

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Success says which responses mean that the receiver has the message: a preset
// by name, or conditions of one's own. The zero value takes any status from 200 to
// 299, and no redirect.
type Success struct {
	Preset   string // one of SuccessPresets; "" with the others: custom
	Statuses string // such as "200-207" or "200,202,304"; "" means "200-299"
	Contains string // the body must contain it
	Lacks    string // the body must not contain it

	// Redirects is what becomes of a 3xx that is none of the above, one of
	// [Redirects]; it may stand beside a preset. "" is RedirectsNone.
	Redirects string
}

// Class sorts attempts by what happened.
type Class string

// The classes of an attempt.
const (
	ClassSuccess        Class = "success"
	ClassStatus         Class = "status"         // a status that is not among the endpoint's successes
	ClassRedirect       Class = "redirect"       // 3xx
	ClassToken          Class = "token"          // no access token could be had, so nothing was sent
	ClassBody           Class = "body"           // the status was right, the body was not
	ClassRejected       Class = "rejected"       // the receiver will never take this message
	ClassGone           Class = "gone"           // the receiver will take no message any more
	ClassTimeout        Class = "timeout"        // no complete response header in time
	ClassRefused        Class = "refused"        // connection refused
	ClassReset          Class = "reset"          // connection lost
	ClassDNS            Class = "dns"            // the name does not resolve
	ClassTLS            Class = "tls"            // no trusted, encrypted connection
	ClassDenied         Class = "egress_denied"  // the guard refused the address
	ClassBadResponse    Class = "bad_response"   // what came back is not HTTP, or has more than 64 KiB of header
	ClassNetwork        Class = "network"        // any other fault on the way
	ClassNoPayload      Class = "no_payload"     // the payload was expunged before it could be sent
	ClassDamaged        Class = "damaged"        // the payload on disk is not what was accepted
	ClassConnector      Class = "connector"      // what an endpoint of another kind is did not take it; the detail says why
	ClassTransformation Class = "transformation" // the endpoint's script failed, so nothing was sent
	ClassFunction       Class = "function"       // the function returned an error or panicked
	ClassInterrupted    Class = "interrupted"    // the server stopped while the attempt was under way
)

// Judge decides what a response means; location is where it points. When it is a
// preset that refuses it, why says in words what for.
func (s Success) Judge(status int, location string, body []byte) (class Class, why string) {
	if rule, ok := successRules[s.Preset]; ok {
		if rule.judge != nil {
			if class, why = rule.judge(status, location, body); class != "" {
				return class, why
			}
		}
		s.Statuses = rule.statuses
		why = fmt.Sprintf("%s takes %s", s.Preset, s.Statuses)
	}
	switch {
	case s.takes(status), s.Redirects == RedirectsSuccess && status >= 300 && status < 400,
		s.Redirects == RedirectsAcceptGAS && status == http.StatusFound && secureHost(location) == appsScriptOutput:
	case status >= 300 && status < 400:
		return ClassRedirect, why
	default:
		return ClassStatus, why
	}
	switch {
	case s.Contains != "" && !bytes.Contains(body, []byte(s.Contains)),
		s.Lacks != "" && bytes.Contains(body, []byte(s.Lacks)):
		return ClassBody, ""
	}
	return ClassSuccess, ""
}

func (s Success) takes(status int) bool {
	if s.Statuses == "" {
		return status >= 200 && status < 300
	}
	for part := range strings.SplitSeq(s.Statuses, ",") {
		if low, high, ok := statusRange(part); ok && low <= status && status <= high {
			return true
		}
	}
	return false
}

// statusRange reads "204" or "200-207".
func statusRange(text string) (low, high int, ok bool) {
	from, to, isRange := strings.Cut(strings.TrimSpace(text), "-")
	if !isRange {
		to = from
	}
	low, err1 := strconv.Atoi(from)
	high, err2 := strconv.Atoi(to)
	return low, high, err1 == nil && err2 == nil && 200 <= low && low <= high && high <= 599
}

// Check refuses what cannot be, as an [*InvalidError] with fields such as
// "success.statuses".
func (s Success) Check() error {
	switch {
	case s.Redirects != "" && !slices.Contains(Redirects, s.Redirects):
		return &InvalidError{"success.redirects", oneOf(Redirects)}
	case s.Preset != "" && s != Success{Preset: s.Preset, Redirects: s.Redirects}:
		return &InvalidError{"success", "give either a preset or conditions of your own"}
	case s.Preset != "" && !slices.Contains(SuccessPresets, s.Preset):
		return &InvalidError{"success.preset", oneOf(SuccessPresets)}
	}
	if len(s.Statuses) > 256 {
		return &InvalidError{"success.statuses", "at most 256 bytes"}
	}
	if s.Statuses != "" {
		for part := range strings.SplitSeq(s.Statuses, ",") {
			if _, _, ok := statusRange(part); !ok {
				return &InvalidError{"success.statuses", fmt.Sprintf(`%q is neither a status from 200 to 599 nor a range such as "200-207"`, bound(part, 32))}
			}
		}
	}
	if len(s.Contains) > 1024 || len(s.Lacks) > 1024 {
		return &InvalidError{"success", "a body condition has at most 1024 bytes"}
	}
	return nil
}
