package fake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// cartoStatement is how long a batch may run.
const cartoStatement = 5 * time.Second

// Keys of CARTO that are not in order, or make it answer as when it is not.
const (
	cartoWrongKey  = "wrong"     // no account has it
	cartoReadOnly  = "readonly"  // it may not write
	cartoLimited   = "limited"   // there were too many requests
	cartoBroken    = "broken"    // the service fails
	cartoLate      = "late"      // an error comes when 200 was sent already
	cartoCut       = "cut"       // the answer ends before its end
	cartoTimedOut  = "timed-out" // the statements took too long
	cartoReset     = "2"         // seconds until there may be another request
	cartoPerSecond = "5"
)

// cartoTable is what Carto has in the beginning.
const cartoTable = `CREATE TABLE sightings (id TEXT, species TEXT, seen TEXT, version TEXT, deleted_at TEXT, the_geom TEXT)`

// A carto is a database behind an API.
type carto struct {
	open func() (*sql.DB, error)
	took *taken
}

// Carto runs SQL as CARTO's SQL API does, in version 2 (/api/v2/sql) and 3
// (/v3/sql/{connection}/query), in a database in memory in which there is a table
// sightings, and in which more may be made. What it runs is read by SQLite: of PostgreSQL
// it knows texts between dollar quotes, and of PostGIS ST_Point and ST_SetSRID. Each key
// is right but these: wrong, readonly, limited, broken, late, cut and timed-out end as
// they say.
func Carto() http.Handler {
	c := &carto{took: &taken{}, open: sync.OnceValues(cartoDatabase)}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v2/sql", func(rw http.ResponseWriter, r *http.Request) {
		q, key, wrong := cartoAsked(r)
		if wrong != "" {
			cartoRefuse(rw, http.StatusBadRequest, 2, wrong)
			return
		}
		rw.Header().Set("Retry-After", "-1") // as it says when nobody has to wait
		rw.Header().Set("Carto-Rate-Limit-Limit", cartoPerSecond)
		rw.Header().Set("Carto-Rate-Limit-Remaining", "4")
		rw.Header().Set("Carto-Rate-Limit-Reset", "0")
		c.answer(rw, r, 2, q, key)
	})
	mux.HandleFunc("/v3/sql/{connection}/query", func(rw http.ResponseWriter, r *http.Request) {
		q, _, wrong := cartoAsked(r)
		if wrong != "" {
			cartoRefuse(rw, http.StatusBadRequest, 3, wrong)
			return
		}
		key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if r.PathValue("connection") == "nowhere" {
			cartoRefuse(rw, http.StatusNotFound, 3, "Connection not found")
			return
		}
		c.answer(rw, r, 3, q, key)
	})
	return c.took.shownBy(mux)
}

// cartoAsked is what is to be run, and by whose key: in the query, a form or JSON. wrong
// is what the service says of a request that it cannot read; "": it can.
func cartoAsked(r *http.Request) (q, key, wrong string) {
	text, err := body(r)
	if err != nil {
		return "", "", "the body is too large"
	}
	var told struct {
		Q   string `json:"q"`
		Key string `json:"api_key"`
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && r.Method == http.MethodPost {
		if err := json.Unmarshal(text, &told); err != nil {
			return "", "", "Unexpected token in JSON"
		}
	} else {
		r.Body = http.NoBody
		form, err := http.NewRequest(r.Method, r.URL.String(), strings.NewReader(string(text)))
		if err != nil {
			return "", "", err.Error()
		}
		form.Header = r.Header
		told.Q, told.Key = form.FormValue("q"), form.FormValue("api_key")
	}
	if strings.TrimSpace(told.Q) == "" {
		return "", "", "You must indicate a sql query"
	}
	return told.Q, told.Key, ""
}

// answer runs q for who has the key.
func (c *carto) answer(rw http.ResponseWriter, r *http.Request, version int, q, key string) {
	reads := regexp.MustCompile(`(?i)^\s*(SELECT|WITH)\b`).MatchString(q)
	switch {
	case key == "" && (!reads || version == 3), key == cartoWrongKey:
		cartoRefuse(rw, http.StatusUnauthorized, version, "Unauthorized")
	case key == cartoReadOnly && !reads:
		cartoRefuse(rw, http.StatusForbidden, version, "permission denied for relation sightings")
	case key == cartoLimited:
		rw.Header().Set("Retry-After", cartoReset)
		rw.Header().Set("Carto-Rate-Limit-Remaining", "0")
		rw.Header().Set("Carto-Rate-Limit-Reset", cartoReset)
		cartoRefuse(rw, http.StatusTooManyRequests, version, "You are over platform's limits. Please contact us to know more details")
	case key == cartoTimedOut:
		cartoRefuse(rw, http.StatusTooManyRequests, version, "You are over platform's limits: SQL query timeout error. Refactor your query before running again or contact CARTO support for more details.")
	case key == cartoBroken:
		cartoRefuse(rw, http.StatusInternalServerError, version, "Internal Server Error")
	case key == cartoLate:
		cartoRefuse(rw, http.StatusOK, version, "canceling statement due to statement timeout")
	case key == cartoCut:
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write([]byte(`{"rows":[`))
	default:
		begun := time.Now()
		rows, n, err := c.run(r.Context(), q)
		if err != nil {
			cartoRefuse(rw, http.StatusBadRequest, version, err.Error())
			return
		}
		c.took.add(map[string]string{"q": q})
		answer(rw, http.StatusOK, map[string]any{"rows": rows, "time": time.Since(begun).Seconds(), "fields": map[string]any{}, "total_rows": n})
	}
}

func cartoRefuse(rw http.ResponseWriter, status, version int, text string) {
	if version == 3 {
		answer(rw, status, map[string]any{"error": text, "status": status})
		return
	}
	answer(rw, status, map[string]any{"error": []string{text}})
}

// run runs a batch, all of it or nothing.
func (c *carto) run(ctx context.Context, q string) (rows []map[string]any, n int64, err error) {
	translated, err := cartoTranslate(q)
	if err != nil {
		return nil, 0, err
	}
	db, err := c.open()
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, cartoStatement)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = tx.Rollback() }() // of what was not committed
	rows, err = cartoRows(ctx, tx, translated)
	if err == nil {
		err = tx.QueryRowContext(ctx, "SELECT changes()").Scan(&n)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return nil, 0, cartoError(err)
	}
	return rows, max(n, int64(len(rows))), nil
}

