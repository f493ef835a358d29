package mirror

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/row"
)

// A sink writes to one database.
type sink struct {
	db      *sql.DB
	dialect *dialect
	mapping *making
	target  string

	mu     sync.Mutex
	tables map[string]*table // as they were when they were last looked at
}

func newSink(db *sql.DB, d *dialect, m *making, where string) *sink {
	return &sink{db: db, dialect: d, mapping: m, target: connect.OneLine(m.Table + " at " + where), tables: make(map[string]*table)}
}

// Target is which table, and where.
func (s *sink) Target() string { return s.target }

// Close ends the connections.
func (s *sink) Close() error { return s.db.Close() }

// A refusal is why a record is not written, though the database might take it.
type refusal struct {
	class  fanfare.Class
	detail string
}

// Error is error's.
func (r *refusal) Error() string { return r.detail }

// never is a refusal of what will not be taken however often it is sent.
func never(detail string) error { return &refusal{fanfare.ClassRejected, detail} }

// notYet is a refusal of what will be taken once somebody has put something right.
func notYet(detail string) error { return &refusal{fanfare.ClassConnector, detail} }

// Send writes what msg says, in one transaction with what the ledger has of its record:
// sent again, nothing changes, and what a newer message wrote stays.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	r, err := s.mapping.Of(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	for try := 1; ; try++ {
		did, err := s.apply(ctx, r)
		if err == nil {
			return fanfare.Reply{Class: fanfare.ClassSuccess, Detail: did, ResponseBody: []byte(did)}, nil
		}
		f := s.dialect.judge(err)
		if f.stale || f.class == fanfare.ClassRejected {
			s.forget(r.Table) // as somebody may have altered it
		}
		var refused *refusal
		switch {
		case ctx.Err() != nil:
			return fanfare.Reply{}, ctx.Err()
		case (f.again || f.stale || f.exists) && try < maxTries, f.class == fanfare.ClassRejected && try == 1:
		case errors.As(err, &refused):
			return fanfare.Reply{Class: refused.class, Detail: refused.detail}, nil
		case f.class == "":
			return fanfare.Reply{}, err
		default:
			return fanfare.Reply{Class: f.class, Detail: f.detail}, nil
		}
	}
}

// apply makes the table fit for r, and writes it. did says what was done.
func (s *sink) apply(ctx context.Context, r *row.Record) (did string, err error) {
	t, err := s.table(ctx, r)
	if err != nil {
		return "", err
	}
	tx, err := s.db.BeginTx(ctx, s.dialect.isolation)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }() // of what was not committed
	last, err := s.claim(ctx, tx, r)
	if err != nil {
		return "", err
	}
	if last.newer(r) {
		return "nothing written, as " + nameOf(t, r) + " is newer", nil
	}
	what, written := "delete", []string(nil)
	if r.Deleted {
		err = s.delete(ctx, tx, t, r)
	} else {
		what = "upsert"
		if !t.knows(last.columns) { // another mirror has added them since
			if t, err = s.look(ctx, tx, r); err != nil {
				return "", err
			}
			s.remember(r.Table, t)
		}
		written, err = s.upsert(ctx, tx, t, r, last.columns)
	}
	if err != nil {
		return "", err
	}
	if _, err := tx.ExecContext(ctx, s.dialect.sql(setState),
		r.Version, string(r.Message), r.Deleted, strings.Join(written, " "), r.Table, r.Key); err != nil {
		return "", err
	}
	return what + " " + nameOf(t, r), tx.Commit()
}

// nameOf is what people know the row of r by.
func nameOf(t *table, r *row.Record) string {
	return r.Table + " " + t.key.name + "=" + row.Clip(r.Key)
}

// claim reads what the ledger has of a record. Until tx ends nobody else writes it.
func (s *sink) claim(ctx context.Context, tx *sql.Tx, r *row.Record) (state, error) {
	if _, err := tx.ExecContext(ctx, s.dialect.sql(s.dialect.claim), r.Table, r.Key, false); err != nil {
		return state{}, err
	}
	var last state
	var written string
	err := tx.QueryRowContext(ctx, s.dialect.sql(s.dialect.state), r.Table, r.Key).Scan(&last.version, &last.message, &written)
	last.columns = strings.Fields(written)
	return last, err
}

func (s *sink) delete(ctx context.Context, tx *sql.Tx, t *table, r *row.Record) error {
	return s.change(ctx, tx, t, r, "DELETE FROM "+t.name+" WHERE "+s.dialect.name(t.key.name)+" = ?", []any{t.keyParameter(s, r)}, nil)
}

// upsert writes r's row. Columns that were written before and of which r has nothing
// become null, so that the row is as r alone says.
func (s *sink) upsert(ctx context.Context, tx *sql.Tx, t *table, r *row.Record, before []string) (written []string, err error) {
	key := t.keyParameter(s, r)
	names, values, params := []string{t.key.name}, []string{"?"}, []any{key}
	for _, c := range t.row(r.Cells, before) {
		at := t.columns[strings.ToLower(c.Column)]
		value, given := s.value(c, at)
		names, values, params = append(names, at.name), append(values, value), append(params, given...)
		if c.Kind != row.Null {
			written = append(written, at.name)
		}
	}
	sets := make([]string, len(names))
	for i, name := range names {
		names[i] = s.dialect.name(name)
		sets[i] = names[i] + " = " + values[i]
	}
	update := "UPDATE " + t.name + " SET " + strings.Join(sets, ", ") + " WHERE " + names[0] + " = ?"
	insert := "INSERT INTO " + t.name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
	return written, s.change(ctx, tx, t, r, update, append(params, key), func() error {
		_, err := tx.ExecContext(ctx, s.dialect.sql(insert), params[:len(params):len(params)]...)
		return err
	})
}

// change runs a statement that must change one row, and otherwise, which may be nil,
// if there is none.
func (s *sink) change(ctx context.Context, tx *sql.Tx, t *table, r *row.Record, statement string, params []any, otherwise func() error) error {
	result, err := tx.ExecContext(ctx, s.dialect.sql(statement), params...)
	if err != nil {
		return err
	}
	switch n, err := result.RowsAffected(); {
	case err != nil:
		return err
	case n > 1:
		return notYet(strings.Join([]string{nameOf(t, r), "are several rows; name a column in keyColumn whose values are unique"}, " "))
	case n == 0 && otherwise != nil:
		return otherwise()
	}
	return nil
}

// value is what stands for a cell in a statement, and its parameters.
func (s *sink) value(c row.Cell, at columnThere) (value string, params []any) {
	switch {
	case c.Kind == row.Null:
		return "NULL", nil
	case c.Kind == row.Point:
		return "ST_SetSRID(ST_Point(?::float8, ?::float8), 4326)", []any{c.Point[0], c.Point[1]}
	}
	return "?", []any{s.dialect.bind(c, at.kind)}
}
