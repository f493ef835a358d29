package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// A listing is a query for a page of a list, in both directions. Its parameters
// have names; :after and :limit are those of the page.
type listing struct{ up, down string }

// inOrder makes a listing in the order of a column that no two rows share, of a
// query that ends with its conditions.
func inOrder(query, column string) listing {
	return listing{
		up: query + `
		AND ` + column + ` > :after
	ORDER BY ` + column + `
	LIMIT :limit`,
		down: query + `
		AND ` + column + ` < :after
	ORDER BY ` + column + ` DESC
	LIMIT :limit`,
	}
}

// A bounded listing is one whose pages may look at so many only, found or not.
type bounded struct {
	listing
	reach listing // of the last of them
	to    listing // as far as that
}

// inBounds makes one, of a query whose rows are among those that from has.
func inBounds(query, from, column string) bounded {
	up, down := inOrder(query+`
		AND `+column+` <= :to`, column), inOrder(query+`
		AND `+column+` >= :to`, column)
	reach := inOrder("SELECT "+column+" "+from, column)
	return bounded{
		listing: inOrder(query, column),
		reach:   listing{reach.up + " OFFSET :most", reach.down + " OFFSET :most"},
		to:      listing{up.up, down.down},
	}
}

// asFar gives the listing for a page, and where it begins and ends; of binds what from has
// of parameters. Of messages there are
// none from before since that have larger ids: identifiers are never older than what they
// stand for.
func (s *Store) asFar(ctx context.Context, l bounded, of func(*sqlite.Stmt), prefix string, page fanfare.Page, since time.Time) (listing, cursor, error) {
	at := afterID(prefix, page)
	if page.Look != nil {
		page.Look.Last = ""
	}
	if at.bind == nil {
		return l.listing, at, nil
	}
	var to []byte
	if since.UnixMilli() > 0 {
		first := idFrom(since)
		if to = first[:]; page.Ascending {
			to = nil
			if after, _ := edge(prefix, page); bytes.Compare(after, first[:]) < 0 {
				at.bind = func(stmt *sqlite.Stmt) { stmt.SetBytes(":after", before(first)) }
			}
		}
	}
	if page.Look != nil {
		last, err := s.reach(ctx, l.reach, at, of)
		if err != nil {
			return l.listing, at, err
		}
		if last != nil && (page.Ascending || bytes.Compare(last[:], to) > 0) {
			page.Look.Last, to = fanfare.EncodeID(prefix, *last), last[:]
		}
	}
	if to == nil {
		return l.listing, at, nil
	}
	bind := at.bind
	at.bind = func(stmt *sqlite.Stmt) { bind(stmt); stmt.SetBytes(":to", to) }
	return l.to, at, nil
}

// reach is the last that a page looks at; nil: there are not so many.
func (s *Store) reach(ctx context.Context, l listing, at cursor, of func(*sqlite.Stmt)) (*id, error) {
	at.Limit = 1
	last, err := readPage(ctx, s, l, at, func(stmt *sqlite.Stmt) {
		of(stmt)
		stmt.SetInt64(":most", int64(at.Look.Most)-1)
	}, func(row *row) (*id, error) { v := row.id(); return &v, nil })
	if err != nil || len(last) == 0 {
		return nil, err
	}
	return last[0], nil
}

// before is what is right before an identifier.
func before(v id) []byte {
	for i := len(v) - 1; i >= 0; i-- {
		if v[i]--; v[i] != 0xff {
			break
		}
	}
	return v[:]
}

// A cursor is where in a list a page begins. A nil bind means behind something
// that there is not: such a page is empty.
type cursor struct {
	fanfare.Page
	bind func(stmt *sqlite.Stmt)
}

// afterID is the cursor in a list by id.
func afterID(prefix string, page fanfare.Page) cursor {
	after, ok := edge(prefix, page)
	if !ok {
		return cursor{}
	}
	return cursor{page, func(stmt *sqlite.Stmt) { stmt.SetBytes(":after", after) }}
}

