//go:build linux

package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/pgtest"
	"github.com/fanfarehq/fanfare/postgres"
)

// TestOpenRefusesWhatDurabilityCannotRestOn opens databases of servers that are set so
// that what they commit may be lost, and others that cannot be used.
func TestOpenRefusesWhatDurabilityCannotRestOn(t *testing.T) {
	t.Parallel()
	careless := pgtest.Start(t, "fsync = off")
	standby := careless.Standby(t, "s", "fsync = on")
	for _, test := range []struct{ name, url, want string }{
		{"fsync", careless.URL("postgres"), "fsync is off, and must be on: what is committed would be lost with the power"},
		{"commit off", server.URL(template) + "&options=-csynchronous_commit%3Doff", "synchronous_commit is off, and must be on"},
		{"commit local", server.URL(template) + "&options=-csynchronous_commit%3Dlocal", "synchronous_commit is local, and must be on"},
		{"commit remote_write", server.URL(template) + "&options=-csynchronous_commit%3Dremote_write", "synchronous_commit is remote_write, and must be on"},
		{"standby", standby.URL("postgres"), "transaction_read_only is on, and must be off: nothing could be stored; this is a standby"},
		{"age", pretends(t, "140012"), "the server is PostgreSQL 14: at least 15 is needed"},
	} {
		refused(t, test.name, test.url, test.want)
	}
	for _, query := range []string{"ALTER SYSTEM SET fsync = on", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()"} {
		if err := careless.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, careless.URL("postgres"), "SELECT current_setting('full_page_writes') = 'off'")
	refused(t, "pages", careless.URL("postgres"), "full_page_writes is off, and must be on: a crash could leave pages torn")
}

// refused wants a database not to be opened for a reason.
func refused(t *testing.T, name, url, reason string) {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, nil)
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("%s: %v, want %q", name, err, reason)
	}
}

// pretends makes a database whose server says it is of another version.
func pretends(t *testing.T, version string) string {
	t.Helper()
	url := database(t)
	execute(t, url, `CREATE SCHEMA fake; CREATE FUNCTION fake.current_setting(text) RETURNS text LANGUAGE sql AS
		$$ SELECT CASE $1 WHEN 'server_version_num' THEN '`+version+`' ELSE pg_catalog.current_setting($1) END $$`)
	return url + "&options=-csearch_path%3Dfake,pg_catalog"
}

// TestNothingUnreplicatedIsAcknowledged has a database wait for a standby that lives,
// that hangs, and whose wait is cancelled by an administrator, after which the database
// says with a warning that it has committed.
func TestNothingUnreplicatedIsAcknowledged(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t)
	ctx := t.Context()
	url, err := primary.Database(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s := newShop(t, openAt(t, url, nil), 1)
	s.store.Hurry(1500*time.Millisecond, 700*time.Millisecond)
	standby := primary.Standby(t, "s")
	set := func(names string) {
		t.Helper()
		for _, query := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + names + "'", "SELECT pg_reload_conf()"} {
			if err := primary.Exec(ctx, query); err != nil {
				t.Fatal(err)
			}
		}
	}
	set("s")
	waitFor(t, url, "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
	before := s.intake(0)
	if err := s.acceptErr(before); err != nil {
		t.Fatalf("with a standby: %v", err)
	}
	if err := standby.Freeze(); err != nil {
		t.Fatal(err)
	}
	during := s.intake(1)
	begun := time.Now()
	if err := s.acceptErr(during); err == nil {
		t.Error("acknowledged while the standby did not answer")
	} else if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v to say that the standby does not answer", took)
	}
	if err := standby.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := s.acceptErr(during); err != nil {
		t.Fatalf("when the standby is back: %v", err)
	}

	set("nobody")
	waitFor(t, url, "SELECT current_setting('synchronous_standby_names') = 'nobody'")
	s.store.Hurry(2*time.Second, 2*time.Second)
	cancelling, stop := context.WithCancel(ctx)
	cancelled := make(chan int)
	go func() { cancelled <- cancelWaits(cancelling, primary) }()
	unheard := s.intake(2)
	if err := s.acceptErr(unheard); err == nil {
		t.Error("acknowledged though the wait for the standby was cancelled")
	}
	stop()
	if n := <-cancelled; n == 0 {
		t.Error("no wait was cancelled: nothing was tested")
	}
	set("")
	waitFor(t, url, "SELECT current_setting('synchronous_standby_names') = ''")
	if err := s.acceptErr(unheard); err != nil {
		t.Fatalf("without standbys: %v", err)
	}
	n := 0
	if row(t, url, "SELECT count(*) FROM message", &n); n != 3 {
		t.Errorf("there are %d messages, want 3", n)
	}
}

// cancelWaits cancels whatever waits for a standby, until ctx ends, and returns how
// often it did.
func cancelWaits(ctx context.Context, s *pgtest.Server) (n int) {
	for ctx.Err() == nil {
		cancelled := 0
		if err := s.Row(ctx, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", &cancelled); err == nil {
			n += cancelled
		}
		time.Sleep(20 * time.Millisecond)
	}
	return n
}

// waitFor waits until a query says true, on a connection of its own each time.
func waitFor(t *testing.T, url, query string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ok := false
		if row(t, url, query, &ok); ok {
			return
		}
	}
	t.Fatalf("it did not come to be that %s", query)
}

func execute(t testing.TB, url, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}
