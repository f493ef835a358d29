package storetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var withinTests = []test{
	{"endpoints are listed within channels", listEndpointsWithin},
	{"messages, deliveries and attempts are listed within channels", listLogWithin},
	{"deliveries are counted within channels", countWithin},
	{"what waits is counted, as far as it is told", countWaiting},
	{"deliveries are cancelled within channels", cancelWithin},
	{"attempts are followed within channels", followWithin},
	{"tasks are listed and work within channels", tasksWithin},
}

// narrowings are channels to be let into, of those that an assortment has. Two of
// them are no list of channels but by their looks.
var narrowings = [][]string{{"eu"}, {"us"}, {"us", "eu"}, {"eu us"}, {"e", "eu us", "eu"}, {"EU"}, {`eu","us`}, {"{}"}}

// on makes an endpoint of some channels.
func on(channels ...string) func(*fanfare.Endpoint) {
	return func(ep *fanfare.Endpoint) { ep.Channels = channels }
}

// pages reads a list two at a time.
func pages[T any](w *world, fetch func(fanfare.Page) ([]T, error), id func(T) string, up bool) (all []T) {
	w.Helper()
	page := fanfare.Page{Limit: 2, Ascending: up}
	for {
		some, err := fetch(page)
		w.ok(err)
		if all = append(all, some...); len(some) < page.Limit {
			return all
		}
		page.After = id(some[1])
	}
}

func listEndpointsWithin(w *world) {
	app, other := w.application(""), w.application("")
	var eps []*fanfare.Endpoint
	for _, channels := range [][]string{nil, {"eu"}, {"eu", "us"}, {"us"}, {"e"}, {"eu us"}, {"eu", "e"}, {"eu"}, {"us", "eu", "us"}} {
		eps = append(eps, w.endpoint(app, on(channels...)))
		w.endpoint(other, on(channels...))
	}
	id := func(ep *fanfare.Endpoint) fanfare.EndpointID { return ep.ID }
	check := func() {
		w.Helper()
		for _, channels := range narrowings {
			var want []*fanfare.Endpoint
			for _, ep := range eps {
				if ep.Within(channels) {
					want = append(want, ep)
				}
			}
			for _, up := range []bool{true, false} {
				got := pages(w, func(p fanfare.Page) ([]*fanfare.Endpoint, error) {
					return w.store.EndpointsWithin(w.Context(), app.ID, channels, p)
				}, func(ep *fanfare.Endpoint) string { return string(ep.ID) }, up)
				if !up {
					slices.Reverse(got)
				}
				same(w, "endpoints", each(got, id), each(want, id))
			}
		}
	}
	same(w, "in the channel eu", len(eps[1].Channels), 1)
	check()
	eps[0].Channels, eps[1].Channels, eps[2].Channels = []string{"eu"}, nil, []string{"us"}
	for _, ep := range eps[:3] {
		w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	}
	check()
	w.reopen()
	check()
	got, err := w.store.EndpointsWithin(w.Context(), "acme", []string{"eu"}, everything)
	w.ok(err)
	same(w, "of nobody", len(got), 0)
}

// aView is an assortment in an application, to endpoints of different channels.
func (w *world) aView() (app *fanfare.Application, eps []*fanfare.Endpoint, msgs map[fanfare.MessageID]*fanfare.Message) {
	w.Helper()
	app = w.application("")
	eps = []*fanfare.Endpoint{w.endpoint(app, on("eu")), w.endpoint(app, on("eu", "us")), w.endpoint(app), w.endpoint(app, on("e"))}
	msgs = map[fanfare.MessageID]*fanfare.Message{}
	for _, msg := range w.assortment(app, eps...) {
		msgs[msg.ID] = msg
	}
	return app, eps, msgs
}

