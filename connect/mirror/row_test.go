//go:build linux

package mirror_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
)

func updated(payload string) *fanfare.Message {
	return connecttest.Message("customer.updated", payload)
}

func deleted(payload string) *fanfare.Message {
	return connecttest.Message("customer.deleted", payload)
}

// want compares what a query finds: a row a line, with spaces between the columns.
func want(t *testing.T, w *world, query string, rows ...string) {
	t.Helper()
	var got []string
	for _, row := range w.rows(t, query) {
		got = append(got, strings.Join(row, " "))
	}
	if fmt.Sprint(got) != fmt.Sprint(rows) {
		t.Errorf("%s: %q; want %q", query, got, rows)
	}
}

// refused has a message be refused for a class, with words.
func refused(t *testing.T, sink fanfare.Sink, msg *fanfare.Message, class fanfare.Class, words string) {
	t.Helper()
	reply, err := sink.Send(t.Context(), msg)
	if err != nil || reply.Class != class || !strings.Contains(reply.Detail, words) {
		t.Errorf("%s: %s %s, %v; want %s %s", msg.Payload, reply.Class, reply.Detail, err, class, words)
	}
}

func TestARowIsWhatTheNewestMessageSays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sink := w.open(t, "")
		first, second := updated(`{"id":17,"name":"Ann","vip":true,"gone":1}`), updated(`{"id":17,"name":"O'Hara; DROP TABLE customers; --","tags":["a"],"none":null}`)
		if did := send(t, sink, first); did != "upsert customers id=17" {
			t.Errorf("did %s", did)
		}
		send(t, sink, second)
		if did := send(t, sink, first); did != "nothing written, as customers id=17 is newer" {
			t.Errorf("did %s", did)
		}
		want(t, w, "SELECT id, name, vip, gone, tags FROM customers", `17 O'Hara; DROP TABLE customers; -- <nil> <nil> ["a"]`)
		third, last := deleted(`{"id":17}`), updated(`{"id":17,"name":"Ann again"}`)
		if did := send(t, sink, third); did != "delete customers id=17" {
			t.Errorf("did %s", did)
		}
		send(t, sink, second)
		want(t, w, "SELECT id FROM customers")
		send(t, sink, last)
		send(t, sink, third)
		want(t, w, "SELECT id, name, gone FROM customers", "17 Ann again <nil>")
	})
}

func TestVersions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sink := w.open(t, `"version":"{{payload.at}}"`)
		for _, step := range []struct{ payload, name string }{
			{`{"id":1,"name":"a","at":"2026-01-02T03:04:05Z"}`, "a"},
			{`{"id":1,"name":"b","at":"2026-01-02T03:04:04.999Z"}`, "a"},
			{`{"id":1,"name":"c","at":"2026-01-02T05:04:05.1+02:00"}`, "c"},
			{`{"id":1,"name":"d","at":"2026-01-02 03:04:05.1"}`, "d"}, // the same time, accepted later
			{`{"id":1,"name":"e","at":"2026-01-01"}`, "d"},
		} {
			send(t, sink, updated(step.payload))
			want(t, w, "SELECT name FROM customers", step.name)
		}
		send(t, sink, deleted(`{"id":1}`)) // which has none, and is newer than all before
		want(t, w, "SELECT name FROM customers")
		numbers := w.open(t, `"version":"{{payload.n}}","table":"numbers"`)
		for _, step := range []struct{ payload, name string }{
			{`{"id":1,"name":"a","n":9}`, "a"},
			{`{"id":1,"name":"b","n":10}`, "b"},
			{`{"id":1,"name":"c","n":9.5}`, "b"},
			{`{"id":1,"name":"d","n":"18446744073709551616"}`, "d"},
			{`{"id":1,"name":"e","n":"18446744073709551615"}`, "d"},
		} {
			send(t, numbers, updated(step.payload))
			want(t, w, "SELECT name FROM numbers", step.name)
		}
	})
}

