package ui

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/fanfarehq/fanfare"
)

// A why says in words how something stands, and what to do, with buttons where a
// button is enough.
type why struct {
	Tone, Heading string
	What, Fix     string
	Then          string // what becomes of what waits; "": nothing does
	Acts          []*act
	Links         []place
}

// banner says what is the matter with an endpoint; nil: nothing.
func (v *visit) banner(ep *endpointOut, attempts []attemptOut) *why {
	at := "/endpoint/" + ep.ID
	manage := v.may(fanfare.ManageEndpoint)
	switch {
	case ep.Disabled:
		w := &why{Tone: "wait", Heading: "Disabled", What: "This endpoint is sent nothing.", Fix: "Once it is enabled again, what failed or was missed can be sent."}
		if ep.DisabledReason != "" {
			w.What = ep.DisabledReason
		}
		if manage {
			w.Acts = []*act{v.act(at+"/do/enable", "Enable again", "main")}
		}
		w.Links = v.retries(ep)
		if ep.DisabledReason != "" {
			w.Links = append(w.Links, v.toIssue(ep)...)
		}
		return w
	case ep.Unverified != "":
		w := &why{Tone: "wait", Heading: "Not confirmed yet", What: ep.Unverified}
		if manage {
			w.Acts = []*act{v.act(at+"/do/verify", "Ask the receiver again", "main")}
		}
		return w
	case ep.Unusable != "":
		return &why{Tone: "bad", Heading: "It cannot be sent to", What: ep.Unusable}
	case ep.Paused:
		w := paused(ep)
		w.Links = v.retries(ep)
		return w
	case ep.FailingSince.IsZero() || len(attempts) == 0 || attempts[0].Status == statusDelivered:
		return nil
	}
	w := v.whyFailed(ep, &attempts[0])
	w.Heading = "Failing since " + ep.FailingSince.UTC().Format("2006-01-02 15:04 UTC")
	w.Links = append(w.Links, append(v.retries(ep), v.toIssue(ep)...)...)
	return w
}

// paused says what becomes of what is for an endpoint that somebody has paused.
func paused(ep *endpointOut) *why {
	w := &why{Tone: "wait", Heading: "Paused", What: "What is for this endpoint waits until it is resumed."}
	if ep.drops() {
		w.What = "What comes while it is paused is not for this endpoint."
	}
	return w
}

// whyFailed says why an attempt failed, with a button where one will do.
func (v *visit) whyFailed(ep *endpointOut, a *attemptOut) *why {
	w := &why{Tone: "bad", Heading: "Why", What: a.Explanation.What, Fix: a.Explanation.Fix}
	if ep == nil || !v.may(fanfare.ManageEndpoint) && !v.may(fanfare.ManageTransformations) {
		return w
	}
	if fanfare.Class(a.ErrorClass) == fanfare.ClassTransformation {
		w.Links = append(w.Links, place{Text: "Correct the script…", URL: v.base + "/endpoint/" + ep.ID + "/transform?message=" + url.QueryEscape(a.MsgID)})
	} else if v.may(fanfare.ManageEndpoint) {
		v.mend(w, ep, a)
	}
	return w
}

// kindWebhook is the kind of endpoints that have a URL of their own.
const kindWebhook = "webhook"

// patience is as long as an endpoint may be given to answer, in seconds.
const patience = 60

// mend adds what can be done about an attempt that failed: a button where it is plain what
// to change, otherwise a way to where it is changed.
func (v *visit) mend(w *why, ep *endpointOut, a *attemptOut) {
	at := "/endpoint/" + ep.ID
	if ep.URL == "" || !ep.posted() {
		w.Links = append(w.Links, v.toSetting(ep, "See its settings…", ""))
		return
	}
	switch fanfare.Class(a.ErrorClass) {
	case fanfare.ClassRedirect:
		switch to := redirected(a); {
		case to != nil && to.Host == scriptOutput && isOwn(ep.Success.inForm()):
			w.Links = append(w.Links, v.toSetting(ep, "Change what counts as success…", "success"))
		case to != nil && to.Host == scriptOutput && ep.Success.Preset != scriptSuccess:
			w.Acts = append(w.Acts, v.act(at+"/do/success", "Count that as success", "main"))
		case to != nil && to.Host == scriptOutput:
			w.Fix = "The endpoint counts that as success by now: it is sent there at the next try."
		case to == nil || !takesMessages(to):
		case to.String() == ep.URL:
			w.Fix = "The endpoint has that URL by now: it is sent there at the next try."
		default:
			w.Acts = append(w.Acts, v.act(at+"/do/url", "Use "+cut(to.String(), 60), "main", place{Text: "url", URL: to.String()}))
		}
	case fanfare.ClassTimeout:
		if ep.Timeout == nil || *ep.Timeout < patience {
			w.Acts = append(w.Acts, v.act(at+"/do/timeout", fmt.Sprintf("Give it %d s to answer", patience), "main"))
		}
	case fanfare.ClassDNS, fanfare.ClassRefused, fanfare.ClassTLS, fanfare.ClassDenied, fanfare.ClassBadResponse:
		w.Links = append(w.Links, v.toSetting(ep, "Change the URL…", "url"))
	case fanfare.ClassToken:
		w.Links = append(w.Links, v.toSetting(ep, "See its settings…", ""))
	case fanfare.ClassStatus:
		switch a.ResponseStatusCode {
		case http.StatusTooManyRequests:
			w.Links = append(w.Links, v.toSetting(ep, "Set a rate limit…", "rateLimit"))
		case http.StatusUnauthorized, http.StatusForbidden:
			w.Links = append(w.Links, v.toSetting(ep, "See its secret and headers…", "headers"))
		case http.StatusNotFound, http.StatusMethodNotAllowed:
			w.Links = append(w.Links, v.toSetting(ep, "Change the URL…", "url"))
		}
	}
}

// toSetting leads to a field of an endpoint's settings; "": to all of them.
func (v *visit) toSetting(ep *endpointOut, text, name string) place {
	to := place{Text: text, URL: v.base + "/endpoint/" + ep.ID + "/settings"}
	if name != "" {
		to.URL += "#f-" + name
	}
	return to
}

// Where Google Apps Script points once a script has run, and before it if the visitor has
// to log in: neither takes messages.
const (
	scriptOutput  = "script.googleusercontent.com"
	scriptLogin   = "accounts.google.com"
	scriptSuccess = "apps-script" // the preset by which the first is a success
)

func takesMessages(to *url.URL) bool { return to.Host != scriptOutput && to.Host != scriptLogin }

// redirected is the whole address that an answer points to; nil: none that could be an
// endpoint's.
func redirected(a *attemptOut) *url.URL {
	from, err := url.Parse(a.URL)
	if err != nil {
		return nil
	}
	to, err := from.Parse(a.location())
	if err != nil || to.Scheme != "https" && to.Scheme != "http" || to.Host == "" || to.User != nil {
		return nil
	}
	return to
}
