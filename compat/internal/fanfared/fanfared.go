// Package fanfared builds the server and runs it as a process of its own, for the tests of
// this module.
package fanfared

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/memdir"
)

// AdminKey is the admin key of every server that is started here.
const AdminKey = "compat-admin-key-0123456789"

// program is the server, once Run has built it.
var program string

// Run builds the server, has tests run, and returns what they do: the code to exit with.
// What they write to temporary folders meanwhile is in memory where there is room for it.
func Run(tests func() int) (code int) {
	dir, err := os.MkdirTemp("", "fanfare-compat-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "fanfare")
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, "building the server:", err)
		return 1
	}
	if err := memdir.Use(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return tests()
}

// build builds the server in its own module, with the dependencies that it is released
// with.
func build() error {
	in, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/fanfarehq/fanfare").Output()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", program, "./cmd/fanfare")
	cmd.Dir = strings.TrimSpace(string(in))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Command runs the program, which need not be a server.
func Command(args ...string) *exec.Cmd { return exec.Command(program, args...) }

// Options are what a server is started with besides what all of them are.
type Options struct {
	Flags []string
	Env   []string // NAME=value
	Data  string   // the folder of its data; "": a new one
}

// A Server is a running process of the program.
type Server struct {
	URL string // without a path

	t     testing.TB
	cmd   *exec.Cmd
	said  printer
	stop  sync.Once
	heard sync.WaitGroup
}

// Start starts a server on a free port of loopback. It is ended when the test is, and
// fails the test if it does not end in good order.
func Start(t testing.TB, opt *Options) *Server {
	t.Helper()
	if opt == nil {
		opt = &Options{}
	}
	data := opt.Data
	if data == "" {
		data = t.TempDir()
	}
	s := &Server{t: t}
	s.cmd = Command(slices.Concat([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--dev"}, opt.Flags)...)
	s.cmd.Env = slices.Concat(os.Environ(), []string{"FANFARE_ADMIN_KEY=" + AdminKey}, opt.Env)
	s.cmd.Stderr = &s.said
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	lines := bufio.NewScanner(stdout)
	for s.URL == "" && lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[0] == "API" {
			s.URL = strings.TrimSuffix(fields[1], "/api/v1")
		}
	}
	s.heard.Go(func() { _, _ = io.Copy(io.Discard, stdout) })
	if s.URL == "" {
		t.Fatal("the server did not say where its API is")
	}
	return s
}

// patience is how long a server may take to end on a machine that is busy.
const patience = time.Minute

// Stop ends the server before the test ends.
func (s *Server) Stop() {
	s.stop.Do(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait says
		stuck := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
		defer stuck.Stop()
		if err := s.cmd.Wait(); err != nil {
			s.t.Errorf("the server ended with %v", err)
		}
		s.heard.Wait()
		if s.t.Failed() {
			s.t.Logf("the server's log:\n%s", s.Log())
		}
	})
}

// Log is what the server has logged so far; all of it once it was stopped.
func (s *Server) Log() string { return s.said.String() }

// A printer keeps what is written to it.
type printer struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *printer) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}
