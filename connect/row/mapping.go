// Package row makes of a message what it says of one row of a table. Where the row stands
// and how it gets there is for those who ask.
package row

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/internal/expression"
)

// Ledger is the table with what a mirror remembers of each record. No mapping leads there.
const Ledger = "fanfare_mirror"

var (
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
	member     = regexp.MustCompile(`^\{\{\s*payload(?:\.\w+)*\.(\w+)\s*\}\}$`)
)

// A Mapping says which row a message is about, and what stands in it.
type Mapping struct {
	Table     string                     `json:"table"`
	Key       string                     `json:"key"`
	KeyColumn string                     `json:"keyColumn"` // "": the last name in Key, or id
	Record    string                     `json:"record"`
	Columns   map[string]json.RawMessage `json:"columns"`
	Version   string                     `json:"version"`
	Delete    string                     `json:"delete"`

	table, key, record, version *connect.Template
	deletes                     *expression.Filter
	columns                     []column // by name; none: those of the record
	geometry                    *Geometry
}

// A column is one that the config tells the content of.
type column struct {
	name  string
	kind  Kind
	value *connect.Template
}

// A Geometry is a column with a point.
type Geometry struct {
	Lat    string `json:"lat"`
	Lon    string `json:"lon"`
	Column string `json:"column"`

	lat, lon *connect.Template
}

// A Record is what a message says of one row.
type Record struct {
	Table   string
	Key     string
	Version string // canonical; "": what has none is as new as its message
	Message fanfare.MessageID
	Deleted bool
	Cells   []Cell // by column
}

// New is one with all that need not be told.
func New() Mapping {
	return Mapping{
		Key: "{{payload.id}}", Record: "{{payload}}",
		Delete: "eventType.endsWith('.delete') || eventType.endsWith('.deleted')",
	}
}

// Read checks what the config says; g, which may be nil, with it.
func (m *Mapping) Read(g *Geometry) error {
	m.geometry = g
	var errs [5]error
	m.table, errs[0] = connect.Text("table", m.Table)
	m.key, errs[1] = connect.Text("key", m.Key)
	m.record, errs[2] = connect.Text("record", m.Record)
	m.version, errs[3] = connect.Text("version", m.Version)
	deletes, err := expression.ParseFilter(m.Delete)
	if err != nil {
		errs[4] = &fanfare.InvalidError{Field: "config.delete", Reason: err.Error()}
	}
	m.deletes = deletes
	if m.KeyColumn == "" {
		m.KeyColumn = "id"
		if found := member.FindStringSubmatch(m.Key); found != nil && identifier.MatchString(found[1]) {
			m.KeyColumn = found[1]
		}
	}
	return errors.Join(append(errs[:],
		connect.Must(m.Table != "", "table", "is missing; give the table's name, or where it is in the message"),
		connect.Must(m.Table == "" || strings.Contains(m.Table, "{{") || tableName(m.Table), "table", notTable),
		connect.Must(m.Key != "", "key", "is empty; give what names a record, such as {{payload.id}}"),
		connect.Must(identifier.MatchString(m.KeyColumn), "keyColumn", notColumn),
		connect.Must(len(m.Columns) < MaxColumns, "columns", fmt.Sprintf("has %d; a table has at most %d", len(m.Columns), MaxColumns)),
		m.readColumns(), m.geometry.read(m))...)
}

const (
	notTable  = "must be a name of letters, digits and _, such as customers or sales.customers, and not " + Ledger
	notColumn = "must be a name of letters, digits and _, such as id"
)

// IsName reports whether text may name a column.
func IsName(text string) bool { return identifier.MatchString(text) }

// tableName reports whether text may name a table, with a schema before it or without.
func tableName(text string) bool {
	parts := strings.Split(text, ".")
	return len(parts) <= 2 && !slices.ContainsFunc(parts, func(p string) bool {
		return !identifier.MatchString(p) || strings.EqualFold(p, Ledger)
	})
}

func (m *Mapping) readColumns() error {
	var problems []error
	seen := map[string]bool{strings.ToLower(m.KeyColumn): true}
	for _, name := range slices.Sorted(maps.Keys(m.Columns)) {
		at := "columns." + name
		var told struct {
			Value string `json:"value"`
			Type  string `json:"type"`
		}
		if json.Unmarshal(m.Columns[name], &told.Value) != nil {
			if err := connect.Decode(m.Columns[name], &told); err != nil {
				problems = append(problems, connect.Must(false, at, `must be a template, or an object such as {"value":"{{payload.total}}","type":"number"}`))
				continue
			}
		}
		kind, known := kinds[told.Type]
		value, err := connect.Text(at, told.Value)
		problems = append(problems, err,
			connect.Must(known, at+".type", "one of text, integer, number, boolean, json, time"),
			connect.Must(identifier.MatchString(name), at, notColumn),
			connect.Must(!seen[strings.ToLower(name)], at, "is named twice, or is the column of the key"))
		seen[strings.ToLower(name)] = true
		m.columns = append(m.columns, column{name, kind, value})
	}
	return errors.Join(problems...)
}