func listLogWithin(w *world) {
	app, eps, msgs := w.aView()
	byID := map[fanfare.EndpointID]*fanfare.Endpoint{}
	for _, ep := range eps {
		byID[ep.ID] = ep
	}
	shown := func(msg fanfare.MessageID, ep fanfare.EndpointID, channels []string) bool {
		return msgs[msg].Within(channels) && byID[ep].Within(channels)
	}
	found := 0
	for _, channels := range narrowings {
		for _, states := range [][]fanfare.State{nil, {fanfare.Delivered}, {fanfare.Waiting, fanfare.Cancelled}} {
			all, err := w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: everything})
			w.ok(err)
			want := slices.DeleteFunc(all, func(msg *fanfare.Message) bool {
				ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Message: msg.ID, States: states})
				w.ok(err)
				return !msg.Within(channels) || states != nil && !slices.ContainsFunc(ds, func(d *fanfare.Delivery) bool { return shown(msg.ID, d.Endpoint, channels) })
			})
			same(w, "messages", pages(w, func(p fanfare.Page) ([]*fanfare.Message, error) {
				return w.store.Messages(w.Context(), app.ID, fanfare.MessageFilter{Page: p, Within: channels, States: states})
			}, func(msg *fanfare.Message) string { return string(msg.ID) }, true), want)
			found += len(want)
		}
		w.deliveriesOf(app, slices.Collect(maps.Keys(msgs)), channels)
		for _, ep := range eps {
			found += w.listsWithin(app, fanfare.AttemptFilter{Endpoint: ep.ID, Within: channels}, shown)
		}
		for _, msg := range msgs {
			found += w.listsWithin(app, fanfare.AttemptFilter{Message: msg.ID, Within: channels}, shown)
			found += w.listsWithin(app, fanfare.AttemptFilter{Message: msg.ID, Endpoint: eps[1].ID, Within: channels}, shown)
		}
	}
	if found < 100 {
		w.Errorf("only %d things were found", found)
	}
}

// deliveriesOf holds the deliveries of messages against those that each has by itself.
func (w *world) deliveriesOf(app *fanfare.Application, msgs []fanfare.MessageID, channels []string) {
	w.Helper()
	want := map[fanfare.MessageID][]*fanfare.Delivery{}
	for _, msg := range msgs {
		ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Message: msg, Within: channels})
		w.ok(err)
		if len(ds) > 0 {
			want[msg] = ds
		}
	}
	other := w.application("")
	ep := w.endpoint(other, func(ep *fanfare.Endpoint) { ep.Channels = channels })
	theirs := w.accept(w.draft(other, func(m *fanfare.Message) { m.Channels = channels }), ep)
	want[theirs.ID] = []*fanfare.Delivery{w.delivery(theirs, ep)}
	got, err := w.store.DeliveriesOf(w.Context(), map[fanfare.ApplicationID][]fanfare.MessageID{app.ID: msgs, other.ID: {theirs.ID}, "app_": msgs}, channels)
	w.ok(err)
	same(w, "deliveries of messages of two", got, want)
	none, err := w.store.DeliveriesOf(w.Context(), map[fanfare.ApplicationID][]fanfare.MessageID{other.ID: msgs, app.ID: {theirs.ID}}, channels)
	w.ok(err)
	same(w, "deliveries of another's messages", len(none), 0)
}

