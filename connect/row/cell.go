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
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Kind is of what a column holds, or a cell.
type Kind int

// The kinds.
const (
	Other Kind = iota // which only the database knows
	Text
	Integer
	Number
	Boolean
	JSON
	Time
	Point
	Null // of a cell in which nothing is
)

// String is the word for it, as configs have it.
func (k Kind) String() string {
	return [...]string{"other", "text", "integer", "number", "boolean", "json", "time", "point", "null"}[k]
}

// kinds are those that a config names.
var kinds = map[string]Kind{
	"": Text, "text": Text, "integer": Integer, "number": Number,
	"boolean": Boolean, "json": JSON, "time": Time,
}

// A Cell is what is to stand in a column.
type Cell struct {
	Column string
	Kind   Kind
	Text   string
	Point  [2]string // longitude and latitude, of Point
}

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,18})$`)

// IsInteger reports whether text is one as it is written in 64 bits.
func IsInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil && integer.MatchString(text)
}

// derived are the members of a JSON object as cells, but for those of columns that have
// something else in them.
func derived(object string, others []string) ([]Cell, error) {
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal([]byte(object), &members); err != nil || members == nil {
		return nil, errors.New("record renders what is not a JSON object with each member once; say in record where it is, such as {{payload.data}}")
	}
	var cells []Cell
	from := make(map[string]string)
	for _, name := range others {
		from[strings.ToLower(name)] = name
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if slices.Contains(others, name) {
			continue
		}
		column := columnName(name)
		if other, taken := from[strings.ToLower(column)]; taken {
			return nil, fmt.Errorf("the members %q and %q are for one column; name those wanted in columns", Clip(name), Clip(other))
		}
		from[strings.ToLower(column)] = name
		c, err := cellOf(members[name])
		if err != nil {
			return nil, err
		}
		c.Column = column
		cells = append(cells, c)
	}
	return cells, nil
}

// columnName is a member's name as a column may have it.
func columnName(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	name = strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name[:min(len(name), 63)]
}

// cellOf is a JSON value as a cell.
func cellOf(value jsontext.Value) (Cell, error) {
	switch value.Kind() {
	case 'n':
		return Cell{Kind: Null}, nil
	case 't', 'f':
		return Cell{Kind: Boolean, Text: string(value)}, nil
	case '"':
		var s string
		err := json.Unmarshal(value, &s)
		return Cell{Kind: Text, Text: s}, err
	case '0':
		switch text := string(value); {
		case IsInteger(text):
			return Cell{Kind: Integer, Text: text}, nil
		case strings.ContainsAny(text, ".eE"):
			return Cell{Kind: Number, Text: text}, nil
		default: // too long for what databases count with
			return Cell{Kind: Text, Text: text}, nil
		}
	}
	return Cell{Kind: JSON, Text: string(value)}, nil
}

// told is the text that a column's template renders as a cell.
func told(c column, text string) (Cell, error) {
	to := Cell{Column: c.name, Kind: c.kind, Text: text}
	if c.kind == Text {
		return to, nil
	}
	to.Text = strings.TrimSpace(text)
	if to.Text == "" {
		to.Kind = Null
		return to, nil
	}
	fits := true
	switch c.kind {
	case Integer:
		fits = IsInteger(to.Text)
	case Number:
		fits = decimal.MatchString(to.Text)
	case Boolean:
		fits = to.Text == "true" || to.Text == "false"
	case JSON:
		fits = json.Valid([]byte(to.Text))
	case Time:
		_, fits = TimeOf(to.Text)
	}
	if !fits {
		return to, fmt.Errorf("columns.%s renders %q, which is no %s", c.name, Clip(to.Text), c.kind)
	}
	return to, nil
}

var decimal = regexp.MustCompile(`^-?[0-9]{1,100}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,3})?$`)

// layouts are how times are written; those without a zone are of UTC.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05Z07:00", time.DateOnly}

// TimeOf reads a time, in UTC.
func TimeOf(text string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil && (!strings.Contains(layout, "MST") || strings.HasSuffix(text, " UTC")) {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
