package main

import (
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// databases is the command "database NAME", which puts the URL of an empty database
// in PostgreSQL into an environment variable. All scripts share one server.
func databases(t *testing.T) func(*testscript.TestScript, bool, []string) {
	server := sync.OnceValues(func() (*pgtest.Server, error) {
		server, err := pgtest.Run()
		if err == nil {
			t.Cleanup(server.Stop)
		}
		return server, err
	})
	return func(ts *testscript.TestScript, _ bool, args []string) {
		s, err := server()
		ts.Check(err)
		url, err := s.Database(t.Context())
		ts.Check(err)
		ts.Setenv(args[0], url)
	}
}