func cartoRows(ctx context.Context, tx *sql.Tx, q string) ([]map[string]any, error) {
	found, err := tx.QueryContext(ctx, q)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		return nil, err
	}
	rows := []map[string]any{}
	for found.Next() && len(rows) < maxTaken {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := found.Scan(values...); err != nil {
			return nil, err
		}
		row := make(map[string]any, len(columns))
		for i, name := range columns {
			row[name] = *values[i].(*any)
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}

// cartoDatabase makes an empty one in memory, in which functions stand in for PostGIS.
func cartoDatabase() (*sql.DB, error) {
	if err := cartoFunctions(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(0) // with the connection goes what is in it
	_, err = db.Exec(cartoTable)
	return db, err
}

// cartoFunctions has SQLite know what of PostGIS makes a point.
var cartoFunctions = sync.OnceValue(func() error {
	point := func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		return fmt.Sprintf("POINT(%v %v)", args[0], args[1]), nil
	}
	placed := func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		return fmt.Sprintf("SRID=%v;%v", args[1], args[0]), nil
	}
	return errors.Join(
		sqlite.RegisterDeterministicScalarFunction("st_point", 2, point),
		sqlite.RegisterDeterministicScalarFunction("st_setsrid", 2, placed))
})

var (
	cartoDollar = regexp.MustCompile(`^\$[A-Za-z_]?[A-Za-z0-9_]*\$`)
	cartoNear   = regexp.MustCompile(`near "([^"]*)": syntax error`)
	cartoNoRow  = regexp.MustCompile(`no such table: (?:main\.)?(\S+)`)
	cartoNoCol  = regexp.MustCompile(`(?:no such column: |has no column named )"?([A-Za-z0-9_.]+)`)
)

// cartoTranslate has texts between dollar quotes stand between plain ones.
func cartoTranslate(q string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(q); {
		switch end := byte(0); {
		case q[i] == '\'' || q[i] == '"':
			end = q[i]
			n := strings.IndexByte(q[i+1:], end)
			if n < 0 {
				return "", fmt.Errorf("unterminated quoted string at or near %q", q[i:min(len(q), i+20)])
			}
			if end == '"' { // which SQLite takes for a text where there is no such name
				b.WriteString("[" + q[i+1:i+n+1] + "]")
			} else {
				b.WriteString(q[i : i+n+2])
			}
			i += n + 2
		case q[i] == '$' && cartoDollar.MatchString(q[i:]):
			tag := cartoDollar.FindString(q[i:])
			text, rest, closed := strings.Cut(q[i+len(tag):], tag)
			if !closed {
				return "", fmt.Errorf("unterminated dollar-quoted string at or near %q", tag)
			}
			b.WriteString("'" + strings.ReplaceAll(text, "'", "''") + "'")
			i = len(q) - len(rest)
		default:
			b.WriteByte(q[i])
			i++
		}
	}
	return b.String(), nil
}

// cartoError is an error of SQLite's in the words of PostgreSQL.
func cartoError(err error) error {
	text := err.Error()
	if found := cartoNear.FindStringSubmatch(text); found != nil {
		return fmt.Errorf("syntax error at or near %q", found[1])
	}
	if strings.Contains(text, "incomplete input") {
		return errors.New("syntax error at end of input")
	}
	if found := cartoNoRow.FindStringSubmatch(text); found != nil {
		return fmt.Errorf("relation %q does not exist", found[1])
	}
	if found := cartoNoCol.FindStringSubmatch(text); found != nil {
		return fmt.Errorf("column %q does not exist", found[1])
	}
	return errors.New(strings.TrimPrefix(text, "SQL logic error: "))
}
