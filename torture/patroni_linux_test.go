package torture

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/freeport"
	"github.com/fanfarehq/fanfare/internal/pgtest"
)

var patroniFlag = flag.Int("patroni", 0, "how often TestPatroni loses the leader; 0: it is skipped")

// A cluster is a PostgreSQL and its synchronous standby, which Patroni looks after.
type cluster struct {
	etcd    string // where it is
	dir     string
	members [2]*member
}

// A member is one Patroni with its PostgreSQL.
type member struct {
	name, dir  string
	port, rest int
	patroni    *exec.Cmd
	ended      chan struct{}
}

// patroniConfig is a member's. Leases last as long as Patroni lets them at least.
const patroniConfig = `
scope: fanfare
name: %[1]s
restapi: {listen: '127.0.0.1:%[2]d', connect_address: '127.0.0.1:%[2]d'}
etcd3: {host: '%[3]s'}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    master_start_timeout: 0
    synchronous_mode: true
    postgresql: {use_pg_rewind: true, parameters: {max_connections: 200, wal_log_hints: 'on'}}
  initdb: [{encoding: UTF8}, {locale: C}]
postgresql:
  listen: 127.0.0.1:%[4]d
  connect_address: 127.0.0.1:%[4]d
  data_dir: %[5]s/data
  bin_dir: %[6]s
  pgpass: %[5]s/pgpass
  use_unix_socket: false
  pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']
  authentication: {superuser: {username: postgres}, replication: {username: replicator}, rewind: {username: postgres}}
  parameters: {unix_socket_directories: '', shared_buffers: 64MB, max_wal_size: 64MB, wal_retrieve_retry_interval: 500ms, dynamic_shared_memory_type: mmap}
`

// newCluster starts etcd and two members, and returns when one follows the other.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	for _, name := range []string{"patroni", "etcd"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not on this machine: install Debian's packages patroni, python3-etcd and etcd-server", name)
		}
	}
	c := &cluster{dir: pgtest.Folder(t)}
	c.startEtcd(t)
	bin, err := pgtest.Binaries()
	for i := range c.members {
		m := &member{name: pairNames[i], dir: filepath.Join(c.dir, pairNames[i])}
		c.members[i] = m
		if err == nil {
			m.port, err = freeport.Next()
		}
		if err == nil {
			m.rest, err = freeport.Next()
		}
		if err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf(patroniConfig, m.name, m.rest, c.etcd, m.port, m.dir, bin)
		if err := os.WriteFile(m.dir+".yml", []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		m.start(t)
		t.Cleanup(m.destroy)
	}
	c.settled(t)
	return c
}