// listsWithin holds the deliveries and the attempts that are found by a filter against
// those there are, and returns how many were found.
func (w *world) listsWithin(app *fanfare.Application, f fanfare.AttemptFilter, shown func(fanfare.MessageID, fanfare.EndpointID, []string) bool) int {
	w.Helper()
	d := fanfare.DeliveryFilter{Page: everything, Message: f.Message, Endpoint: f.Endpoint}
	ds, err := w.store.Deliveries(w.Context(), app.ID, d)
	w.ok(err)
	ds = slices.DeleteFunc(ds, func(d *fanfare.Delivery) bool { return !shown(d.Message, d.Endpoint, f.Within) })
	if d.Within = f.Within; f.Message == "" || f.Endpoint == "" {
		same(w, "deliveries", pages(w, func(p fanfare.Page) ([]*fanfare.Delivery, error) {
			d.Page = p
			return w.store.Deliveries(w.Context(), app.ID, d)
		}, func(d *fanfare.Delivery) string {
			if f.Message == "" {
				return string(d.Message)
			}
			return string(d.Endpoint)
		}, true), ds)
	}
	as, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Message: f.Message, Endpoint: f.Endpoint})
	w.ok(err)
	as = slices.DeleteFunc(as, func(a *fanfare.Attempt) bool { return !shown(a.Message, a.Endpoint, f.Within) })
	same(w, "attempts", pages(w, func(p fanfare.Page) ([]*fanfare.Attempt, error) {
		f.Page = p
		return w.store.Attempts(w.Context(), app.ID, f)
	}, func(a *fanfare.Attempt) string { return string(a.ID) }, true), as)
	return len(ds) + len(as)
}

func countWithin(w *world) {
	app, eps, msgs := w.aView()
	for _, ep := range eps {
		for _, channels := range append(slices.Clone(narrowings), nil) {
			for _, span := range [][2]time.Time{{}, {start.Add(20 * time.Second), start.Add(60 * time.Second)}} {
				ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
				w.ok(err)
				want := map[fanfare.State]int{}
				for _, d := range ds {
					if msgs[d.Message].Within(channels) && ep.Within(channels) && within(msgs[d.Message].CreatedAt, span[0], span[1]) {
						want[d.State]++
					}
				}
				f := fanfare.DeliveryFilter{Endpoint: ep.ID, Since: span[0], Until: span[1], Within: channels}
				got, err := w.store.CountWithin(w.Context(), app.ID, f)
				w.ok(err)
				same(w, "counts", got, want)
				got, err = w.store.CountWithin(w.Context(), w.application("").ID, f)
				w.ok(err)
				same(w, "another's", len(got), 0)
				slices.Reverse(ds) // which are by age
				for _, f.Limit = range []int{1, 2, len(ds), len(ds) + 1} {
					want := map[fanfare.State]int{}
					for _, d := range ds[:min(f.Limit, len(ds))] {
						if msgs[d.Message].Within(channels) && ep.Within(channels) && within(msgs[d.Message].CreatedAt, span[0], span[1]) {
							want[d.State]++
						}
					}
					got, err := w.store.CountWithin(w.Context(), app.ID, f)
					w.ok(err)
					same(w, fmt.Sprint("of the newest ", f.Limit), got, want)
				}
			}
		}
	}
}

// countWaiting counts in the order of the lane, as far as it is told.
func countWaiting(w *world) {
	app, eps, msgs := w.aView()
	some := 0
	for _, ep := range eps {
		lane, err := w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: ep.ID, Limit: 1000})
		w.ok(err)
		for _, channels := range append(slices.Clone(narrowings), nil) {
			for _, most := range []int{1, 2, max(1, len(lane)), len(lane) + 1} {
				want := 0
				for _, d := range lane[:min(most, len(lane))] {
					if msgs[d.Message].Within(channels) && ep.Within(channels) {
						want++
					}
				}
				f := fanfare.DeliveryFilter{Endpoint: ep.ID, Within: channels, Page: fanfare.Page{Limit: most}}
				got, err := w.store.CountWaiting(w.Context(), app.ID, f)
				w.ok(err)
				same(w, fmt.Sprintf("waiting within %v of the first %d of %d", channels, most, len(lane)), got, want)
				some += got
				got, err = w.store.CountWaiting(w.Context(), w.application("").ID, f)
				w.ok(err)
				same(w, "another's", got, 0)
			}
		}
	}
	if some == 0 {
		w.Error("nothing waits")
	}
}

