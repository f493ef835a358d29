//go:build linux

package postgres_test

import (
	"bytes"
	"context"
	"io"
	"net"
	neturl "net/url"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// joined opens a store that is a node, and holds what there is for it.
func joined(t *testing.T, url, name string) (*postgres.Store, *fanfare.Lease) {
	t.Helper()
	s := openAt(t, url, nil)
	if err := s.Join(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return s, renewed(t, s, 1)
}

func renewed(t *testing.T, s *postgres.Store, horizon uint64) *fanfare.Lease {
	t.Helper()
	lease, err := s.Renew(t.Context(), horizon, true)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// begun begins a transaction of someone else, which has done what a query says, and
// returns what ends it.
func begun(t *testing.T, url, query string) (end func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	for _, q := range []string{"BEGIN", query} {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
			t.Error(err)
		}
	}
}

// TestALoadDoesNotHoldUpALease has every connection of a store wait for the database:
// its lease is renewed all the same.
func TestALoadDoesNotHoldUpALease(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, _ := joined(t, url+"&pool_max_conns=3", "a")
	end := begun(t, url, "LOCK TABLE message")
	waiting, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	for range 6 {
		go func() { ended <- s.Read(waiting, "SELECT count(*) FROM message") }()
	}
	waitFor(t, url, "SELECT count(*) = 3 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
	at := time.Now()
	if lease := renewed(t, s, 1); len(lease.Shards) != fanfare.Shards+1 {
		t.Errorf("%d shards, want all", len(lease.Shards))
	}
	if took := time.Since(at); took > 10*time.Second { // the others go on waiting
		t.Errorf("it took %v", took)
	}
	stop()
	end()
	for range 6 {
		<-ended
	}
}

// TestARowThatIsLockedHoldsNoLeaseUpForLong has someone lock a row that is written with
// each renewal.
func TestARowThatIsLockedHoldsNoLeaseUpForLong(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, _ := joined(t, url, "a")
	end := begun(t, url, "SELECT 1 FROM counter WHERE name = 'horizon' FOR UPDATE")
	defer end()
	at := time.Now()
	if _, err := s.Renew(t.Context(), 5, true); err == nil {
		t.Error("renewed though the row is locked: nothing was tested")
	}
	if took := time.Since(at); took > 3*time.Second {
		t.Errorf("it took %v to say so", took)
	}
}

// TestANodeThatHasDiedIsReplacedAtOnce has a node of this machine that was killed: the
// next one there takes what it held without waiting. One that is frozen is left alone,
// and so is one of which nothing is known.
func TestANodeThatHasDiedIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		become func(cmd *exec.Cmd) error
		alter  func(process string) string
		want   int
	}{
		{"killed", kill, nil, fanfare.Shards + 1},
		{"frozen", func(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGSTOP) }, nil, 0},
		{"alive", func(*exec.Cmd) error { return nil }, nil, 0},
		{"killed on another machine", kill, func(process string) string { return "x" + process }, 0},
		{"killed, and not told from others", kill, func(string) string { return "" }, 0},
		{"number given again", func(*exec.Cmd) error { return nil }, func(process string) string { return process + "1" }, fanfare.Shards + 1},
	} {
		url := database(t)
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		process := postgres.ProcessOf(cmd.Process.Pid)
		if test.alter != nil {
			process = test.alter(process)
		}
		execute(t, url, `INSERT INTO node (id, name, process, horizon, started_at, expires_at)
			VALUES ('00000000-0000-0000-0000-000000000001', 'dead', nullif('`+process+`', ''), 0, now(), now() + interval '1 hour');
			UPDATE shard SET owner = '00000000-0000-0000-0000-000000000001'`)
		if err := test.become(cmd); err != nil {
			t.Fatal(err)
		}
		if _, lease := joined(t, url, "next"); len(lease.Shards) != test.want {
			t.Errorf("%s: the next one holds %d shards, want %d", test.name, len(lease.Shards), test.want)
		}
		if cmd.ProcessState == nil {
			_ = kill(cmd) // it has a signal as its end
		}
	}
}

func kill(cmd *exec.Cmd) error {
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // it has a signal as its end
	return nil
}

// TestAStoreIsOneNode has a store join that has not left before: what it was is gone then.
func TestAStoreIsOneNode(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, lease := joined(t, url, "a")
	if len(lease.Shards) != fanfare.Shards+1 {
		t.Fatalf("%d shards, want all", len(lease.Shards))
	}
	if err := s.Join(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if lease := renewed(t, s, 1); len(lease.Shards) != fanfare.Shards+1 {
		t.Errorf("%d shards after joining again, want all", len(lease.Shards))
	}

	n := 0
	if row(t, url, "SELECT count(*) FROM node", &n); n != 1 {
		t.Errorf("there are %d nodes, want 1", n)
	}
}

// TestAJoinThatWasNotHeardOf has the answers of the database get lost.
func TestAJoinThatWasNotHeardOf(t *testing.T) {
	t.Parallel()
	url := database(t)
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	line := newDeaf(t, u.Host)
	u.Host = line.address
	s := openAt(t, u.String(), nil)
	if err := s.Join(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		line.deaf.Store(false)
		line.armed.Store(true)
		unheard, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := s.Join(unheard, "a")
		stop()
		if err == nil {
			t.Fatal("the answer was heard")
		}
	}
	n := 0
	if row(t, url, "SELECT count(*) FROM node", &n); n != 1 {
		t.Fatalf("there are %d nodes, want one that was not heard of", n)
	}
	line.armed.Store(false)
	line.deaf.Store(false)
	if err := s.Join(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if row(t, url, "SELECT count(*) FROM node", &n); n != 1 {
		t.Errorf("there are %d nodes, want 1", n)
	}
	if lease := renewed(t, s, 1); len(lease.Shards) != fanfare.Shards+1 {
		t.Errorf("%d shards, want all", len(lease.Shards))
	}
}

// A deaf line to a server passes on what is sent, and loses the answers to what has the
// word of a join in it and to all that follows, once it is armed.
type deaf struct {
	address     string
	armed, deaf atomic.Bool
}

func newDeaf(t *testing.T, server string) *deaf {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	line := &deaf{address: l.Addr().String()}
	var working sync.WaitGroup
	t.Cleanup(func() { l.Close(); working.Wait() })
	working.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			working.Go(func() { _, _ = io.Copy(line.ear(to), client); to.Close() })
			working.Go(func() { _, _ = io.Copy(line.mouth(client), to); client.Close() })
		}
	})
	return line
}

// ear is the way to the server.
func (d *deaf) ear(server net.Conn) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if d.armed.Load() && bytes.Contains(p, []byte("renew")) {
			d.deaf.Store(true)
		}
		return server.Write(p)
	})
}

// mouth is the way to the client.
func (d *deaf) mouth(client net.Conn) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if d.deaf.Load() {
			return len(p), nil
		}
		return client.Write(p)
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestCloseEndsWhoHears closes a store while news are waited for, and while a
// connection for them is being made.
func TestCloseEndsWhoHears(t *testing.T) {
	t.Parallel()
	url := database(t)
	for i := range 6 {
		s, err := postgres.Open(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			for {
				if _, err := s.Hear(t.Context()); err != nil {
					ended <- err
					return
				}
			}
		}()
		time.Sleep(time.Duration(i) * 5 * time.Millisecond)
		s.Close()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Fatal("who hears goes on")
		}
	}
	waitFor(t, url, "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()")
}
