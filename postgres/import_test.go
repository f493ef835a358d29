//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/sqlite"
	"github.com/fanfarehq/fanfare/storetest"
)

// TestContractAcrossAMigration runs the contract on stores that are files until they
// are opened again: then they have moved to PostgreSQL, secrets sealed, and must be as
// they were, and go on so.
func TestContractAcrossAMigration(t *testing.T) {
	fewer(t, "6")
	dir := t.TempDir()
	ring := seal.NewRing(seal.NewKey())
	first := filepath.Join(dir, "new.db")
	if err := openFile(t, first, ring).Close(); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(first) // to copy it takes a tenth of what making one does
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	urls := make(map[string]string) // "": it is a file still
	storetest.RunReopened(t, func(t testing.TB, name string) fanfare.Store {
		path := filepath.Join(dir, name+".db")
		mu.Lock()
		url, known := urls[name]
		urls[name] = url
		mu.Unlock()
		if !known {
			if err := os.WriteFile(path, empty, 0o600); err != nil {
				t.Fatal(err)
			}
			return openFile(t, path, ring)
		}
		if url == "" {
			url = lent(t)
			move(t, path, url)
			mu.Lock()
			urls[name] = url
			mu.Unlock()
			_ = os.Remove(path + ".reserve") // there are hundreds of files
		}
		return openAt(t, url, ring)
	})
}

func openFile(t testing.TB, path string, ring *seal.Ring) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenWith(t.Context(), path, &sqlite.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// moved is the URL of a database that a file was moved to.
func moved(t testing.TB, path string) string {
	t.Helper()
	url := database(t)
	move(t, path, url)
	return url
}

// move moves a file to the database of that URL.
func move(t testing.TB, path, url string) {
	t.Helper()
	from := snapshot(t, path)
	defer from.Close()
	if err := postgres.Import(t.Context(), url, from, nil); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t testing.TB, path string) *sqlite.Snapshot {
	t.Helper()
	s, err := sqlite.OpenSnapshot(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// filled makes a file with an application and so many messages for one endpoint.
func filled(t *testing.T, messages int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fanfare.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hub := fanfare.New(s, nil)
	app := &fanfare.Application{UID: "acme", Name: "Acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if err := hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: app.ID, URL: "https://example.com/"}); err != nil {
		t.Fatal(err)
	}
	for messages > 0 {
		some := make([]*fanfare.Message, min(messages, 500))
		for i := range some {
			some[i] = &fanfare.Message{EventID: fmt.Sprint("ev-", messages-i), EventType: "record.created", Payload: []byte("1")}
		}
		errs, err := hub.SendBatch(t.Context(), "acme", some, nil)
		if err := errors.Join(append(errs, err)...); err != nil {
			t.Fatal(err)
		}
		messages -= len(some)
	}
	return path
}

// A breaking is a snapshot that breaks off after so many rows of a table, or all.
type breaking struct {
	stored.Snapshot
	table string
	rows  int64
}

var errBroken = errors.New("broken off")

func (b *breaking) Rows(t stored.Table, behind int64) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		n := behind
		for row, err := range b.Snapshot.Rows(t, behind) {
			if t.Name == b.table && n == b.rows {
				break
			}
			n++
			if !yield(row, err) {
				return
			}
		}
		if t.Name == b.table {
			yield(nil, errBroken)
		}
	}
}

func TestAnImportThatBrokeOffGoesOn(t *testing.T) {
	t.Parallel()
	path, url := filled(t, 12_000), database(t)
	from := snapshot(t, path)
	defer from.Close()
	begins := make(map[string]int64) // behind which row, of each table
	note := func(now postgres.Imported) {
		if _, ok := begins[now.Table]; !ok {
			begins[now.Table] = now.Done
		}
	}
	for _, b := range []struct {
		breaking
		table  string
		behind int64
	}{
		{breaking{from, "application", 0}, "application", 0},
		{breaking{from, "message", 5500}, "message", 0},
		{breaking{from, "delivery", 11_000}, "message", 5000},
		{breaking{from, "attempt", 0}, "delivery", 10_000},
	} {
		clear(begins)
		err := postgres.Import(t.Context(), url, &b.breaking, note)
		if !errors.Is(err, errBroken) {
			t.Fatalf("the import ends with %v", err)
		}
		if got := begins[b.table]; got != b.behind {
			t.Errorf("it goes on behind row %d of table %s, want %d", got, b.table, b.behind)
		}
		if _, err := postgres.Open(t.Context(), url, nil); !errors.Is(err, postgres.ErrImporting) {
			t.Errorf("a store opens what is there in part, with %v", err)
		}
	}
	if err := postgres.Import(t.Context(), url, from, nil); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, url, nil)
	lanes, err := s.Lanes(t.Context())
	if err != nil || len(lanes) != 1 {
		t.Fatalf("lanes that wait: %v, %v", lanes, err)
	}
	waiting, err := s.Waiting(t.Context(), fanfare.WaitingQuery{Endpoint: lanes[0].Endpoint, Limit: 20_000})
	if err != nil || len(waiting) != 12_000 {
		t.Errorf("%d deliveries wait (%v), want 12000", len(waiting), err)
	}
	if of, err := s.LanesOf(t.Context(), []int{s.ShardOf(lanes[0].Endpoint)}); err != nil || len(of) != 1 {
		t.Errorf("the lane's shard has the lanes %v (%v)", of, err)
	}
	again := []*fanfare.Message{{EventID: "ev-7", EventType: "record.created", Payload: []byte("1")}}
	if errs, err := fanfare.New(s, nil).SendBatch(t.Context(), "acme", again, nil); err != nil || !errors.Is(errs[0], fanfare.ErrExists) {
		t.Errorf("an event id that was taken gives %v (%v), want ErrExists", errs, err)
	}
}

