package ui

import (
	"maps"
	"net/http"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/webhook"
)

// inboxPages are the bins of an application: for those who have no server, and for what
// they try out.
func inboxPages() map[string]func(*visit) error {
	all := map[string]func(*visit) error{
		"GET /inbox/start":  askForInbox,
		"POST /inbox/start": startInbox,
	}
	maps.Copy(all, binPages("/inbox"))
	return all
}

// inboxAt is the bin of the visitor's shelf that a URL is of; nil: it is of none.
func (v *visit) inboxAt(url string) (*shelf, *inspect.Bin, error) {
	rest, ok := strings.CutPrefix(url, v.site+inspect.Path)
	if !ok || !v.inboxes {
		return nil, nil, nil
	}
	s, err := v.shelf()
	if err != nil {
		return nil, nil, err
	}
	token := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		token = rest[:i]
	}
	b, err := v.bins.At(s.owner, token)
	if err != nil {
		return nil, nil, nil // another's, or one that has gone
	}
	return s, &b, nil
}

// inboxOf is where the pages are of the bin that an endpoint has for its URL; "": it has
// another, or one of somebody else's.
func (v *visit) inboxOf(ep *endpointOut) (string, error) {
	s, b, err := v.inboxAt(ep.URL)
	if err != nil || b == nil {
		return "", err
	}
	if v.own {
		return v.root + s.at + "/" + b.ID, nil
	}
	return v.base + s.at + "/" + b.ID, nil
}

// newInbox makes a bin, and returns the address that it takes requests at.
func (v *visit) newInbox() (*shelf, *inspect.Bin, string, error) {
	s, err := v.mine()
	if err != nil {
		return nil, nil, "", err
	}
	b := v.bins.Create(s.owner, v.now)
	return s, &b, v.site + inspect.Path + b.Token, nil
}

// signForInbox has an endpoint at one of the visitor's bins signed with a secret that the
// bin knows, so that it can say of everything that it is sent whether it is good.
func (v *visit) signForInbox(in map[string]any) error {
	url, _ := in["url"].(string)
	s, b, err := v.inboxAt(url)
	if err != nil || b == nil {
		return err
	}
	profile := webhook.Standard
	if p, ok := in["signature"].(string); ok && webhook.Profile(p).Known() {
		profile = webhook.Profile(p)
	}
	if profile == webhook.None {
		return nil
	}
	in["secret"], err = v.bins.Sign(s.owner, b.ID, profile)
	return v.notThere(err)
}

type inboxBody struct{ Do *act }

// askForInbox says what a test inbox is, before there is one.
func askForInbox(v *visit) error {
	if !v.inboxes {
		return noPage(v)
	}
	if !v.may(fanfare.ManageEndpoint) {
		return &refusal{Status: http.StatusForbidden, Detail: "This link lets you look, but not add endpoints. Ask whoever gave it to you for one that does."}
	}
	return v.show("portal/inbox", "Use a test inbox", inboxBody{v.act("/inbox/start", "Make a test inbox", "main")})
}

// startInbox makes a bin and an endpoint that is sent everything there, and shows what
// arrives.
func startInbox(v *visit) error {
	if !v.may(fanfare.ManageEndpoint) {
		return askForInbox(v)
	}
	s, b, address, err := v.newInbox()
	if err != nil {
		return err
	}
	in := map[string]any{"url": address, "description": "Test inbox"}
	var ep endpointOut
	if err = v.signForInbox(in); err == nil {
		err = v.ask(http.MethodPost, v.of("endpoint"), nil, in, &ep)
	}
	if err != nil {
		_ = v.bins.Delete(s.owner, b.ID) // nobody knows of it
		return err
	}
	if v.may(fanfare.CreateAttempts) {
		err := v.ask(http.MethodPost, v.of("endpoint", ep.ID, "send-example"), nil, map[string]any{"eventType": ping}, nil)
		if _, ok := isRefused(err); !ok && err != nil {
			return err
		}
	}
	return v.to(s.at+"/"+b.ID, "inbox")
}

// inboxNeeds is what it takes to look at test inboxes, where messages are, and to change
// them; below is the path behind that of all of them.
func inboxNeeds(method, below string) []string {
	switch {
	case below == "/start":
		return []string{"GET /app/{app}", "POST /app/{app}/endpoint"}
	case method == http.MethodGet && !strings.HasSuffix(below, "/send") && !strings.Contains(below, "/confirm/"):
		return []string{"GET /app/{app}", "GET /app/{app}/msg/{msg}"}
	}
	return []string{"GET /app/{app}", "GET /app/{app}/msg/{msg}", "POST /app/{app}/msg/{msg}/endpoint/{endpoint}/rehearse"}
}