func TestColumnsGrowWider(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sink := w.open(t, "")
		for _, payload := range []string{
			`{"id":1,"n":7,"m":true,"s":"x"}`,
			`{"id":2,"n":1.5,"m":"yes","s":8}`,
			`{"id":3,"n":"many","m":[1],"s":9223372036854775808,"first name":"Ann","2nd":1}`,
			`{"id":4,"N":"n is N"}`,
		} {
			send(t, sink, updated(payload))
		}
		refused(t, sink, updated(`{"id":"five","more":1}`), fanfare.ClassRejected, "column id of customers is of kind integer")
		if got := len(w.rows(t, "SELECT * FROM customers")[0]); got != 6 {
			t.Errorf("what was refused left %d columns", got)
		}
		yes := "1"
		if w.scheme() == "postgres" && w.config["file"] == nil {
			yes = "true"
		}
		want(t, w, "SELECT id, n, m, s, first_name, _2nd FROM customers ORDER BY id",
			"1 7 "+yes+" x <nil> <nil>", "2 1.5 yes 8 <nil> <nil>", "3 many [1] 9223372036854775808 Ann 1", "4 n is N <nil> <nil> <nil> <nil>")
	})
}

// TestARowThatWaitsForAnother has a row come before the one it refers to.
func TestARowThatWaitsForAnother(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec(t, "CREATE TABLE customers (id INTEGER PRIMARY KEY)")
		w.exec(t, "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, FOREIGN KEY (customer) REFERENCES customers (id))")
		orders, customers := w.open(t, `"table":"orders"`), w.open(t, "")
		refused(t, orders, updated(`{"id":1,"customer":7}`), fanfare.ClassConnector, "the other row may be still to come")
		send(t, customers, updated(`{"id":7}`))
		send(t, orders, updated(`{"id":1,"customer":7}`))
		refused(t, customers, deleted(`{"id":7}`), fanfare.ClassConnector, "it is tried again")
		want(t, w, "SELECT id, customer FROM orders", "1 7")
	})
}

// TestSeveralMakeAColumnWiderAtOnce has one want a number where another wants a text.
func TestSeveralMakeAColumnWiderAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const lines = 4
		var sinks [lines]fanfare.Sink
		for i := range sinks {
			sinks[i] = w.open(t, `"table":"{{payload.table}}"`)
		}
		for round := range 10 {
			payload := `{"table":"t` + fmt.Sprint(round) + `","id":%d,"n":%s}`
			for i, sink := range sinks {
				send(t, sink, updated(fmt.Sprintf(payload, i, "1")))
			}
			var wg sync.WaitGroup
			for i, sink := range sinks {
				msg := updated(fmt.Sprintf(payload, i, []string{"1.5", `"text"`}[i%2]))
				wg.Go(func() {
					if err := until(t.Context(), sink, msg); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			want(t, w, "SELECT id, n FROM t"+fmt.Sprint(round)+" ORDER BY id", "0 1.5", "1 text", "2 1.5", "3 text")
		}
	})
}

func TestATableOfOnesOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.exec(t, `CREATE TABLE customers (number INTEGER NOT NULL, city VARCHAR(20), total NUMERIC(10,2), since TIMESTAMP NULL, note VARCHAR(20))`)
		send(t, w.open(t, `"table":"other"`), updated(`{"id":1}`)) // which makes the ledger
		sink := w.open(t, `"create":false,"keyColumn":"number","key":"{{payload.data.id}}","record":"{{payload.data}}","delete":"payload.op == 'd'"`)
		send(t, sink, updated(`{"data":{"id":5,"city":"Rome","total":12.5,"since":"2026-01-02T05:04:05+02:00","unknown":1}}`))
		w.exec(t, "UPDATE customers SET note = 'mine'")
		send(t, sink, updated(`{"data":{"id":5,"total":13}}`))
		got := w.rows(t, "SELECT number, city, total, note FROM customers")
		if len(got) != 1 || got[0][0] != "5" || got[0][1] != "<nil>" || !strings.HasPrefix(got[0][2], "13") || got[0][3] != "mine" {
			t.Errorf("got %q", got)
		}
		send(t, sink, updated(`{"data":{"id":6,"since":"2026-01-02T05:04:05+02:00"}}`))
		since := w.rows(t, "SELECT since FROM customers WHERE number = 6")
		if len(since) != 1 || !strings.Contains(strings.ReplaceAll(since[0][0], "T", " "), "2026-01-02 03:04:05") {
			t.Errorf("since %q", since)
		}
		refused(t, sink, updated(`{"data":{"id":6,"since":"soon"}}`), fanfare.ClassRejected, "column since of customers is of kind time")
		w.exec(t, "INSERT INTO customers (number) VALUES (6)")
		refused(t, sink, updated(`{"data":{"id":6,"city":"Oslo"}}`), fanfare.ClassConnector, "are several rows")
		send(t, sink, updated(`{"op":"d","data":{"id":5}}`))
		want(t, w, "SELECT number, city FROM customers", "6 <nil>", "6 <nil>")
		refused(t, w.open(t, `"create":false`), updated(`{"id":1}`), fanfare.ClassConnector, "table customers has no column id")
	})
}

func TestColumnsAsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sink := w.open(t, `"table":"{{eventType.split('.')[0]}}s","columns":{
			"name":"{{payload.first}} {{payload.last}}",
			"total":{"value":"{{payload.total}}","type":"number"},
			"size":{"value":"{{payload.lines.size()}}","type":"integer"},
			"paid":{"value":"{{payload.paid}}","type":"boolean"},
			"items":{"value":"{{payload.lines}}","type":"json"},
			"at":{"value":"{{payload.at}}","type":"time"}}`)
		send(t, sink, connecttest.Message("order.paid", `{"id":"A-1","first":"Ann","last":"Lee","total":12.5,"paid":true,"lines":[{"sku":"x"}],"at":"2026-01-02T03:04:05Z","more":1}`))
		send(t, sink, connecttest.Message("order.paid", `{"id":"A-2","lines":[]}`))
		got := w.rows(t, "SELECT id, name, total, size, paid, at, items FROM orders ORDER BY id")
		yes := map[bool]string{true: "true", false: "1"}[w.scheme() == "postgres" && w.config["file"] == nil]
		if len(got) != 2 || strings.Join(got[0][:5], " ") != "A-1 Ann Lee 12.5 1 "+yes || !strings.Contains(got[0][5], "2026-01-02") || !strings.Contains(got[0][6], `"sku"`) {
			t.Errorf("got %q", got)
		}
		if len(got) == 2 && strings.Join(got[1][:6], " ") != "A-2   <nil> 0 <nil> <nil>" {
			t.Errorf("got %q", got[1])
		}
		for n := range 99 {
			send(t, sink, connecttest.Message(fmt.Sprintf("t%d.paid", n), `{"id":"A-1","lines":[]}`))
		}
		refused(t, sink, connecttest.Message("one.more", `{"id":"A-1","lines":[]}`), fanfare.ClassRejected, "more than a mirror writes to")
	})
}

// TestAColumnThatWasDropped has somebody else alter the table.
func TestAColumnThatWasDropped(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sink := w.open(t, "")
		send(t, sink, updated(`{"id":1,"a":1,"b":2}`))
		w.exec(t, "ALTER TABLE customers DROP COLUMN b")
		send(t, sink, updated(`{"id":1,"a":2,"b":3}`))
		want(t, w, "SELECT id, a, b FROM customers", "1 2 3")
		w.exec(t, "DROP TABLE customers")
		send(t, sink, updated(`{"id":1,"a":4}`))
		want(t, w, "SELECT id, a FROM customers", "1 4")
	})
}

