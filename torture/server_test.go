package torture

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/freeport"
)

var (
	proofsFlag = flag.Bool("proofs", false, "run all that takes long, too, in its short form")
	killsFlag  = flag.Int("kills", 0, "how often TestKill kills the server; 0: the short form")
	seedFlag   = flag.Uint64("seed", 0, "seed of what is random; 0 takes a new one")
)

// long is for a test that takes long: it is run with -proofs, or if it was asked for by
// a flag of its own.
func long(t *testing.T, asked bool) {
	t.Helper()
	if !asked && !*proofsFlag {
		t.Skip("it takes long: ask for it with -proofs")
	}
}

// binary is the server under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fanfare-torture-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "fanfare")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/fanfare").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the server: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

const (
	adminKey   = "torture-admin-key"
	secretsKey = "FmZyuIfBVAq4Wq5gAXu8RHYBvlUuXFyKfxEZTTm5AqM="
)

// A host is where servers are started, one after the other, on the same data.
type host struct {
	data    string   // the folder
	url     string   // of the database in PostgreSQL instead; "": there is none
	address string   // where they listen
	through []string // the command that starts them, if not they themselves
	flags   []string // that they are given besides

	started atomic.Int64 // when the last one was, in nanoseconds since 1970
	first   atomic.Int64 // how long it then took to send its first request; 0: it has not
}

func newHost(t *testing.T) *host {
	if err := readFolders(".."); err != nil {
		t.Fatal(err)
	}
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	return &host{data: filepath.Join(t.TempDir(), "data"), address: fmt.Sprintf("127.0.0.1:%d", port)}
}

// readFolders reads the folders of the source. "go test" notes what tests read,
// and so does not answer from its cache when the server has changed.
func readFolders(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		if err == nil && entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "compat") {
			return filepath.SkipDir
		}
		return err
	})
}

// A server is one process.
type server struct {
	host  *host
	cmd   *exec.Cmd
	words bytes.Buffer  // what it wrote; to be read when it has ended
	ended chan struct{} // closed then
	err   error         // how
}

// start starts a server. It may not be there yet when start returns.
func (h *host) start(t *testing.T) *server {
	t.Helper()
	args := append(append([]string{}, h.through...), binary, "serve", "--data", h.data, "--database", h.url, "--listen", h.address, "--dev", "--log-level", "warn")
	args = append(args, h.flags...)
	s := &server{host: h, cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), "FANFARE_ADMIN_KEY="+adminKey)
	if h.url != "" {
		s.cmd.Env = append(s.cmd.Env, "FANFARE_SECRETS_KEY="+secretsKey)
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.words, &s.words
	h.started.Store(time.Now().UnixNano())
	h.first.Store(0)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reaped sync.WaitGroup
	reaped.Go(func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	})
	t.Cleanup(func() {
		s.cmd.Process.Kill() // which is an error if it has ended, as it should have
		reaped.Wait()
	})
	return s
}

// ready waits until the server answers.
func (s *server) ready(t *testing.T) {
	t.Helper()
	err := until(t.Context(), time.Minute, func() bool {
		select {
		case <-s.ended:
			t.Fatalf("the server ended by itself (%v):\n%s", s.err, &s.words)
		default:
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.host.address+"/api/v1/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := plain.Do(req)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusNoContent
	})
	if err != nil {
		t.Fatalf("the server does not answer: %v", err)
	}
}

// kill ends the server without a warning. It must have lived until then.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatalf("the server ended before it was killed (%v):\n%s", err, s.said())
	}
	<-s.ended
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && !status.Signaled() {
		t.Fatalf("the server ended before it was killed (%v):\n%s", s.err, &s.words)
	}
}

// stop ends the server politely, and returns how long that took.
func (s *server) stop(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("the server ended before it was stopped (%v):\n%s", err, s.said())
	}
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		t.Fatal("the server does not stop within a minute of SIGTERM")
	}
	if s.err != nil {
		t.Fatalf("after SIGTERM the server ended with %v:\n%s", s.err, &s.words)
	}
	return time.Since(begun)
}

func (s *server) said() string {
	<-s.ended
	return s.words.String()
}

// plain is for calls outside of the load.
var plain = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

var errLate = errors.New("it took too long")

// until asks every few milliseconds whether something has come about.
func until(ctx context.Context, limit time.Duration, so func() bool) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-late.C:
			return fmt.Errorf("%w: more than %s", errLate, limit)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// newChance returns what is random about a test, in strands that do not depend
// on each other, and its seed.
func newChance(t *testing.T) (chance func(strand uint64) *rand.Rand, seed uint64) {
	seed = *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	test := fnv.New64a()
	io.WriteString(test, t.Name())
	return func(strand uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, test.Sum64()+strand)) }, seed
}
