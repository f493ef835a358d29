//go:build linux

package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Destroy ends all processes of the server with SIGKILL, as a machine does that goes
// dark; [Server.Boot] starts it again.
func (s *Server) Destroy() {
	select {
	case <-s.ended:
		return // its process ids may be others' by now
	default:
	}
	all := s.Processes()
	for _, pid := range all { // the first one first, so that it does not see the others die
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended already
	}
	<-s.ended
	for _, pid := range all {
		for runs(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// runs reports whether a process has not ended; one that nobody has waited for has.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(text, []byte(") ")) // proc(5)
	return !bytes.HasPrefix(state, []byte("Z"))
}

// Promote makes a standby a primary, and returns when it takes what is to be written.
func (s *Server) Promote(ctx context.Context) error {
	done := false
	if err := s.Row(ctx, "SELECT pg_promote(true, 60)", &done); err != nil || !done {
		return fmt.Errorf("promoting: %t, %w", done, err)
	}
	return nil
}

// Set has settings hold from now on, or from its start on if the server has to be
// started for that: a name and a value each.
func (s *Server) Set(ctx context.Context, settings ...string) error {
	for ; len(settings) > 1; settings = settings[2:] {
		if err := s.Exec(ctx, "ALTER SYSTEM SET "+settings[0]+" = '"+settings[1]+"'"); err != nil {
			return err
		}
	}
	return s.Exec(ctx, "SELECT pg_reload_conf()")
}

// Rewind makes a server that has ended a standby of another that has taken its place:
// what only it has is undone. That has to have wal_log_hints on.
func (s *Server) Rewind(primary *Server, name string) error {
	if err := s.tool("pg_rewind", "--target-pgdata", s.Dir, "--source-server", primary.asStandby(name), "--write-recovery-conf", "--no-sync"); err != nil {
		return err
	}
	return s.Boot()
}

// Refill is Rewind with a copy of all the other has.
func (s *Server) Refill(primary *Server, name string) error {
	s.dropMemory()
	if err := os.RemoveAll(s.Dir); err != nil {
		return err
	}
	if err := s.fill(primary, name); err != nil {
		return err
	}
	return s.Boot()
}

// dropMemory removes the shared memory of a server that was destroyed, which its next
// start would find by this file.
func (s *Server) dropMemory() {
	text, _ := os.ReadFile(filepath.Join(s.Dir, "postmaster.pid")) // one that was stopped has none
	lines := strings.Split(string(text), "\n")
	const memory, remove = 6, 0 // the line of its key and id; IPC_RMID
	if len(lines) <= memory {
		return
	}
	if fields := strings.Fields(lines[memory]); len(fields) == 2 {
		if id, err := strconv.Atoi(fields[1]); err == nil {
			_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), remove, 0)
		}
	}
}

// fill copies what a primary has.
func (s *Server) fill(primary *Server, name string) error {
	return s.tool("pg_basebackup", "-D", s.Dir, "-d", primary.asStandby(name), "-R", "-c", "fast", "--no-sync")
}

// asStandby is how a standby connects to the server.
func (s *Server) asStandby(name string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres application_name=%s", s.Port, name)
}
