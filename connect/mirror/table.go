package mirror

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/connect/row"
)

// A table is one as it was when it was last looked at. It is never changed.
type table struct {
	name    string // quoted
	key     columnThere
	columns map[string]columnThere // by lower-case name, as databases take them to be one
}

// A columnThere is a column that there is.
type columnThere struct {
	name string
	kind row.Kind
}

// table is the table of r, with a column for each of its cells.
func (s *sink) table(ctx context.Context, r *row.Record) (*table, error) {
	s.mu.Lock()
	t, known := s.tables[r.Table]
	full := len(s.tables) >= maxTables
	s.mu.Unlock()
	if known && t.refuses(s, r) == nil {
		return t, nil
	}
	if !known && full {
		return nil, never(fmt.Sprintf("table renders %q, and %d others before: more than a mirror writes to", row.Clip(r.Table), maxTables))
	}
	var err error
	if t, err = s.look(ctx, s.db, r); err != nil {
		return nil, err
	}
	if s.mapping.Create && (!known || t.lacks(s, r) != nil) {
		if t, err = s.prepare(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := t.refuses(s, r); err != nil {
		return nil, err
	}
	s.remember(r.Table, t)
	return t, nil
}

func (s *sink) remember(name string, t *table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[name] = t
}

// forget has a table looked at again.
func (s *sink) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tables, name)
}

// A maker runs statements: a database, one of its connections, or a transaction.
type maker interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// prepare makes the ledger and the table of r, with all that it is to hold. Of several
// mirrors one does so at a time: a column that one has made wider no other one makes
// narrower again.
func (s *sink) prepare(ctx context.Context, r *row.Record) (t *table, err error) {
	err = s.dialect.alone(ctx, s.db, func(by maker) error {
		if _, err := by.ExecContext(ctx, s.dialect.ledger); err != nil {
			return err
		}
		if t, err = s.look(ctx, by, r); err != nil {
			return err
		}
		if len(t.columns) == 0 {
			if err := s.create(ctx, by, t, r); err != nil {
				return err
			}
			if t, err = s.look(ctx, by, r); err != nil {
				return err
			}
		}
		if changes := t.lacks(s, r); changes != nil && t.refusesKey(s, r) == nil {
			if err := s.alter(ctx, by, t, r, changes); err != nil {
				return err
			}
		}
		t, err = s.look(ctx, by, r)
		return err
	})
	return t, err
}

// look reads which columns a table has; none: there is no such table.
func (s *sink) look(ctx context.Context, by maker, r *row.Record) (*table, error) {
	t := &table{name: s.dialect.name(r.Table), columns: make(map[string]columnThere)}
	var schema any // null
	name := r.Table
	if before, after, two := strings.Cut(name, "."); two {
		schema, name = before, after
	}
	rows, err := by.QueryContext(ctx, s.dialect.sql(s.dialect.columns), schema, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var column, of string
		if err := rows.Scan(&column, &of); err != nil {
			return nil, err
		}
		t.columns[strings.ToLower(column)] = columnThere{column, s.dialect.kindOf(strings.ToLower(of))}
	}
	t.key = t.columns[strings.ToLower(s.mapping.KeyColumn)]
	return t, rows.Err()
}

// create makes the table with the column of the key.
func (s *sink) create(ctx context.Context, by maker, t *table, r *row.Record) error {
	of := row.Text
	if row.IsInteger(r.Key) {
		of = row.Integer
	}
	_, err := by.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+t.name+" ("+s.dialect.name(s.mapping.KeyColumn)+" "+s.dialect.keys[of]+" PRIMARY KEY)")
	return err
}

// refusesKey says why t cannot hold the key of r.
func (t *table) refusesKey(s *sink, r *row.Record) error {
	switch {
	case len(t.columns) == 0:
		return notYet(fmt.Sprintf("there is no table %s; make it, or set create to true", r.Table))
	case t.key.name == "":
		return notYet(fmt.Sprintf("table %s has no column %s; name its key in keyColumn", r.Table, s.mapping.KeyColumn))
	case t.key.kind == row.Integer && !row.IsInteger(r.Key):
		return never(fmt.Sprintf("key renders %q, and column %s of %s is of kind integer", row.Clip(r.Key), t.key.name, r.Table))
	}
	return nil
}