func (c *cluster) startEtcd(t *testing.T) {
	t.Helper()
	var addresses [2]string
	for i := range addresses {
		port, err := freeport.Next()
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	c.etcd = addresses[0]
	peer := "http://" + addresses[1]
	etcd := daemon(t, filepath.Join(c.dir, "etcd.log"), "etcd", "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", "http://"+c.etcd, "--advertise-client-urls", "http://"+c.etcd,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	t.Cleanup(func() {
		etcd.Process.Kill()
		etcd.Wait()
	})
}

// daemon starts a program that writes to a log.
func daemon(t *testing.T, log, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := pgtest.Command(path, args...)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// url names both members, and is of the one that writes.
func (c *cluster) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=read-write",
		c.members[0].port, c.members[1].port, database)
}

// settled waits until one member leads, and Patroni would have the other lead in its
// place.
func (c *cluster) settled(t *testing.T) {
	t.Helper()
	err := until(t.Context(), 2*time.Minute, func() bool {
		pause(t.Context(), 100*time.Millisecond)
		a, b := c.members[0], c.members[1]
		return a.is(t, "primary") && b.is(t, "synchronous") || b.is(t, "primary") && a.is(t, "synchronous")
	})
	if err == nil {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(c.dir, "*.log"))
	for _, log := range logs {
		text, _ := os.ReadFile(log)
		t.Logf("%s: %s", log, text[max(0, len(text)-2000):])
	}
	t.Fatalf("the members do not come together: %v", err)
}

// is asks a Patroni whether it plays a role.
func (m *member) is(t *testing.T, role string) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/%s", m.rest, role), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := plain.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// roles are the member that leads, and the other.
func (c *cluster) roles(t *testing.T) (leader, other *member) {
	t.Helper()
	if c.members[0].is(t, "primary") {
		return c.members[0], c.members[1]
	}
	return c.members[1], c.members[0]
}

// start starts a member's Patroni, unless it runs.
func (m *member) start(t *testing.T) {
	t.Helper()
	if m.patroni != nil {
		select {
		case <-m.ended:
		default:
			return
		}
	}
	m.patroni = daemon(t, m.dir+".log", "patroni", m.dir+".yml")
	patroni, ended := m.patroni, make(chan struct{})
	m.ended = ended
	go func() {
		patroni.Wait()
		close(ended)
	}()
}

// database are the processes of a member's PostgreSQL, the first one first.
func (m *member) database() []int {
	text, err := os.ReadFile(filepath.Join(m.dir, "data", "postmaster.pid"))
	if err != nil {
		return nil // it does not run
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return nil
	}
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || filepath.Base(exe) != "postgres" {
		return nil // it is another's by now
	}
	return pgtest.Family(pid)
}

// signal signals a member's PostgreSQL.
func (m *member) signal(signal syscall.Signal) {
	for _, pid := range m.database() {
		syscall.Kill(pid, signal) // which is an error if it has ended since
	}
}

// signalAll signals a member's Patroni first.
func (m *member) signalAll(signal syscall.Signal) {
	m.patroni.Process.Signal(signal)
	m.signal(signal)
}

// destroy ends all of a member.
func (m *member) destroy() {
	m.signalAll(syscall.SIGKILL)
	<-m.ended
}

// losses are the ways in which a leader is lost, and how long the cluster is then
// without one at most: until Patroni sees that, and as long as its lease lasts where
// nobody is left to see it.
var losses = []struct {
	name   string
	bar    time.Duration
	strike func(m *member)
}{
	{"PostgreSQL killed", 30 * time.Second, func(m *member) { m.signal(syscall.SIGKILL) }},
	{"PostgreSQL and Patroni killed", 30 * time.Second, func(m *member) { m.destroy() }},
	{"silent", 40 * time.Second, func(m *member) { m.signalAll(syscall.SIGSTOP) }},
	{"Patroni stopped", 30 * time.Second, func(m *member) {
		m.patroni.Process.Signal(syscall.SIGTERM)
		<-m.ended
	}},
}

// TestPatroni does what TestFailover does, where Patroni and etcd see to it that a
// standby takes the leader's place.
func TestPatroni(t *testing.T) {
	if *patroniFlag == 0 {
		t.Skip("it takes half a minute for each leader that is lost: say how many with -patroni")
	}
	chance, seed := newChance(t)
	moments := chance(1)
	c := newCluster(t)
	c.create(t)
	nodes, front := newGroup(t, c.url("fanfare"), 3, moments)
	w := newWorld(t, front)
	w.create(t)
	load := w.press(t.Context(), gentle, chance)
	quiet := w.listen(t)
	f := &failovers{}
	for i := range *patroniFlag {
		loss := losses[i%len(losses)]
		r := &failover{Fault: loss.name}
		w.before(t, nodes, quiet, moments, r)
		begun := time.Now()
		old, next := c.roles(t)
		loss.strike(old)
		next.leads(t)
		w.after(t, nodes, quiet, begun, r)
		begun = time.Now()
		old.signalAll(syscall.SIGCONT)
		old.start(t)
		c.settled(t)
		r.RejoinMS = time.Since(begun).Milliseconds()
		f.add(t, r, loss.bar)
	}
	load.end(t)
	f.audit(t, w, nodes, front, seed)
}

// create makes the database.
func (c *cluster) create(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE fanfare"); err != nil {
		t.Fatal(err)
	}
}

// leads waits until a member leads that did not.
func (m *member) leads(t *testing.T) {
	t.Helper()
	err := until(t.Context(), 90*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(m.dir, "data", "standby.signal"))
		return errors.Is(err, fs.ErrNotExist)
	})
	if err != nil {
		t.Fatalf("%s does not take the other's place: %v", m.name, err)
	}
}