func cancelWithin(w *world) {
	app := w.application("")
	all, eu, both := w.endpoint(app), w.endpoint(app, on("eu")), w.endpoint(app, on("eu", "us"))
	msg := w.accept(w.draft(app, func(m *fanfare.Message) { m.Channels = []string{"eu", "x"} }), all, eu, both)
	bare := w.message(app, all, eu)
	for _, m := range []*fanfare.Message{msg, bare} {
		_, err := w.store.CancelWithin(w.Context(), app.ID, m.ID, []string{"us"})
		w.is(err, fanfare.ErrNotFound)
	}
	_, err := w.store.CancelWithin(w.Context(), w.application("").ID, msg.ID, []string{"eu"})
	w.is(err, fanfare.ErrNotFound)
	for _, c := range []struct {
		channels []string
		want     []fanfare.EndpointID
	}{{[]string{"x"}, nil}, {[]string{"eu"}, []fanfare.EndpointID{eu.ID}}, {[]string{"eu"}, nil}, {[]string{"us", "eu"}, []fanfare.EndpointID{both.ID}}, {nil, []fanfare.EndpointID{all.ID}}} {
		got, err := w.store.CancelWithin(w.Context(), app.ID, msg.ID, c.channels)
		w.ok(err)
		same(w, "cancelled", got, c.want)
	}
}

func followWithin(w *world) {
	app, eps, msgs := w.aView()
	byID := map[fanfare.EndpointID]*fanfare.Endpoint{}
	for _, ep := range eps {
		byID[ep.ID] = ep
	}
	for _, of := range []fanfare.ApplicationID{app.ID, ""} {
		for _, channels := range append(narrowings, nil) {
			records, last, err := w.store.RecordedWithin(w.Context(), of, nil, 0, 1000)
			w.ok(err)
			var want, got []fanfare.AttemptID
			for _, r := range records {
				if msgs[r.Message].Within(channels) && byID[r.Endpoint].Within(channels) {
					want = append(want, r.ID)
				}
			}
			for place := fanfare.Place(0); place != last; {
				some, next, err := w.store.RecordedWithin(w.Context(), of, channels, place, 7)
				w.ok(err)
				got = append(got, each(some, func(r fanfare.Record) fanfare.AttemptID { return r.ID })...)
				if place == next {
					w.Fatalf("it stops at %d of %d", place, last)
				}
				place = next
			}
			same(w, "attempts", got, want)
		}
	}
}

func tasksWithin(w *world) {
	app, eps, msgs := w.aView()
	var tasks []*fanfare.Task
	for _, channels := range [][]string{nil, {"eu"}, {"us", "eu"}, {"e"}, {"eu us"}} {
		tasks = append(tasks, w.task(app, func(t *fanfare.Task) { t.Selection.Within = channels }))
	}
	w.reopen()
	for _, channels := range append(narrowings, nil) {
		var want []fanfare.TaskID
		for _, t := range tasks {
			same(w, "task", w.readTask(t.ID).Selection.Within, t.Selection.Within)
			if t.Within(channels) {
				want = append(want, t.ID)
			}
		}
		for _, states := range [][]fanfare.TaskState{nil, {fanfare.TaskRunning}} {
			got := pages(w, func(p fanfare.Page) ([]*fanfare.Task, error) {
				return w.store.Tasks(w.Context(), fanfare.TaskFilter{Page: p, States: states, Within: channels})
			}, func(t *fanfare.Task) string { return string(t.ID) }, true)
			same(w, "tasks", each(got, func(t *fanfare.Task) fanfare.TaskID { return t.ID }), want)
		}
		walk := fanfare.Walk{Selection: fanfare.Selection{Within: channels}, Look: 1000, Limit: 1000}
		found, _, err := w.store.WalkMessages(w.Context(), app.ID, "", walk)
		w.ok(err)
		ds, _, err := w.store.WalkDeliveries(w.Context(), app.ID, eps[1].ID, walk)
		w.ok(err)
		same(w, "as many", len(ds), len(found))
		n := 0
		for _, msg := range msgs {
			if msg.Within(channels) {
				n++
			}
		}
		same(w, "messages", len(found), n)
	}
}
