package ui

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// A typeGroup is event types that are listed together.
type typeGroup struct {
	Name  string
	Types []eventTypeOut
}

func grouped(types []eventTypeOut) (groups []typeGroup) {
	slices.SortStableFunc(types, func(a, b eventTypeOut) int { return cmp.Compare(a.Group(), b.Group()) })
	for _, t := range types {
		if n := len(groups); n == 0 || groups[n-1].Name != t.Group() {
			groups = append(groups, typeGroup{Name: t.Group()})
		}
		groups[len(groups)-1].Types = append(groups[len(groups)-1].Types, t)
	}
	return groups
}

type catalogueBody struct {
	Search string
	Groups []typeGroup
	Empty  empty
}

func listCatalogue(v *visit) error {
	types, err := v.eventTypes("false")
	if err != nil {
		return err
	}
	body := catalogueBody{Search: v.asked("search"), Empty: empty{"No event types yet", "Whoever sends you events has not described any.", nil}}
	if words := strings.Fields(strings.ToLower(body.Search)); len(words) > 0 {
		types = slices.DeleteFunc(types, func(t eventTypeOut) bool {
			text := strings.ToLower(t.Name + " " + t.Description)
			return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
		})
		body.Empty = empty{"Nothing like that", "No event type has these words.", []place{{Text: "Show all", URL: v.base + "/catalogue"}}}
	}
	body.Groups = grouped(types)
	return v.show("portal/catalogue", "Event types", body)
}

type eventTypeBody struct {
	eventTypeOut
	Versions  []*payload // schemas, the newest first
	Example   *payload
	Endpoints []option // that an example can be sent to
	Add       string   // where one is added, if there is none; "": nowhere
	Once      string
	Problem   string
}

func readEventType(v *visit) error { return v.showEventType(http.StatusOK, "") }

func (v *visit) showEventType(status int, problem string) error {
	var t eventTypeOut
	if err := v.read(&t, "/event-type/"+url.PathEscape(v.r.PathValue("name"))); err != nil {
		return err
	}
	body := eventTypeBody{eventTypeOut: t, Example: t.example(), Once: once(), Problem: problem}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(t.Schemas))) {
		body.Versions = append(body.Versions, newPayload("schema-"+fmt.Sprint(len(body.Versions)), "Schema, version "+name, string(t.Schemas[name])))
	}
	if v.may(fanfare.CreateAttempts) && body.Example != nil {
		eps, err := v.endpoints()
		if err != nil {
			return err
		}
		for _, ep := range eps {
			if !ep.Disabled {
				body.Endpoints = append(body.Endpoints, option{ep.ID, cut(ep.Name(), 80), ep.ID == v.said("endpoint")})
			}
		}
	}
	if len(body.Endpoints) == 0 && body.Example != nil && v.may(fanfare.ManageEndpoint) {
		body.Add = v.base + "/endpoint/new"
	}
	return v.showAs(status, "portal/eventtype", t.Name, body)
}

// sendFromCatalogue sends an event type's example to an endpoint of the visitor's.
func sendFromCatalogue(v *visit) error {
	var msg messageOut
	err := v.ask(http.MethodPost, v.of("endpoint", v.said("endpoint"), "send-example"), nil, map[string]any{"eventType": v.r.PathValue("name")}, &msg)
	if told, ok := isRefused(err); ok && told.Status == http.StatusUnprocessableEntity {
		return v.showEventType(told.Status, told.Detail)
	}
	if err != nil {
		return err
	}
	return v.to("/message/"+msg.ID+"/to/"+v.said("endpoint"), "sent")
}