func (g *Geometry) read(m *Mapping) error {
	if g == nil {
		return nil
	}
	var errs [2]error
	g.lat, errs[0] = connect.Text("geometry.lat", g.Lat)
	g.lon, errs[1] = connect.Text("geometry.lon", g.Lon)
	_, twice := m.Columns[g.Column]
	return errors.Join(append(errs[:],
		connect.Must(g.Lat != "" && g.Lon != "", "geometry", `needs where the point is, such as {"lat":"{{payload.lat}}","lon":"{{payload.lon}}","column":"the_geom"}`),
		connect.Must(identifier.MatchString(g.Column), "geometry.column", "must be a name of letters, digits and _, such as the_geom"),
		connect.Must(!twice && !strings.EqualFold(g.Column, m.KeyColumn), "geometry.column", "is in columns too, or is the column of the key"))...)
}

// Told reports whether the config tells the columns.
func (m *Mapping) Told() bool { return len(m.columns) > 0 }

// Of is what msg says. An error is one that the same message meets each time.
func (m *Mapping) Of(msg *fanfare.Message) (*Record, error) {
	in := connect.InputOf(msg)
	r := &Record{Message: msg.ID}
	var errs [3]error
	var version string
	r.Table, errs[0] = connect.Fill("table", m.table, in, nil)
	r.Key, errs[1] = connect.Fill("key", m.key, in, nil)
	version, errs[2] = connect.Fill("version", m.version, in, nil)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	var err error
	if r.Version, err = Canonical(version); err != nil {
		return nil, err
	}
	r.Key = strings.TrimSpace(r.Key)
	switch {
	case !tableName(r.Table):
		return nil, fmt.Errorf("table renders %q, which is no table's name", Clip(r.Table))
	case r.Key == "":
		return nil, errors.New("key renders empty: the message does not say which record it is about")
	case len(r.Key) > maxKey || strings.ContainsFunc(r.Key, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return nil, fmt.Errorf("key renders %q, which is longer than %d bytes or not on one line", Clip(r.Key), maxKey)
	}
	switch r.Deleted, _ = m.deletes.Match(in); {
	case r.Deleted: // also without a version: then what was accepted before it is older
		return r, nil
	case r.Version == "" && m.Version != "":
		return nil, errors.New("version renders empty: the message does not say how new it is")
	}
	if r.Cells, err = m.cells(in); err != nil {
		return nil, err
	}
	if m.geometry != nil {
		point, err := m.geometry.point(in)
		if err != nil {
			return nil, err
		}
		r.Cells = append(r.Cells, point)
	}
	return r, nil
}

// Bounds of a row.
const (
	MaxColumns = 150
	maxKey     = 255 // bytes
)

// Clip is text as it may stand in an error.
func Clip(text string) string { return connect.Shorten(text, 100) }

func (m *Mapping) cells(in *expression.Input) ([]Cell, error) {
	if len(m.columns) == 0 {
		text, err := connect.Fill("record", m.record, in, nil)
		if err != nil {
			return nil, err
		}
		others := []string{m.KeyColumn}
		if m.geometry != nil {
			others = append(others, m.geometry.Column)
		}
		return derived(text, others)
	}
	cells := make([]Cell, len(m.columns))
	for i, c := range m.columns {
		text, err := connect.Fill("columns."+c.name, c.value, in, nil)
		if err != nil {
			return nil, err
		}
		if cells[i], err = told(c, text); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// point is where the message says. Where it does not, the column is null.
func (g *Geometry) point(in *expression.Input) (Cell, error) {
	c := Cell{Column: g.Column, Kind: Point}
	for i, t := range []*connect.Template{g.lon, g.lat} {
		name, most := [...]string{"geometry.lon", "geometry.lat"}[i], [...]float64{180, 90}[i]
		text, err := connect.Fill(name, t, in, nil)
		if err != nil {
			return c, err
		}
		if text = strings.TrimSpace(text); text == "" {
			return Cell{Column: g.Column, Kind: Null}, nil
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= -most && n <= most) { // so that NaN is none either
			return c, fmt.Errorf("%s renders %q, which is not within %v and %v degrees", name, Clip(text), -most, most)
		}
		c.Point[i] = strconv.FormatFloat(n, 'f', -1, 64)
	}
	return c, nil
}
