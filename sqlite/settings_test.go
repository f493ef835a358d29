package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func openTemp(t *testing.T) (s *Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fanfare.db")
	return reopen(t, path), path
}

func reopen(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// number reads one number on the writer's own connection.
func (s *Store) number(t *testing.T, query string) (n int64) {
	t.Helper()
	err := s.change(t.Context(), func(w *writer) (err error) {
		n, err = pragma(w.conn, query)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatTheWriterCommitsIsSynced(t *testing.T) {
	s, _ := openTemp(t)
	for query, want := range map[string]int64{
		"PRAGMA synchronous":        2,
		"PRAGMA wal_autocheckpoint": 0,
		"PRAGMA mmap_size":          0,
		"PRAGMA page_size":          8192,
		"PRAGMA cache_size":         -65536,
		"PRAGMA cell_size_check":    1,
		"PRAGMA application_id":     applicationID,
		"PRAGMA secure_delete":      0,
		"SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'": 1,
	} {
		if got := s.number(t, query); got != want {
			t.Errorf("%s gives %d, want %d", query, got, want)
		}
	}
}

func TestReadersCannotWrite(t *testing.T) {
	s, _ := openTemp(t)
	err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		return sqlitex.ExecuteTransient(conn, "DELETE FROM application", nil)
	})
	if sqlite.ErrCode(err) != sqlite.ResultReadOnly {
		t.Errorf("the error is %v, want one that says read-only", err)
	}
}

func TestTheFilesAreNotForOthers(t *testing.T) {
	_, path := openTemp(t)
	for _, suffix := range []string{"", "-wal", "-shm", ".lock", ".reserve"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %v, want 0600", info.Name(), mode)
		}
	}
}

func TestASecondOpenerIsRefused(t *testing.T) {
	s, path := openTemp(t)
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), path+".lock") {
		t.Fatalf("the error is %v, want one that names the lock", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	reopen(t, path)
}

func TestANewerVersionIsRefused(t *testing.T) {
	s, path := openTemp(t)
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	version := s.number(t, "PRAGMA user_version")
	if version != int64(len(files)) {
		t.Fatalf("the version is %d, want %d", version, len(files))
	}
	s.Close()
	alter(t, path, fmt.Sprintf("PRAGMA user_version = %d", version+1))
	_, err = Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d", version+1)) || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("the error is %v, want one that says what to do", err)
	}
	alter(t, path, fmt.Sprintf("PRAGMA user_version = %d", version))
	reopen(t, path)
}

func TestAnotherProgramsFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	alter(t, path, "CREATE TABLE recipe (name TEXT)")
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("the error is %v, want one that says whose file it is", err)
	}
}

// alter changes a database behind the back of the store.
func alter(t *testing.T, path, query string) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteTransient(conn, query, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s, _ := openTemp(t)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetSetting(t.Context(), "colour", nil); !errors.Is(err, errClosed) {
		t.Errorf("writing gives %v, want %v", err, errClosed)
	}
	if _, err := s.Setting(t.Context(), "colour"); err == nil {
		t.Error("reading gives no error")
	}
}

