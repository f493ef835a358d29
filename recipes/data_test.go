package recipes_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/internal/mariadbtest"
	"github.com/fanfarehq/fanfare/webhook"
)

// story is what becomes of two records, told out of order; stays is the row of the one
// that is left.
var story = [][2]string{
	{"record.create", `{"data":{"id":"r-6","status":"open","latitude":1.5,"updated_at":"2026-01-02T03:00:00Z"}}`},
	{"record.update", `{"data":{"id":"r-7","status":"closed","latitude":27.94,"updated_at":"2026-01-02T03:02:00Z"}}`},
	{"record.create", `{"data":{"id":"r-7","status":"open","latitude":27.94,"updated_at":"2026-01-02T03:01:00Z"}}`},
	{"record.delete", `{"data":{"id":"r-6","updated_at":"2026-01-02T03:03:00Z"}}`},
	{"record.update", `{"data":{"id":"r-6","status":"late","updated_at":"2026-01-02T03:02:30Z"}}`},
	{"note.create", `{"data":{"id":"r-8","status":"of something else","updated_at":"2026-01-02T03:03:00Z"}}`},
}

const stays = "r-7 closed 27.94"

func (w *world) tellStory() {
	w.Helper()
	for _, message := range story {
		w.send(message[0], message[1])
		w.settle()
	}
}

