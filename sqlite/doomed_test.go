package sqlite

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"zombiezen.com/go/sqlite"

	"github.com/fanfarehq/fanfare"
)

// TestRemovalGoesOnAfterReopening deletes what has many rows, closes the store
// before they can all be removed, and opens it again.
func TestRemovalGoesOnAfterReopening(t *testing.T) {
	for what, remove := range map[string]func(s *Store) error{
		"an endpoint":    func(s *Store) error { return s.DeleteEndpoint(t.Context(), app, ep) },
		"an application": func(s *Store) error { return s.DeleteApplication(t.Context(), app) },
	} {
		t.Run(what, func(t *testing.T) {
			const n = 4000
			s, path := openTemp(t)
			furnish(t, s)
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() {
					if err := errors.Join(accept(t, s, i+1, 10), record(t, s, i+1)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			newest, _ := s.Newest(t.Context())
			closeAfter(t, s, func() error { return remove(s) })
			if rowsLeft(t, path, "delivery") == 0 {
				t.Error("nothing was left on closing: nothing is tested")
			}
			s = reopen(t, path)
			nothing(t, s)
			for deadline := time.Now().Add(time.Minute); s.number(t, "SELECT count(*) FROM doomed") > 0; {
				if time.Now().After(deadline) {
					t.Fatal("removal does not go on")
				}
				time.Sleep(time.Millisecond)
			}
			for _, table := range []string{"delivery", "attempt"} {
				if left := s.number(t, "SELECT count(*) FROM "+table); left != 0 {
					t.Errorf("%d rows are left in %s", left, table)
				}
			}
			want := int64(n)
			if what == "an application" {
				want = 0
			}
			if left := s.number(t, "SELECT count(*) FROM message"); left != want {
				t.Errorf("%d messages are left, want %d", left, want)
			}
			s.Close()
			s = reopen(t, path)
			if got, _ := s.Newest(t.Context()); got != newest {
				t.Errorf("the newest id is %x after removal, want %x", got, newest)
			}
		})
	}
}

// closeAfter closes a store with something as the last that its writer does.
func closeAfter(t *testing.T, s *Store, do func() error) {
	t.Helper()
	var busy errgroup.Group
	begun, held := make(chan struct{}), make(chan struct{})
	busy.Go(func() error {
		return s.note(t.Context(), func(*writer) error { close(begun); <-held; return nil })
	})
	<-begun
	until := func(so func(q *queue) bool) {
		for is := false; !is; runtime.Gosched() {
			s.queue.mu.Lock()
			is = so(&s.queue)
			s.queue.mu.Unlock()
		}
	}
	busy.Go(do)
	until(func(q *queue) bool { return len(q.groups) == 1 })
	busy.Go(s.Close)
	until(func(q *queue) bool { return q.closed })
	close(held)
	if err := busy.Wait(); err != nil {
		t.Fatal(err)
	}
}

// rowsLeft counts the rows of a table of a store that is closed.
func rowsLeft(t *testing.T, path, table string) (n int64) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err == nil {
		n, err = pragma(conn, "SELECT count(*) FROM "+table)
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// nothing checks that the endpoint can be reached in no way.
func nothing(t *testing.T, s *Store) {
	t.Helper()
	lanes, err := s.Lanes(t.Context())
	if err != nil || len(lanes) > 0 {
		t.Errorf("lanes: %v, %v", lanes, err)
	}
	page := fanfare.Page{Limit: 10}
	ds, err := s.Deliveries(t.Context(), app, fanfare.DeliveryFilter{Page: page, Endpoint: ep})
	if err != nil || len(ds) > 0 {
		t.Errorf("%d deliveries, %v", len(ds), err)
	}
	as, err := s.Attempts(t.Context(), app, fanfare.AttemptFilter{Page: page, Endpoint: ep})
	if err != nil || len(as) > 0 {
		t.Errorf("%d attempts, %v", len(as), err)
	}
	as, err = s.Attempts(t.Context(), app, fanfare.AttemptFilter{Page: page, Message: fanfare.MessageID(name("msg_", 4000))})
	if err != nil || len(as) > 0 {
		t.Errorf("%d attempts of a message, %v", len(as), err)
	}
	if got := waiting(t, s); got > 0 {
		t.Errorf("%d deliveries wait", got)
	}
}
