package postgres_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/pgtest"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/storetest"
)

// server is what all tests of this package that need nothing special share.
var server *pgtest.Server

func TestMain(m *testing.M) {
	var err error
	if server, err = pgtest.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

func TestContract(t *testing.T) {
	var mu sync.Mutex
	urls := make(map[string]string)
	storetest.Run(t, func(t testing.TB, name string) fanfare.Store {
		mu.Lock()
		defer mu.Unlock()
		if urls[name] == "" {
			url, err := server.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			urls[name] = url
		}
		s, err := postgres.Open(t.Context(), urls[name], nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
