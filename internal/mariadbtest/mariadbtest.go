//go:build linux

// Package mariadbtest stands up MariaDB servers for tests: real ones, from the machine's
// own binaries, each in a folder of its own and gone with the test.
package mariadbtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/fanfarehq/fanfare/internal/freeport"
	"github.com/fanfarehq/fanfare/internal/memdir"
)

// Who tests connect as: it may do all.
const (
	User     = "fanfare"
	Password = "correct-horse-battery"
)

// A Server is a running MariaDB.
type Server struct {
	Port      int
	Authority string // in PEM, who says that it is 127.0.0.1 to those who want an encrypted connection

	dir     string
	mine    *os.File     // locked as long as the folder is in use
	made    atomic.Int64 // databases
	process *exec.Cmd
	ended   chan struct{}
}

// Run starts a server on a free port of loopback. Stop ends it.
func Run() (*Server, error) {
	s := &Server{}
	if err := s.begin(); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *Server) begin() (err error) {
	server, err := binary("mariadbd")
	if err != nil {
		return err
	}
	install, err := binary("mariadb-install-db")
	if err != nil {
		return err
	}
	if err := s.claim(); err != nil {
		return err
	}
	who, err := servant()
	if err != nil {
		return err
	}
	if who != nil {
		if err := os.Chown(s.dir, int(who.Uid), int(who.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(s.dir, "data")
	start := filepath.Join(s.dir, "start.sql")
	statements := fmt.Sprintf("CREATE OR REPLACE USER '%s'@'127.0.0.1' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO '%[1]s'@'127.0.0.1' WITH GRANT OPTION;\n", User, Password)
	if err := os.WriteFile(start, []byte(statements), 0o644); err != nil {
		return err
	}
	cmd := exec.Command(install, "--no-defaults", "--datadir="+data, "--skip-test-db", "--auth-root-authentication-method=normal")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb-install-db: %w: %s", err, out)
	}
	if s.Port, err = freeport.Next(); err != nil {
		return err
	}
	cert, key, err := s.certify()
	if err != nil {
		return err
	}
	s.process = exec.Command(server, "--no-defaults", "--datadir="+data, "--init-file="+start,
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.Port), "--socket="+filepath.Join(s.dir, "socket"),
		"--pid-file="+filepath.Join(s.dir, "pid"), "--skip-name-resolve", "--ssl-cert="+cert, "--ssl-key="+key, "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M")
	s.process.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGKILL}
	s.process.Dir = s.dir
	return s.boot()
}

const pattern = "fanfare-mariadb-"

// claim makes the folder of a server, and removes those that were left behind by tests
// that did not live to do it.
func (s *Server) claim() error {
	in := memdir.Root()
	old, _ := filepath.Glob(filepath.Join(in, pattern+"*"))
	for _, dir := range old {
		if info, err := os.Stat(dir); err != nil || time.Since(info.ModTime()) < time.Minute {
			continue // its owner may be about to lock it
		}
		if file := lock(dir); file != nil {
			os.RemoveAll(dir)
			file.Close()
		}
	}
	dir, err := os.MkdirTemp(in, pattern)
	s.dir, s.mine = dir, lock(dir)
	return err
}

// lock locks a folder for as long as its file is open; nil if it is locked.
func lock(dir string) *os.File {
	file, err := os.Open(dir)
	if err != nil {
		return nil
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil
	}
	return file
}

// remove removes the folder.
func (s *Server) remove() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
	s.mine.Close() // or nil, which does not mind
}

// certify makes the server a certificate, and returns its files and those of its key.
func (s *Server) certify() (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, of, of, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	s.Authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}))
	cert, key = filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "key.pem")
	return cert, key, errors.Join(
		os.WriteFile(cert, []byte(s.Authority), 0o644),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o644)) // it guards nothing
}

// boot starts the process and waits until it takes connections.
func (s *Server) boot() error {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		_ = s.process.Wait() // how it ended is in its log
		close(s.ended)
	}()
	late := time.After(time.Minute)
	for {
		err := s.Exec("SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the server did not start: %s", text)
		case <-late:
			s.Stop()
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Open connects to one of its databases; "" is none.
func (s *Server) Open(database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), User, Password, database
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Exec runs a statement outside of any transaction.
func (s *Server) Exec(query string) error {
	db, err := s.Open("")
	if err != nil {
		return err
	}
	_, err = db.Exec(query)
	return errors.Join(err, db.Close())
}

// Database makes an empty database and returns its name.
func (s *Server) Database() (string, error) {
	name := fmt.Sprintf("test_%d", s.made.Add(1))
	return name, s.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4")
}

// Stop ends the server and removes its data.
func (s *Server) Stop() {
	_ = s.process.Process.Kill() // it may have ended already
	<-s.ended
	s.remove()
}

// binary finds one of MariaDB's programs.
func binary(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path := "/usr/sbin/" + name; exists(path) {
		return path, nil
	}
	return "", fmt.Errorf("no %s on this machine: install Debian's package mariadb-server, or put its folder into PATH", name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// servant is who the server runs as, since it refuses to run as root; nil: as this
// process does.
func servant() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("mysql")
	if err != nil {
		return nil, fmt.Errorf("MariaDB does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
