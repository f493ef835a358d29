//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
)

// sealedSetting inserts a setting that is sealed with a key.
func sealedSetting(name, value string, ring *seal.Ring) string {
	sealed := ring.Seal(fmt.Sprintf("setting/%X/value", name), []byte(value))
	return fmt.Sprintf("INSERT INTO setting (name, value, sealed_by) VALUES ('%s', '%s', '%s');", name, sealed, ring.Current())
}

// TestWhatAnOlderProgramSealsWithGoesOnSealing opens databases of the release before, in
// which sealing_key has had what was imported once, whatever sealed since.
func TestWhatAnOlderProgramSealsWithGoesOnSealing(t *testing.T) {
	t.Parallel()
	first, last := seal.NewKey(), seal.NewKey()
	alone, both := seal.NewRing(last), seal.NewRing(last, first)
	for _, ring := range []*seal.Ring{alone, both} {
		url, err := server.Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		execute(t, url, "CREATE TABLE fanfare_version (one integer PRIMARY KEY CHECK (one = 1), version integer NOT NULL)")
		files, err := filepath.Glob("migrations/000[1-5]*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			execute(t, url, string(text))
		}
		execute(t, url, `INSERT INTO fanfare_version (one, version) VALUES (1, 5);
			DELETE FROM sealing_key;
			INSERT INTO sealing_key (id) VALUES ('`+first.ID()+`');
			INSERT INTO node (id, name, horizon, started_at, expires_at)
			VALUES ('00000000-0000-0000-0000-000000000001', 'older', 0, now(), now() + interval '1 hour');`+
			sealedSetting("pepper", "hot", alone))
		s := openAt(t, url, ring)
		if got, err := s.Sealing(t.Context()); err != nil || got.Key != last.ID() || got.Old != nil || got.Next != "" {
			t.Errorf("%s: sealing: %+v, %v", ring, got, err)
		}
		if got, err := s.Setting(t.Context(), "pepper"); err != nil || string(got) != "hot" {
			t.Errorf("%s: the setting is %q (%v)", ring, got, err)
		}
	}
}

// TestAStartWaitsForNobodyWhoSeals opens a database while a transaction in it that seals
// something takes its time.
func TestAStartWaitsForNobodyWhoSeals(t *testing.T) {
	t.Parallel()
	url := database(t)
	ring := seal.NewRing(seal.NewKey())
	openAt(t, url, ring).Close()
	end := begun(t, url, "SELECT pg_advisory_xact_lock_shared(hashtextextended('sealing_key', 0))")
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s, err := postgres.Open(ctx, url, &postgres.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// TestResealingOutlastsAnOutage has the database not answer for longer than any call waits.
func TestResealingOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	url := database(t)
	old := seal.NewRing(seal.NewKey())
	both := old.With(seal.NewKey())
	openAt(t, url, old).Close()
	watching := openAt(t, url, both)
	s := watching.Twin() // which does nothing by itself meanwhile
	s.Hurry(time.Second, 500*time.Millisecond)
	if err := watching.SetSetting(t.Context(), "pepper", []byte("hot")); err != nil {
		t.Fatal(err)
	}
	end := begun(t, url, "SELECT 1 FROM setting WHERE name = 'pepper' FOR UPDATE")
	if err := s.Rekey(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	end()
	resealed(t, watching, both.Current())
}

// TestWhyResealingStoppedIsForgottenWhenAnotherHasDoneIt has a node stop at what nobody
// can open.
func TestWhyResealingStoppedIsForgottenWhenAnotherHasDoneIt(t *testing.T) {
	t.Parallel()
	url := database(t)
	old := seal.NewRing(seal.NewKey())
	both := old.With(seal.NewKey())
	openAt(t, url, old).Close()
	s, other := openAt(t, url, both), openAt(t, url, both)
	execute(t, url, "INSERT INTO setting (name, value, sealed_by) VALUES ('forged', 'v1', '"+old.Current()+"')")
	if err := s.Rekey(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err := s.Sealing(t.Context())
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("sealing: %+v, %v", got, err)
		}
		if errors.Is(got.Err, seal.ErrForged) {
			break
		}
	}
	execute(t, url, "DELETE FROM setting WHERE name = 'forged'")
	if err := other.Rekey(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	resealed(t, other, both.Current())
	if got, err := s.Sealing(t.Context()); err != nil || got.Err != nil {
		t.Errorf("it says %v (%v) though all is resealed", got.Err, err)
	}
}

// TestWhoWaitedForAChangeOfKeysKnowsOfIt whatever the database's isolation is.
func TestWhoWaitedForAChangeOfKeysKnowsOfIt(t *testing.T) {
	t.Parallel()
	url := database(t)
	execute(t, url, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''repeatable read''', current_database()); END $$`)
	old := seal.NewRing(seal.NewKey())
	both := old.With(seal.NewKey())
	openAt(t, url, old).Close()
	s := openAt(t, url, both)
	end := begun(t, url, `SELECT pg_advisory_xact_lock(hashtextextended('sealing_key', 0)); DELETE FROM sealing_key;
		INSERT INTO sealing_key (id) VALUES ('`+both.Current()+`')`)
	stored := make(chan error, 1)
	go func() { stored <- s.SetSetting(t.Context(), "pepper", []byte("hot")) }()
	waitFor(t, url, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	end()
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	by := ""
	if row(t, url, "SELECT sealed_by FROM setting WHERE name = 'pepper'", &by); by != both.Current() {
		t.Errorf("it is sealed with %s, want %s", by, both.Current())
	}
}

// TestWhatComesUnsealedIsSealedToo has a process of an older program, which has no keys,
// store something where a start that seals everything has been already.
func TestWhatComesUnsealedIsSealedToo(t *testing.T) {
	t.Parallel()
	url := database(t)
	before := openAt(t, url, nil)
	if err := before.Remember(t.Context(), "scope", "key", &fanfare.Answer{Status: 200, Body: []byte("hot")}); err != nil {
		t.Fatal(err)
	}
	before.Close()
	end := begun(t, url, "SELECT 1 FROM answer FOR UPDATE")
	opened := make(chan *postgres.Store, 1)
	go func() {
		s, err := postgres.Open(t.Context(), url, &postgres.Options{Keys: seal.NewRing(seal.NewKey())})
		if err != nil {
			t.Error(err)
		}
		opened <- s
	}()
	waitFor(t, url, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
	execute(t, url, "INSERT INTO setting (name, value, sealed_by) VALUES ('late', 'hot', '')")
	end()
	s := <-opened
	if s == nil {
		return
	}
	defer s.Close()
	waitFor(t, url, "SELECT sealed_by <> '' FROM setting WHERE name = 'late'")
}