// afterName is the cursor in a list by name.
func afterName(page fanfare.Page) cursor {
	if page.After == "" && !page.Ascending {
		return cursor{page, func(stmt *sqlite.Stmt) { stmt.SetBytes(":after", nil) }} // no text is behind a blob
	}
	return cursor{page, func(stmt *sqlite.Stmt) { stmt.SetText(":after", page.After) }}
}

// edge gives the bytes behind which a page begins, and false if there is nothing of
// that name to be behind of.
func edge(prefix string, page fanfare.Page) ([]byte, bool) {
	switch {
	case page.After != "":
		after, ok := parse(prefix, page.After)
		return after[:], ok
	case page.Ascending:
		return nil, true
	}
	return bytes.Repeat([]byte{0xff}, len(id{})+1), true
}

// behind is what of all belongs into a page or the pages after it, in order. of
// gives the id of each.
func behind[T any](all []T, of func(T) id, prefix string, page fanfare.Page) []T {
	after, ok := edge(prefix, page)
	if !ok {
		return nil
	}
	direction := -1
	if page.Ascending {
		direction = 1
	}
	all = slices.DeleteFunc(all, func(v T) bool {
		raw := of(v)
		return bytes.Compare(raw[:], after)*direction <= 0
	})
	slices.SortFunc(all, func(v, w T) int {
		a, b := of(v), of(w)
		return bytes.Compare(a[:], b[:]) * direction
	})
	return all
}

// readPage reads a page of a list. bind gives the parameters that are not the
// page's; nil: there are none.
func readPage[T any](ctx context.Context, s *Store, l listing, at cursor, bind func(*sqlite.Stmt), scan func(*row) (*T, error)) (page []*T, err error) {
	return readPageUntil(ctx, s, l, at, bind, scan, func(*T) (full bool) { return false })
}

// readPageUntil is readPage of a page that may be full before its limit.
func readPageUntil[T any](ctx context.Context, s *Store, l listing, at cursor, bind func(*sqlite.Stmt), scan func(*row) (*T, error), full func(*T) bool) (page []*T, err error) {
	if at.bind == nil {
		return nil, nil
	}
	query := l.down
	if at.Ascending {
		query = l.up
	}
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		if bind != nil {
			bind(stmt)
		}
		at.bind(stmt)
		stmt.SetInt64(":limit", int64(at.Limit))
		return scanEach(stmt, scan, func(v *T) (more bool) {
			page = append(page, v)
			return !full(v)
		})
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// setID gives a named parameter an id; NULL if there is none.
func setID(stmt *sqlite.Stmt, name string, v id) {
	if v == (id{}) {
		stmt.SetNull(name)
	} else {
		stmt.SetBytes(name, v[:])
	}
}

// setText gives a named parameter a text; NULL if it is empty.
func setText(stmt *sqlite.Stmt, name, v string) {
	if v == "" {
		stmt.SetNull(name)
	} else {
		stmt.SetText(name, v)
	}
}

// readOne reads the only row of a query; ErrNotFound if there is none.
func readOne[T any](ctx context.Context, s *Store, query string, parameters func(*binder), scan func(*row) (*T, error)) (v *T, err error) {
	err = s.read(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(query)
		if err != nil {
			return err
		}
		parameters(&binder{stmt: stmt})
		v, err = scanOne(stmt, scan)
		return err
	})
	return v, err
}

// scanOne reads the only row; ErrNotFound if there is none.
func scanOne[T any](stmt *sqlite.Stmt, scan func(row *row) (*T, error)) (*T, error) {
	all, err := scanAll(stmt, scan)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fanfare.ErrNotFound
	}
	return all[0], nil
}

// scanAll reads all rows.
func scanAll[T any](stmt *sqlite.Stmt, scan func(row *row) (*T, error)) (all []*T, err error) {
	err = scanEach(stmt, scan, func(v *T) bool { all = append(all, v); return true })
	if err != nil {
		return nil, err
	}
	return all, nil
}

// scanEach calls f for what every row has, until it returns false.
func scanEach[T any](stmt *sqlite.Stmt, scan func(row *row) (*T, error), f func(*T) (more bool)) error {
	var wrong error
	err := each(stmt, func(row *row) bool {
		var v *T
		v, wrong = scan(row)
		return wrong == nil && f(v)
	})
	return cmp.Or(err, wrong)
}
