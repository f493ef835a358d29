//go:build linux

package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memdir"
	"github.com/fanfarehq/fanfare/internal/pgtest"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/storetest"
)

// server is what all tests of this package that need nothing special share.
var server *pgtest.Server

// template is a database on it that is new, and of the newest version.
const template = "template_of_all"

func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		_ = checks.Value.Set(usual)
	}
	if at := flag.Lookup("test.parallel"); at.Value.String() == at.DefValue {
		_ = at.Value.Set(beside)
	}
	code := 1
	if err := begin(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if server != nil {
		server.Stop()
	}
	os.Exit(code)
}

func begin(ctx context.Context) (err error) {
	if err := memdir.Use(); err != nil {
		return err
	}
	if server, err = pgtest.Run(); err != nil {
		return err
	}
	if err := server.Exec(ctx, "CREATE DATABASE "+template); err != nil {
		return err
	}
	url := server.URL(template)
	s, err := postgres.Open(ctx, url, nil)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return on(ctx, url, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, remember)
		return err
	})
}

// beside is how many tests run beside each other, on however few processors, if no number
// is asked for: most of the time they wait.
const beside = "4"

// usual is how many random histories the contract has here if no number is asked for.
const usual = "20"

// fewer has it be so many in a test that runs beside none. Any number that is asked for
// stands.
func fewer(t *testing.T, histories string) {
	if checks := flag.Lookup("rapid.checks").Value; checks.String() == usual {
		_ = checks.Set(histories)
		t.Cleanup(func() { _ = checks.Set(usual) })
	}
}

// database makes a database that no other test has, and returns its URL.
func database(t testing.TB) string {
	t.Helper()
	url, err := server.Copy(t.Context(), template)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// openAt opens a store, which is closed when the test ends if it is not by then.
func openAt(t testing.TB, url string, ring *seal.Ring) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, &postgres.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, databases(t, nil))
}

// databases opens stores by name, each on a database of its own.
func databases(t *testing.T, ring *seal.Ring) storetest.Opener {
	var mu sync.Mutex
	urls := make(map[string]string)
	return func(t testing.TB, name string) fanfare.Store {
		t.Helper()
		mu.Lock()
		url := urls[name]
		mu.Unlock()
		if url == "" { // nobody else opens it meanwhile
			url = lent(t)
			mu.Lock()
			urls[name] = url
			mu.Unlock()
		}
		return openAt(t, url, ring)
	}
}