// TestDeliveriesWithoutARowAreTakenOver takes over what a server has left that was
// killed before it wrote all deliveries down.
func TestDeliveriesWithoutARowAreTakenOver(t *testing.T) {
	t.Parallel()
	path := filled(t, 5)
	alter(t, path, "DELETE FROM delivery WHERE message IN (SELECT id FROM message WHERE rowid > 2); UPDATE mark SET rowid_done = 1;")
	s := openAt(t, moved(t, path), nil)
	lanes, err := s.Lanes(t.Context())
	if err != nil || len(lanes) != 1 {
		t.Fatalf("lanes that wait: %v, %v", lanes, err)
	}
	waiting, err := s.Waiting(t.Context(), fanfare.WaitingQuery{Endpoint: lanes[0].Endpoint, Limit: 10})
	if err != nil || len(waiting) != 5 {
		t.Errorf("%d deliveries wait (%v), want 5", len(waiting), err)
	}
	for _, d := range waiting {
		if d.Due.IsZero() || d.Rank != d.Due.UnixMicro() {
			t.Errorf("delivery of %s has rank %d and is due at %v", d.Message, d.Rank, d.Due)
		}
	}
}

// alter runs statements on a file.
func alter(t *testing.T, path, script string) {
	t.Helper()
	file, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	if err == nil {
		err = errors.Join(sqlitex.ExecuteScript(file, script, nil), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPlacesComeAfterThoseTakenOver is for those who follow the attempts: theirs is a
// number that only grows.
func TestPlacesComeAfterThoseTakenOver(t *testing.T) {
	t.Parallel()
	path := filled(t, 0)
	alter(t, path, "INSERT OR REPLACE INTO newest (one, id, attempt_row) VALUES (1, zeroblob(16), 1500000000);")
	conn, err := pgx.Connect(t.Context(), moved(t, path))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	place, next := int64(0), int64(0)
	if err := conn.QueryRow(t.Context(), "SELECT place, pg_current_xact_id()::text::bigint << 20 FROM newest").Scan(&place, &next); err != nil {
		t.Fatal(err)
	}
	if place != 1_500_000_000 || next <= place {
		t.Errorf("the largest place was %d, and the next one is %d", place, next)
	}
}

func TestAnImportIsRefused(t *testing.T) {
	t.Parallel()
	path := filled(t, 1)
	refused := func(t *testing.T, err error, why string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("the error is %v, want one with %q", err, why)
		}
	}
	t.Run("while a server has the file open", func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, err = sqlite.OpenSnapshot(path)
		refused(t, err, "another process has it open")
	})
	t.Run("into what is not empty", func(t *testing.T) {
		from := snapshot(t, path)
		defer from.Close()
		url := database(t)
		if err := openAt(t, url, nil).SetSetting(t.Context(), "a", nil); err != nil {
			t.Fatal(err)
		}
		refused(t, postgres.Import(t.Context(), url, from, nil), "it is not empty (table setting is not)")
	})
	t.Run("again", func(t *testing.T) {
		from := snapshot(t, path)
		defer from.Close()
		refused(t, postgres.Import(t.Context(), moved(t, filled(t, 0)), from, nil), "it is not empty")
	})
	t.Run("of something else than what it has begun with", func(t *testing.T) {
		from, other := snapshot(t, path), snapshot(t, filled(t, 2))
		defer from.Close()
		defer other.Close()
		url := database(t)
		if err := postgres.Import(t.Context(), url, &breaking{from, "message", 0}, nil); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		refused(t, postgres.Import(t.Context(), url, other, nil), "was of something else, or that was used since")
	})
	t.Run("if a row is not as it was", func(t *testing.T) {
		from := snapshot(t, path)
		defer from.Close()
		url := database(t)
		if err := postgres.Import(t.Context(), url, &breaking{from, "delivery", 0}, nil); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		run(t, url, "UPDATE message SET payload = '[]'")
		refused(t, postgres.Import(t.Context(), url, from, nil), "table message is not as it was (1 rows, and 1 where they come from)")
	})
	t.Run("of no file", func(t *testing.T) {
		none := filepath.Join(t.TempDir(), "none.db")
		if _, err := sqlite.OpenSnapshot(none); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the error is %v", err)
		}
	})
}

func run(t *testing.T, url, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func TestAnImportLeavesTheFileAsItIs(t *testing.T) {
	t.Parallel()
	path := filled(t, 10)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	moved(t, path)
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the file has changed")
	}
}

// TestEveryColumnIsTakenOver fails when a column was added to a store and not to
// stored.Tables.
func TestEveryColumnIsTakenOver(t *testing.T) {
	t.Parallel()
	url := database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	known := map[string]bool{"delivery.shard": true} // follows from the endpoint
	for _, t := range stored.Tables {
		for _, c := range t.Columns {
			known[t.Name+"."+c.Name] = true
		}
	}
	own := map[string]bool{"fanfare_version": true, "event_id": true, "newest": true, "node": true, "shard": true, "change": true, "counter": true}
	rows, err := conn.Query(t.Context(), `
		SELECT c.table_name, c.column_name
		FROM information_schema.columns AS c
		JOIN pg_class ON oid = c.table_name::regclass
		WHERE c.table_schema = 'public' AND NOT relispartition`)
	if err != nil {
		t.Fatal(err)
	}
	var table, column string
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		if !own[table] && !known[table+"."+column] {
			t.Errorf("%s.%s is in PostgreSQL and not taken over", table, column)
		}
		delete(known, table+"."+column)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range known {
		t.Errorf("%s is not in PostgreSQL", name)
	}
}
