package sqlite

import (
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
)

// id is an identifier as the database keeps it. The zero one is nobody's.
type id [16]byte

const (
	applicationPrefix = "app_"
	endpointPrefix    = "ep_"
	eventTypePrefix   = "evtype_"
	messagePrefix     = "msg_"
	attemptPrefix     = "atmpt_"
)

// parse gives the id that text stands for, and false where nothing has such a name.
func parse[T ~string](prefix string, text T) (id, bool) {
	raw, ok := fanfare.DecodeID(prefix, string(text))
	return raw, ok
}

// A binder gives a statement its parameters one after the other.
type binder struct {
	stmt *sqlite.Stmt
	n    int
}

func (b *binder) id(v id) { b.n++; b.stmt.BindBytes(b.n, v[:]) }

func (b *binder) blob(v []byte) { b.n++; b.stmt.BindBytes(b.n, v) }

func (b *binder) number(v int64) { b.n++; b.stmt.BindInt64(b.n, v) }

func (b *binder) time(v time.Time) { b.number(stored.Micros(v)) }

func (b *binder) truth(v bool) { b.n++; b.stmt.BindBool(b.n, v) }

func (b *binder) text(v string) { b.n++; b.stmt.BindText(b.n, v) }

// optional binds a text that is NULL where there is none.
func (b *binder) optional(v string) {
	b.n++
	if v == "" {
		b.stmt.BindNull(b.n)
		return
	}
	b.stmt.BindText(b.n, v)
}

// asIs binds bytes that are NULL where there are none.
func (b *binder) asIs(v []byte) {
	if v == nil {
		b.null()
		return
	}
	b.blob(v)
}

func (b *binder) null() { b.n++; b.stmt.BindNull(b.n) }

// A row reads the columns of a result one after the other.
type row struct {
	stmt *sqlite.Stmt
	n    int
}

func (r *row) next() int { r.n++; return r.n - 1 }

func (r *row) id() (v id) {
	r.stmt.ColumnBytes(r.next(), v[:])
	return v
}

// name reads an id as text.
func (r *row) name(prefix string) string { return fanfare.EncodeID(prefix, r.id()) }

func (r *row) number() int64 { return r.stmt.ColumnInt64(r.next()) }

func (r *row) time() time.Time { return stored.Instant(r.number()) }

func (r *row) truth() bool { return r.number() != 0 }

func (r *row) text() string { return r.stmt.ColumnText(r.next()) }

// blob copies a value; nil if it is NULL, and only then.
func (r *row) blob() []byte {
	n := r.next()
	if r.stmt.ColumnIsNull(n) {
		return nil
	}
	v := make([]byte, r.stmt.ColumnLen(n))
	r.stmt.ColumnBytes(n, v)
	return v
}

// run steps a statement that gives no rows.
func run(stmt *sqlite.Stmt) error {
	_, err := stmt.Step()
	if err != nil {
		return err
	}
	return stmt.Reset()
}

// each calls f for every row, until it returns false.
func each(stmt *sqlite.Stmt, f func(row *row) (more bool)) error {
	for {
		found, err := stmt.Step()
		if err != nil {
			return err
		}
		if !found || !f(&row{stmt: stmt}) {
			return stmt.Reset()
		}
	}
}

// one reads the only row into f, and reports whether there was one.
func one(stmt *sqlite.Stmt, f func(row *row)) (found bool, err error) {
	err = each(stmt, func(row *row) bool {
		found = true
		f(row)
		return false
	})
	return found, err
}

// ids divides a row of ids.
func ids(raw []byte) []id {
	all := make([]id, len(raw)/len(id{}))
	for i := range all {
		copy(all[i][:], raw[i*len(id{}):])
	}
	return all
}
