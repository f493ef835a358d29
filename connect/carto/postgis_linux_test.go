package carto

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// TestStatementsInPostgreSQL runs what CARTO is sent in the database that CARTO is made
// of. Where PostGIS is not installed, functions of its names stand in for it.
func TestStatementsInPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("a server is not started in short tests")
	}
	at, err := pgtest.Start(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	run := func(sql string) error {
		_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll() // several statements at once, as CARTO does
		return err
	}
	point, text := "geometry(Point, 4326)", "ST_AsText(the_geom)"
	if run("CREATE EXTENSION postgis") != nil {
		point, text = "text", "the_geom"
		if err := run(`CREATE FUNCTION ST_Point(x float8, y float8) RETURNS text LANGUAGE sql AS $$ SELECT 'POINT(' || x || ' ' || y || ')' $$;
			CREATE FUNCTION ST_SetSRID(p text, n integer) RETURNS text LANGUAGE sql AS $$ SELECT p WHERE n = 4326 $$`); err != nil {
			t.Fatal(err)
		}
	}
	if err := run("CREATE TABLE sightings (number integer, species text, size numeric, seen timestamptz, wild boolean, version bigint, gone timestamptz, the_geom " + point + ")"); err != nil {
		t.Fatal(err)
	}
	opened, err := open([]byte(`{"url":"https://acme.carto.com","apiKey":"k","table":"public.sightings","keyColumn":"number",
		"columns":{"species":"{{payload.species}}","size":{"value":"{{payload.size}}","type":"number"},
			"seen":{"value":"{{payload.seen}}","type":"time"},"wild":{"value":"{{payload.wild}}","type":"boolean"}},
		"version":"{{payload.v}}","versionColumn":"version","deletedColumn":"gone",
		"geometry":{"lat":"{{payload.lat}}","lon":"{{payload.lon}}","column":"the_geom"}}`), fanfare.Way{})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(eventType, payload string) error {
		t.Helper()
		c, msg := &opened.(*sink).config, connecttest.Message(eventType, payload)
		r, err := c.Of(msg)
		if err != nil {
			t.Fatal(err)
		}
		sql, err := c.statements(r, msg.CreatedAt)
		if err != nil {
			t.Fatal(err)
		}
		return run(sql)
	}
	want := func(row string) {
		t.Helper()
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT concat_ws(' ', number, species, size, seen AT TIME ZONE 'UTC', wild, version, gone AT TIME ZONE 'UTC', "+text+") FROM sightings").Scan(&got); err != nil || got != row {
			t.Errorf("%q, %v; want %q", got, err, row)
		}
	}
	const hostile = `'; DROP TABLE sightings; -- $f$ \\ $$ $f`
	for range 2 {
		if err := apply("a.b", `{"id":7,"v":10,"species":"`+hostile+`","size":1.50,"seen":"2026-01-02T05:04:05+02:00","wild":true,"lat":47.5,"lon":-122.25}`); err != nil {
			t.Fatal(err)
		}
		want("7 " + strings.ReplaceAll(hostile, `\\`, `\`) + " 1.5 2026-01-02 03:04:05 t 10 POINT(-122.25 47.5)")
	}
	if err := apply("a.b", `{"id":7,"v":9,"species":"older"}`); err != nil {
		t.Fatal(err)
	}
	want("7 " + strings.ReplaceAll(hostile, `\\`, `\`) + " 1.5 2026-01-02 03:04:05 t 10 POINT(-122.25 47.5)")
	if err := apply("a.deleted", `{"id":7,"v":11}`); err != nil {
		t.Fatal(err)
	}
	want("7 11 2026-01-02 03:04:05")
	if err := apply("a.b", `{"id":"seven","v":1}`); err == nil || !strings.Contains(err.Error(), "invalid input syntax for type integer") {
		t.Errorf("a key that is no integer: %v", err)
	}
}

// FuzzLiteral has no text end its literal early.
func FuzzLiteral(f *testing.F) {
	for _, text := range []string{"", "$f$", "a$f", "$", "$$", "$f$f$", "'", `\`, "$f0$"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := literal(text)
		if err != nil {
			return
		}
		tag := got[:1+strings.IndexByte(got[1:], '$')+1]
		inner, rest, closed := strings.Cut(got[len(tag):], tag)
		if inner != text || rest != "" || !closed {
			t.Errorf("%q is quoted as %q", text, got)
		}
	})
}
