//go:build linux

package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Command is a command that runs as the servers do: not as root.
func Command(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(name, args...)
	return cmd, asServant(cmd)
}

// Folder makes a folder for what such commands keep. It is removed with the test.
func Folder(t testing.TB) string {
	t.Helper()
	s := &Server{}
	if err := s.claim(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	who, err := servant()
	if err == nil && who != nil {
		err = os.Chown(s.Dir, int(who.Uid), int(who.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.Dir
}

// Binaries finds the folder of PostgreSQL's programs.
func Binaries() (string, error) { return binaries() }

// Family are the ids of a process and of those it has made itself.
func Family(pid int) []int {
	all := []int{pid}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range children {
		text, _ := os.ReadFile(file) // it may have ended
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}
