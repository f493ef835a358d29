// Package carto writes what messages say of records into tables of CARTO, through its SQL
// API: version 2 (https://carto.com/developers/sql-api), or version 3
// (https://docs.carto.com/carto-for-developers/reference/carto-api/sql-api) and a
// connection to PostgreSQL there.
package carto

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/row"
)

// maxSQL bounds a request's statements, in bytes: what a POST may have in it.
const maxSQL = 1<<20 - 4096

// Connector writes rows into a table.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About: "Writes it into a table of CARTO, as a point on the map if wanted.",
		Example: json.RawMessage(`{"url":"https://acme.carto.com","apiKey":"0123456789abcdef0123456789abcdef01234567","table":"sightings",` +
			`"key":"{{payload.id}}","columns":{"species":"{{payload.species}}"},` +
			`"geometry":{"lat":"{{payload.latitude}}","lon":"{{payload.longitude}}","column":"the_geom"}}`),
		Hidden: []string{"apiKey"},
		Where:  []string{"url"},
		ByHTTP: true,
		New:    open,
		// A row is removed and put in again: two at once might put it in twice.
		InFlight: 1,
		Rate:     5,
	}
}

type config struct {
	row.Mapping
	Geometry      *row.Geometry `json:"geometry"`
	URL           string        `json:"url"`
	APIKey        string        `json:"apiKey"`
	Connection    string        `json:"connection"` // "": version 2
	VersionColumn string        `json:"versionColumn"`
	DeletedColumn string        `json:"deletedColumn"`
}

// A sink writes with one key.
type sink struct {
	way    fanfare.Way
	config config
	url    *url.URL
	target string
}

var connection = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Mapping: row.New()}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	u, err := connect.URL("url", c.URL, "https://acme.carto.com")
	if err := errors.Join(err, c.Read(c.Geometry),
		connect.Must(c.APIKey != "", "apiKey", "is missing; give a key that may write to the table, or with connection an API access token"),
		connect.Must(!strings.ContainsFunc(c.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }), "apiKey", "has characters that no key has"),
		connect.Must(c.Connection == "" || connection.MatchString(c.Connection), "connection", "must be a connection's name, as CARTO's workspace shows it"),
		connect.Must(len(c.Columns) > 0, "columns", `is missing; give what is to stand in which column, such as {"name":"{{payload.name}}"}`),
		c.own("versionColumn", c.VersionColumn), c.own("deletedColumn", c.DeletedColumn),
		connect.Must(c.Version == "" || c.VersionColumn != "", "versionColumn", "is missing; name the table's column in which the version is kept"),
		connect.Must(c.DeletedColumn == "" || c.VersionColumn != "" && c.DeletedColumn != c.VersionColumn, "deletedColumn", "needs a versionColumn beside it, of another name"),
	); err != nil {
		return nil, err
	}
	s := &sink{way: way, config: c, url: u.JoinPath("api", "v2", "sql")}
	if c.Connection != "" {
		s.url = u.JoinPath("v3", "sql", c.Connection, "query")
	}
	s.target = connect.OneLine(c.Table + " at " + u.Host)
	return s, nil
}

// own checks the name of a column that is written besides those that are told.
func (c *config) own(member, name string) error {
	if name == "" {
		return nil
	}
	_, told := c.Columns[name]
	return errors.Join(
		connect.Must(row.IsName(name), member, "must be a name of letters, digits and _, such as version"),
		connect.Must(!told && name != c.KeyColumn && (c.Geometry == nil || name != c.Geometry.Column), member, "is a column of another use"))
}

// Target is which table, and where.
func (s *sink) Target() string { return s.target }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// Send writes what msg says, in one batch of statements. Sent again, it leaves the table
// as it is.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	r, err := s.config.Of(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	sql, err := s.config.statements(r, msg.CreatedAt)
	switch {
	case err != nil:
		return connect.Unfit("%v", err), nil
	case len(sql) > maxSQL:
		return connect.Unfit("the statements would have %d bytes; CARTO takes %d", len(sql), maxSQL), nil
	}
	req, err := s.request(ctx, sql)
	if err != nil {
		return fanfare.Reply{}, err
	}
	return connect.Ask(s.way, req, judge)
}

// request asks for statements to be run. In version 2 the key stands in the body, so
// that no log along the way has it.
func (s *sink) request(ctx context.Context, sql string) (*http.Request, error) {
	body := map[string]string{"q": sql}
	if s.config.Connection == "" {
		body["api_key"] = s.config.APIKey
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.config.Connection != "" {
		req.Header.Set("Authorization", "Bearer "+s.config.APIKey)
	}
	return req, nil
}

// missing is how PostgreSQL says that a table or a column is not there.
var missing = regexp.MustCompile(`(?:relation|column) "[^"]*"(?: of relation "[^"]*")? does not exist`)

// judge says what an answer means. The status was sent before the statements ran to
// their end: an error may come with 200, and then stands in the body.
func judge(a *connect.Answer) (fanfare.Class, string) {
	class, said := a.Class(), wrong(a.Body)
	detail := said
	switch {
	case class == fanfare.ClassSuccess && said != "", class == fanfare.ClassSuccess && !whole(a):
		if detail == "" {
			detail = "the answer is not JSON, or was cut off: it is not known whether it was written"
		}
		return fanfare.ClassBody, detail
	case class == fanfare.ClassSuccess:
		return class, ""
	case a.Status == http.StatusTooManyRequests:
		patience(a)
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden: // which is about the key, not about the message
		class, detail = fanfare.ClassStatus, detail+"; check apiKey, and that it may write to the table"
	case a.Status == http.StatusNotFound:
		class, detail = fanfare.ClassStatus, detail+"; check url and connection"
	case a.Status == http.StatusBadRequest && missing.MatchString(said): // which no message is to blame for
		class, detail = fanfare.ClassStatus, detail+"; check table and columns"
	}
	if said == "" {
		detail = http.StatusText(a.Status) + detail
	}
	return class, detail
}

// whole reports whether an answer is an object that is complete, as far as it was read.
func whole(a *connect.Answer) bool {
	return a.Cut == nil && (json.Valid(a.Body) || len(a.Body) > 64<<10) && bytes.HasPrefix(bytes.TrimSpace(a.Body), []byte("{"))
}

// wrong is the error that a body tells of; "": none. It is a list of texts in version
// 2, and a text in version 3.
func wrong(body []byte) string {
	var said struct {
		Error  json.RawMessage `json:"error"`
		Detail string          `json:"detail"`
		Hint   string          `json:"hint"`
	}
	if json.Unmarshal(body, &said) != nil || len(said.Error) == 0 || string(said.Error) == "null" {
		return ""
	}
	var all []string
	if json.Unmarshal(said.Error, &all) != nil {
		one := string(said.Error)
		_ = json.Unmarshal(said.Error, &one) // or it is shown as it came
		all = []string{one}
	}
	for _, more := range []string{said.Detail, said.Hint} {
		if more != "" {
			all = append(all, more)
		}
	}
	if text := strings.Join(all, "; "); text != "" {
		return connect.FirstLine([]byte(text))
	}
	return "an error, of which nothing is said"
}

// patience has the Reply ask for as much as CARTO does. Its Retry-After is -1 where it
// asks for none, and then, or without one, the reset of its limit is what counts.
func patience(a *connect.Answer) {
	if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err == nil && n < 0 {
		a.Header.Del("Retry-After")
	}
	if n, err := strconv.ParseFloat(a.Header.Get("Carto-Rate-Limit-Reset"), 64); err == nil && n > 0 && n < 1e6 {
		a.PutOff(n)
	}
}
