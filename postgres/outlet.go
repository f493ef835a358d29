package postgres

import (
	"bytes"
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// An outlet is a store as a transaction of a program sees it: what a Hub asks for that
// accepts messages, and nothing else. The transaction comes with the context of each
// call, so that one Hub serves many at once.
type outlet struct {
	fanfare.Shared // nil: the rest is never asked for
	store          *Store
}

// A visit is a transaction, and by how much this machine's clock was behind the
// database's when it was entered: at least and at most so much.
type visit struct {
	tx          pgx.Tx
	least, most time.Duration
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit { return ctx.Value(visitKey{}).(*visit) }

// Skew implements [fanfare.Timekeeper].
func (o *outlet) Skew(ctx context.Context) (least, most time.Duration, err error) {
	v := visitOf(ctx)
	return v.least, v.most, nil
}

// Newest implements [fanfare.Store].
func (o *outlet) Newest(ctx context.Context) (newest [16]byte, err error) {
	err = visitOf(ctx).tx.QueryRow(ctx, selectNewest).Scan(&newest)
	return newest, err
}

// Application implements [fanfare.Catalogue].
func (o *outlet) Application(ctx context.Context, ref string) (*fanfare.Application, error) {
	raw, uid := refOf(applicationPrefix, ref)
	return oneOf(ctx, scanApplication, selectApplication, raw, uid)
}

// Endpoints implements [fanfare.Catalogue].
func (o *outlet) Endpoints(ctx context.Context, application fanfare.ApplicationID, page fanfare.Page) ([]*fanfare.Endpoint, error) {
	app, _ := parse(applicationPrefix, application)
	return pageOf(ctx, listEndpoints, afterID(endpointPrefix, page), pgx.NamedArgs{"application": app}, o.store.scanEndpoint)
}

// EventType implements [fanfare.Catalogue].
func (o *outlet) EventType(ctx context.Context, name string) (*fanfare.EventType, error) {
	return oneOf(ctx, scanEventType, selectEventType, name)
}

// CheckedEventTypes implements [fanfare.Checks].
func (o *outlet) CheckedEventTypes(ctx context.Context, page fanfare.Page) ([]*fanfare.EventType, error) {
	return pageOf(ctx, listCheckedTypes, afterName(page), nil, scanEventType)
}

// NamedMessages implements [fanfare.Log], for what a repeated request has sent before.
func (o *outlet) NamedMessages(ctx context.Context, application fanfare.ApplicationID, names []fanfare.MessageID) ([]*fanfare.Message, error) {
	app, _ := parse(applicationPrefix, application)
	r, err := visitOf(ctx).tx.Query(ctx, selectNamed, app, messageIDs(names))
	return rows(r, err, scanMessage)
}

// Accept implements [fanfare.Queue] but for this: it changes no delivery that is there,
// as whoever works on that would wait for the transaction to end. A delivery that is
// the Latest takes no other's place.
func (o *outlet) Accept(ctx context.Context, application fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	call, err := newCall(application, in, key)
	if err != nil {
		return nil, err
	}
	call.latest = false
	tx := visitOf(ctx).tx
	g := acceptance{member: &membership{}, calls: []*intake{call}} // of no node: all lanes are others'
	g.begin()
	r, err := tx.Query(ctx, selectApplications, g.applications(), int64(math.MaxInt64)) // the horizon is held already
	if err == nil {
		err = g.findApplications(r)
	}
	for _, step := range []func(ctx context.Context, tx pgx.Tx) error{g.claimKeys, g.claimEventIDs, g.lockEndpoints} {
		if err == nil {
			err = step(ctx, tx)
		}
	}
	if err != nil {
		return nil, err
	}
	batch := &pgx.Batch{}
	if all := g.abroad(); len(all) > 0 {
		batch.Queue(notifyAll, channel, all.news())
	}
	if g.store(batch, ""); batch.Len() > 0 {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return nil, err
		}
	}
	return call.earlier, call.err
}

const lockEndpoints = `
	SELECT 1
	FROM endpoint
	WHERE id = ANY($1)
	ORDER BY id
	FOR KEY SHARE`

// lockEndpoints keeps the endpoints from being deleted before this transaction ends:
// nobody would remove deliveries that are committed after all others were removed.
func (g *acceptance) lockEndpoints(ctx context.Context, tx pgx.Tx) error {
	var all []id
	g.each(func(_ *intake, p *parcel) { all = append(all, p.endpoints...) })
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b id) int { return bytes.Compare(a[:], b[:]) })
	_, err := tx.Exec(ctx, lockEndpoints, slices.Compact(all))
	return err
}

// oneOf reads the only row of a result in the transaction; ErrNotFound.
func oneOf[T any](ctx context.Context, scan func(r pgx.Rows) (T, error), query string, args ...any) (v T, err error) {
	r, err := visitOf(ctx).tx.Query(ctx, query, args...)
	all, err := rows(r, err, scan)
	switch {
	case err != nil:
		return v, err
	case len(all) == 0:
		return v, fanfare.ErrNotFound
	}
	return all[0], nil
}

// pageOf reads one page in the transaction.
func pageOf[T any](ctx context.Context, l list, c cursor, args pgx.NamedArgs, scan func(r pgx.Rows) (T, error)) ([]T, error) {
	query, all := l.at(c, args)
	r, err := visitOf(ctx).tx.Query(ctx, query, all)
	return rows(r, err, scan)
}
