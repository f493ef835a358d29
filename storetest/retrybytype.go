package storetest

import (
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// settingTests are about what endpoints, event types and applications say of
// retries and handshakes.
var settingTests = []test{
	{"retry plans of all who can have one come back", plansComeBack},
	{"a handshake comes back", handshakeComesBack},
}

// own is a plan whose delays are to the microsecond.
var own = fanfare.Retry{Delays: []time.Duration{time.Second, 90*time.Minute + 7*time.Microsecond}}

func plansComeBack(w *world) {
	app := w.application("acme")
	ep := w.endpoint(app)
	typ := &fanfare.EventType{Name: "a.b"}
	var id string
	id, typ.CreatedAt = w.stamp("evtype_")
	typ.ID, typ.UpdatedAt = fanfare.EventTypeID(id), typ.CreatedAt
	w.ok(w.store.CreateEventType(w.Context(), typ))
	check := func() {
		w.Helper()
		gotApp, err := w.store.Application(w.Context(), "acme")
		w.ok(err)
		same(w, "application", gotApp, cloneApplication(app))
		gotEp, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
		w.ok(err)
		same(w, "endpoint", gotEp, cloneEndpoint(ep))
		gotType, err := w.store.EventType(w.Context(), "a.b")
		w.ok(err)
		same(w, "event type", gotType, cloneEventType(typ))
		types, err := w.store.EventTypes(w.Context(), fanfare.Page{Limit: 10}, true)
		w.ok(err)
		same(w, "event types", types, []*fanfare.EventType{cloneEventType(typ)})
	}
	set := func(one, two fanfare.Retry, byType map[string]fanfare.Retry) {
		w.Helper()
		app.Retry, typ.Retry, ep.RetryByType = one, two, byType
		w.ok(w.store.UpdateApplication(w.Context(), app))
		w.ok(w.store.UpdateEventType(w.Context(), typ))
		w.ok(w.store.UpdateEndpoint(w.Context(), ep))
		check()
		w.reopen()
		check()
	}
	check()
	set(own, fanfare.Retry{Preset: "wufoo"}, map[string]fanfare.Retry{"a.*": own, "b": {Preset: "none"}})
	set(fanfare.Retry{Preset: "none"}, own, map[string]fanfare.Retry{"*": own})
	set(fanfare.Retry{}, fanfare.Retry{}, nil)

	second := &fanfare.Application{Name: "B", Retry: own}
	id, second.CreatedAt = w.stamp("app_")
	second.ID, second.UpdatedAt = fanfare.ApplicationID(id), second.CreatedAt
	w.ok(w.store.CreateApplication(w.Context(), second))
	got, err := w.store.Application(w.Context(), id)
	w.ok(err)
	same(w, "application created with a plan", got, cloneApplication(second))
}

func handshakeComesBack(w *world) {
	app := w.application("")
	at := time.Unix(1.7e9, 1500).UTC()
	for _, hs := range []fanfare.Handshake{
		{Kind: "dropbox"},
		{Kind: "x-hook-secret", AskedAt: at, Problem: "it “said” no", Subject: "x https://a.example/", Token: "T"},
		{Kind: "websub", AskedAt: at, VerifiedAt: at.Add(time.Hour), Subject: "y"},
	} {
		w.Run(hs.Kind, func(*testing.T) {
			ep := w.endpoint(app, func(ep *fanfare.Endpoint) { ep.Handshake = hs })
			w.reopen()
			got, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
			w.ok(err)
			same(w, "endpoint", got, cloneEndpoint(ep))
			ep.Handshake = fanfare.Handshake{}
			w.ok(w.store.UpdateEndpoint(w.Context(), ep))
			got, err = w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
			w.ok(err)
			same(w, "endpoint without", got, cloneEndpoint(ep))
		})
	}
}
