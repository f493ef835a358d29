package lane

import (
	"slices"
	"testing"
	"time"
)

// seek is a Seek that is not answered.
type seek struct {
	Seek
	e      *modelEndpoint
	read   bool
	answer []Delivery
}

// seek has some deliveries be asked for, of which those that wait may be news.
func (w *world) seek(e *modelEndpoint) {
	var ids []string
	for _, id := range sorted(e.disk, func(*record) bool { return true }) {
		if w.dice.IntN(4) == 0 || slices.Contains(w.news, piece{e, id}) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 || !e.live {
		return
	}
	ids = ids[max(0, len(ids)-5):]
	ask, ok := w.s.Seek(e.set.Endpoint, ids)
	w.logf("seek %s %q %v", e.set.Endpoint, ids, ok)
	if !ok {
		w.stored(e)
		return
	}
	w.news = slices.DeleteFunc(w.news, func(p piece) bool { return p.e == e && slices.Contains(ids, p.id) })
	w.seeks = append(w.seeks, &seek{Seek: ask, e: e})
}

// find lets the store read what was asked for, or what it has read arrive.
func (w *world) find() {
	if len(w.seeks) == 0 {
		return
	}
	i := w.dice.IntN(len(w.seeks))
	q := w.seeks[i]
	if !q.read {
		q.read = true
		for _, id := range q.Messages {
			if r := q.e.disk[id]; r != nil && r.waiting {
				q.answer = append(q.answer, r.Delivery)
			}
		}
		if w.dice.IntN(2) == 0 {
			return
		}
	}
	w.seeks = slices.Delete(w.seeks, i, i+1)
	if !w.calm && w.dice.IntN(8) == 0 {
		w.logf("not found %s %q", q.Endpoint, q.Messages)
		if q.e.live {
			w.stored(q.e)
		}
		return
	}
	if l := w.s.lanes[q.Endpoint]; l != nil {
		for _, d := range q.answer {
			if l.sought[d.Message] == q.seq {
				q.e.disk[d.Message].told = true
			}
		}
	}
	w.logf("found %s %q", q.Endpoint, q.Messages)
	w.s.Found(q.Seek, q.answer)
}

// TestFound has what was asked for be answered too late: what became of it meanwhile is known.
func TestFound(t *testing.T) {
	for what, meanwhile := range map[string]func(s *Scheduler){
		"cancelled": func(s *Scheduler) { s.Cancel("ep", "m1") },
		"delivered": func(s *Scheduler) {
			s.Accept(epoch, "ep", Delivery{Message: "m1", Due: epoch})
			s.Step(epoch)
			s.Finish(epoch, "ep", "m1", Verdict{OK: true})
		},
		"under way": func(s *Scheduler) {
			s.Accept(epoch, "ep", Delivery{Message: "m1", Due: epoch})
			s.Step(epoch)
		},
		"all cancelled": func(s *Scheduler) {
			s.Emptied("ep")
			for _, ld := range s.Step(epoch).Load {
				s.Loaded(epoch, ld, nil, false)
			}
		},
		"asked for again":     func(s *Scheduler) { s.Seek("ep", []string{"m1"}) },
		"endpoint is deleted": func(s *Scheduler) { s.Remove("ep") },
		"nothing":             nil,
	} {
		s := New(Limits{})
		s.Configure(epoch, Settings{Endpoint: "ep"})
		ask, ok := s.Seek("ep", []string{"m1", "m2"})
		if !ok {
			t.Fatal("not to be asked for")
		}
		if meanwhile != nil {
			meanwhile(s)
		}
		s.Found(ask, []Delivery{{Message: "m1", Due: epoch}})
		if a := s.Step(epoch.Add(time.Millisecond)); (len(a.Start) == 1) != (meanwhile == nil) {
			t.Errorf("%s: %+v is started", what, a.Start)
		}
	}
}

func TestSeekOfALaneThatHasToBeRead(t *testing.T) {
	s := New(Limits{Window: 2})
	if _, ok := s.Seek("ep", []string{"m"}); ok {
		t.Error("of an unknown endpoint")
	}
	s.Configure(epoch, Settings{Endpoint: "ep", Ordered: true})
	if _, ok := s.Seek("ep", []string{"m"}); ok {
		t.Error("of an ordered one")
	}
	s.Configure(epoch, Settings{Endpoint: "ep"})
	if _, ok := s.Seek("ep", []string{"m1", "m2", "m3"}); ok {
		t.Error("more than fit")
	}
	ask, ok := s.Seek("ep", []string{"m1", "m2"})
	if _, again := s.Seek("ep", []string{"m3"}); !ok || again {
		t.Error("more than fit, together")
	}
	if s.Found(ask, nil); len(s.lanes["ep"].sought) > 0 {
		t.Error("what was answered is kept")
	}
}
