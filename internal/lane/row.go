package lane

import "slices"

// entry is a waiting delivery in memory.
type entry struct {
	place    Position
	due      instant
	attempts int32
	apart    bool
	key      string
	queue    *queue // of its key; nil in a lane that is not ordered
}

// alone says that e is all that memory holds of a shelved queue.
func (e *entry) alone() bool {
	return e.queue != nil && e.queue.shelved && e.queue.row.len() == 1
}

// row is entries sorted by place. Most are added at the end and taken from the
// front, which costs nothing but a step of head.
type row struct {
	all  []*entry
	head int
}

func (r *row) len() int          { return len(r.all) - r.head }
func (r *row) at(i int) *entry   { return r.all[r.head+i] }
func (r *row) first() *entry     { return r.all[r.head] }
func (r *row) last() *entry      { return r.all[len(r.all)-1] }
func (r *row) entries() []*entry { return r.all[r.head:] }

// search finds where p is or would be.
func (r *row) search(p Position) (int, bool) {
	n := r.len()
	if n == 0 {
		return 0, false
	}
	switch c := r.last().place.Compare(p); {
	case c < 0:
		return n, false
	case c == 0:
		return n - 1, true
	}
	return slices.BinarySearchFunc(r.entries(), p, func(e *entry, p Position) int {
		return e.place.Compare(p)
	})
}

func (r *row) insert(i int, e *entry) {
	if len(r.all) == cap(r.all) && r.head > len(r.all)/2 {
		n := copy(r.all, r.entries())
		clear(r.all[n:])
		r.all, r.head = r.all[:n], 0
	}
	r.all = slices.Insert(r.all, r.head+i, e)
}

func (r *row) remove(i int) {
	if i == 0 {
		r.all[r.head] = nil
		r.head++
	} else {
		r.all = slices.Delete(r.all, r.head+i, r.head+i+1)
	}
	if r.len() == 0 {
		r.reset()
	}
}

// reset empties r, and gives back what a long row took.
func (r *row) reset() {
	clear(r.all)
	r.all, r.head = r.all[:0], 0
	if cap(r.all) > 64 {
		r.all = nil
	}
}

// queue is the deliveries of one ordering key of an ordered lane.
type queue struct {
	key  string
	row  row
	slot int // in lane.heads, where it is while its first entry could be next

	flying int      // attempts in flight
	flight Position // the place of the latest of them
	again  bool     // it is not the first attempt

	// A shelved queue does not follow the lane's edge but has its own: it holds
	// its deliveries up to and including edge, the rest are in the store.
	shelved bool
	edge    Position
	hungry  bool // it is in lane.hungry
}

func earlier(a, b *queue) bool {
	x, y := a.row.first(), b.row.first()
	if x.due != y.due {
		return x.due < y.due
	}
	return x.place.Compare(y.place) < 0
}

// stuck says that q keeps others from being loaded while nothing of it can
// start: its first delivery waits to be tried again, or is being tried again.
// edge is the lane's.
func (q *queue) stuck(now instant, edge Position) bool {
	if q.flying > 0 {
		return q.again && q.flight.Compare(edge) <= 0
	}
	first := q.row.first()
	return first.due > now && first.place.Compare(edge) <= 0
}