// TestAServerThatCrashes has the connections that are kept break.
func TestAServerThatCrashes(t *testing.T) {
	w := newWorld(t, "postgres")
	sink := w.open(t, "")
	send(t, sink, updated(`{"id":1,"a":1}`))
	server, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if _, err := sink.Send(t.Context(), updated(`{"id":1,"a":2}`)); err == nil {
		t.Error("it was taken by nobody")
	}
	if err := server.Boot(); err != nil {
		t.Fatal(err)
	}
	if err := until(t.Context(), sink, updated(`{"id":1,"a":3}`)); err != nil {
		t.Error(err)
	}
	_ = w.db.Ping() // whose connection broke too
	want(t, w, "SELECT a FROM customers", "3")
}

// TestPostGIS writes points. Where PostGIS is not installed, functions of its names stand
// in for it, in a table of one's own.
func TestPostGIS(t *testing.T) {
	w := newWorld(t, "postgres")
	text, create := "ST_AsText(the_geom)", "true"
	if len(w.rows(t, "SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'")) == 0 {
		text, create = "the_geom", "false"
		w.exec(t, `CREATE FUNCTION ST_Point(x float8, y float8) RETURNS text LANGUAGE sql AS $$ SELECT 'POINT(' || x || ' ' || y || ')' $$`)
		w.exec(t, `CREATE FUNCTION ST_SetSRID(p text, n integer) RETURNS text LANGUAGE sql AS $$ SELECT p WHERE n = 4326 $$`)
		w.exec(t, "CREATE TABLE customers (id bigint PRIMARY KEY, name text, the_geom text)")
		send(t, w.open(t, `"table":"other"`), updated(`{"id":1}`))
	} else {
		refused(t, w.open(t, `"geometry":{"lat":"1","lon":"2","column":"the_geom"}`), updated(`{"id":1}`), fanfare.ClassConnector, "run CREATE EXTENSION postgis")
		w.exec(t, "CREATE EXTENSION postgis")
	}
	sink := w.open(t, `"create":`+create+`,"geometry":{"lat":"{{payload.latitude}}","lon":"{{payload.longitude}}","column":"the_geom"},"columns":{"name":"{{payload.name}}"}`)
	send(t, sink, updated(`{"id":1,"name":"bear","latitude":47.5,"longitude":-122.25}`))
	send(t, sink, updated(`{"id":2,"name":"nowhere"}`))
	send(t, sink, updated(`{"id":3,"latitude":1,"longitude":2}`))
	send(t, sink, updated(`{"id":3,"latitude":"","longitude":2}`))
	want(t, w, "SELECT id, "+text+" FROM customers ORDER BY id", "1 POINT(-122.25 47.5)", "2 <nil>", "3 <nil>")
	refused(t, sink, updated(`{"id":1,"latitude":91,"longitude":0}`), fanfare.ClassRejected, `geometry.lat renders "91", which is not within -90 and 90 degrees`)
	refused(t, sink, updated(`{"id":1,"latitude":1,"longitude":"x"}`), fanfare.ClassRejected, `geometry.lon renders "x"`)
}

// TestAColumnThatAnotherMirrorAddedBecomesNull has another mirror add a column to a table
// and fill it, of a record that this one then writes without that member.
func TestAColumnThatAnotherMirrorAddedBecomesNull(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		here, there := w.open(t, `"table":"grown"`), w.open(t, `"table":"grown"`)
		for i, payload := range []string{`{"id":1,"a":1}`, `{"id":1,"a":2,"d":true}`, `{"id":1,"a":3}`} {
			sink := here
			if i == 1 {
				sink = there
			}
			if err := until(t.Context(), sink, connecttest.Message("a.b", payload)); err != nil {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprint(w.rows(t, "SELECT a, d FROM grown")); got != "[[3 <nil>]]" {
			t.Errorf("the table has %s", got)
		}
		w.exec(t, "ALTER TABLE grown DROP COLUMN d")
		if err := until(t.Context(), here, connecttest.Message("a.b", `{"id":1,"a":4}`)); err != nil {
			t.Error(err)
		}
	})
}
