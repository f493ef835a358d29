package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// keyRetention is how long idempotency keys and answers are kept.
const keyRetention = 24 * time.Hour

// acceptMost is how many calls of Accept one transaction holds.
const acceptMost = 256

// castagnoli is the polynomial of the checksum that every payload carries, by
// which damage on the disk is found before it is sent to anyone.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An intake is a call of Accept under way.
type intake struct {
	app     id
	key     *fanfare.Idempotency
	parcels []parcel
	latest  bool // some deliveries take the places of others

	skip    bool // nothing of it is to be stored
	earlier []fanfare.MessageID
	err     error
}

// A parcel is a message and its deliveries, made ready to be stored.
type parcel struct {
	*fanfare.Intake
	id        id
	checksum  uint32
	endpoints []id // of the deliveries that can be; the others are left out
	places    []int
}

func newParcel(in *fanfare.Intake) (p parcel, err error) {
	msg := in.Message
	p = parcel{Intake: in, checksum: crc32.Checksum(msg.Payload, castagnoli)}
	var ok bool
	if p.id, ok = parse(messagePrefix, msg.ID); !ok {
		return p, fmt.Errorf("message %q: not an identifier", msg.ID)
	}
	for i := range in.Deliveries {
		if ep, ok := parse(endpointPrefix, in.Deliveries[i].Endpoint); ok {
			p.endpoints, p.places = append(p.endpoints, ep), append(p.places, i)
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
	call := &intake{app: app, key: key, parcels: make([]parcel, len(in))}
	for i := range in {
		if call.parcels[i], err = newParcel(in[i]); err != nil {
			return nil, err
		}
		latest := func(d fanfare.Delivery) bool { return d.Latest }
		call.latest = call.latest || slices.ContainsFunc(in[i].Deliveries, latest)
	}
	if err := s.accepting.run(ctx, call); err != nil {
		return nil, err
	}
	return call.earlier, call.err
}

// acceptAll stores what a group of calls brings.
func (s *Store) acceptAll(group []*intake) {
	for len(group) > 0 {
		some, rest := apart(group)
		ctx := context.Background() // once begun it is seen through
		err := s.write(ctx, func(tx pgx.Tx) error {
			g := acceptance{tx: tx, calls: some}
			return g.run(ctx)
		})
		if err != nil {
			for _, call := range some {
				call.err = fmt.Errorf("storing: %w", err)
			}
		}
		group = rest
	}
}

// apart takes out the calls under a key that an earlier one has too: they must find
// what that one has stored.
func apart(group []*intake) (some, rest []*intake) {
	type name struct {
		app id
		key string
	}
	var seen map[name]bool
	for _, call := range group {
		if call.key == nil {
			some = append(some, call)
			continue
		}
		n := name{call.app, call.key.Key}
		if seen[n] {
			rest = append(rest, call)
			continue
		}
		if seen == nil {
			seen = make(map[name]bool)
		}
		seen[n] = true
		some = append(some, call)
	}
	return some, rest
}

// An acceptance is one transaction that accepts.
type acceptance struct {
	tx    pgx.Tx
	calls []*intake
}

func (g *acceptance) run(ctx context.Context) error {
	for _, call := range g.calls {
		call.skip, call.earlier, call.err = false, nil, nil
		for i := range call.parcels {
			call.parcels[i].Err = nil
		}
	}
	for _, step := range []func(context.Context) error{g.findApplications, g.claimKeys, g.claimEventIDs, g.replace, g.store} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for what is to be stored.
func (g *acceptance) each(f func(call *intake, p *parcel)) {
	for _, call := range g.calls {
		for i := range call.parcels {
			if p := &call.parcels[i]; !call.skip && p.Err == nil {
				f(call, p)
			}
		}
	}
}

// selectApplications locks them against being deleted before this is committed.
const selectApplications = `
	SELECT id
	FROM application
	WHERE id = ANY($1)
	ORDER BY id
	FOR KEY SHARE`

func (g *acceptance) findApplications(ctx context.Context) error {
	var wanted []id
	for _, call := range g.calls {
		if !slices.Contains(wanted, call.app) {
			wanted = append(wanted, call.app)
		}
	}
	r, err := g.tx.Query(ctx, selectApplications, wanted)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(r, pgx.RowTo[id])
	if err != nil {
		return err
	}
	for _, call := range g.calls {
		if !slices.Contains(found, call.app) {
			call.skip, call.err = true, fanfare.ErrNotFound
		}
	}
	return nil
}

// insertKeys returns those that were free.
const insertKeys = `
	INSERT INTO idempotency AS old (application, key, fingerprint, messages, expires_at)
	SELECT application, key, fingerprint, '{}', $4
	FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS new (application, key, fingerprint)
	ON CONFLICT (application, key) DO UPDATE
	SET fingerprint = excluded.fingerprint, messages = '{}', expires_at = excluded.expires_at
	WHERE old.expires_at <= $5
	RETURNING application, key`

const selectKeyed = `
	SELECT fingerprint, messages
	FROM idempotency
	WHERE application = $1 AND key = $2`

// claimKeys finds out which calls were made before.
func (g *acceptance) claimKeys(ctx context.Context) error {
	var keyed []*intake
	for _, call := range g.calls {
		if call.key != nil && !call.skip {
			keyed = append(keyed, call)
		}
	}
	if keyed == nil {
		return nil
	}
	slices.SortFunc(keyed, func(a, b *intake) int { // so that no two transactions wait for each other
		return cmp.Or(bytes.Compare(a.app[:], b.app[:]), cmp.Compare(a.key.Key, b.key.Key))
	})
	var apps []id
	var keys []string
	var fingerprints [][]byte
	for _, call := range keyed {
		apps, keys = append(apps, call.app), append(keys, call.key.Key)
		fingerprints = append(fingerprints, call.key.Fingerprint[:])
	}
	now := time.Now()
	type name struct {
		app id
		key string
	}
	r, err := g.tx.Query(ctx, insertKeys, apps, keys, fingerprints, stored.Micros(now.Add(keyRetention)), stored.Micros(now))
	if err != nil {
		return err
	}
	free := make(map[name]bool)
	var n name
	if _, err := pgx.ForEachRow(r, []any{&n.app, &n.key}, func() error { free[n] = true; return nil }); err != nil {
		return err
	}
	for _, call := range keyed {
		if free[name{call.app, call.key.Key}] {
			continue
		}
		call.skip = true
		var fingerprint []byte
		var messages []id
		if err := g.tx.QueryRow(ctx, selectKeyed, call.app, call.key.Key).Scan(&fingerprint, &messages); err != nil {
			return err
		}
		if !bytes.Equal(fingerprint, call.key.Fingerprint[:]) {
			call.err = fanfare.ErrConflict
			continue
		}
		call.earlier = []fanfare.MessageID{}
		for _, raw := range messages {
			name := ""
			if raw != (id{}) {
				name = fanfare.EncodeID(messagePrefix, raw)
			}
			call.earlier = append(call.earlier, fanfare.MessageID(name))
		}
	}
	return nil
}

// insertEventIDs returns the messages whose event ids were free.
const insertEventIDs = `
	INSERT INTO event_id (application, event_id, message)
	SELECT application, event_id, message
	FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS new (application, event_id, message)
	ON CONFLICT DO NOTHING
	RETURNING message`

// claimEventIDs leaves out the messages whose event id is taken. What a call that is
// repeated has stored the first time is its own.
func (g *acceptance) claimEventIDs(ctx context.Context) error {
	type claim struct {
		app id
		p   *parcel
	}
	var claims []claim
	g.each(func(call *intake, p *parcel) {
		if p.Message.EventID != "" {
			claims = append(claims, claim{call.app, p})
		}
	})
	if claims == nil {
		return nil
	}
	slices.SortStableFunc(claims, func(a, b claim) int {
		return cmp.Or(bytes.Compare(a.app[:], b.app[:]), cmp.Compare(a.p.Message.EventID, b.p.Message.EventID))
	})
	var apps, messages []id
	var names []string
	for _, c := range claims {
		apps, names, messages = append(apps, c.app), append(names, c.p.Message.EventID), append(messages, c.p.id)
	}
	r, err := g.tx.Query(ctx, insertEventIDs, apps, names, messages)
	if err != nil {
		return err
	}
	free, err := pgx.CollectRows(r, pgx.RowTo[id])
	if err != nil {
		return err
	}
	for _, c := range claims {
		if !slices.Contains(free, c.p.id) {
			c.p.Err = fanfare.ErrExists
		}
	}
	return nil
}

const selectReplaced = `
	SELECT delivery.message, delivery.due_at
	FROM delivery
	JOIN endpoint ON endpoint.id = delivery.endpoint AND endpoint.application = $3
	WHERE delivery.endpoint = $1 AND delivery.state = 0 AND delivery.ordering_key = $2 AND delivery.attempts = 0 AND NOT delivery.manual
	ORDER BY delivery.rank, delivery.message
	LIMIT 1`

const cancelReplaced = `
	UPDATE delivery
	SET state = 3
	WHERE endpoint = $1 AND message = $2 AND state = 0`

// replace stores the deliveries of calls of which some take the places of others, one
// after the other. Of two transactions that do it for the same key one waits.
func (g *acceptance) replace(ctx context.Context) (err error) {
	type one struct {
		call *intake
		p    *parcel
		i    int
	}
	var all []one
	var locks []int64
	g.each(func(call *intake, p *parcel) {
		if !call.latest {
			return
		}
		for i, place := range p.places {
			all = append(all, one{call, p, i})
			if d := &p.Deliveries[place]; d.Latest {
				h := fnv.New64a()
				_, _ = h.Write(p.endpoints[i][:])
				_, _ = h.Write([]byte(d.OrderingKey))
				locks = append(locks, int64(h.Sum64()))
			}
		}
	})
	slices.Sort(locks)
	for _, lock := range locks {
		if _, err := g.tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lock); err != nil {
			return err
		}
	}
	for _, o := range all {
		if d := &o.p.Deliveries[o.p.places[o.i]]; d.Latest {
			if err := g.takePlace(ctx, o.call.app, o.p.endpoints[o.i], d); err != nil {
				return err
			}
		}
		var ds deliveries
		ds.add(o.call.app, o.p, o.i)
		if _, err := g.tx.Exec(ctx, insertDeliveries, ds.args()...); err != nil {
			return err
		}
	}
	return nil
}

// takePlace cancels the delivery whose place d takes.
func (g *acceptance) takePlace(ctx context.Context, app, ep id, d *fanfare.Delivery) error {
	d.Replaced = ""
	var old id
	var due int64
	err := g.tx.QueryRow(ctx, selectReplaced, ep, d.OrderingKey, app).Scan(&old, &due)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	d.Replaced = fanfare.MessageID(fanfare.EncodeID(messagePrefix, old))
	if at := stored.Instant(due); at.Before(d.Due) {
		d.Due, d.Rank = at, fanfare.RankOf(d.Rank == 0, at)
	}
	_, err = g.tx.Exec(ctx, cancelReplaced, ep, old)
	return err
}

// insertMessages stores messages, of which channels and tags come as JSON: an array
// of arrays must not be ragged.
const insertMessages = `
	INSERT INTO message (application, id, event_id, event_type, content_type, channels, tags, ordering_key,
		deliver_at, created_at, checksum, endpoints, payload)
	SELECT application, id, event_id, event_type, content_type,
		CASE WHEN channels IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(channels::json)) END,
		CASE WHEN tags IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(tags::json)) END,
		ordering_key, deliver_at, created_at, checksum, endpoints::uuid[], payload
	FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
		$9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::bytea[])
		AS new (application, id, event_id, event_type, content_type, channels, tags, ordering_key,
			deliver_at, created_at, checksum, endpoints, payload)
	ON CONFLICT DO NOTHING`

// insertDeliveries leaves out those to endpoints that are not the application's.
const insertDeliveries = `
	INSERT INTO delivery (endpoint, message, shard, state, manual, attempts, rank, due_at, created_at, ordering_key)
	SELECT endpoint.id, message, shard, state, manual, attempts, rank, due_at, new.created_at, ordering_key
	FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::boolean[], $7::integer[],
		$8::bigint[], $9::bigint[], $10::bigint[], $11::text[])
		AS new (application, endpoint, message, shard, state, manual, attempts, rank, due_at, created_at, ordering_key)
	JOIN endpoint ON endpoint.id = new.endpoint AND endpoint.application = new.application
	ON CONFLICT DO NOTHING`

const updateKeys = `
	UPDATE idempotency
	SET messages = $3
	WHERE application = $1 AND key = $2`

// store writes down what is left.
func (g *acceptance) store(ctx context.Context) error {
	var m messages
	var ds deliveries
	g.each(func(call *intake, p *parcel) {
		m.add(call.app, p)
		if call.latest {
			return // replace has stored them
		}
		for i := range p.places {
			ds.add(call.app, p, i)
		}
	})
	batch := &pgx.Batch{}
	if len(m.ids) > 0 {
		batch.Queue(insertMessages, m.args()...)
	}
	if len(ds.endpoints) > 0 {
		batch.Queue(insertDeliveries, ds.args()...)
	}
	for _, call := range g.calls {
		if call.key == nil || call.skip {
			continue
		}
		stored := make([]id, len(call.parcels))
		for i := range call.parcels {
			if call.parcels[i].Err == nil {
				stored[i] = call.parcels[i].id
			}
		}
		batch.Queue(updateKeys, call.app, call.key.Key, stored)
	}
	return g.tx.SendBatch(ctx, batch).Close()
}

// messages are the columns of some.
type messages struct {
	apps, ids                                    []id
	eventIDs, contentTypes, channels, tags, keys []*string
	eventTypes, endpoints                        []string
	deliverAt, createdAt, checksums              []int64
	payloads                                     [][]byte
}

func (m *messages) add(app id, p *parcel) {
	msg := p.Message
	m.apps, m.ids = append(m.apps, app), append(m.ids, p.id)
	m.eventIDs, m.eventTypes = append(m.eventIDs, optional(msg.EventID)), append(m.eventTypes, msg.EventType)
	m.contentTypes, m.keys = append(m.contentTypes, optional(msg.ContentType)), append(m.keys, optional(msg.OrderingKey))
	m.channels, m.tags = append(m.channels, jsonList(msg.Channels)), append(m.tags, jsonList(msg.Tags))
	m.deliverAt, m.createdAt = append(m.deliverAt, stored.Micros(msg.DeliverAt)), append(m.createdAt, stored.Micros(msg.CreatedAt))
	m.checksums = append(m.checksums, int64(p.checksum))
	m.endpoints = append(m.endpoints, uuidArray(p.endpoints))
	payload := msg.Payload
	if payload == nil {
		payload = []byte{} // NULL says that it was removed
	}
	m.payloads = append(m.payloads, payload)
}

func (m *messages) args() []any {
	return []any{m.apps, m.ids, m.eventIDs, m.eventTypes, m.contentTypes, m.channels, m.tags, m.keys,
		m.deliverAt, m.createdAt, m.checksums, m.endpoints, m.payloads}
}

// deliveries are the columns of some.
type deliveries struct {
	apps                  []id // of the messages
	endpoints, messages   []id
	shards, states        []int16
	manual                []bool
	attempts              []int32
	ranks, due, createdAt []int64
	keys                  []*string
}

func (ds *deliveries) add(app id, p *parcel, i int) {
	d := &p.Deliveries[p.places[i]]
	ep := p.endpoints[i]
	ds.apps, ds.endpoints, ds.messages = append(ds.apps, app), append(ds.endpoints, ep), append(ds.messages, p.id)
	ds.shards, ds.states = append(ds.shards, shardOf(ep)), append(ds.states, int16(d.State))
	ds.manual, ds.attempts = append(ds.manual, d.Manual), append(ds.attempts, int32(d.Attempts))
	ds.ranks, ds.due = append(ds.ranks, d.Rank), append(ds.due, stored.Micros(d.Due))
	ds.createdAt = append(ds.createdAt, stored.Micros(p.Message.CreatedAt))
	key := p.Message.OrderingKey
	if d.Latest {
		key = d.OrderingKey
	}
	ds.keys = append(ds.keys, optional(key))
}

func (ds *deliveries) args() []any {
	return []any{ds.apps, ds.endpoints, ds.messages, ds.shards, ds.states, ds.manual, ds.attempts, ds.ranks, ds.due, ds.createdAt, ds.keys}
}

// jsonList writes a list as JSON; NULL if it is empty.
func jsonList(list []string) *string {
	if len(list) == 0 {
		return nil
	}
	text, _ := json.Marshal(list) // strings always can be
	return optional(string(text))
}

// uuidArray writes ids as PostgreSQL writes an array of them: arrays within an array
// would all have to be as long.
func uuidArray(ids []id) string {
	b := make([]byte, 0, 2+len(ids)*(2*len(id{})+1))
	b = append(b, '{')
	for i, raw := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, raw[:])
	}
	return string(append(b, '}'))
}