// refuses says why t cannot hold r, though all was made that may be.
func (t *table) refuses(s *sink, r *row.Record) error {
	if err := t.refusesKey(s, r); err != nil {
		return err
	}
	lacks := t.lacks(s, r)
	switch {
	case len(lacks) == 0:
		return nil
	case !lacks[0].isThere:
		return notYet(fmt.Sprintf("table %s has no column %s; add it, or set create to true", r.Table, lacks[0].name))
	}
	narrow := lacks[0].narrow
	return never(fmt.Sprintf("column %s of %s is of kind %s, and the message has another there; change its type in the database, or give it another value in columns", narrow.name, r.Table, narrow.kind))
}

// A lack is a column that is missing, or is too narrow.
type lack struct {
	name    string
	kind    row.Kind
	narrow  columnThere
	isThere bool
}

// lacks says what t lacks to hold r; nil: nothing.
func (t *table) lacks(s *sink, r *row.Record) []lack {
	var all []lack
	for _, c := range r.Cells {
		at, there := t.columns[strings.ToLower(c.Column)]
		switch {
		case c.Kind == row.Null:
		case !there && (s.mapping.Create || s.mapping.Told() || c.Kind == row.Point):
			all = append(all, lack{name: c.Column, kind: c.Kind})
		case there && !holds(at.kind, c):
			all = append(all, lack{c.Column, wider(at.kind, c.Kind), at, true})
		}
	}
	return all
}

// holds reports whether a column takes what is in a cell as it is.
func holds(column row.Kind, c row.Cell) bool {
	switch column {
	case c.Kind, row.Other, row.Text, row.JSON:
		return true
	case row.Number:
		return c.Kind == row.Integer
	case row.Time:
		_, ok := row.TimeOf(c.Text)
		return ok && c.Kind == row.Text
	}
	return false
}

// wider is the kind of a column that holds both.
func wider(a, b row.Kind) row.Kind {
	if a == row.Integer && b == row.Number {
		return row.Number
	}
	return row.Text
}

// alter gives the table what it lacks, where it can.
func (s *sink) alter(ctx context.Context, by maker, t *table, r *row.Record, changes []lack) error {
	n := len(t.columns)
	for _, l := range changes {
		if !l.isThere {
			n++
		}
		if !l.isThere && n > row.MaxColumns {
			return never(fmt.Sprintf("%s would be column %d of %s or later; at most %d are made: name those wanted in columns", l.name, n, r.Table, row.MaxColumns))
		}
	}
	for _, l := range changes {
		var statement string
		switch {
		case !l.isThere:
			statement = strings.TrimSpace("ALTER TABLE " + t.name + " ADD COLUMN " + s.dialect.name(l.name) + " " + s.dialect.types[l.kind])
		case s.dialect.retype == nil || l.narrow.kind == row.Time:
			continue // which is refused
		default:
			statement = s.dialect.retype(t.name, s.dialect.name(l.narrow.name), s.dialect.types[l.kind])
		}
		if _, err := by.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// knows reports whether t has all of some columns.
func (t *table) knows(columns []string) bool {
	for _, name := range columns {
		if _, there := t.columns[strings.ToLower(name)]; !there {
			return false
		}
	}
	return true
}

// row is what is to stand in each column: the cells, and null where only before has
// something. Members that a table has no column for are left out.
func (t *table) row(cells []row.Cell, before []string) []row.Cell {
	var all []row.Cell
	seen := make(map[string]bool)
	for _, c := range cells {
		name := strings.ToLower(c.Column)
		if _, there := t.columns[name]; there {
			all = append(all, c)
			seen[name] = true
		}
	}
	for _, name := range before {
		if _, there := t.columns[strings.ToLower(name)]; there && !seen[strings.ToLower(name)] {
			all = append(all, row.Cell{Column: name, Kind: row.Null})
		}
	}
	return all
}

// keyParameter is r's key as a parameter.
func (t *table) keyParameter(s *sink, r *row.Record) any {
	c := row.Cell{Kind: row.Text, Text: r.Key}
	if t.key.kind == row.Integer {
		c.Kind = row.Integer
	}
	return s.dialect.bind(c, t.key.kind)
}

// textFor is a cell as text, for a column of a kind.
func textFor(c row.Cell, in row.Kind) string {
	switch {
	case in == row.JSON && (c.Kind == row.Text || c.Kind == row.Time):
		text, err := json.Marshal(c.Text)
		if err == nil {
			return string(text)
		}
	case in == row.Time:
		if t, ok := row.TimeOf(c.Text); ok {
			return t.Format(time.RFC3339Nano)
		}
	}
	return c.Text
}