// A job that fails by itself after it has changed something takes back what it
// has changed, and the others of its transaction are kept.
func TestAJobFailsAlone(t *testing.T) {
	s, _ := openTemp(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	first, err := s.queue.add(&job{run: func(*writer) error { close(entered); <-leave; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	set := func(name string, wrong error) *job {
		return &job{run: func(w *writer) error {
			err := w.exec(upsertSetting, func(bind *binder) { bind.text(name); bind.blob(nil); bind.text(plain) })
			return errors.Join(err, wrong)
		}}
	}
	wrong := errors.New("a fault of its own")
	jobs := []*job{set("first", nil), set("second", wrong), set("third", nil)}
	var g *group
	for _, j := range jobs {
		if g, err = s.queue.add(j); err != nil {
			t.Fatal(err)
		}
	}
	close(leave)
	<-first.done
	<-g.done
	if len(g.jobs) != 3 {
		t.Fatalf("the transaction has %d jobs, want 3", len(g.jobs))
	}
	for i, name := range []string{"first", "second", "third"} {
		_, err := s.Setting(t.Context(), name)
		if i == 1 {
			if !errors.Is(jobs[i].err, wrong) || !errors.Is(err, fanfare.ErrNotFound) {
				t.Errorf("the %s: %v, and reading gives %v", name, jobs[i].err, err)
			}
		} else if jobs[i].err != nil || err != nil {
			t.Errorf("the %s: %v, and reading gives %v", name, jobs[i].err, err)
		}
	}
}

// Nothing that grows with history is read from end to end, nor sorted.
func TestQueriesUseIndexes(t *testing.T) {
	s, _ := openTemp(t)
	for _, query := range []string{
		selectLanes, selectWaiting, selectWaitingOfKey, selectWaitingWithoutKey, updateAgain,
		cancelOne, cancelSome, updateOutcome, updateChain, selectStanding, updateRanks, selectPlace,
		selectMessage, selectMessageByEventID, selectEndpointsOfMessage, selectDelivery, selectStats, selectAttempt, selectChain,
		selectOld, selectWaits, selectRemoved, deleteDelivery, deleteAttempt, deleteMessage, deleteKeys, deleteAnswers,
		deleteOldAudit, deleteAuditBeyond,
		sweepAttempts, sweepDeliveries, sweepMessages, findNewestQuery,
		countWaiting, countDeliveries, countPlainDeliveries, countEnded, countPlainEnded, walkDeliveries, walkEnded, countMessages, countIDs, selectExpunged, selectPart,
	} {
		for _, step := range s.plan(t, query) {
			scans := slices.ContainsFunc([]string{"message", "delivery", "attempt", "idempotency", "answer", "audit"}, func(table string) bool {
				return step == "SCAN "+table || strings.HasPrefix(step, "SCAN "+table+" ")
			})
			sorts := strings.Contains(step, "TEMP B-TREE") && query != selectStats
			if scans || sorts {
				t.Errorf("%s\n%s", query, step)
			}
		}
	}
}

// plan is how SQLite goes about a query, step by step.
func (s *Store) plan(t *testing.T, query string) (steps []string) {
	t.Helper()
	err := s.read(t.Context(), func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare("EXPLAIN QUERY PLAN " + query)
		if err != nil {
			return err
		}
		return each(stmt, func(row *row) bool {
			steps = append(steps, row.stmt.ColumnText(3))
			return true
		})
	})
	if err != nil {
		t.Errorf("%s\n%v", query, err)
	}
	return steps
}

// A page is read from where it begins, in both directions, and nothing is sorted.
func TestListsBeginAtTheirCursor(t *testing.T) {
	s, _ := openTemp(t)
	for want, l := range map[string]listing{
		"application USING PRIMARY KEY (id":                               listApplications,
		"endpoint USING INDEX endpoint_application (application=? AND id": listEndpoints,
		"event_type USING PRIMARY KEY (name":                              listEventTypes,
		"event_type USING INDEX event_type_checked (name":                 listCheckedTypes,
		"key USING PRIMARY KEY (id":                                       listKeys,
		"audit USING PRIMARY KEY (id":                                     listAudit,
		"consumer USING PRIMARY KEY (endpoint=? AND name":                 listConsumers,
		"task USING PRIMARY KEY (id":                                      listTasks,
		"task USING INDEX task_running (id":                               listTasksRunning,
		"message USING INDEX message_id (application=? AND id":            listMessages.listing,
		"delivery USING PRIMARY KEY (endpoint=? AND message":              listDeliveries.listing,
		"attempt USING INDEX attempt_id (endpoint=? AND id":               listAttempts.listing,
		"message USING COVERING INDEX message_id (application=? AND id":   listMessages.reach,
		"attempt USING COVERING INDEX attempt_id (endpoint=? AND id":      listAttempts.reach,

		"delivery USING INDEX delivery_ended (endpoint=? AND state=? AND message":          listEnded.listing,
		"delivery USING COVERING INDEX delivery_ended (endpoint=? AND state=? AND message": listEnded.reach,
	} {
		for query, bound := range map[string]string{l.up: ">?)", l.down: "<?)"} {
			steps := s.plan(t, query)
			if !slices.Contains(steps, "SEARCH "+want+bound) {
				t.Errorf("%s\nis not a search of %s%s: %q", query, want, bound, steps)
			}
			if slices.ContainsFunc(steps, func(step string) bool { return strings.Contains(step, "TEMP B-TREE") }) {
				t.Errorf("%s\nsorts: %q", query, steps)
			}
		}
	}
}

func TestResealingUsesIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	s, err := OpenWith(t.Context(), path, &Options{Keys: seal.NewRing(seal.NewKey())})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, query := range []string{resealEndpoints, resealAnswers} {
		err := s.note(t.Context(), func(w *writer) error {
			stmt, err := w.conn.Prepare("EXPLAIN QUERY PLAN " + query)
			if err != nil {
				return err
			}
			return each(stmt, func(row *row) bool {
				if step := row.stmt.ColumnText(3); strings.HasPrefix(step, "SCAN ") {
					t.Errorf("%s\n%s", query, step)
				}
				return true
			})
		})
		if err != nil {
			t.Error(err)
		}
	}
}
