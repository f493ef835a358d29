package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// keyRetention is how long idempotency keys and answers are kept.
const keyRetention = 24 * time.Hour

// castagnoli is the polynomial of the checksum that every payload carries, by
// which damage on the disk is found before it is sent to anyone.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A parcel is a message and its deliveries, made ready to be stored.
type parcel struct {
	*fanfare.Intake
	app, id   id
	channels  string
	tags      string
	checksum  uint32
	endpoints []id        // of the deliveries; zero for one that cannot be
	asked     []time.Time // when they were to be due; nil: none takes the place of another
}

func newParcel(app id, in *fanfare.Intake) (p parcel, err error) {
	msg := in.Message
	raw, ok := parse(messagePrefix, msg.ID)
	if !ok {
		return p, fmt.Errorf("message %q: not an identifier", msg.ID)
	}
	p = parcel{
		Intake: in, app: app, id: raw, channels: stored.List(msg.Channels), tags: stored.List(msg.Tags),
		checksum: crc32.Checksum(msg.Payload, castagnoli), endpoints: make([]id, len(in.Deliveries)),
	}
	for i := range in.Deliveries {
		d := &in.Deliveries[i]
		p.endpoints[i], _ = parse(endpointPrefix, d.Endpoint)
		if d.Latest && p.asked == nil {
			p.asked = make([]time.Time, len(in.Deliveries))
		}
		if d.Latest {
			p.asked[i] = d.Due
		}
	}
	return p, nil
}

// Accept implements [fanfare.Queue]. A delivery to an endpoint that has been
// deleted meanwhile is left out.
func (s *Store) Accept(ctx context.Context, application fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) (earlier []fanfare.MessageID, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	j := job{grows: true, hot: true, app: app, parcels: make([]parcel, len(in))}
	for i := range in {
		if j.parcels[i], err = newParcel(app, in[i]); err != nil {
			return nil, err
		}
		j.bytes += len(in[i].Message.Payload)
	}
	if key != nil {
		j.run = func(w *writer) error {
			earlier, err = w.acceptOnce(app, j.parcels, key)
			return err
		}
	}
	err = s.write(ctx, &j)
	return earlier, err
}

// acceptOnce stores messages, unless a request under this key has stored some before.
func (w *writer) acceptOnce(app id, parcels []parcel, key *fanfare.Idempotency) (earlier []fanfare.MessageID, err error) {
	if err := w.mustHaveApplication(app); err != nil {
		return nil, err
	}
	if earlier, err = w.earlier(app, key); err != nil || earlier != nil {
		return earlier, err
	}
	for some := range slices.Chunk(parcels, many) {
		if err := w.accept(some); err != nil {
			return nil, err
		}
	}
	return nil, w.keep(app, key, parcels)
}

// parcelsKept bounds the memory of writer.parcels.
const parcelsKept = 4096

// acceptAll stores the messages of jobs, so that they are many at once however they came.
func (w *writer) acceptAll(jobs []*job) error {
	all := w.parcels[:0]
	defer func() {
		clear(all)
		if cap(all) > parcelsKept {
			all = nil
		}
		w.parcels = all[:0]
	}()
	for _, j := range jobs {
		if j.err = w.mustHaveApplication(j.app); j.err == nil {
			all = append(all, j.parcels...)
		} else if !isAnswer(j.err) {
			return j.err
		}
	}
	for some := range slices.Chunk(all, many) {
		if err := w.accept(some); err != nil {
			return err
		}
	}
	return nil
}

