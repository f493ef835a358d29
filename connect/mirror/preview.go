package mirror

import (
	"encoding/json"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/row"
)

// Preview is the row that msg tells of. The statements for it depend on the table, which
// is not looked at.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	r, err := s.mapping.Of(msg)
	if err != nil {
		return nil, err
	}
	what := "upsert"
	if r.Deleted {
		what = "delete"
	}
	columns := make(map[string]any, len(r.Cells))
	for _, c := range r.Cells {
		columns[c.Column] = shown(c)
	}
	body, err := json.Marshal(columns)
	if err != nil {
		return nil, err
	}
	_, where, _ := strings.Cut(s.target, " at ")
	return []fanfare.Preview{{To: what + " " + r.Table + " " + s.mapping.KeyColumn + "=" + row.Clip(r.Key) + " at " + where, Body: body}}, nil
}

// shown is what stands in a cell, as JSON has it.
func shown(c row.Cell) any {
	switch c.Kind {
	case row.Null:
		return nil
	case row.Point:
		return map[string]string{"longitude": c.Point[0], "latitude": c.Point[1]}
	case row.Integer, row.Number, row.Boolean, row.JSON:
		if json.Valid([]byte(c.Text)) {
			return json.RawMessage(c.Text)
		}
	}
	return c.Text
}
