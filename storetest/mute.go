package storetest

import (
	"fmt"

	"github.com/fanfarehq/fanfare"
)

var muteTests = []test{
	{"mutes are listed by age", mutesListed},
	{"a cause is muted once", muteOnce},
	{"the oldest mutes of an endpoint make room", mutesBounded},
	{"another's mutes", anothersMute},
	{"mutes go with their endpoint and application", mutesGo},
}

// draftMute makes a mute, not yet stored.
func (w *world) draftMute(ep *fanfare.Endpoint, cause string) *fanfare.Mute {
	id, at := w.stamp("mute_")
	return &fanfare.Mute{ID: fanfare.MuteID(id), Application: ep.Application, Endpoint: ep.ID, Cause: cause, CreatedAt: at}
}

func (w *world) mute(ep *fanfare.Endpoint, cause string) *fanfare.Mute {
	w.Helper()
	m := w.draftMute(ep, cause)
	w.ok(w.store.CreateMute(w.Context(), m, 100))
	return m
}

// muted are the causes that a filter picks, by age.
func (w *world) muted(f fanfare.MuteFilter) []string {
	w.Helper()
	if f.Limit == 0 {
		f.Limit = fanfare.MaxPage
	}
	all, err := w.store.Mutes(w.Context(), f)
	w.ok(err)
	return each(all, func(m *fanfare.Mute) string { return m.Cause })
}

func mutesListed(w *world) {
	app := w.application("a")
	ep, other := w.endpoint(app), w.endpoint(app)
	a, b, c := w.mute(ep, "status-500"), w.mute(other, "timeout"), w.mute(ep, "timeout")
	for range 2 {
		all, err := w.store.Mutes(w.Context(), fanfare.MuteFilter{Page: everything})
		w.ok(err)
		same(w, "all", all, []*fanfare.Mute{a, b, c})
		same(w, "down", w.muted(fanfare.MuteFilter{Page: fanfare.Page{Limit: 2}}), []string{"timeout", "timeout"})
		same(w, "down behind", w.muted(fanfare.MuteFilter{Page: fanfare.Page{Limit: 2, After: string(b.ID)}}), []string{"status-500"})
		same(w, "up behind", w.muted(fanfare.MuteFilter{Page: fanfare.Page{Limit: 1, After: string(a.ID), Ascending: true}}), []string{"timeout"})
		of := fanfare.MuteFilter{Application: app.ID, Endpoint: ep.ID}
		same(w, "an application's", w.muted(fanfare.MuteFilter{Application: app.ID}), nil)
		same(w, "an endpoint's", w.muted(of), []string{"timeout", "status-500"})
		of.Page = fanfare.Page{Limit: 5, After: string(c.ID)}
		same(w, "an endpoint's behind", w.muted(of), []string{"status-500"})
		w.reopen()
	}
	w.ok(w.store.DeleteMute(w.Context(), app.ID, ep.ID, a.ID))
	w.is(w.store.DeleteMute(w.Context(), app.ID, ep.ID, a.ID), fanfare.ErrNotFound)
	same(w, "what is left", w.muted(fanfare.MuteFilter{Application: app.ID, Endpoint: ep.ID}), []string{"timeout"})
}

func muteOnce(w *world) {
	app := w.application("a")
	ep, other := w.endpoint(app), w.endpoint(app)
	first := w.mute(ep, "timeout")
	w.is(w.store.CreateMute(w.Context(), w.draftMute(ep, "timeout"), 100), fanfare.ErrExists)
	w.mute(other, "timeout")
	w.ok(w.store.DeleteMute(w.Context(), app.ID, ep.ID, first.ID))
	w.mute(ep, "timeout")
}

func mutesBounded(w *world) {
	app := w.application("a")
	ep, other := w.endpoint(app), w.endpoint(app)
	w.mute(other, "timeout")
	for i := range 4 {
		w.ok(w.store.CreateMute(w.Context(), w.draftMute(ep, fmt.Sprint("status-50", i)), 2))
	}
	same(w, "the newest", w.muted(fanfare.MuteFilter{Application: app.ID, Endpoint: ep.ID}), []string{"status-503", "status-502"})
	w.is(w.store.CreateMute(w.Context(), w.draftMute(ep, "status-502"), 2), fanfare.ErrExists)
	same(w, "what a repeat leaves", w.muted(fanfare.MuteFilter{Application: app.ID, Endpoint: ep.ID}), []string{"status-503", "status-502"})
	same(w, "another endpoint's", w.muted(fanfare.MuteFilter{Application: app.ID, Endpoint: other.ID}), []string{"timeout"})
}

func anothersMute(w *world) {
	app, other := w.application("a"), w.application("b")
	ep, theirs := w.endpoint(app), w.endpoint(other)
	m := w.mute(ep, "timeout")
	for _, nobody := range []fanfare.ApplicationID{other.ID, "app_00000000000000000000000000", "acme"} {
		w.is(w.store.DeleteMute(w.Context(), nobody, ep.ID, m.ID), fanfare.ErrNotFound)
		same(w, "of nobody", len(w.muted(fanfare.MuteFilter{Application: nobody, Endpoint: ep.ID})), 0)
		wrong := w.draftMute(ep, "reset")
		wrong.Application = nobody
		w.is(w.store.CreateMute(w.Context(), wrong, 100), fanfare.ErrNotFound)
	}
	w.is(w.store.DeleteMute(w.Context(), app.ID, theirs.ID, m.ID), fanfare.ErrNotFound)
	w.is(w.store.DeleteMute(w.Context(), app.ID, ep.ID, "mute_x"), fanfare.ErrNotFound)
	same(w, "what there is", w.muted(fanfare.MuteFilter{}), []string{"timeout"})
}

func mutesGo(w *world) {
	app, other := w.application("a"), w.application("b")
	ep, stays, gone := w.endpoint(app), w.endpoint(app), w.endpoint(other)
	w.mute(ep, "timeout")
	w.mute(stays, "dns")
	w.mute(gone, "tls")
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, ep.ID))
	w.ok(w.store.DeleteApplication(w.Context(), other.ID))
	for range 2 {
		same(w, "what is left", w.muted(fanfare.MuteFilter{}), []string{"dns"})
		w.reopen()
	}
	w.is(w.store.CreateMute(w.Context(), w.draftMute(ep, "dns"), 100), fanfare.ErrNotFound)
}
