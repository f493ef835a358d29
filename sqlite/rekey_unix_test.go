//go:build unix

package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/sqlite"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// rekey changes the keys of a database from those in the file beside it to those
// in another, and waits to be killed.
func rekey(path string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	read := func(name string) *seal.Ring {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), name))
		fail(err)
		ring, err := seal.ParseRing(string(text))
		fail(err)
		return ring
	}
	s, err := sqlite.OpenWith(context.Background(), path, &sqlite.Options{Keys: read("old")})
	fail(err)
	fmt.Println("opened")
	for err = sqlite.ErrResealing; errors.Is(err, sqlite.ErrResealing); { // from the process before
		err = s.Rekey(context.Background(), read("new"))
	}
	fail(err)
	fmt.Println("begun")
	select {}
}

// TestAChangeOfKeysOutlivesAKill kills a process that reseals: each row is then
// sealed with the one key or the other, and the next one to open goes on.
func TestAChangeOfKeysOutlivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	ring := seal.NewRing(seal.NewKey())
	keep := func(name string, ring *seal.Ring) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(ring.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := openWith(t, path, ring)
	store(t, s)
	const many = 2000
	for n := range uint32(many) {
		if err := s.CreateEndpoint(t.Context(), sealedEndpoint(10+n)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	half := 0
	for round := 0; round < 8 || half == 0 && round < 40; round++ { // a slow machine gets more time
		keep("old", ring)
		ring = ring.With(seal.NewKey())
		keep("new", ring)
		cmd := child(t, "rekey", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && lines.Text() != "begun" {
		}
		time.Sleep(time.Duration(round) * 5 * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		if ids, err := sqlite.SealedBy(path); err != nil || !slices.Contains(ids, ring.Current()) {
			t.Errorf("the database knows of the keys %q, %v; %s is in use", ids, err, ring.Current())
		}
		if keys := distinctKeys(t, path); keys > 1 {
			half++
		}
		s := openWith(t, path, ring)
		holds(t, s)
		for n := range uint32(many) {
			if _, err := s.Endpoint(t.Context(), application, idOf("ep_", 10+n)); err != nil {
				t.Fatal(err)
			}
		}
		if round%2 == 1 {
			resealed(t, s, ring.Current())
		}
		s.Close()
	}
	if half == 0 {
		t.Error("no process was killed amidst its work")
	}
	if found := disclosed(t, path); found != nil {
		t.Errorf("there are %q", found)
	}
}

// distinctKeys counts the keys that endpoints are sealed with.
func distinctKeys(t *testing.T, path string) (n int) {
	t.Helper()
	conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteTransient(conn, "SELECT count(DISTINCT sealed_by) FROM endpoint", &sqlitex.ExecOptions{ResultFunc: func(stmt *zombiezen.Stmt) error {
		n = stmt.ColumnInt(0)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
