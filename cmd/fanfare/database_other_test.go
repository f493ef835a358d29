//go:build !linux

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// databases is the command "database NAME" of the scripts that only Linux runs.
func databases(*testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Fatalf("PostgreSQL is started by tests on Linux only")
	}
}
