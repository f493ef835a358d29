package sqlite

import (
	"strings"

	"zombiezen.com/go/sqlite"
)

// many is how many rows a statement inserts at once where there are as many: that takes
// a sixth less processor time for each than one at a time does.
const many = 8

// An inserter puts rows into a table.
type inserter struct {
	conn      *sqlite.Conn
	one, many *sqlite.Stmt
}

// newInserter takes an INSERT of one row, with its values in a line.
func newInserter(conn *sqlite.Conn, insert string) (in inserter, err error) {
	in.conn = conn
	if in.one, err = conn.Prepare(insert); err != nil {
		return in, err
	}
	head, values, _ := strings.Cut(insert, "VALUES ")
	row, _, _ := strings.Cut(values, "\n")
	in.many, err = conn.Prepare(head + "VALUES " + strings.Repeat(row+", ", many-1) + values)
	return in, err
}

// insert puts in n rows, at most many, to which bind gives their values. It returns
// how many of them there are now: others were in conflict with what is there.
func (in *inserter) insert(n int, bind func(b *binder, i int)) (changed int, err error) {
	stmt, each := in.many, n
	if n < many {
		stmt, each = in.one, 1
	}
	for i := 0; i < n; i += each {
		b := binder{stmt: stmt}
		for j := range each {
			bind(&b, i+j)
		}
		if err := run(stmt); err != nil {
			return changed, err
		}
		changed += in.conn.Changes()
	}
	return changed, nil
}
