package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// A sqlTx is a transaction of package database/sql as far as statements and their
// results go.
type sqlTx struct {
	pgx.Tx // nil: nothing else of it is asked for
	tx     *sql.Tx
}

// Exec implements [pgx.Tx].
func (t sqlTx) Exec(ctx context.Context, query string, args ...any) (tag pgconn.CommandTag, err error) {
	if query, args, err = inText(ctx, query, args); err != nil {
		return tag, err
	}
	result, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return tag, err
	}
	n, err := result.RowsAffected()
	return pgconn.NewCommandTag(fmt.Sprintf("ROWS %d", n)), err
}

// Query implements [pgx.Tx].
func (t sqlTx) Query(ctx context.Context, query string, args ...any) (_ pgx.Rows, err error) {
	if query, args, err = inText(ctx, query, args); err != nil {
		return nil, err
	}
	r, err := t.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return &sqlRows{rows: r}, nil
}

// QueryRow implements [pgx.Tx].
func (t sqlTx) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	r, err := t.Query(ctx, query, args...)
	return &firstRow{r, err}
}

// SendBatch implements [pgx.Tx], for statements whose results nobody asks for.
func (t sqlTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		if _, err := t.Exec(ctx, q.SQL, q.Arguments...); err != nil {
			return &sent{err: err}
		}
	}
	return &sent{}
}

// A sent batch has been carried out.
type sent struct {
	pgx.BatchResults // nil: there are none
	err              error
}

// Close implements [pgx.BatchResults].
func (s *sent) Close() error { return s.err }

// sqlRows are the rows of a query of package database/sql.
type sqlRows struct {
	pgx.Rows // nil: nothing else of it is asked for
	rows     *sql.Rows
	err      error
}

// Next implements [pgx.Rows].
func (r *sqlRows) Next() bool { return r.rows.Next() }

// Close implements [pgx.Rows].
func (r *sqlRows) Close() { r.err = errors.Join(r.err, r.rows.Close()) }

// Err implements [pgx.Rows].
func (r *sqlRows) Err() error { return errors.Join(r.err, r.rows.Err()) }

// CommandTag implements [pgx.Rows].
func (r *sqlRows) CommandTag() pgconn.CommandTag { return pgconn.CommandTag{} }

// Scan implements [pgx.Rows]. What package database/sql has no type for comes as text.
func (r *sqlRows) Scan(to ...any) error {
	texts := make(map[int]*sql.NullString)
	direct := make([]any, len(to))
	for i, v := range to {
		direct[i] = v
		if raw, ok := v.(*json.RawMessage); ok {
			direct[i] = (*[]byte)(raw) // which may be NULL
		}
		if oidOf(v) != 0 {
			texts[i] = &sql.NullString{}
			direct[i] = texts[i]
		}
	}
	if err := r.rows.Scan(direct...); err != nil {
		return err
	}
	for i, text := range texts {
		var raw []byte // of NULL
		if text.Valid {
			raw = []byte(text.String)
		}
		if err := pgtype.NewMap().Scan(oidOf(to[i]), pgtype.TextFormatCode, raw, to[i]); err != nil {
			return err
		}
	}
	return nil
}

// A firstRow is the first row of a result.
type firstRow struct {
	rows pgx.Rows
	err  error
}

// Scan implements [pgx.Row].
func (f *firstRow) Scan(to ...any) error {
	if f.err != nil {
		return f.err
	}
	defer f.rows.Close()
	if !f.rows.Next() {
		if err := f.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := f.rows.Scan(to...); err != nil {
		return err
	}
	f.rows.Close()
	return f.rows.Err()
}

// A textTx is a transaction of a connection that does not ask the server what types
// parameters have: so all but the simplest are given as text.
type textTx struct{ pgx.Tx }

// Exec implements [pgx.Tx].
func (t textTx) Exec(ctx context.Context, query string, args ...any) (tag pgconn.CommandTag, err error) {
	if query, args, err = inText(ctx, query, args); err != nil {
		return tag, err
	}
	return t.Tx.Exec(ctx, query, args...)
}

// Query implements [pgx.Tx].
func (t textTx) Query(ctx context.Context, query string, args ...any) (_ pgx.Rows, err error) {
	if query, args, err = inText(ctx, query, args); err != nil {
		return nil, err
	}
	return t.Tx.Query(ctx, query, args...)
}

// QueryRow implements [pgx.Tx].
func (t textTx) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	r, err := t.Query(ctx, query, args...)
	return &firstRow{r, err}
}

// SendBatch implements [pgx.Tx], for statements whose results nobody asks for.
func (t textTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		if _, err := t.Exec(ctx, q.SQL, q.Arguments...); err != nil {
			return &sent{err: err}
		}
	}
	return &sent{}
}

// inText gives a query and arguments that any driver takes: named parameters have
// numbers, and what is no number, text, bytes or truth is a text.
func inText(ctx context.Context, query string, args []any) (string, []any, error) {
	if len(args) == 1 {
		if named, ok := args[0].(pgx.NamedArgs); ok {
			var err error
			if query, args, err = named.RewriteQuery(ctx, nil, query, nil); err != nil {
				return "", nil, err
			}
		}
	}
	plain := make([]any, len(args))
	for i, v := range args {
		plain[i] = v
		oid := oidOf(v)
		if oid == 0 {
			continue
		}
		text, err := pgtype.NewMap().Encode(oid, pgtype.TextFormatCode, v, nil)
		if err != nil {
			return "", nil, err
		}
		if plain[i] = nil; text != nil {
			plain[i] = string(text)
		}
	}
	return query, plain, nil
}

// oidOf is the type that a value, or what is pointed to, has in the database; 0 for
// what package database/sql knows how to take and give.
func oidOf(v any) uint32 {
	switch v.(type) {
	case id, *id:
		return pgtype.UUIDOID
	case []id, *[]id:
		return pgtype.UUIDArrayOID
	case []string, *[]string, []*string:
		return pgtype.TextArrayOID
	case []int16:
		return pgtype.Int2ArrayOID
	case []int32:
		return pgtype.Int4ArrayOID
	case []int64:
		return pgtype.Int8ArrayOID
	case []bool:
		return pgtype.BoolArrayOID
	case [][]byte:
		return pgtype.ByteaArrayOID
	}
	return 0
}