// insertMessage does nothing if the application has a message of that event id and
// version.
const insertMessage = `
	INSERT OR ROLLBACK INTO message (rowid, application, id, event_id, event_type, content_type, channels, tags,
		ordering_key, deliver_at, created_at, checksum, endpoints, payload, event_type_version)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

// accept stores at most many messages with their deliveries, or sets their Err to
// ErrExists.
func (w *writer) accept(parcels []parcel) error {
	for i := range parcels {
		if err := w.leaveOutDeleted(parcels[i].app, parcels[i].endpoints); err != nil {
			return err
		}
	}
	first := w.fresh.lastRow + 1
	w.fresh.lastRow += int64(len(parcels))
	stored, err := w.hot.message.insert(len(parcels), func(bind *binder, i int) {
		parcels[i].bind(bind, first+int64(i))
	})
	for i := 0; i < len(parcels) && err == nil; i++ {
		p, row, isStored := &parcels[i], first+int64(i), true
		if stored < len(parcels) {
			isStored, err = known(w.hot.knownMessage, row)
		}
		if p.Err = nil; !isStored {
			p.Err = fanfare.ErrExists
			continue
		}
		w.newest.raise(p.id)
		if err == nil && !w.fresh.admit(row, p) {
			err = w.insertDeliveries(p)
		}
	}
	return err
}

// leaveOutDeleted makes the endpoints zero that cannot have a delivery.
func (w *writer) leaveOutDeleted(app id, endpoints []id) error {
	for i, ep := range endpoints {
		ok, err := w.hasEndpoint(app, ep)
		if err != nil {
			return err
		}
		if !ok {
			endpoints[i] = id{}
		}
	}
	return nil
}

// bind gives insertMessage its values.
func (p *parcel) bind(bind *binder, row int64) {
	var few [8 * len(id{})]byte
	endpoints := few[:0]
	for _, ep := range p.endpoints {
		if ep != (id{}) {
			endpoints = append(endpoints, ep[:]...)
		}
	}
	msg := p.Message
	bind.number(row)
	bind.id(p.app)
	bind.id(p.id)
	bind.optional(msg.EventID)
	bind.text(msg.EventType)
	bind.optional(msg.ContentType)
	bind.optional(p.channels)
	bind.optional(p.tags)
	bind.optional(msg.OrderingKey)
	bind.time(msg.DeliverAt)
	bind.time(msg.CreatedAt)
	bind.number(int64(p.checksum))
	bind.blob(endpoints)
	bind.blob(msg.Payload)
	bind.number(int64(msg.EventTypeVersion))
}

// insertDeliveries writes down what cannot be fresh.
func (w *writer) insertDeliveries(p *parcel) error {
	for i, ep := range p.endpoints {
		if ep == (id{}) {
			continue
		}
		d := &p.Deliveries[i]
		if d.Latest {
			d.Due = p.asked[i] // again, if this transaction is
			d.Rank = fanfare.RankOf(d.Rank == 0, d.Due)
			if err := w.replace(p, ep, d); err != nil {
				return err
			}
		}
		if err := w.insertDelivery(p, ep, d); err != nil {
			return err
		}
	}
	return nil
}

const selectReplaced = `
	SELECT message, due_at
	FROM delivery INDEXED BY delivery_keyed
	WHERE endpoint = ? AND state = 0 AND ordering_key = ? AND attempts = 0 AND NOT manual
	ORDER BY rank, message
	LIMIT 1`

const cancelReplaced = `
	UPDATE delivery
	SET state = 3
	WHERE endpoint = ? AND message = ?`

// replace cancels the delivery whose place d takes.
func (w *writer) replace(p *parcel, ep id, d *fanfare.Delivery) error {
	d.Replaced = ""
	if err := w.expandKey(ep, d.OrderingKey); err != nil {
		return err
	}
	stmt, err := w.conn.Prepare(selectReplaced)
	if err != nil {
		return err
	}
	bind := binder{stmt: stmt}
	bind.id(ep)
	bind.text(d.OrderingKey)
	var old id
	var due time.Time
	found, err := one(stmt, func(row *row) { old, due = row.id(), row.time() })
	if !found || err != nil {
		return err
	}
	d.Replaced = fanfare.MessageID(fanfare.EncodeID(messagePrefix, old))
	if due.Before(d.Due) {
		d.Due, d.Rank = due, fanfare.RankOf(d.Rank == 0, due)
	}
	return w.exec(cancelReplaced, func(bind *binder) { bind.id(ep); bind.id(old) })
}

const insertDelivery = `
	INSERT INTO delivery (endpoint, message, state, rank, due_at, ordering_key, attempts, manual, created_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO NOTHING`

func (w *writer) insertDelivery(p *parcel, ep id, d *fanfare.Delivery) error {
	bind := binder{stmt: w.hot.delivery}
	bind.id(ep)
	bind.id(p.id)
	bind.number(int64(d.State))
	bind.number(d.Rank)
	bind.time(d.Due)
	bind.optional(d.OrderingKey)
	bind.number(int64(d.Attempts))
	bind.truth(d.Manual)
	bind.time(p.Message.CreatedAt)
	return run(w.hot.delivery)
}

const selectEarlier = `
	SELECT fingerprint, messages
	FROM idempotency
	WHERE application = ? AND key = ? AND expires_at > ?`

// earlier returns the messages that a request under this key has stored before;
// nil if there was none.
func (w *writer) earlier(app id, key *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	stmt, err := w.conn.Prepare(selectEarlier)
	if err != nil {
		return nil, err
	}
	bind := binder{stmt: stmt}
	bind.id(app)
	bind.text(key.Key)
	bind.time(time.Now())
	var fingerprint, messages []byte
	found, err := one(stmt, func(row *row) { fingerprint, messages = row.blob(), row.blob() })
	switch {
	case err != nil || !found:
		return nil, err
	case !bytes.Equal(fingerprint, key.Fingerprint[:]):
		return nil, fanfare.ErrConflict
	}
	earlier := []fanfare.MessageID{}
	for _, raw := range ids(messages) {
		name := ""
		if raw != (id{}) {
			name = fanfare.EncodeID(messagePrefix, raw)
		}
		earlier = append(earlier, fanfare.MessageID(name))
	}
	return earlier, nil
}

const insertKey = `
	INSERT OR REPLACE INTO idempotency (application, key, fingerprint, messages, expires_at)
	VALUES (?, ?, ?, ?, ?)`

// keep notes what was stored under a key.
func (w *writer) keep(app id, key *fanfare.Idempotency, parcels []parcel) error {
	stmt, err := w.conn.Prepare(insertKey)
	if err != nil {
		return err
	}
	var messages []byte
	for i := range parcels {
		kept := parcels[i].id
		if parcels[i].Err != nil {
			kept = id{}
		}
		messages = append(messages, kept[:]...)
	}
	bind := binder{stmt: stmt}
	bind.id(app)
	bind.text(key.Key)
	bind.blob(key.Fingerprint[:])
	bind.blob(messages)
	bind.time(time.Now().Add(keyRetention))
	return run(stmt)
}
