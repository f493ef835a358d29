//go:build linux

package pgtest

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fanfarehq/fanfare/internal/memdir"
)

const pattern = "fanfare-pg-"

// claim makes the folder of a server, and removes those that were left behind by
// tests that did not live to do it.
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
	if err != nil {
		return err
	}
	s.Dir, s.mine = filepath.Join(dir, "data"), lock(dir)
	who, err := servant()
	if err != nil || who == nil {
		return err
	}
	return os.Chown(dir, int(who.Uid), int(who.Gid))
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
	if s.Dir != "" {
		os.RemoveAll(filepath.Dir(s.Dir))
	}
	s.mine.Close() // or nil, which does not mind
}
