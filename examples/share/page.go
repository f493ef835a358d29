package share

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A page is some rows, in order of their keys. Each value is nil, an int64, a float64, a
// bool or a string.
type page struct {
	Rows [][]any
	Next string // the cursor of what follows; "": nothing does
	Gone bool   // the row that was asked for was there, and is deleted
}

// page reads rows of a share, in one reading transaction, and stops where they are too
// many or too much.
func (s *Shares) page(ctx context.Context, sh *Share, q query) (*page, error) {
	db, err := s.mirror(sh.File)
	if err != nil {
		return nil, ErrNotFound // it was there when the share was made
	}
	table := quoted(sh.Table)
	var names []string
	for _, name := range sh.Columns {
		names = append(names, table+"."+quoted(name)) // with the table, as SQLite takes a name by itself that is no column for text
	}
	key := table + "." + quoted(sh.Key)
	text := "SELECT " + strings.Join(names, ", ") + " FROM " + table + " WHERE " + key + " IS NOT NULL"
	var args []any
	if q.key != "" {
		text += " AND " + key + " IN (?, ?)"
		args = append(args, q.key, number(q.key))
	}
	if q.after != nil {
		text += " AND " + key + " > ?"
		args = append(args, q.after)
	}
	rows, err := db.QueryContext(ctx, text+" ORDER BY "+key+" LIMIT ?", append(args, q.limit+1)...)
	if err != nil {
		if there, looked := columns(ctx, db, sh.Table); looked == nil && !containsAll(there, sh.Columns) {
			return nil, ErrNotFound // somebody has altered the table since
		}
		return nil, err
	}
	defer rows.Close()
	p, size := &page{Rows: [][]any{}}, 0
	at := slices.Index(sh.Columns, sh.Key)
	for rows.Next() {
		row, into := make([]any, len(sh.Columns)), make([]any, len(sh.Columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i := range row {
			row[i] = plain(row[i])
			size += sizeOf(row[i]) + len(sh.Columns[i]) + 8
		}
		if n := len(p.Rows); n == q.limit || n > 0 && size > maxBytes {
			p.Next = cursor(p.Rows[n-1][at])
			break
		}
		p.Rows = append(p.Rows, row)
	}
	if err := rows.Err(); err != nil || q.key == "" || len(p.Rows) > 0 {
		return p, err
	}
	p.Gone, err = gone(ctx, db, sh.Table, q.key)
	return p, err
}

// gone asks what the mirror remembers of a row that is not there: that it was deleted, or
// nothing, when it has not come yet.
func gone(ctx context.Context, db *sql.DB, table, key string) (is bool, err error) {
	if there, err := columns(ctx, db, "fanfare_mirror"); err != nil || len(there) == 0 {
		return false, err
	}
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM fanfare_mirror WHERE mirrored = ? AND record = ? AND deleted = 1)`, table, key).Scan(&is)
	return is, err
}

// number is the number that text is, for keys that are some; otherwise text.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return text
}

func containsAll(there, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(there, name) })
}

// quoted is a name as SQL has it. Names that are not the table's were refused before.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// plain makes a value of the driver's one of a page's.
func plain(value any) any {
	switch v := value.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil // which JSON has no number for
		}
	}
	return value
}

func sizeOf(value any) int {
	if text, ok := value.(string); ok {
		return len(text)
	}
	return 20
}

// formats are the ways to show a page, by what the address ends with.
var formats = map[string]func(*Share, *page) (body []byte, contentType string, err error){
	"json": asJSON, "csv": asCSV, "geojson": asGeoJSON,
}

func asJSON(sh *Share, p *page) ([]byte, string, error) {
	rows := make([]map[string]any, len(p.Rows))
	for i, row := range p.Rows {
		rows[i] = map[string]any{}
		for j, name := range sh.Columns {
			rows[i][name] = row[j]
		}
	}
	said := map[string]any{"table": sh.Table, "key": sh.Key, "columns": sh.Columns, "rows": rows, "next": orNull(p.Next)}
	if p.Gone {
		said["gone"] = true
	}
	body, err := json.Marshal(said)
	return append(body, '\n'), "application/json", err
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// asCSV is as RFC 4180 has it, with text that a spreadsheet would take for a formula
// behind an apostrophe.
func asCSV(sh *Share, p *page) ([]byte, string, error) {
	var body bytes.Buffer
	w := csv.NewWriter(&body)
	w.UseCRLF = true
	line := make([]string, len(sh.Columns))
	for i, name := range sh.Columns {
		line[i] = harmless(name)
	}
	if err := w.Write(line); err != nil {
		return nil, "", err
	}
	for _, row := range p.Rows {
		for i, value := range row {
			line[i] = cell(value)
		}
		if err := w.Write(line); err != nil {
			return nil, "", err
		}
	}
	w.Flush()
	return body.Bytes(), "text/csv; charset=utf-8; header=present", w.Error()
}

// cell is a value in CSV. A number is one, also below zero.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return harmless(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// harmless is text that no spreadsheet takes for a formula
// (https://owasp.org/www-community/attacks/CSV_Injection).
func harmless(text string) string {
	first := strings.TrimLeft(text, " \n\u00a0\ufeff")
	if text != "" && strings.ContainsAny(text[:1], "\t\r\n") || first != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(first)[0]) {
		return "'" + text
	}
	return text
}

// asGeoJSON is as RFC 7946 has it. A row without coordinates has no geometry.
func asGeoJSON(sh *Share, p *page) ([]byte, string, error) {
	lat, lon, key := slices.Index(sh.Columns, sh.Latitude), slices.Index(sh.Columns, sh.Longitude), slices.Index(sh.Columns, sh.Key)
	features := make([]map[string]any, len(p.Rows))
	for i, row := range p.Rows {
		properties := map[string]any{}
		for j, name := range sh.Columns {
			if j != lat && j != lon {
				properties[name] = row[j]
			}
		}
		features[i] = map[string]any{"type": "Feature", "id": row[key], "geometry": point(row[lat], row[lon]), "properties": properties}
	}
	body, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": features, "next": orNull(p.Next)})
	return append(body, '\n'), "application/geo+json", err
}

// point is a place; nil if that is none.
func point(lat, lon any) any {
	y, ok1 := degrees(lat, 90)
	x, ok2 := degrees(lon, 180)
	if !ok1 || !ok2 {
		return nil
	}
	return map[string]any{"type": "Point", "coordinates": [2]float64{x, y}}
}

func degrees(value any, most float64) (float64, bool) {
	var n float64
	switch v := value.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	case string:
		var err error
		if n, err = strconv.ParseFloat(v, 64); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return n, math.Abs(n) <= most
}
