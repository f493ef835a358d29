//go:build linux

// Package pgtest stands up PostgreSQL servers for tests: real ones, from the
// machine's own binaries, each in a folder of its own and gone with the test.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/freeport"
)

// A Server is a running PostgreSQL.
type Server struct {
	Dir  string // its data
	Port int

	bin     string
	mine    *os.File     // locked as long as the folder is in use
	made    atomic.Int64 // databases
	process *os.Process
	ended   chan struct{}
}

// Start starts a server on a free port of loopback, with settings as they stand in
// postgresql.conf besides its own. It is ended when the test is.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := Run(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Run is Start for those who have no test at hand, and call Stop themselves.
func Run(settings ...string) (*Server, error) {
	return run(settings, func(s *Server) error {
		return s.tool("initdb", "-D", s.Dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	})
}

// Standby starts a server that follows s, by the name of which s can be told to wait
// for it (synchronous_standby_names). It is ended when the test is.
func (s *Server) Standby(t testing.TB, name string, settings ...string) *Server {
	t.Helper()
	standby, err := run(settings, func(standby *Server) error { return standby.fill(s, name) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	return standby
}

// run starts a server whose data fill has made.
func run(settings []string, fill func(s *Server) error) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if err := s.begin(settings, fill); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// base is what every server of a test has: nothing of it takes away from what a
// server promises to keep.
var base = []string{
	"listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 400",
	"shared_buffers = 64MB", "max_wal_size = 256MB", "autovacuum_naptime = 10s",
	"dynamic_shared_memory_type = mmap", // in its folder, with which it goes
}

func (s *Server) begin(settings []string, fill func(s *Server) error) (err error) {
	if err := s.claim(); err != nil {
		return err
	}
	if err := fill(s); err != nil {
		return err
	}
	if s.Port, err = freeport.Next(); err != nil {
		return err
	}
	conf, err := os.OpenFile(filepath.Join(s.Dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer conf.Close()
	lines := slices.Concat(base, settings)
	if _, err := conf.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		return err
	}
	return s.Boot()
}

// tool runs one of PostgreSQL's programs to its end.
func (s *Server) tool(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	if err := asServant(cmd); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// Boot starts a server that was stopped, and returns when it takes connections.
func (s *Server) Boot() error {
	// Its settings may be those of the server it was copied from, but for the port.
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.Dir, "-p", strconv.Itoa(s.Port))
	log, err := os.OpenFile(filepath.Join(filepath.Dir(s.Dir), "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := asServant(cmd); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.process, s.ended = cmd.Process, ended
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(ended)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the server did not start: %s", text)
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is where one of its databases is.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), Path: "/" + database}
	return u.String() + "?sslmode=disable"
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(ctx context.Context) (string, error) { return s.Copy(ctx, "template0") }

// Copy makes a database that holds what another does, which nobody is connected to,
// and returns its URL.
func (s *Server) Copy(ctx context.Context, of string) (string, error) {
	name := fmt.Sprintf("test_%d", s.made.Add(1))
	return s.URL(name), s.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+pgx.Identifier{of}.Sanitize()+" STRATEGY file_copy")
}

// Exec runs a statement as the superuser, outside of any transaction.
func (s *Server) Exec(ctx context.Context, query string) error {
	return s.connected(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, query)
		return err
	})
}

// Row reads the only row of a query into what to point to.
func (s *Server) Row(ctx context.Context, query string, to ...any) error {
	return s.connected(ctx, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, query).Scan(to...) })
}

func (s *Server) connected(ctx context.Context, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	return errors.Join(f(conn), conn.Close(ctx))
}

// Kill ends the server at once, as a crash does; [Server.Boot] starts it again.
func (s *Server) Kill() { s.end(syscall.SIGQUIT) }

// Freeze has none of the server's processes run until [Server.Thaw].
func (s *Server) Freeze() error { return s.signalAll(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.signalAll(syscall.SIGCONT) }

// Stop ends the server and removes its data.
func (s *Server) Stop() {
	s.end(syscall.SIGQUIT)
	s.dropMemory()
	s.remove()
}

// signalAll signals the server's processes: the first one, and those it has made.
func (s *Server) signalAll(signal syscall.Signal) error {
	for _, pid := range s.Processes() {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// Processes are the ids of the server's processes.
func (s *Server) Processes() []int { return Family(s.process.Pid) }

func (s *Server) end(signal os.Signal) {
	_ = s.process.Signal(signal) // it may have ended already
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		_ = s.process.Kill()
		<-s.ended
	}
}

// binaries finds the folder of initdb and postgres.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL on this machine: install Debian's package postgresql, or put the folder of initdb and postgres into PATH")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// servant is who the server runs as, since it refuses to run as root; nil: as we do.
func servant() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func asServant(cmd *exec.Cmd) error {
	who, err := servant()
	if err != nil {
		return err
	}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGQUIT}
	return nil
}
