package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
)

// A Sender sends messages within transactions that a program has begun itself in the
// database that Fanfare uses. A message is there, and on its way to everyone who wants
// it, if and only if its transaction is committed.
//
//	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
//		// … the program's own rows
//		_, err := sender.In(tx).Send(ctx, "acme", "record.created", record)
//		return err
//	})
//
// It checks what [fanfare.Hub.SendBatch] does, by the catalogue as the transaction sees
// it, but runs nothing: the nodes on the database hear of the message with the commit,
// or find it within ten seconds. It lasts as what else the transaction writes does: by
// the settings of the program's own connection.
//
// In order a message stands where it was sent: behind all whose sending, or whose
// transaction, had ended by then, and before all that are sent after its own
// transaction has ended. Of two transactions that overlap the one that is committed
// first may be delivered first, though the other sent first. To an endpoint with a
// Debounce it waits like others, and the next message takes its place, but it takes
// nobody's: that would hold up those who send meanwhile.
//
// Who polls, of any application, is shown nothing newer while a transaction that has
// sent is open, and another message with its EventID or idempotency key waits for it to
// end. So it should be short.
//
// All methods may be called concurrently.
type Sender struct {
	opt     SenderOptions
	outlet  *outlet
	checked atomic.Bool // the database is one of this program's version

	mu     sync.Mutex
	hub    *fanfare.Hub // with the catalogue in memory as it was then
	change int64
}

// SenderOptions are the settings of a Sender. The zero value of each field is a good
// default.
type SenderOptions struct {
	// Schema is the one that Fanfare's tables are in, if transactions would look for
	// them elsewhere.
	Schema string
	// Keys are those that the secrets are sealed with, as the servers have them. They
	// are needed to read who wants what.
	Keys *seal.Ring

	MaxPayload   int          // bytes of one payload, the same as the servers'; 0: 1 MiB
	MaxEndpoints int          // that one message may go to, the same as the servers'; 0: 10,000
	Logger       *slog.Logger // nil: slog.Default()
}

// NewSender makes a Sender. nil options are the defaults. What is not as it must be in
// the database, such as one that no server has been started on yet, is told by the
// first message.
func NewSender(opt *SenderOptions) *Sender {
	s := &Sender{outlet: &outlet{store: &Store{}}}
	if opt != nil {
		s.opt = *opt
	}
	s.outlet.store.keys.Store(s.opt.Keys)
	return s
}

// A Sending sends within one transaction, which it neither commits nor rolls back.
type Sending struct {
	sender *Sender
	tx     pgx.Tx
}

// In sends within tx.
func (s *Sender) In(tx pgx.Tx) *Sending {
	if conn := tx.Conn(); conn != nil {
		switch conn.Config().DefaultQueryExecMode {
		case pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec:
			return &Sending{s, textTx{tx}}
		}
	}
	return &Sending{s, tx}
}

// InSQL sends within tx, of any driver for PostgreSQL that names parameters $1, $2 and
// so on.
func (s *Sender) InSQL(tx *sql.Tx) *Sending { return &Sending{s, sqlTx{tx: tx}} }

// Send is [fanfare.Hub.Send], within the transaction.
func (v *Sending) Send(ctx context.Context, app, eventType string, data any) (msg *fanfare.Message, err error) {
	err = v.visit(ctx, func(ctx context.Context, hub *fanfare.Hub) (err error) {
		msg, err = hub.Send(ctx, app, eventType, data)
		return err
	})
	return msg, err
}

// SendBatch is [fanfare.Hub.SendBatch], within the transaction: messages that are
// refused are left out, and errs says which. After another err the transaction cannot
// be committed, unless it is one that calls for that: that there is no such
// application ([fanfare.ErrNotFound]), and a key that stands for another request
// ([fanfare.ErrConflict]).
func (v *Sending) SendBatch(ctx context.Context, app string, msgs []*fanfare.Message, key *fanfare.Idempotency) (errs []error, err error) {
	err = v.visit(ctx, func(ctx context.Context, hub *fanfare.Hub) (err error) {
		errs, err = hub.SendBatch(ctx, app, msgs, key)
		return err
	})
	return errs, err
}

