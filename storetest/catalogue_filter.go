package storetest

import (
	"slices"

	"github.com/fanfarehq/fanfare"
)

func disabled(ep *fanfare.Endpoint) { ep.Disabled = true }

func applicationsByEndpoints(w *world) {
	none, off, mixed, on := w.application("none"), w.application("off"), w.application("mixed"), w.application("on")
	w.endpoint(off, disabled)
	ep := w.endpoint(off, disabled)
	w.endpoint(mixed, disabled)
	w.endpoint(mixed)
	w.endpoint(on)
	list := func(f fanfare.ApplicationFilter, want ...*fanfare.Application) {
		w.Helper()
		names := each(want, func(app *fanfare.Application) string { return app.UID })
		for _, ascending := range []bool{true, false} {
			f.Page = fanfare.Page{Limit: 10, Ascending: ascending}
			apps, err := w.store.ApplicationsBy(w.Context(), f)
			w.ok(err)
			got := each(apps, func(app *fanfare.Application) string { return app.UID })
			same(w, "applications", got, names)
			f.Limit = 1
			for i, name := range names { // one at a time
				apps, err := w.store.ApplicationsBy(w.Context(), f)
				w.ok(err)
				same(w, "the next", each(apps, func(app *fanfare.Application) string { return app.UID }), []string{name})
				f.After = string(apps[0].ID)
				if i == len(names)-1 {
					apps, err = w.store.ApplicationsBy(w.Context(), f)
					w.ok(err)
					same(w, "behind the last", len(apps), 0)
				}
			}
			slices.Reverse(names)
		}
	}
	for range 2 {
		list(fanfare.ApplicationFilter{}, none, off, mixed, on)
		list(fanfare.ApplicationFilter{WithEndpoints: true}, off, mixed, on)
		list(fanfare.ApplicationFilter{WithEnabled: true}, none, mixed, on)
		list(fanfare.ApplicationFilter{WithEndpoints: true, WithEnabled: true}, mixed, on)
		list(fanfare.ApplicationFilter{Only: mixed.ID, WithEndpoints: true, WithEnabled: true}, mixed)
		list(fanfare.ApplicationFilter{Only: off.ID, WithEnabled: true})
		list(fanfare.ApplicationFilter{Only: "app_none"})
		w.reopen()
	}
	ep.Disabled = false
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	list(fanfare.ApplicationFilter{WithEnabled: true}, none, off, mixed, on)
	ep.Disabled = true
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	list(fanfare.ApplicationFilter{WithEnabled: true}, none, mixed, on)
	eps, err := w.store.Endpoints(w.Context(), off.ID, everything)
	w.ok(err)
	for _, ep := range eps {
		w.ok(w.store.DeleteEndpoint(w.Context(), off.ID, ep.ID))
	}
	list(fanfare.ApplicationFilter{WithEndpoints: true}, mixed, on)
	list(fanfare.ApplicationFilter{WithEnabled: true}, none, off, mixed, on)
}
