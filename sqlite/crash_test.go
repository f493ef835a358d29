//go:build unix

package sqlite_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memdir"
	"github.com/fanfarehq/fanfare/sqlite"
)

// role, in the environment, makes the test binary another program.
const role = "FANFARE_SQLITE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "load":
		load(os.Args[1])
	case "limit":
		limit(os.Args[1])
	case "rekey":
		rekey(os.Args[1])
	default:
		if err := memdir.Use(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
}

func child(t *testing.T, as, path string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, path)
	cmd.Env = append(os.Environ(), role+"="+as)
	cmd.Stderr = os.Stderr
	return cmd
}

// application is that of the databases the children work on.
var application = fanfare.ApplicationID(idOf("app_", 1))

// A failing stands for a test in a child process.
type failing struct{ testing.TB }

func (failing) Context() context.Context { return context.Background() }

func (failing) Error(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

// load stores messages and attempts by many callers at once, and prints the id
// of each message once it is accepted and again, with a plus, once it is
// delivered, until it is killed.
func load(path string) {
	s, err := sqlite.Open(context.Background(), path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	eps, err := s.Endpoints(context.Background(), application, fanfare.Page{Limit: 1})
	if err != nil || len(eps) != 1 {
		fmt.Fprintln(os.Stderr, err, len(eps))
		os.Exit(1)
	}
	newest, err := s.Newest(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	h := &shop{store: s, app: application, eps: []fanfare.EndpointID{eps[0].ID}}
	h.made.Store(max(100, binary.BigEndian.Uint32(newest[12:])))
	var mu sync.Mutex
	say := func(mark string, id fanfare.MessageID) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(mark + string(id))
	}
	for i := range int64(32) {
		go func() {
			for {
				in := h.accept(failing{}, i)
				say("", in.Message.ID)
				h.record(failing{}, i, in)
				say("+", in.Message.ID)
			}
		}()
	}
	select {}
}

// TestNothingAcknowledgedIsLostByAKill kills a process in the midst of its work.
func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	setUp(t, path)
	acknowledged := map[fanfare.MessageID]fanfare.State{}
	for round := range 5 {
		cmd := child(t, "load", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		before := len(acknowledged)
		for lines.Scan() {
			line := lines.Text()
			if line[0] == '+' {
				acknowledged[fanfare.MessageID(line[1:])] = fanfare.Delivered
			} else {
				acknowledged[fanfare.MessageID(line)] = fanfare.Waiting
			}
			if len(acknowledged) == before+100+100*round {
				cmd.Process.Kill() // what it has printed until then is still read
			}
		}
		cmd.Wait()
		if len(acknowledged) < before+100 {
			t.Fatalf("round %d: only %d messages were acknowledged", round, len(acknowledged)-before)
		}
		check(t, path, acknowledged)
	}
}

// check compares a database with what was acknowledged: what waits may also have
// been delivered, as the killed process may have had no time to say so.
func check(t *testing.T, path string, acknowledged map[fanfare.MessageID]fanfare.State) {
	t.Helper()
	integrity(t, path)
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for id, state := range acknowledged {
		msg, err := s.Message(t.Context(), application, string(id))
		if err != nil {
			t.Fatalf("message %s was acknowledged: %v", id, err)
		}
		if string(msg.Payload) != string(payload) {
			t.Fatalf("message %s has another payload", id)
		}
		ds, err := s.Deliveries(t.Context(), application, fanfare.DeliveryFilter{Page: fanfare.Page{Limit: 2}, Message: id})
		if err != nil || len(ds) != 1 {
			t.Fatalf("message %s has %d deliveries, %v", id, len(ds), err)
		}
		as, err := s.Attempts(t.Context(), application, fanfare.AttemptFilter{Page: fanfare.Page{Limit: 2}, Message: id})
		if err != nil {
			t.Fatal(err)
		}
		if got := ds[0].State; got != state && got != fanfare.Delivered || (got == fanfare.Delivered) != (len(as) == 1) {
			t.Fatalf("message %s is %v with %d attempts, and was acknowledged as %v", id, got, len(as), state)
		}
	}
}

// limit lets writes fail, in the middle of a commit, by a limit on the size of
// files, and takes the limit away again. It prints what calls then return.
func limit(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := sqlite.Open(context.Background(), path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	set := func(name string) error { return s.SetSetting(context.Background(), name, make([]byte, 100_000)) }
	say := func(what string, err error) {
		fmt.Println(what, errors.Is(err, fanfare.ErrBroken), err == nil)
	}
	say("before", set("before"))
	var old syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old)
	info, _ := os.Stat(path + "-wal")
	syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(info.Size()) + 20_000, Max: old.Max})
	say("during", set("during"))
	syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)
	say("after", set("after"))
	_, err = s.Setting(context.Background(), "before")
	say("reading", err)
	_, err = s.Newest(context.Background())
	say("newest", err)
	say("close", s.Close())
}

// TestAnIOErrorIsTheEnd makes a write fail: nothing is acknowledged after it,
// even though later writes would succeed.
func TestAnIOErrorIsTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	out, err := child(t, "limit", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "before false true\nduring true false\nafter true false\nreading true false\nnewest true false\nclose false true\n"
	if string(out) != want {
		t.Errorf("the calls returned\n%swant\n%s", out, want)
	}
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, want := range map[string]error{"before": nil, "during": fanfare.ErrNotFound, "after": fanfare.ErrNotFound} {
		if _, err := s.Setting(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("setting %q: %v, want %v", name, err, want)
		}
	}
}

// setUp makes a database with one application and one endpoint.
func setUp(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := s.CreateApplication(t.Context(), &fanfare.Application{ID: application, Name: "Acme", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	ep := &fanfare.Endpoint{ID: fanfare.EndpointID(idOf("ep_", 2)), Application: application, URL: "https://example.com/in", CreatedAt: now, UpdatedAt: now}
	if err := s.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
