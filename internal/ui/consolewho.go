package ui

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// A whoCard says who is logged in, what they may do, and where that is done.
type whoCard struct {
	Name        string
	May         []string
	Application *place // the only one; nil: all. Its URL is "" where they may not open its page
	Channels    []string
	Limited     bool // they may not do everything
	Ways        []place
}

// inWords are what scopes let do.
var inWords = map[fanfare.Scope]string{
	fanfare.ScopeAdmin:             "do everything",
	fanfare.ScopeReadApplications:  "read applications",
	fanfare.ScopeWriteApplications: "add, change and delete applications",
	fanfare.ScopeReadEndpoints:     "read endpoints",
	fanfare.ScopeWriteEndpoints:    "add, change and delete endpoints, and see their secrets",
	fanfare.ScopeReadEventTypes:    "read event types",
	fanfare.ScopeWriteEventTypes:   "add, change and remove event types",
	fanfare.ScopeReadMessages:      "read messages and deliveries",
	fanfare.ScopeWriteMessages:     "send messages, and send them again",
	fanfare.ScopePortal:            "make and end links to the portal",
}

// who is whose visit it is. Those who may not do everything are led to each page that is
// open to them.
func (v *visit) who() (*whoCard, error) {
	if v.rights == nil {
		return nil, nil
	}
	name, err := v.keyName()
	if err != nil {
		return nil, err
	}
	card := &whoCard{Name: name, Channels: v.rights.Channels, Limited: len(v.rights.refused) > 0}
	for _, s := range v.rights.Scopes {
		card.May = append(card.May, inWords[s])
	}
	if id := v.rights.Application; id != "" {
		called, err := v.names()(id)
		if err != nil {
			return nil, err
		}
		card.Application = &place{Text: called}
		if at := v.root + "/app/" + string(id); v.opens(http.MethodGet, at) {
			card.Application.URL = at
		}
	}
	if card.Limited {
		card.Ways = v.ownWays()
	}
	return card, nil
}

// keyName is what the key is called that the visitor logged in with.
func (v *visit) keyName() (string, error) {
	id, with := loginWith(&fanfare.Key{Name: v.rights.Name})
	if !with {
		return strings.TrimPrefix(v.rights.Name, loginOf), nil
	}
	k, err := v.hub.Key(v.r.Context(), id)
	if errors.Is(err, fanfare.ErrNotFound) || err == nil && k.Name == "" {
		return string(id), nil
	}
	if err != nil {
		return "", err
	}
	return k.Name, nil
}

// ownPlaces are pages of an application that begin something, below its address.
var ownPlaces = []place{
	{Text: "Its page", URL: ""}, {Text: "Send a message", URL: "/send"}, {Text: "Add an endpoint", URL: "/endpoint/new"},
	{Text: "Event types, as its customer sees them", URL: "/catalogue"}, {Text: "Test inboxes", URL: "/inbox"}, {Text: "Sources", URL: "/source"},
}

// ownWays are the pages that are open to the visitor: those of the one application first.
func (v *visit) ownWays() (ways []place) {
	if id := v.rights.Application; id != "" {
		for _, p := range ownPlaces {
			ways = append(ways, place{Text: p.Text, URL: v.root + "/app/" + string(id) + p.URL})
		}
	}
	for _, p := range slices.Concat(consolePlaces[1:], morePlaces) {
		if p.URL != "/help" {
			ways = append(ways, place{Text: p.Text, URL: v.root + p.URL})
		}
	}
	return v.offered(ways)
}

// ownNeeds are the routes that pages of all applications take instead of their own for who
// is let into one application only: they show what that one has.
var ownNeeds = map[string][]string{
	"GET /endpoint": {"GET /app/{app}/endpoint"},
	"GET /delivery": {"GET /app/{app}/log"},
}

// ownEndpoints are those of the one application that the visitor is let into: on its page,
// or by themselves for who may not open that.
func ownEndpoints(v *visit) error {
	of := v.within(string(v.rights.Application))
	if of.opens(http.MethodGet, of.base) {
		http.Redirect(v.w, v.r, of.base, http.StatusSeeOther)
		return nil
	}
	body, err := of.someEndpoints()
	if err != nil {
		return err
	}
	for _, at := range []*string{&body.Pager.First, &body.Pager.Next} {
		*at = strings.Replace(*at, of.base, v.root+"/endpoint", 1)
	}
	body.MayAdd = v.may(fanfare.ManageEndpoint)
	return of.show("portal/endpoints", "Endpoints", body)
}

// ownDeliveries leads to those of the one application that the visitor is let into.
func ownDeliveries(v *visit) error {
	http.Redirect(v.w, v.r, v.within(string(v.rights.Application)).base+"/log", http.StatusSeeOther)
	return nil
}
