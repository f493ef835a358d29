package postgres

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// keyRetention is how long idempotency keys and answers are kept.
const keyRetention = 24 * time.Hour

// castagnoli is the polynomial of the checksum that every payload carries, by
// which damage on the disk is found before it is sent to anyone.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An intake is a call of Accept under way.
type intake struct {
	app     id
	key     *fanfare.Idempotency
	parcels []parcel
	latest  bool // some deliveries take the places of others
	named   bool // some messages have event ids

	skip    bool // nothing of it is to be stored
	held    bool // another transaction has what it needs: see acceptHeld
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
	asked     []fanfare.Delivery // as they came, if some take the places of others
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
	if slices.ContainsFunc(in.Deliveries, func(d fanfare.Delivery) bool { return d.Latest }) {
		p.asked = slices.Clone(in.Deliveries)
	}
	return p, nil
}

// size implements [job].
func (call *intake) size() (n int) {
	const message, delivery = 500, 100
	for i := range call.parcels {
		n += message + len(call.parcels[i].Message.Payload) + delivery*len(call.parcels[i].places)
	}
	return n
}

// Accept implements [fanfare.Queue]. A delivery to an endpoint that has been
// deleted meanwhile is left out.
func (s *Store) Accept(ctx context.Context, application fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) (earlier []fanfare.MessageID, err error) {
	call, err := newCall(application, in, key)
	if err != nil {
		return nil, err
	}
	if err := s.accepting.run(ctx, call); err != nil {
		return nil, err
	}
	if err := s.acceptHeld(ctx, call); err != nil {
		return nil, err
	}
	return call.earlier, call.err
}

func newCall(application fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) (_ *intake, err error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, fanfare.ErrNotFound
	}
	call := &intake{app: app, key: key, parcels: make([]parcel, len(in))}
	for i := range in {
		if call.parcels[i], err = newParcel(in[i]); err != nil {
			return nil, err
		}
		call.latest = call.latest || call.parcels[i].asked != nil
		call.named = call.named || in[i].Message.EventID != ""
	}
	return call, nil
}

// acceptAll stores what a group of calls brings. If that fails each half of it is tried
// by itself, unless the database is at fault: so what cannot be stored is found with
// few tries, and holds up nothing else.
func (s *Store) acceptAll(group []*intake) {
	for len(group) > 0 {
		some, rest := apart(group)
		err := s.acceptTogether(some)
		switch half := len(some) / 2; {
		case isLocked(err):
			s.acceptAll(setHeld(some))
		case err != nil && half > 0 && !again(err):
			s.acceptAll(some[:half])
			s.acceptAll(some[half:])
		case err != nil:
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

// acceptTogether stores calls in one transaction, and tells the nodes whose lanes it is
// about. Most need nothing to be known before they are stored, and go to the database
// at once.
func (s *Store) acceptTogether(calls []*intake) error {
	ctx := context.Background() // once begun it is seen through
	g := acceptance{member: &s.member, calls: calls}
	err := s.store(ctx, &g)
	if isBehind(err) {
		if g.stored, err = s.overtaken(ctx, &g, err); err != nil {
			return err
		}
		err = s.store(ctx, &g)
	}
	if err == nil {
		s.telling.put(g.abroad())
	}
	return err
}

func (s *Store) store(ctx context.Context, g *acceptance) error {
	if !slices.ContainsFunc(g.calls, (*intake).locks) {
		return s.send(ctx, func(batch *pgx.Batch, end string) {
			g.begin()
			g.guard(batch)
			batch.Queue(planByIndex)
			batch.Queue(selectApplications, g.applications(), g.place()).Query(g.findApplications)
			g.store(batch, end)
		})
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		g.begin()
		first := &pgx.Batch{}
		first.Queue(hurryGroup, lockWait.String())
		g.guard(first)
		first.Queue(selectApplications, g.applications(), g.place()).Query(g.findApplications)
		err := tx.SendBatch(ctx, first).Close()
		for _, step := range []func(ctx context.Context, tx pgx.Tx) error{g.claimKeys, g.claimEventIDs, g.replace} {
			if err == nil {
				err = step(ctx, tx)
			}
		}
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		g.store(batch, unlessThere)
		return tx.SendBatch(ctx, batch).Close()
	})
}

// An acceptance is one transaction that accepts.
type acceptance struct {
	member *membership
	calls  []*intake
	stored bool // by an earlier try, of which it was not heard how it ended
}

// begin forgets what came of an earlier try.
func (g *acceptance) begin() {
	for _, call := range g.calls {
		call.skip, call.earlier, call.err = false, nil, nil
		for i := range call.parcels {
			p := &call.parcels[i]
			p.Err = nil
			if p.asked != nil {
				copy(p.Deliveries, p.asked)
			}
		}
	}
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

// selectApplications locks them against being deleted before this is committed. It
// fails, by a division by zero, if who polls may have read past the oldest message.
const selectApplications = `
	SELECT id
	FROM application
	WHERE id = ANY($1)
		AND 1 = 1 / (SELECT (n < $2)::integer FROM counter WHERE name = 'horizon')
	ORDER BY id
	FOR KEY SHARE`

// applications are those that the calls name.
func (g *acceptance) applications() (wanted []id) {
	for _, call := range g.calls {
		if !slices.Contains(wanted, call.app) {
			wanted = append(wanted, call.app)
		}
	}
	return wanted
}

// findApplications reads which of them there are.
func (g *acceptance) findApplications(r pgx.Rows) error {
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
