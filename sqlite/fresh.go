package sqlite

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// A delivery is fresh from when its message is accepted until its first attempt
// is recorded, which is mostly a matter of milliseconds. It has no row then: that
// its message lists its endpoint says all there is to know, and a row that is
// written once, when there is an outcome, costs half of one that is written,
// indexed, changed and taken out of the index again.
//
// Whoever else wants to see or change deliveries has the fresh ones written first
// (expanded). Those that stay fresh too long are expanded anyhow, so that few
// messages need be looked at after a crash: the ones behind the mark, which is
// the rowid up to which every message has its deliveries as rows.
//
// Only the writer touches this.
type fresh struct {
	by      map[way]*freshDelivery
	lanes   map[id]*freshLane // by endpoint
	queue   []*freshMessage   // by rowid; at the front perhaps some with nothing left
	lastRow int64             // of the messages; none is ever used twice
	mark    int64             // as noted in the database
	changes []freshChange     // of the transaction under way
}

// A way is a delivery's key.
type way struct{ endpoint, message id }

type freshMessage struct {
	rowid      int64
	id         id
	key        string
	due        int64
	createdAt  int64
	seen       time.Time
	left       int // deliveries that are still fresh
	deliveries []freshDelivery
}

type freshDelivery struct {
	*freshMessage
	endpoint id
	rank     int64
	gone     bool // not fresh any more
}

// A freshLane is what is fresh of an endpoint, in order of place, among some that
// are gone.
type freshLane struct {
	sorted []*freshDelivery
	gone   int
}

// A freshChange is undone when the transaction is.
type freshChange struct {
	*freshDelivery
	added bool
}

const (
	freshMost = 100_000          // deliveries; beyond, they are written at once
	freshFor  = 10 * time.Second // after that they are expanded
	markEvery = 1000             // messages between two notes of the mark
)

// isFresh reports whether d is as a delivery begins: nothing is to be known of
// it that its message and its endpoint do not say.
func isFresh(msg *fanfare.Message, d *fanfare.Delivery) bool {
	due := freshDue(stored.Micros(msg.CreatedAt), stored.Micros(msg.DeliverAt))
	return d.State == fanfare.Waiting && d.Attempts == 0 && !d.Manual && !d.Latest && d.OrderingKey == msg.OrderingKey &&
		stored.Micros(d.Due) == due && (d.Rank == 0 || d.Rank == due)
}

func freshDue(createdAt, deliverAt int64) int64 { return max(createdAt, deliverAt) }

// admit makes a message's deliveries fresh, if all can be.
func (f *fresh) admit(rowid int64, p *parcel) bool {
	if len(f.by)+len(p.endpoints) > freshMost {
		return false
	}
	for i := range p.Deliveries {
		if !isFresh(p.Message, &p.Deliveries[i]) {
			return false
		}
	}
	m := &freshMessage{
		rowid: rowid, id: p.id, key: p.Message.OrderingKey, seen: time.Now(), createdAt: stored.Micros(p.Message.CreatedAt),
		due:        freshDue(stored.Micros(p.Message.CreatedAt), stored.Micros(p.Message.DeliverAt)),
		deliveries: make([]freshDelivery, 0, len(p.endpoints)),
	}
	for i, ep := range p.endpoints {
		if ep != (id{}) && f.by[way{ep, p.id}] == nil {
			m.deliveries = append(m.deliveries, freshDelivery{freshMessage: m, endpoint: ep, rank: p.Deliveries[i].Rank})
			f.add(&m.deliveries[len(m.deliveries)-1])
		}
	}
	f.queue = append(f.queue, m)
	return true
}

func (f *fresh) add(d *freshDelivery) {
	f.by[way{d.endpoint, d.id}] = d
	d.left++
	l := f.lanes[d.endpoint]
	if l == nil {
		l = &freshLane{}
		f.lanes[d.endpoint] = l
	}
	at := len(l.sorted) // mostly
	for at > 0 && placed(l.sorted[at-1], d.rank, d.id) > 0 {
		at--
	}
	l.sorted = slices.Insert(l.sorted, at, d)
	f.changes = append(f.changes, freshChange{d, true})
}

// placed compares the place of a delivery with one of that rank and message.
func placed(d *freshDelivery, rank int64, message id) int {
	if c := cmp.Compare(d.rank, rank); c != 0 {
		return c
	}
	return bytes.Compare(d.id[:], message[:])
}

func (f *fresh) remove(d *freshDelivery) {
	f.take(d)
	f.changes = append(f.changes, freshChange{d, false})
}

func (f *fresh) take(d *freshDelivery) {
	delete(f.by, way{d.endpoint, d.id})
	d.left--
	d.gone = true
	f.lanes[d.endpoint].gone++
}

// keep makes the changes of a transaction good.
func (f *fresh) keep() {
	for _, c := range f.changes {
		l := f.lanes[c.endpoint]
		if l == nil || l.gone < 64+len(l.sorted)/2 && l.gone < len(l.sorted) {
			continue
		}
		l.sorted = slices.DeleteFunc(l.sorted, func(d *freshDelivery) bool { return d.gone })
		l.gone = 0
		if len(l.sorted) == 0 {
			delete(f.lanes, c.endpoint)
		}
	}
	clear(f.changes)
	f.changes = f.changes[:0]
	for len(f.queue) > 0 && f.queue[0].left == 0 {
		f.queue[0] = nil
		f.queue = f.queue[1:]
	}
}

