package lane

import (
	"fmt"
	"slices"
	"time"
)

// cancel cancels, moves or sends once more.
func (w *world) cancel(e *modelEndpoint) {
	ids := sorted(e.disk, func(r *record) bool { return r.told })
	if len(ids) == 0 || !e.live {
		return
	}
	r := e.disk[w.one(ids)]
	if i := slices.Index(w.news, piece{e, r.Message}); i >= 0 {
		w.tell(i)
		return
	}
	f := e.flying[r.Message]
	switch {
	case !r.waiting && (f == nil || f.verdict != nil): // ended: requeue
		key := r.Key
		r.Delivery, r.waiting = w.delivery(e, r.Message), true
		r.Key = key
		w.logf("requeue %s %s", e.set.Endpoint, r.Message)
		w.s.Accept(w.now, e.set.Endpoint, r.Delivery)
	case r.waiting && f == nil && w.dice.IntN(2) == 0: // move
		key := r.Key
		w.s.Cancel(e.set.Endpoint, r.Message)
		r.Delivery = w.delivery(e, r.Message)
		r.Key = key
		w.logf("move %s %s due=%v", e.set.Endpoint, r.Message, r.Due.Sub(epoch))
		w.s.Accept(w.now, e.set.Endpoint, r.Delivery)
	case r.waiting:
		r.waiting = false
		w.logf("cancel %s %s", e.set.Endpoint, r.Message)
		w.s.Cancel(e.set.Endpoint, r.Message)
	}
}

// emptied cancels everything that waits, what is in flight included.
func (w *world) emptied(e *modelEndpoint) {
	if !e.live {
		return
	}
	for _, r := range e.disk {
		r.waiting = false
	}
	w.tellAll(e)
	w.logf("emptied %s", e.set.Endpoint)
	w.s.Emptied(e.set.Endpoint)
}

// sent says of an attempt that its endpoint is done with it, which its verdict
// will bear out; and now and then what the scheduler knows or has no use for.
func (w *world) sent(e *modelEndpoint) {
	ids := sorted(e.flying, func(f *modelFlight) bool { return f.verdict == nil || f.verdict.OK })
	if len(ids) == 0 || w.dice.IntN(10) == 0 {
		w.s.Sent(e.set.Endpoint, fmt.Sprintf("m%05d", w.ids+1))
		return
	}
	id := w.one(ids)
	e.flying[id].party.sent = true
	w.logf("sent %s %s", e.set.Endpoint, id)
	w.s.Sent(e.set.Endpoint, id)
}

// bulk writes several deliveries and tells all at once.
func (w *world) bulk(e *modelEndpoint) {
	if !e.live {
		return
	}
	for range w.dice.IntN(30) {
		w.ids++
		id := fmt.Sprintf("m%05d", w.ids)
		e.disk[id] = &record{Delivery: w.delivery(e, id), waiting: true}
	}
	w.logf("stored %s", e.set.Endpoint)
	w.stored(e)
}

func (w *world) configure(e *modelEndpoint) {
	if !e.live {
		e.live = true
		e.health, e.hold = newModelHealth(w.cap(e), time.Time{}), time.Time{}
		e.set.FailingSince = time.Time{}
		w.s.Configure(w.now, e.set)
		return
	}
	switch w.dice.IntN(6) {
	case 0, 1:
		if e.set.Paused = !e.set.Paused; !e.set.Paused {
			e.health.resume()
		}
	case 2:
		e.set.Ordered = !e.set.Ordered
		w.tellAll(e)
		for _, r := range e.disk {
			if r.Rank = 0; !e.set.Ordered {
				r.Rank = r.Due.UnixMicro()
			}
		}
		for _, f := range e.flying {
			if f.verdict != nil {
				f.verdict.Rank = e.disk[f.Message].Rank
			}
		}
		w.logf("ordered %s %v", e.set.Endpoint, e.set.Ordered)
		w.s.Configure(w.now, e.set)
		w.stored(e)
		return
	case 5:
		e.set.Gather = w.gather()
	case 3:
		e.set.Host = []string{"", "h1", "h2"}[w.dice.IntN(3)]
	case 4:
		if e.set.Rate == 0 && e.set.AppRate == 0 { // else its bucket would be new
			w.remove(e)
		}
		return
	}
	w.logf("configure %+v", e.set)
	w.s.Configure(w.now, e.set)
}

func (w *world) remove(e *modelEndpoint) {
	e.live, e.set.Paused = false, false
	for id, r := range e.disk {
		r.waiting = false
		if f := e.flying[id]; f != nil {
			f.verdict = &Verdict{OK: true}
		} else {
			delete(e.disk, id)
		}
	}
	w.news = slices.DeleteFunc(w.news, func(p piece) bool { return p.e == e })
	for _, q := range w.loads {
		q.void = q.void || q.Endpoint == e.set.Endpoint
	}
	e.loading, e.backoff = 0, time.Time{}
	w.logf("remove %s", e.set.Endpoint)
	w.s.Remove(e.set.Endpoint)
}
