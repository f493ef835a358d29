package sqlite

import (
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// old makes a file as the first migrations leave it, with what a script puts in.
func old(t *testing.T, version int, script string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fanfare.db")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range files[:version] {
		if err := migrateOne(conn, name, i+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAFileFromBeforeThereWereVersions keeps its messages, whose event ids stay taken,
// and dates what was deprecated.
func TestAFileFromBeforeThereWereVersions(t *testing.T) {
	path := old(t, 8, `
		INSERT INTO application (id, name, rate_limit, created_at, updated_at) VALUES (x'00000000000000000000000000000001', 'Acme', 0, 1, 1);
		INSERT INTO message (rowid, application, id, event_id, event_type, deliver_at, created_at, checksum, endpoints, payload)
			VALUES (1, x'00000000000000000000000000000001', x'00000000000000000000000000000002', 'order-1', 'a', 0, 5, 0, x'', x'');
		INSERT INTO event_type (name, id, description, group_name, archived, deprecated, created_at, updated_at) VALUES
			('a', x'00000000000000000000000000000003', '', '', 0, 1, 1, 1700000000000000),
			('b', x'00000000000000000000000000000004', '', '', 0, 0, 1, 1700000000000000);`)
	s := reopen(t, path)
	app := fanfare.ApplicationID(fanfare.EncodeID("app_", [16]byte{15: 1}))
	msg, err := s.Message(t.Context(), app, "order-1")
	if err != nil || msg.EventTypeVersion != 0 || msg.Payload == nil {
		t.Errorf("read %+v, %v", msg, err)
	}
	in := func(version int) *fanfare.Intake {
		id := fanfare.MessageID(fanfare.EncodeID("msg_", [16]byte{1, 15: byte(version)}))
		return &fanfare.Intake{Message: &fanfare.Message{ID: id, EventID: "order-1", EventType: "a", EventTypeVersion: version, Payload: []byte("{}"), CreatedAt: time.Unix(1, 0)}}
	}
	none, one := in(0), in(1)
	if _, err := s.Accept(t.Context(), app, []*fanfare.Intake{none, one}, nil); err != nil || none.Err != fanfare.ErrExists || one.Err != nil {
		t.Errorf("accepting the event id again: %v, %v; in a version: %v", err, none.Err, one.Err)
	}
	types, err := s.EventTypes(t.Context(), fanfare.Page{Limit: 9, Ascending: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Time{time.Unix(1.7e9, 0).UTC(), {}} {
		if got := types[i]; got.DeprecatedAt != want || got.Deprecated != !want.IsZero() {
			t.Errorf("%s is deprecated: %t, since %v, want %v", got.Name, got.Deprecated, got.DeprecatedAt, want)
		}
	}
	for _, step := range s.plan(t, `SELECT name FROM event_type WHERE (archived = 0 AND validation IS NOT NULL OR lifecycle IS NOT NULL) ORDER BY name`) {
		if step != "SCAN event_type USING INDEX event_type_checked" && step != "SCAN event_type USING COVERING INDEX event_type_checked" {
			t.Errorf("what is checked is found by %s", step)
		}
	}
}
