package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// cellWidth bounds what a table shows of a value, in characters; shortCell is what
// is left at least of one that is cut further.
const (
	cellWidth = 60
	shortCell = 16
)

// A table is rows of text under headings, for people to read. What it shows is
// made printable.
type table struct {
	out   io.Writer
	rows  [][]string // the headings first
	whole bool       // values are not cut
	width int        // to fit into, in characters; 0: as wide as it gets

	least []string // headings of the columns to be left out for want of room, the least useful first
	spare []string // and of those to be left out if they have no value
}

func newTable(w io.Writer, headings ...string) *table {
	return &table{out: w, rows: [][]string{headings}}
}

// table is newTable for what a verb prints. What goes to another program is not cut:
// it has no width.
func (r *request) table(headings ...string) *table {
	t := newTable(r.out, headings...)
	t.whole, t.width = !r.terminal, r.columns
	return t
}

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		if cells[i] = printable(cell); !t.whole {
			cells[i] = cut(cells[i], cellWidth)
		}
	}
	t.rows = append(t.rows, cells)
}

// Flush prints the table, and returns the headings of what had no room.
func (t *table) Flush() (left []string, err error) {
	for _, heading := range t.spare {
		if at := slices.Index(t.rows[0], heading); at >= 0 && !slices.ContainsFunc(t.rows[1:], func(row []string) bool { return row[at] != "" }) {
			t.drop(heading)
		}
	}
	if t.width > 0 && !t.whole {
		left = t.fit()
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return left, w.Flush()
}

func (t *table) drop(heading string) bool {
	at := slices.Index(t.rows[0], heading)
	if at < 0 {
		return false
	}
	for i, row := range t.rows {
		t.rows[i] = slices.Delete(slices.Clone(row), at, at+1)
	}
	return true
}

// fit makes the table as narrow as its width: it cuts values further, and where that
// is not enough leaves columns out.
func (t *table) fit() (left []string) {
	for {
		widths, fits := t.narrow()
		if !fits && len(t.least) > 0 {
			if t.drop(t.least[0]) {
				left = append(left, t.least[0])
			}
			t.least = t.least[1:]
			continue
		}
		for _, row := range t.rows[1:] {
			for i := range row {
				row[i] = cut(row[i], widths[i])
			}
		}
		return left
	}
}

// narrow are the widths of the columns, the widest of them cut until all fit.
func (t *table) narrow() (widths []int, fits bool) {
	widths = make([]int, len(t.rows[0]))
	room := t.width - 2*(len(widths)-1)
	for i := range widths {
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		room -= widths[i]
	}
	for room < 0 {
		widest := -1
		for i, heading := range t.rows[0] {
			if !slices.Contains(uncut, heading) && widths[i] > max(shortCell, len(heading)) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
		room++
	}
	return widths, true
}

// uncut are the headings of columns that are of no use if they are cut: what is to
// be typed again, and times.
var uncut = []string{"ID", "UID", "MESSAGE", "ENDPOINT", "CONSUMER", "NAME", "AT", "TIME", "TO", "ACCEPTED", "CREATED", "STARTED", "LAST USED", "EXPIRES", "LAST SEEN", "KEY"}

// flush prints a table, and tells the user of what is not in it.
func (r *request) flush(t *table) error {
	left, err := t.Flush()
	if err == nil && len(left) > 0 {
		r.say("Left out for want of room: %s. A pipe and --json have all.", strings.Join(left, ", "))
	}
	return err
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