// visit calls send with a Hub whose store, in that context, is the transaction.
func (v *Sending) visit(ctx context.Context, send func(ctx context.Context, hub *fanfare.Hub) error) (err error) {
	if path := v.sender.opt.Schema; path != "" {
		before := ""
		if err := v.tx.QueryRow(ctx, setPath, pgx.Identifier{path}.Sanitize()).Scan(&before); err != nil {
			return err
		}
		defer func() {
			if _, failed := v.tx.Exec(ctx, "SELECT set_config('search_path', $1, true)", before); err == nil {
				err = failed
			}
		}()
	}
	visit, change, err := v.enter(ctx)
	if err != nil {
		return err
	}
	return send(context.WithValue(ctx, visitKey{}, visit), v.sender.hubAt(change))
}

// setPath has what follows find its tables, and returns where it would have looked.
const setPath = `
	WITH path (before) AS MATERIALIZED (SELECT current_setting('search_path'))
	SELECT before
	FROM path
	WHERE set_config('search_path', $1, true) IS NOT NULL`

// holdHorizon locks, as [acceptance.guard] does, the millisecond before anything that
// the transaction sends, unless it has done so.
const holdHorizon = `
	SELECT set_config('fanfare.sending', 'on', true), pg_advisory_xact_lock_shared(($1 + (ms >> 32))::integer, (ms << 32 >> 32)::integer)
	FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms) AS now
	WHERE coalesce(current_setting('fanfare.sending', true), '') = ''`

// selectEntry is which change of the catalogue the transaction sees as the last, and
// the time, in microseconds since 1970: behind the horizon of all who looked before the
// lock was there. One that sees the database as it was when it began may not see the
// horizon; it takes it for that of nodes whose clocks are ahead.
const selectEntry = `
	SELECT change.n, greatest(
		((horizon.n >> 12) + 1) * 1000,
		(extract(epoch FROM clock_timestamp()) * 1000000)::bigint + CASE current_setting('transaction_isolation') WHEN 'read committed' THEN 0 ELSE 3000 END)
	FROM counter AS change
	CROSS JOIN counter AS horizon
	WHERE change.name = 'change' AND horizon.name = 'horizon'`

// enter begins to send in the transaction.
func (v *Sending) enter(ctx context.Context) (_ *visit, change int64, err error) {
	if !v.sender.checked.Load() {
		if err := checkVersion(ctx, v.tx); err != nil {
			return nil, 0, err
		}
		v.sender.checked.Store(true)
	}
	if _, err := v.tx.Exec(ctx, holdHorizon, acceptLock); err != nil {
		return nil, 0, err
	}
	theirs := int64(0)
	asked := time.Now()
	if err := v.tx.QueryRow(ctx, selectEntry).Scan(&change, &theirs); err != nil {
		return nil, 0, err
	}
	at := time.UnixMicro(theirs)
	return &visit{tx: v.tx, least: at.Sub(time.Now()), most: at.Sub(asked)}, change, nil
}

// hubAt is a Hub that has what there was after a change of the catalogue in memory.
func (s *Sender) hubAt(change int64) *fanfare.Hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hub == nil || s.change != change {
		s.hub = fanfare.New(s.outlet, &fanfare.Options{MaxPayload: s.opt.MaxPayload, MaxEndpoints: s.opt.MaxEndpoints, Logger: s.opt.Logger})
		s.change = change
	}
	return s.hub
}

const selectTables = "SELECT to_regclass('fanfare_version') IS NOT NULL, to_regclass('fanfare_import') IS NOT NULL"

// checkVersion sees that the tables are there, as this program knows them.
func checkVersion(ctx context.Context, tx pgx.Tx) error {
	there, importing := false, false
	if err := tx.QueryRow(ctx, selectTables).Scan(&there, &importing); err != nil {
		return err
	}
	switch {
	case !there:
		return errors.New("there are no tables of Fanfare where this transaction looks for them; start a server on the database, or name their schema in SenderOptions.Schema")
	case importing:
		return ErrImporting
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	version := 0
	if err := tx.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM fanfare_version").Scan(&version); err != nil {
		return err
	}
	if version != len(files) {
		return fmt.Errorf("the database has version %d and this program knows version %d: it must be of the same release as the servers", version, len(files))
	}
	return nil
}
