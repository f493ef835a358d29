package postgres

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// A list is a query whose rows come in order of one column, a page at a time.
type list struct {
	up, down string
	byIndex  bool // see readByIndex
}

// inOrder makes one of a query that ends in a condition.
func inOrder(query, by string) list {
	return list{
		up:   query + " AND " + by + " > @after ORDER BY " + by + " LIMIT @limit",
		down: query + " AND " + by + " < @after ORDER BY " + by + " DESC LIMIT @limit",
	}
}

// A bounded list is one whose pages may look at so many only, found or not.
type bounded struct {
	list
	reach list // of the last of them
	to    list // as far as that
}

// inBounds makes one, of a query whose rows are among those that from has.
func inBounds(query, from, by string) bounded {
	reach := inOrder("SELECT "+by+" "+from, by)
	return bounded{
		list:  inOrder(query, by),
		reach: list{up: reach.up + " OFFSET @most", down: reach.down + " OFFSET @most"},
		to:    list{up: inOrder(query+" AND "+by+" <= @to", by).up, down: inOrder(query+" AND "+by+" >= @to", by).down},
	}
}

// readByIndex makes it one that is read so.
func (l bounded) readByIndex() bounded {
	l.list.byIndex, l.reach.byIndex, l.to.byIndex = true, true, true
	return l
}

// asFar gives the list for a page, sets in args where it ends, and in c where it begins if
// that is later. Of messages there are none from before since that have larger ids:
// identifiers are never older than what they stand for.
func (s *Store) asFar(ctx context.Context, l bounded, c *cursor, prefix string, since time.Time, args pgx.NamedArgs) (list, error) {
	look := c.page.Look
	if look != nil {
		look.Last = ""
	}
	if c.nowhere {
		return l.list, nil
	}
	var to *id
	if since.UnixMilli() > 0 {
		first := idFrom(since)
		if after := c.after.(id); !c.page.Ascending {
			to = &first
		} else if bytes.Compare(after[:], first[:]) < 0 {
			c.after = before(first)
		}
	}
	if look != nil {
		last, err := s.reach(ctx, l.reach, *c, args)
		if err != nil {
			return l.list, err
		}
		if last != nil && (to == nil || bytes.Compare(last[:], to[:]) > 0) {
			look.Last, to = fanfare.EncodeID(prefix, *last), last
		}
	}
	if to == nil {
		return l.list, nil
	}
	args["to"] = *to
	return l.to, nil
}

// reach is the last that a page looks at; nil: there are not so many.
func (s *Store) reach(ctx context.Context, l list, c cursor, args pgx.NamedArgs) (*id, error) {
	args["most"], c.page.Limit = c.page.Look.Most-1, 1
	last, err := readPage(ctx, s, l, c, args, func(r pgx.Rows) (v id, err error) { err = r.Scan(&v); return v, err })
	if err != nil || len(last) == 0 {
		return nil, err
	}
	return &last[0], nil
}

// before is what is right before an identifier.
func before(v id) id {
	for i := len(v) - 1; i >= 0; i-- {
		if v[i]--; v[i] != 0xff {
			break
		}
	}
	return v
}

// A cursor is where a page begins; nowhere, if there is nothing of that name.
type cursor struct {
	page    fanfare.Page
	after   any
	nowhere bool
}

// lastID is behind all ids: none that is made has every bit set.
var lastID = id(bytes.Repeat([]byte{0xff}, len(id{})))

// afterID is where a page of things of that prefix begins.
func afterID(prefix string, page fanfare.Page) cursor {
	c := cursor{page: page, after: lastID}
	switch {
	case page.After != "":
		raw, ok := parse(prefix, page.After)
		c.after, c.nowhere = raw, !ok
	case page.Ascending:
		c.after = id{}
	}
	return c
}

// lastName is behind all names: no text of UTF-8 is.
const lastName = "\U0010ffff\U0010ffff"

// afterName is where a page of things with names begins.
func afterName(page fanfare.Page) cursor {
	c := cursor{page: page, after: page.After}
	if page.After == "" && !page.Ascending {
		c.after = lastName
	}
	return c
}

// readPage reads one page. args are the query's own parameters; nil: none.
func readPage[T any](ctx context.Context, s *Store, l list, c cursor, args pgx.NamedArgs, scan func(r pgx.Rows) (T, error)) (page []T, err error) {
	if c.nowhere {
		return nil, nil
	}
	query, all := l.at(c, args)
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if l.byIndex {
			return readByIndex(ctx, conn, func(r pgx.Rows) (err error) {
				page, err = rows(r, nil, scan)
				return err
			}, query, all)
		}
		r, err := conn.Query(ctx, query, all)
		page, err = rows(r, err, scan)
		return err
	})
	return page, unlessNone(err)
}

// at is the query for the page that begins there, and its parameters beside args.
func (l list) at(c cursor, args pgx.NamedArgs) (query string, all pgx.NamedArgs) {
	query = l.down
	if c.page.Ascending {
		query = l.up
	}
	all = pgx.NamedArgs{"after": c.after, "limit": c.page.Limit}
	for name, v := range args {
		all[name] = v
	}
	return query, all
}

// unlessNone is err, unless it says that nothing has what was asked for: a list of
// that is empty.
func unlessNone(err error) error {
	if errors.Is(err, fanfare.ErrNotFound) {
		return nil
	}
	return err
}

// rows reads every row of a result.
func rows[T any](r pgx.Rows, err error, scan func(r pgx.Rows) (T, error)) (all []T, _ error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for r.Next() {
		v, err := scan(r)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, r.Err()
}

// readOne reads the only row of a result; ErrNotFound.
func readOne[T any](ctx context.Context, s *Store, scan func(r pgx.Rows) (T, error), query string, args ...any) (v T, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, query, args...)
		all, err := rows(r, err, scan)
		switch {
		case err != nil:
			return err
		case len(all) == 0:
			return fanfare.ErrNotFound
		}
		v = all[0]
		return nil
	})
	return v, err
}