// undo takes back the changes of a transaction.
func (f *fresh) undo() {
	for i := len(f.changes) - 1; i >= 0; i-- {
		c := f.changes[i]
		if c.added {
			f.take(c.freshDelivery)
			continue
		}
		f.by[way{c.endpoint, c.id}] = c.freshDelivery
		c.left++
		c.gone = false
		f.lanes[c.endpoint].gone--
	}
	f.keep()
}

// behind returns what is fresh of an endpoint, from the place on that q says.
func (f *fresh) behind(ep id, q *fanfare.WaitingQuery) (ds []*fanfare.Delivery) {
	l := f.lanes[ep]
	if l == nil {
		return nil
	}
	after, _ := parse(messagePrefix, q.AfterMessage)
	at, _ := slices.BinarySearchFunc(l.sorted, after, func(d *freshDelivery, after id) int {
		if placed(d, q.AfterRank, after) > 0 {
			return 1
		}
		return -1
	})
	for _, d := range l.sorted[at:] {
		if len(ds) == q.Limit {
			break
		}
		if d.gone || q.Key != nil && *q.Key != d.key {
			continue
		}
		ds = append(ds, &fanfare.Delivery{
			Message: fanfare.MessageID(fanfare.EncodeID(messagePrefix, d.id)), Endpoint: q.Endpoint,
			Rank: d.rank, Due: stored.Instant(d.due), OrderingKey: d.key,
		})
	}
	return ds
}

// expand writes a fresh delivery down as one that waits.
func (w *writer) expand(d *freshDelivery) error {
	bind := binder{stmt: w.hot.delivery}
	bind.id(d.endpoint)
	bind.id(d.id)
	bind.number(int64(fanfare.Waiting))
	bind.number(d.rank)
	bind.number(d.due)
	bind.optional(d.key)
	bind.number(0)
	bind.truth(false)
	bind.number(d.createdAt)
	if err := run(w.hot.delivery); err != nil {
		return err
	}
	w.fresh.remove(d)
	return nil
}

// expandMessage expands what is fresh of a message.
func (w *writer) expandMessage(m *freshMessage) error {
	for i := range m.deliveries {
		d := &m.deliveries[i]
		if d.gone {
			continue
		}
		if err := w.expand(d); err != nil {
			return err
		}
	}
	return nil
}

// expandKey expands what is fresh of a key in a lane.
func (w *writer) expandKey(ep id, key string) error {
	l := w.fresh.lanes[ep]
	if l == nil {
		return nil
	}
	for _, d := range l.sorted {
		if d.gone || d.key != key {
			continue
		}
		if err := w.expand(d); err != nil {
			return err
		}
	}
	return nil
}

// expandAll leaves nothing fresh.
func (w *writer) expandAll() error {
	for _, m := range w.fresh.queue {
		if m.left == 0 {
			continue
		}
		if err := w.expandMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// expandOld expands what has been fresh too long, and notes the mark now and then.
func (w *writer) expandOld() error {
	now := time.Now()
	mark := w.fresh.lastRow
	for _, m := range w.fresh.queue {
		if m.left > 0 && now.Sub(m.seen) < freshFor {
			mark = m.rowid - 1
			break
		}
		if err := w.expandMessage(m); err != nil {
			return err
		}
	}
	if mark < w.fresh.mark+markEvery {
		return nil
	}
	return w.setMark(mark)
}

const updateMark = `
	UPDATE mark
	SET rowid_done = ?`

func (w *writer) setMark(mark int64) error {
	w.fresh.mark = mark
	return w.exec(updateMark, func(bind *binder) { bind.number(mark) })
}

const selectMark = `
	SELECT rowid_done, max(rowid_done, (SELECT ifnull(max(rowid), 0) FROM message))
	FROM mark`

// insertUnmarked writes down each delivery of the messages behind the mark that
// has no row.
const insertUnmarked = `
	WITH RECURSIVE part (rowid, n) AS (
		SELECT rowid, 0
		FROM message
		WHERE rowid > ?1
			AND length(endpoints) > 0
		UNION ALL
		SELECT part.rowid, n + 1
		FROM part
		JOIN message ON message.rowid = part.rowid
		WHERE (n + 2) * 16 <= length(message.endpoints))
	INSERT INTO delivery (endpoint, message, state, rank, due_at, ordering_key, attempts, manual, created_at)
	SELECT endpoint.id, message.id, 0, iif(endpoint.ordered, 0, max(message.created_at, message.deliver_at)),
		max(message.created_at, message.deliver_at), message.ordering_key, 0, 0, message.created_at
	FROM part
	JOIN message ON message.rowid = part.rowid
	JOIN endpoint ON endpoint.id = substr(message.endpoints, n * 16 + 1, 16) AND endpoint.application = message.application
	WHERE true
	ON CONFLICT DO NOTHING`

// recoverFresh writes down the deliveries that were fresh when the store was
// last closed, or broke off.
func (w *writer) recoverFresh(conn *sqlite.Conn) error {
	stmt, err := conn.Prepare(selectMark)
	if err != nil {
		return err
	}
	f := &w.fresh
	f.by, f.lanes = make(map[way]*freshDelivery), make(map[id]*freshLane)
	if _, err := one(stmt, func(row *row) { f.mark, f.lastRow = row.number(), row.number() }); err != nil || f.mark == f.lastRow {
		return err
	}
	if err := run(w.begin); err != nil {
		return err
	}
	err = w.exec(insertUnmarked, func(bind *binder) { bind.number(f.mark) })
	if err == nil {
		err = w.setMark(f.lastRow)
	}
	if err == nil {
		err = run(w.commit)
	}
	return err
}
