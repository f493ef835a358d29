package ui

import (
	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

type welcomeBody struct {
	endpointOut
	Ping     *pingBody // nil: none was sent
	Secret   *copyable // nil: the visitor may not see it
	Snippets []snippet
	Signed   string // what it is signed with, in words, if that is not the usual
	Unsigned bool
	MayTest  bool
	Inbox    string // the pages of the test inbox that it is; "": it is none
}

// A pingBody is what came of the first message.
type pingBody struct {
	URL  string
	Why  *why
	Body *payload
	Took string
	Of   string // the message, of which news are waited for; "": they are there
}

// welcomeEndpoint shows how the first message fared, the secret, and how to receive.
func welcomeEndpoint(v *visit) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	if ep.Kind == fanfare.KindPoller {
		return v.showPoller(ep)
	}
	profile := webhook.Profile(ep.Signature)
	body := welcomeBody{endpointOut: *ep, Snippets: receiversOf(profile), MayTest: v.may(fanfare.CreateAttempts) && !v.own, Unsigned: profile == webhook.None}
	if profile != webhook.Standard && !body.Unsigned {
		body.Signed = profile.About()
	}
	if v.may(fanfare.ViewEndpointSecret) && !body.Unsigned {
		secret, err := v.secret(ep.ID)
		if err != nil {
			return err
		}
		body.Secret = &copyable{Text: secret, Label: "the signing secret"}
	}
	if body.Inbox, err = v.inboxOf(ep); err != nil {
		return err
	}
	if id := v.asked("ping"); id != "" && v.reaches("GET /app/{app}/msg/{msg}/endpoint/{endpoint}/attempt") {
		if body.Ping, err = v.pinged(ep, id); err != nil {
			return err
		}
	}
	return v.show("portal/welcome", "The endpoint is there", body)
}

// pinged says how a message fared that was sent just now, for which it waits a little.
func (v *visit) pinged(ep *endpointOut, id string) (*pingBody, error) {
	p := &pingBody{URL: v.base + "/message/" + id + "/to/" + ep.ID}
	var list listOf[attemptOut]
	if err := v.read(&list, v.of("msg", id, "endpoint", ep.ID, "attempt"), "limit", "1", "wait", "3"); err != nil {
		return nil, err
	}
	if len(list.Data) == 0 {
		p.Of = id
		if p.Why = v.banner(ep, nil); p.Why == nil {
			p.Why = &why{Tone: "wait", Heading: "No answer yet", What: "The first message is on its way. What comes of it is shown here, and on the page of its delivery."}
		}
		return p, nil
	}
	a := &list.Data[0]
	if a.ResponseStatusCode > 0 {
		p.Took, p.Body = a.Took(), newPayload("response", "What it answered", a.Response)
	}
	if a.Status == statusDelivered {
		p.Why = &why{Tone: "ok", Heading: "It works", What: a.Explanation.What}
		return p, nil
	}
	p.Why = v.whyFailed(ep, a)
	p.Why.Heading = "The first message was not taken"
	if a.ErrorClass == string(fanfare.ClassGone) && v.may(fanfare.ManageEndpoint) {
		p.Why.Acts = append(p.Why.Acts, v.act("/endpoint/"+ep.ID+"/do/enable", "Enable again", ""))
	}
	return p, nil
}

// secret reads an endpoint's signing secret, which the audit log notes.
func (v *visit) secret(endpoint string) (string, error) {
	var out struct{ Key string }
	err := v.read(&out, v.of("endpoint", endpoint, "secret"))
	return out.Key, err
}