// rows are those of a query, a line each.
func (w *world) rows(db *sql.DB, query string) string {
	w.Helper()
	found, err := db.QueryContext(w.Context(), query)
	if err != nil {
		w.tell()
		w.Fatal(err)
	}
	defer found.Close()
	var lines []string
	for found.Next() {
		var line string
		if err := found.Scan(&line); err != nil {
			w.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := found.Err(); err != nil {
		w.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func (w *world) wantRows(db *sql.DB, query, want string) {
	w.Helper()
	defer db.Close()
	if got := w.rows(db, query); got != want {
		w.tell()
		w.Errorf("the table has %q; want %q", got, want)
	}
}

// INT8: a table of MariaDB is as the newest messages say, in whatever order they come.
func TestINT8MirrorToMySQL(t *testing.T) {
	if testing.Short() {
		t.Skip("a server is not started in short tests")
	}
	server, err := mariadb()
	if err != nil {
		t.Fatal(err)
	}
	name, err := server.Database()
	if err != nil {
		t.Fatal(err)
	}
	db, err := server.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.install("mirror-to-mysql", map[string]string{
		"HOST": "127.0.0.1", "PORT": strconv.Itoa(server.Port), "USER": mariadbtest.User, "PASSWORD": mariadbtest.Password, "DATABASE": name, "TLS": "off",
	})
	w.tellStory()
	w.wantRows(db, "SELECT CONCAT_WS(' ', id, status, latitude) FROM records", stays)
}

// postgresDatabase is an empty one: its URL, and what a config wants of it.
func postgresDatabase(t *testing.T) (at *url.URL, db *sql.DB) {
	t.Helper()
	if testing.Short() {
		t.Skip("a server is not started in short tests")
	}
	server, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	text, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at, err = url.Parse(text); err != nil {
		t.Fatal(err)
	}
	if db, err = sql.Open("pgx", text); err != nil {
		t.Fatal(err)
	}
	return at, db
}

// INT8: and so is one of PostgreSQL.
func TestINT8MirrorToPostgreSQL(t *testing.T) {
	at, db := postgresDatabase(t)
	w := newWorld(t)
	w.install("mirror-to-postgres", map[string]string{
		"HOST": "127.0.0.1", "PORT": at.Port(), "USER": "postgres", "PASSWORD": "never-asked-for", "DATABASE": at.Path[1:], "TLS": "off",
	})
	w.tellStory()
	w.wantRows(db, "SELECT concat_ws(' ', id, status, latitude) FROM records", stays)
}

// INT8: and so is one of an SQLite file.
func TestINT8MirrorToSQLite(t *testing.T) {
	w := newWorld(t)
	w.install("mirror-to-sqlite", nil)
	w.tellStory()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "records.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	w.wantRows(db, "SELECT id || ' ' || status || ' ' || latitude FROM records", stays)
}

// INT13: what is told is there in a file, for pipelines of one's own.
func TestINT13MessagesToFile(t *testing.T) {
	w := newWorld(t)
	w.install("messages-to-file", map[string]string{"FILE": "bears.ndjson"})
	w.tellStory()
	files, err := filepath.Glob(filepath.Join(w.dir, "bears*.ndjson"))
	if err != nil || len(files) == 0 {
		w.tell()
		t.Fatalf("there are %v, %v", files, err)
	}
	var got []string
	for _, file := range files { // two, if it is midnight
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var told struct {
				Type string
				Data json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &told); err != nil {
				t.Fatal(err)
			}
			got = append(got, told.Type+string(told.Data))
		}
	}
	var want []string
	for _, message := range story[:5] {
		want = append(want, message[0]+message[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("the file has %q; want %q", got, want)
	}
}

const placed = `{"data":{"id":"r-7","status":"it's $$ open","assigned_to":"Ann","latitude":27.94,"longitude":-82.45,"client_created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:06Z"}}`

// INT9: CARTO is sent the statements for a point, by its SQL API.
func TestINT9Carto(t *testing.T) {
	w := newWorld(t)
	carto := w.service(fake.Carto())
	query := func(q string) string {
		return w.posted(carto+"/api/v2/sql", "application/json", fmt.Sprintf(`{"q":%q,"api_key":"any"}`, q))
	}
	query("CREATE TABLE bears (id TEXT, status TEXT, assigned_to TEXT, seen TEXT, updated_at TEXT, gone TEXT, the_geom TEXT)")
	w.install("records-to-carto", map[string]string{"CARTO_URL": carto, "CARTO_KEY": "any", "TABLE": "bears"})
	w.send("record.create", `{"data":{"id":"r-6","status":"nowhere","latitude":null,"longitude":null}}`)
	w.send("record.create", placed)
	w.settle()
	got := query("SELECT * FROM bears")
	var rows struct{ Rows []map[string]any }
	if err := json.Unmarshal([]byte(got), &rows); err != nil || len(rows.Rows) != 1 {
		w.tell()
		t.Fatalf("the table has %s, %v", got, err)
	}
	w.want(rows.Rows[0], map[string]any{"id": "r-7", "status": "it's $$ open", "assigned_to": "Ann", "updated_at": "2026-01-02T03:04:06Z"})
	if point := fmt.Sprint(rows.Rows[0]["the_geom"]); !strings.Contains(point, "-82.45") || !strings.Contains(point, "27.94") {
		t.Errorf("the point is %s", point)
	}
}

// INT9: plain PostGIS has the point too. Where it is not installed, functions and a type
// of its names stand in for it.
func TestINT9PostGIS(t *testing.T) {
	at, db := postgresDatabase(t)
	point := "ST_AsText(geom)"
	if _, err := db.ExecContext(t.Context(), "CREATE EXTENSION postgis"); err != nil {
		point = "geom::text"
		if _, err := db.ExecContext(t.Context(), `CREATE DOMAIN geometry AS text;
			CREATE FUNCTION ST_MakePoint(x float8, y float8) RETURNS geometry LANGUAGE sql AS $$ SELECT ('POINT(' || x || ' ' || y || ')')::geometry $$;
			CREATE FUNCTION ST_Point(x float8, y float8) RETURNS geometry LANGUAGE sql AS $$ SELECT ('POINT(' || x || ' ' || y || ')')::geometry $$;
			CREATE FUNCTION ST_SetSRID(p geometry, n integer) RETURNS geometry LANGUAGE sql AS $$ SELECT p WHERE n = 4326 $$;
			CREATE TABLE sightings (id text PRIMARY KEY, status text, assigned_to text, seen timestamptz, geom geometry)`); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t)
	w.install("records-to-postgis", map[string]string{"DATABASE_URL": fmt.Sprintf("postgres://postgres:never-asked-for@%s%s?tls=off", at.Host, at.Path)})
	w.send("record.create", `{"data":{"id":"r-6","status":"nowhere","latitude":null,"longitude":null}}`)
	w.send("record.create", placed)
	w.settle()
	w.wantRows(db, "SELECT concat_ws(' ', id, status, assigned_to, seen AT TIME ZONE 'UTC', "+point+") FROM sightings", "r-7 it's $$ open Ann 2026-01-02 03:04:05 POINT(-82.45 27.94)")
}

// INT9 and INT14: a script of Google Apps Script is run, and can tell that it is we who
// run it, as it finds the signature in the body.
func TestINT14AppsScript(t *testing.T) {
	w := newWorld(t)
	google := w.service(fake.AppsScript())
	in := w.install("records-to-sheet", map[string]string{"SCRIPT_URL": google + "/macros/s/AKfycbBears/exec"})
	w.send("record.create", `{"data":{"id":"r-7","status":"open"}}`)
	got := w.taken(google, 1)[0]
	var event struct {
		Headers map[string]string
		Payload string
	}
	if err := json.Unmarshal([]byte(got["postData"].(map[string]any)["contents"].(string)), &event); err != nil {
		t.Fatal(err)
	}
	if event.Payload != `{"data":{"id":"r-7","status":"open"}}` || event.Headers[webhook.HeaderSignature] == "" || event.Headers[webhook.HeaderEventType] != "record.create" {
		t.Errorf("the script was told %+v", event)
	}
	if len(in.made["SCRIPT_SECRET"]) < 16 {
		t.Errorf("the secret is %q", in.made["SCRIPT_SECRET"])
	}
}

// INT18: a lead is made in a CRM, with an access token that was fetched for it.
func TestINT18LeadToCRM(t *testing.T) {
	w := newWorld(t)
	crm := &desk{}
	at := w.service(crm)
	w.install("lead-to-crm", map[string]string{
		"CRM_URL": at + "/leads", "TOKEN_URL": at + "/token", "CLIENT_ID": "fanfare", "CLIENT_SECRET": "of the client", "SCOPE": "https://crm.example.com/.default",
	})
	w.send("lead.created", `{"data":{"first_name":"Ann","last_name":"Lee","email":"ann@example.com","company":"Lee & Sons","interest":"Honey"}}`)
	got := crm.came(w, 2)
	asked, err := url.ParseQuery(got[0].body)
	if err != nil || got[0].path != "/token" || asked.Get("grant_type") != "client_credentials" || asked.Get("scope") != "https://crm.example.com/.default" || !strings.HasPrefix(got[0].authorization, "Basic ") {
		t.Errorf("the token was asked for by %+v", got[0])
	}
	if got[1].path != "/leads" || got[1].authorization != "Bearer fetched" {
		t.Errorf("the lead: %+v", got[1])
	}
	w.same(got[1].body, `{"firstname":"Ann","lastname":"Lee","emailaddress1":"ann@example.com","companyname":"Lee & Sons","subject":"Honey"}`)
}

// INT20: a report of a finished record, as a page that a service makes a PDF of.
func TestINT20Report(t *testing.T) {
	w := newWorld(t)
	render := &desk{}
	w.install("record-to-report", map[string]string{"RENDER_URL": w.service(render) + "/pdf", "RENDER_TOKEN": "render-token"})
	w.send("record.update", `{"data":{"id":"r-6","status":"open"},"previous":{"status":"new"}}`)
	w.send("record.update", `{"data":{"id":"r-7","status":"closed","updated_by":"<b>Ann","updated_at":"2026-01-02","form_values":{"a1b2":"honey"}},"previous":{"status":"open"}}`)
	got := render.came(w, 1)[0]
	if got.path != "/pdf" || got.contentType != "text/html; charset=utf-8" || got.authorization != "Bearer render-token" ||
		!strings.Contains(got.body, "<p>closed, by &lt;b&gt;Ann, on 2026-01-02</p>") {
		t.Errorf("came %+v", got)
	}
}

// INT20: a task in another system.
func TestINT20Task(t *testing.T) {
	w := newWorld(t)
	tasks := &desk{}
	w.install("record-to-task", map[string]string{"TASK_URL": w.service(tasks) + "/tasks", "TASK_KEY": "tasks-key"})
	w.send("record.update", `{"data":{"id":"r-6"}}`)
	w.send("record.create", `{"data":{"id":"r-7","status":"open","client_created_at":"2026-01-02T03:04:05Z","latitude":27.94,"longitude":-82.45}}`)
	got := tasks.came(w, 1)[0]
	if got.path != "/tasks" || got.key != "tasks-key" {
		t.Errorf("came %+v", got)
	}
	w.same(got.body, `{"title":"Look after r-7","due":"2026-01-02T03:04:05Z","labels":["open","record.create"],"place":{"latitude":27.94,"longitude":-82.45}}`)
}

func TestINT12NoticeOfAShare(t *testing.T) {
	w := newWorld(t)
	consumer := &desk{}
	w.install("notify-of-share", map[string]string{"CONSUMER_URL": w.service(consumer) + "/changed", "SHARE_URL": "https://shares.example.com/shares/t.json"})
	w.send("record.update", `{"data":{"id":"r-7","note":"long"}}`)
	w.same(consumer.came(w, 1)[0].body, `{"changed":"r-7","fetch":"https://shares.example.com/shares/t.json?key=r-7"}`)
}

func TestINT15Zapier(t *testing.T) {
	w := newWorld(t)
	zap := &desk{}
	w.install("messages-to-zapier", map[string]string{"ZAPIER_HOOK": w.service(zap) + "/hooks/catch/1/abc/"})
	w.send("form.create", `{"data":{"id":"f-1"}}`)
	w.send("record.create", `{"data":{"id":"r-7","tags":["a"]}}`)
	got := zap.came(w, 1)[0]
	if got.path != "/hooks/catch/1/abc/" {
		t.Errorf("came %+v", got)
	}
	w.same(got.body, `{"event":"record.create","data":{"id":"r-7","tags":["a"]}}`)
}

func TestINT17ReceiverOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	receiver := &desk{}
	w.install("messages-to-receiver", map[string]string{"RECEIVER_URL": w.service(receiver) + "/hook", "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	w.send("record.create", `{"data":{"id":"r-7"}}`)
	got := receiver.came(w, 1)[0]
	if got.path != "/hook" {
		t.Errorf("came %+v", got)
	}
	w.same(got.body, `{"data":{"id":"r-7"}}`)
}
