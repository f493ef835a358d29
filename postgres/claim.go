package postgres

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

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
func (g *acceptance) claimKeys(ctx context.Context, tx pgx.Tx) error {
	keyed := slices.DeleteFunc(slices.Clone(g.calls), func(call *intake) bool { return call.key == nil || call.skip })
	if len(keyed) == 0 {
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
	r, err := tx.Query(ctx, insertKeys, apps, keys, fingerprints, stored.Micros(now.Add(keyRetention)), stored.Micros(now))
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
		var fingerprint []byte
		var messages []id
		if err := tx.QueryRow(ctx, selectKeyed, call.app, call.key.Key).Scan(&fingerprint, &messages); err != nil {
			return err
		}
		call.repeat(fingerprint, messages)
	}
	return nil
}

// repeat settles what becomes of a call under a key that is taken: nothing, unless it
// was this very call that took it, whose COMMIT was not heard of.
func (call *intake) repeat(fingerprint []byte, messages []id) {
	if !bytes.Equal(fingerprint, call.key.Fingerprint[:]) {
		call.skip, call.err = true, fanfare.ErrConflict
		return
	}
	for i, raw := range messages {
		if i < len(call.parcels) && raw == call.parcels[i].id {
			return
		}
	}
	call.skip, call.earlier = true, []fanfare.MessageID{}
	for _, raw := range messages {
		name := ""
		if raw != (id{}) {
			name = fanfare.EncodeID(messagePrefix, raw)
		}
		call.earlier = append(call.earlier, fanfare.MessageID(name))
	}
}

const updateKeys = `
	UPDATE idempotency
	SET messages = $3
	WHERE application = $1 AND key = $2`

// keepKeys queues what was stored under keys.
func (g *acceptance) keepKeys(batch *pgx.Batch) {
	for _, call := range g.calls {
		if call.key == nil || call.skip {
			continue
		}
		kept := make([]id, len(call.parcels))
		for i := range call.parcels {
			if call.parcels[i].Err == nil {
				kept[i] = call.parcels[i].id
			}
		}
		batch.Queue(updateKeys, call.app, call.key.Key, kept)
	}
}

// insertEventIDs returns the messages whose event ids were free, or are theirs
// already: this call has stored them, and its COMMIT was not heard of.
const insertEventIDs = `
	INSERT INTO event_id AS old (application, event_id, event_type_version, message)
	SELECT application, event_id, event_type_version, message
	FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::uuid[]) AS new (application, event_id, event_type_version, message)
	ON CONFLICT (application, event_id, event_type_version) DO UPDATE
	SET message = old.message
	WHERE old.message = excluded.message
	RETURNING message`

// A claim is a message that wants an event id, for its version.
type claim struct {
	app id
	p   *parcel
}

func (c claim) compare(d claim) int {
	mine, other := c.p.Message, d.p.Message
	return cmp.Or(bytes.Compare(c.app[:], d.app[:]), cmp.Compare(mine.EventID, other.EventID), cmp.Compare(mine.EventTypeVersion, other.EventTypeVersion))
}

// claimEventIDs leaves out the messages whose event id is taken.
func (g *acceptance) claimEventIDs(ctx context.Context, tx pgx.Tx) error {
	var claims []claim
	g.each(func(call *intake, p *parcel) {
		if p.Message.EventID != "" {
			claims = append(claims, claim{call.app, p})
		}
	})
	if claims == nil {
		return nil
	}
	slices.SortStableFunc(claims, claim.compare) // so that no two transactions wait for each other
	var apps, messages []id
	var names []string
	var versions []int32
	for i, c := range claims {
		if i > 0 && claims[i-1].compare(c) == 0 {
			continue // the first one of that name is asked for
		}
		apps, names, messages = append(apps, c.app), append(names, c.p.Message.EventID), append(messages, c.p.id)
		versions = append(versions, int32(c.p.Message.EventTypeVersion))
	}
	r, err := tx.Query(ctx, insertEventIDs, apps, names, versions, messages)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(r, pgx.RowTo[id])
	if err != nil {
		return err
	}
	free := make(map[id]bool, len(all))
	for _, raw := range all {
		free[raw] = true
	}
	for _, c := range claims {
		if !free[c.p.id] {
			c.p.Err = fanfare.ErrExists
		}
	}
	return nil
}
