//go:build linux

package postgres_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// postgresTool is one of PostgreSQL's programs.
func postgresTool(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
		if len(found) == 0 {
			t.Skipf("there is no %s", name)
		}
		path = found[len(found)-1]
	}
	return exec.Command(path, args...)
}

// TestPlacesGrowThroughADump has a database dumped and restored into a server that has
// had fewer transactions, and back into one that has had more: who follows the attempts,
// though he be further than the dump, misses none of those to come and sees none twice.
func TestPlacesGrowThroughADump(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from := database(t)
	shop := newShop(t, openAt(t, from, nil), 2)
	record := func() fanfare.AttemptID {
		t.Helper()
		in := shop.intake(0)
		if err := shop.acceptErr(in); err != nil {
			t.Fatal(err)
		}
		o := shop.outcome(in)
		if err := shop.store.Record(ctx, o); err != nil {
			t.Fatal(err)
		}
		return o.Attempt.ID
	}
	follow := func(after fanfare.Place, n int) (got []fanfare.AttemptID, last fanfare.Place) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); len(got) < n; time.Sleep(10 * time.Millisecond) {
			some, next, err := shop.store.Recorded(ctx, "", after, 100)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%d of %d attempts behind %d: %v", len(got), n, after, err)
			}
			for _, r := range some {
				got = append(got, r.ID)
			}
			after = next
		}
		return got, after
	}
	transactions(t, from, 300) // so that this server is ahead
	all := []fanfare.AttemptID{record(), record()}
	execute(t, from, `INSERT INTO node (id, name, horizon, started_at, expires_at)
		VALUES ('00000000-0000-0000-0000-000000000001', 'of the old one', 0, now(), now() + interval '1 hour');
		UPDATE shard SET owner = '00000000-0000-0000-0000-000000000001'`)
	dump := new(bytes.Buffer)
	for i, server := range []*pgtest.Server{pgtest.Start(t), server} {
		dump.Reset()
		cmd := postgresTool(t, "pg_dump", from)
		cmd.Stdout = dump
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		record() // which is lost
		_, far := follow(0, len(all)+1)
		shop.store.Close()
		to, err := server.Database(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			transactions(t, to, 900)
		}
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		cmd = postgresTool(t, "psql", "-q", "-v", "ON_ERROR_STOP=1", u.String())
		cmd.Stdin = bytes.NewReader(dump.Bytes())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("psql: %v: %s", err, out)
		}
		what := fmt.Sprintf("restored into server %d", i)
		shop.store = openAt(t, to, nil)
		if lease, err := joinOnly(t, shop); err != nil || len(lease.Shards) != fanfare.Shards+1 {
			t.Errorf("%s: a node holds %d shards (%v); those of a node elsewhere are nobody's", what, len(lease.Shards), err)
		}
		added := record()
		all = append(all, added)
		if got, _ := follow(0, len(all)); !slices.Equal(got, all) {
			t.Errorf("%s: all attempts are %v, want %v", what, got, all)
		}
		if got, _ := follow(far, 1); !slices.Equal(got, []fanfare.AttemptID{added}) {
			t.Errorf("%s: behind what had been read are %v, want %v", what, got, added)
		}
		from = to
	}
	// Opened again where it is, nothing is added.
	offset, again := int64(0), int64(0)
	row(t, from, "SELECT n FROM counter WHERE name = 'place'", &offset)
	openAt(t, from, nil)
	if row(t, from, "SELECT n FROM counter WHERE name = 'place'", &again); again != offset {
		t.Errorf("opened again, %d is added to places instead of %d", again, offset)
	}
}

// transactions has a server count so many transactions.
func transactions(t *testing.T, url string, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for range n {
		if _, err := conn.Exec(t.Context(), "SELECT pg_current_xact_id()"); err != nil {
			t.Fatal(err)
		}
	}
}

func joinOnly(t *testing.T, s *shop) (*fanfare.Lease, error) {
	if err := s.store.Join(t.Context(), "new"); err != nil {
		return &fanfare.Lease{}, err
	}
	lease, err := s.store.Renew(t.Context(), 1, true)
	if err != nil {
		lease = &fanfare.Lease{}
	}
	return lease, err
}

// TestAttemptsAreFollowedBesideABusyDatabase has transactions of another database of the
// same server open, old and new: what was recorded can be read all the same, unless one
// of this database is open that is older.
func TestAttemptsAreFollowedBesideABusyDatabase(t *testing.T) {
	t.Parallel()
	url, other := database(t), database(t)
	defer begun(t, other, "SELECT pg_current_xact_id()")()
	shop := newShop(t, openAt(t, url, nil), 1)
	var last fanfare.Place
	for i := range int64(50) {
		in := shop.intake(i)
		if err := shop.acceptErr(in); err != nil {
			t.Fatal(err)
		}
		if err := shop.recordErr(in); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			defer begun(t, other, "SELECT pg_current_xact_id()")()
		}
		last = shop.reads(last)
	}
	// One of this database that is older than an attempt holds it back; one that is newer
	// does not, however many have begun elsewhere.
	older := begun(t, url, "SELECT pg_current_xact_id()")
	in := shop.intake(99)
	if err := shop.acceptErr(in); err != nil {
		t.Fatal(err)
	}
	if err := shop.recordErr(in); err != nil {
		t.Fatal(err)
	}
	if some, _, err := shop.store.Recorded(t.Context(), "", last, 10); err != nil || len(some) != 0 {
		t.Errorf("%d attempts can be read (%v) though a transaction before them is open", len(some), err)
	}
	older()
	defer begun(t, url, "SELECT pg_current_xact_id()")()
	for range 5 {
		defer begun(t, other, "SELECT pg_current_xact_id()")()
	}
	shop.reads(last)
}

// reads returns once there is an attempt behind a place. It may take a moment, as the
// server itself changes something in a database now and then.
func (s *shop) reads(after fanfare.Place) (next fanfare.Place) {
	s.tb.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		some, next, err := s.store.Recorded(s.tb.Context(), "", after, 10)
		if err == nil && len(some) == 1 {
			return next
		}
		if err != nil || time.Now().After(deadline) {
			s.tb.Fatalf("%d attempts can be read behind %d (%v), want 1", len(some), after, err)
		}
	}
}
