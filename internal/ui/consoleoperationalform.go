package ui

import (
	"encoding/json"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// operationalActs are what can be done with operational endpoints by the buttons that those of
// applications have.
var operationalActs = []string{"enable", "disable", "resume", "rotate", "try", "verify", "recover", "delete"}

// operationalAct serves what asks for one of them, or does it.
func operationalAct(serve func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		if !slices.Contains(operationalActs, v.r.PathValue("act")) {
			return noPage(v)
		}
		return serve(v)
	}
}

// asksOther reports whether the form for a new endpoint asks for what there is not of
// operational ones.
func (v *visit) asksOther() bool {
	return v.said("use") != "" || slices.Contains([]string{"check", "inbox", "poll", "send"}, v.said("do"))
}

// operationalTabs are the pages about an operational endpoint.
func (v *visit) operationalTabs(ep *endpointOut, tab string) []place {
	at := v.base + "/endpoint/" + ep.ID
	return v.offered([]place{
		{"Operational webhooks", v.base, false}, {"Attempts", at, tab == "attempts"}, {"Settings", at + "/settings", tab == "settings"},
	})
}

// operationalAsk leads to pages that ask before they do something.
func (v *visit) operationalAsk(ep *endpointOut) []place {
	return v.offered([]place{{Text: "Recover failed…", URL: v.base + "/endpoint/" + ep.ID + "/confirm/recover"}})
}

// newsWords say of what operational endpoints are told.
var newsWords = map[string]string{
	fanfare.EndpointCreated:   "An endpoint was added.",
	fanfare.EndpointUpdated:   "An endpoint was changed.",
	fanfare.EndpointDeleted:   "An endpoint was deleted.",
	fanfare.EndpointDisabled:  "An endpoint was disabled: by its owner, by its own word, or after failing for too long.",
	fanfare.EndpointEnabled:   "An endpoint was enabled again.",
	fanfare.EndpointFailing:   "An endpoint fails so often that it is only probed.",
	fanfare.EndpointRecovered: "An endpoint that failed so often is well again.",
	fanfare.AttemptFailing:    "A message failed for the fourth time.",
	fanfare.AttemptExhausted:  "A message was given up.",
	fanfare.AttemptRecovered:  "A message got through that had failed four times.",
}

// newsTypes are the event types of what operational endpoints are told.
func newsTypes() (all []eventTypeOut) {
	for _, name := range fanfare.OperationalTypes {
		all = append(all, eventTypeOut{Name: name, Description: newsWords[name]})
	}
	return all
}

// someNews has the members that there are in what operational endpoints are told, for those
// who put together a filter.
var someNews = json.RawMessage(`{"type":"endpoint.disabled","data":{
	"appId":"app_2","appUid":"acme","endpointId":"ep_2","endpointUid":"billing","endpointName":"Billing","alertEmail":"yogi@example.com",
	"failSince":"2026-01-31T12:00:00Z","trigger":"automatic","reason":"the endpoint answered 410 Gone",
	"msgId":"msg_2","msgEventId":"evt_2","lastAttempt":{"id":"atmpt_2","responseStatusCode":500,"timestamp":"2026-01-31T12:00:00Z"},
	"andOthersUntil":"2026-01-31T13:00:00Z"}}`)
