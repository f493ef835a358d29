package mirror

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/row"
)

// A dialect is what one kind of database has its own way of.
type dialect struct {
	quote     string                            // around identifiers
	numbered  bool                              // parameters are $1 and so on; else each is ?
	isolation *sql.TxOptions                    // nil: its own
	ledger    string                            // makes the ledger unless it is there
	claim     string                            // has the ledger a row of a record, locked for the transaction
	state     string                            // reads that row
	columns   string                            // reads names and types of the columns of a schema's table; null for the schema that is current
	kindOf    func(string) row.Kind             // of a column, by its type
	types     map[row.Kind]string               // of columns that are made
	keys      map[row.Kind]string               // of columns of keys that are made
	retype    func(t, c, k string) string       // gives a column another type; nil: each takes all
	bind      func(c row.Cell, in row.Kind) any // a cell as a parameter for a column
	// alone has f alter tables while no other mirror does.
	alone func(ctx context.Context, db *sql.DB, f func(by maker) error) error
	judge func(error) fault
}

// A fault is what it means that a database took no statement.
type fault struct {
	class  fanfare.Class // "": the database did not say so; it is a matter of the way there
	detail string
	again  bool // another transaction was in the way: it may go at once
	stale  bool // the table is not as it was
	exists bool // what was to be made is there already
}

// waits is what becomes of a row that lacks one it refers to.
const waits = "; it is tried again, as the other row may be still to come"

// sql is a statement with its parameters, each written ?, as the dialect has them. No
// statement here has another ?.
func (d *dialect) sql(text string) string {
	if !d.numbered {
		return text
	}
	pieces := strings.Split(text, "?")
	var b strings.Builder
	for i, piece := range pieces {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(piece)
	}
	return b.String()
}

// name is an identifier that was checked, of a table with its schema before it, quoted.
func (d *dialect) name(text string) string {
	return d.quote + strings.ReplaceAll(text, ".", d.quote+"."+d.quote) + d.quote
}

// Statements that all of them take.
const (
	setState = `
		UPDATE ` + row.Ledger + ` SET version = ?, message = ?, deleted = ?, written = ?
		WHERE mirrored = ? AND record = ?`
	readState = `
		SELECT version, message, written FROM ` + row.Ledger + `
		WHERE mirrored = ? AND record = ?`
	claimState = `
		INSERT INTO ` + row.Ledger + ` (mirrored, record, version, message, deleted, written)
		VALUES (?, ?, '', '', ?, '') `
)
