package carto_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/carto"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
)

// config is one that works with the fake, with members more or other ones.
func config(members string) string {
	all := map[string]any{
		"url": "https://acme.carto.com", "apiKey": "0123456789abcdef", "table": "sightings",
		"columns":  map[string]any{"species": "{{payload.species}}"},
		"geometry": map[string]any{"lat": "{{payload.lat}}", "lon": "{{payload.lon}}", "column": "the_geom"},
	}
	if err := json.Unmarshal([]byte("{"+members+"}"), &all); err != nil {
		panic(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

const v3 = `"connection":"acme_pg","url":"https://gcp-us-east1.api.carto.com"`

func TestContract(t *testing.T) {
	const payload = `{"id":"b1","species":"O'Bear $f$; DROP TABLE sightings","lat":47.5,"lon":-122}`
	outcomes := map[string]connecttest.Outcome{
		"no key":     {Message: connecttest.Message("a.b", `{"species":"bear"}`), Class: fanfare.ClassRejected, Detail: "key renders empty"},
		"off map":    {Message: connecttest.Message("a.b", `{"id":1,"lat":1,"lon":181}`), Class: fanfare.ClassRejected, Detail: "geometry.lon renders"},
		"NUL":        {Message: connecttest.Message("a.b", `{"id":1,"species":"a\u0000"}`), Class: fanfare.ClassRejected, Detail: "columns.species: a NUL"},
		"no version": {Config: config(`"version":"{{payload.v}}","versionColumn":"version"`), Class: fanfare.ClassRejected, Detail: "version renders empty"},
		"too long":   {Message: connecttest.Message("a.b", `{"id":1,"species":"`+strings.Repeat("x", 1<<20-4096)+`"}`), Class: fanfare.ClassRejected, Detail: "CARTO takes"},
	}
	for name, members := range map[string]string{"v2": `"record":"{{payload}}"`, "v3": v3} {
		maps.Copy(outcomes, map[string]connecttest.Outcome{
			name + " takes it":      {Config: config(members), Class: fanfare.ClassSuccess, Status: 200},
			name + " wrong key":     {Config: config(members + `,"apiKey":"wrong"`), Class: fanfare.ClassStatus, Status: 401, Detail: "Unauthorized; check apiKey"},
			name + " may not":       {Config: config(members + `,"apiKey":"readonly"`), Class: fanfare.ClassStatus, Status: 403, Detail: "permission denied for relation sightings; check apiKey"},
			name + " is limited":    {Config: config(members + `,"apiKey":"limited"`), Class: fanfare.ClassStatus, Status: 429, RetryAfter: "2", Detail: "over platform's limits"},
			name + " takes long":    {Config: config(members + `,"apiKey":"timed-out"`), Class: fanfare.ClassStatus, Status: 429, Detail: "timeout"},
			name + " fails":         {Config: config(members + `,"apiKey":"broken"`), Class: fanfare.ClassStatus, Status: 500, Detail: "Internal Server Error"},
			name + " fails late":    {Config: config(members + `,"apiKey":"late"`), Class: fanfare.ClassBody, Status: 200, Detail: "canceling statement"},
			name + " is cut":        {Config: config(members + `,"apiKey":"cut"`), Class: fanfare.ClassBody, Status: 200, Detail: "cut off"},
			name + " has no table":  {Config: config(members + `,"table":"nowhere"`), Class: fanfare.ClassStatus, Status: 400, Detail: `relation "nowhere" does not exist; check table and columns`},
			name + " has no column": {Config: config(members + `,"columns":{"color":"x"}`), Class: fanfare.ClassStatus, Status: 400, Detail: `column "color" does not exist; check table and columns`},
		})
	}
	outcomes["v3 has no connection"] = connecttest.Outcome{Config: config(v3 + `,"connection":"nowhere"`), Class: fanfare.ClassStatus, Status: 404, Detail: "Connection not found; check url and connection"}
	connecttest.Run(t, connecttest.Case{
		Connector: carto.Connector(), Config: config(""), Payload: []byte(payload), Fake: fake.Carto(), Outcomes: outcomes,
		Bad: map[string]string{
			config(`"url":"acme"`):                                 "config.url: is not a URL",
			config(`"apiKey":""`):                                  "config.apiKey: is missing",
			config(`"apiKey":"a b"`):                               "config.apiKey: has characters",
			config(`"table":"a b"`):                                "config.table: must be a name",
			config(`"geometry":{"lat":"1"}`):                       "config.geometry: needs where",
			config(`"connection":"a/b"`):                           "config.connection: must be",
			config(`"version":"1"`):                                "config.versionColumn: is missing",
			config(`"versionColumn":"species"`):                    "config.versionColumn: is a column of another use",
			config(`"deletedColumn":"deleted_at"`):                 "config.deletedColumn: needs a versionColumn",
			`{"url":"https://x.test","apiKey":"k","table":"t"}`:    "config.columns: is missing",
			config(`"geometry":{"lat":"1","lon":"2","column":""}`): "config.geometry.column: must be a name",
		},
	})
}

// ask reads from the fake, as its users do.
func ask(t *testing.T, service http.Handler, q string) string {
	t.Helper()
	rw := httptest.NewRecorder()
	service.ServeHTTP(rw, httptest.NewRequest(http.MethodGet, "/api/v2/sql?q="+url.QueryEscape(q), nil))
	var said struct {
		Rows  json.RawMessage `json:"rows"`
		Error []string        `json:"error"`
	}
	if err := json.Unmarshal(rw.Body.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	if said.Error != nil {
		return strings.Join(said.Error, "; ")
	}
	return string(said.Rows)
}

func TestWhatIsInTheTable(t *testing.T) {
	service := fake.Carto()
	way, took := connecttest.Way(t, service)
	open := func(members string) fanfare.Sink {
		sink, err := carto.Connector().New([]byte(config(members)), way)
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}
	send := func(sink fanfare.Sink, msg *fanfare.Message) {
		t.Helper()
		if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess {
			t.Fatalf("%s %s, %v", reply.Class, reply.Detail, err)
		}
	}
	want := func(q, rows string) {
		t.Helper()
		if got := ask(t, service, q); got != rows {
			t.Errorf("%s: %s; want %s", q, got, rows)
		}
	}
	sink := open("")
	bear := connecttest.Message("record.created", `{"id":"b1","species":"O'Bear $f$; DROP TABLE sightings; --","lat":47.5,"lon":-122.25}`)
	send(sink, bear)
	send(sink, bear)
	want("SELECT id, species, the_geom FROM sightings", `[{"id":"b1","species":"O'Bear $f$; DROP TABLE sightings; --","the_geom":"SRID=4326;POINT(-122.25 47.5)"}]`)
	send(open(v3), connecttest.Message("record.updated", `{"id":"b1","species":"wolf"}`))
	want("SELECT id, species, the_geom FROM sightings", `[{"id":"b1","species":"wolf","the_geom":null}]`)
	send(sink, connecttest.Message("record.delete", `{"id":"b1"}`))
	want("SELECT id FROM sightings", "[]")
	want("SELECT FROM WHERE", `syntax error at or near "FROM"`)
	if seen := took(); strings.Contains(seen[0].URL, "0123456789abcdef") || seen[0].Header.Get("Authorization") != "" || !strings.Contains(seen[0].Body, `"api_key":"0123456789abcdef"`) {
		t.Errorf("asked by %+v", seen[0])
	}
	if last := took()[2]; last.Header.Get("Authorization") != "Bearer 0123456789abcdef" || strings.Contains(last.Body, "api_key") || last.URL != "gcp-us-east1.api.carto.com/v3/sql/acme_pg/query" {
		t.Errorf("asked by %+v", last)
	}

	first, second, gone := connecttest.Message("a.created", `{"id":"b2","species":"1"}`), connecttest.Message("a.updated", `{"id":"b2","species":"2"}`), connecttest.Message("a.deleted", `{"id":"b2"}`)
	kept := open(`"versionColumn":"version","deletedColumn":"deleted_at"`)
	for _, msg := range []*fanfare.Message{second, first, second} {
		send(kept, msg)
		want("SELECT species, deleted_at FROM sightings", `[{"deleted_at":null,"species":"2"}]`)
	}
	for _, msg := range []*fanfare.Message{gone, second, first, gone} {
		send(kept, msg)
		want("SELECT species, deleted_at FROM sightings", `[{"deleted_at":"2026-01-02T03:04:05Z","species":null}]`)
	}
}

// TestPatience has CARTO ask for it in its own way.
func TestPatience(t *testing.T) {
	for name, c := range map[string]struct{ after, reset, want string }{
		"told":                {"9", "3", "9"},
		"never trusted":       {"-1", "3", "3"},
		"not told":            {"", "0.4", "1"},
		"nothing told at all": {"-1", "-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			way, _ := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				if c.after != "" {
					rw.Header().Set("Retry-After", c.after)
				}
				rw.Header().Set("Carto-Rate-Limit-Reset", c.reset)
				rw.WriteHeader(http.StatusTooManyRequests)
			}))
			sink, err := carto.Connector().New([]byte(config("")), way)
			if err != nil {
				t.Fatal(err)
			}
			msg := connecttest.Message("a.b", `{"id":1}`)
			msg.CreatedAt = time.Now()
			reply, err := sink.Send(t.Context(), msg)
			if err != nil || reply.Class != fanfare.ClassStatus {
				t.Fatalf("%s, %v", reply.Class, err)
			}
			got := ""
			for _, h := range reply.ResponseHeader {
				if h.Name == "Retry-After" {
					got = h.Value
				}
			}
			if got != c.want {
				t.Errorf("Retry-After is recorded as %q; want %q", got, c.want)
			}
		})
	}
}
