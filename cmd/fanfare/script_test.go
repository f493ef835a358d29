package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fanfarehq/fanfare/internal/freeport"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fanfare": main})
}

// TestScripts runs the program as its users do. Every script finds two addresses
// of its own: $ADDR for a server, where the client's settings point to, and
// $PORT for a listener.
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts(t))
}

func scripts(t *testing.T) testscript.Params {
	return testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			server, listener := freePort(t), freePort(t)
			env.Setenv("ADDR", "127.0.0.1:"+server)
			env.Setenv("FANFARE_URL", "http://127.0.0.1:"+server)
			env.Setenv("FANFARE_ADMIN_KEY", "a-key-for-scripts-only")
			env.Setenv("PORT", listener)
			env.Setenv("HOOK", "http://127.0.0.1:"+listener+"/")
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "ready": ready, "await": await, "keep": keep, "database": databases(t),
		},
	}
}

func freePort(t *testing.T) string {
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(port)
}

// exits CODE PROGRAM ARGS... wants the program to end with that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("it exits with %d, want %s", got, args[0])
	}
}

// longest is how long a script waits for something to be so.
const longest = time.Minute

// until waits for something to be so.
func until(ts *testscript.TestScript, what string, so func() bool) {
	for begun := time.Now(); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > longest {
			ts.Fatalf("%s: not within %v", what, longest)
		}
	}
}

// ready URL waits until something answers there.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, args[0], func() bool {
		resp, err := http.Get(args[0])
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode < 300
	})
}

// await FILE PATTERN waits until the file is there and matches.
func await(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[1])
	file := ts.MkAbs(args[0])
	until(ts, args[0]+" has nothing like "+args[1], func() bool {
		text, err := os.ReadFile(file)
		return err == nil && pattern.Match(text)
	})
}

// keep NAME FILE PATTERN puts what the pattern, or its group, matches in a file
// or in stdout into an environment variable.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if found == nil {
		ts.Fatalf("%s has nothing like %s", args[1], args[2])
	}
	ts.Setenv(args[0], strings.TrimSpace(found[len(found)-1]))
}
