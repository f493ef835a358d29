package fanfare

import "strings"

// HeaderDelivery is the field of a response by which a receiver steers what it is
// sent. "disable" disables the endpoint, whatever the status; "abort-message" ends
// the tries at this message if the attempt failed. The words are Svix's, from its
// page on delivery control.
const HeaderDelivery = "Webhook-Delivery"

const (
	askedToDisable = "webhook-delivery: disable"
	askedToAbort   = "webhook-delivery: abort-message"
)

// obey makes a what the receiver asked for in HeaderDelivery. Words that are not
// known change nothing; "disable" goes before "abort-message".
func (a *Attempt) obey(lines []string) {
	var disable, abort bool
	for _, line := range lines {
		for word := range strings.SplitSeq(line, ",") {
			word = strings.TrimSpace(word)
			disable = disable || strings.EqualFold(word, "disable")
			abort = abort || strings.EqualFold(word, "abort-message")
		}
	}
	switch {
	case disable && a.Class == ClassSuccess:
		a.Detail = askedToDisable
	case disable:
		a.Class, a.Detail = ClassGone, askedToDisable
	case abort && a.Class != ClassSuccess:
		a.Class, a.Detail = ClassRejected, askedToAbort
	}
}

// retires reports whether the receiver has asked to be sent nothing any more.
func (a *Attempt) retires() bool { return a.Detail == askedToDisable || a.Class == ClassGone }

// goneReason says in words why an endpoint is disabled after a.
func goneReason(a *Attempt) string {
	reason := "the endpoint answered " + statusText(a.Status)
	if a.Detail == askedToDisable {
		reason += " with " + askedToDisable
	}
	return reason
}
