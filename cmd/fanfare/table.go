package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// cellWidth bounds what a table shows of a value, in characters.
const cellWidth = 60

// A table is rows of text under headings, for people to read. What it shows is
// made printable.
type table struct {
	*tabwriter.Writer
	whole bool // values are not cut
}

func newTable(w io.Writer, headings ...string) table {
	t := table{Writer: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(headings...)
	return t
}

// table is newTable for what a verb prints. What goes to another program is not cut:
// it has no width.
func (r *request) table(headings ...string) table {
	t := newTable(r.out, headings...)
	t.whole = !r.terminal
	return t
}

func (t table) row(cells ...string) {
	for i, cell := range cells {
		if cells[i] = printable(cell); !t.whole {
			cells[i] = cut(cells[i], cellWidth)
		}
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}

// fields shows one thing, a field a line; fields without a value are left out.
// Values may be long, but stay on their line.
func fields(w io.Writer, pairs ...string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", pairs[i], printable(pairs[i+1]))
		}
	}
	return t.Flush()
}
