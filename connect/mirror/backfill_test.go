package mirror_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/mirror"
	"github.com/fanfarehq/fanfare/fanfaretest"
)

// TestABackfillAfterLiveMessages has a mirror begin with what comes, and only then be
// given what came before it was there.
func TestABackfillAfterLiveMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		hub := fanfaretest.New(t, &fanfare.Options{Connectors: map[string]fanfare.Connector{"sqlite": mirror.SQLite(dir)}})
		app := &fanfare.Application{Name: "Acme", UID: "acme"}
		if err := hub.CreateApplication(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		send := func(eventType string, id int, name string) {
			t.Helper()
			if _, err := hub.Send(t.Context(), "acme", eventType, map[string]any{"id": id, "name": name}); err != nil {
				t.Fatal(err)
			}
		}
		for id := range 30 {
			send("customer.created", id, fmt.Sprint("old ", id))
		}
		send("customer.deleted", 29, "")
		time.Sleep(time.Minute)
		ep := &fanfare.Endpoint{Application: app.ID, Kind: "sqlite", Config: json.RawMessage(`{"file":"mirror.db","table":"customers"}`)}
		if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		send("customer.updated", 1, "new 1")
		send("customer.deleted", 2, "")
		hub.Settle()
		want := func(n int, names string) {
			t.Helper()
			db, err := sql.Open("sqlite", filepath.Join(dir, "mirror.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var rows int
			var first string
			if err := db.QueryRowContext(t.Context(), `SELECT count(*), group_concat(name, ', ' ORDER BY id) FILTER (WHERE id < 4) FROM customers`).Scan(&rows, &first); err != nil {
				t.Fatal(err)
			}
			if rows != n || first != names {
				t.Errorf("%d rows, %s; want %d, %s", rows, first, n, names)
			}
		}
		want(1, "new 1")
		for _, kind := range []fanfare.TaskKind{fanfare.TaskReplayMissing, fanfare.TaskBulkReplay} { // the second sends all of it again
			task := &fanfare.Task{Kind: kind, Application: app.ID, Endpoint: ep.ID, Selection: fanfare.Selection{Since: time.Now().Add(-time.Hour)}}
			if err := hub.StartTask(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			hub.Settle()
			want(28, "old 0, new 1, old 3")
		}
	})
}
