package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestAFullDisk fills a small disk of its own, which only root can have.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128m"); err != nil {
		t.Logf("mounting a small disk: %v; the disk of TestFull has to do", err)
		return
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 56<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	reserveSize = wholeReserve
	defer func() { reserveSize = 64 << 10 }()
	path := filepath.Join(dir, "fanfare.db")
	s := reopen(t, path)
	furnish(t, s)
	n := fill(t, s, 16<<10)
	for i := range n {
		if err := record(t, s, i+1); err != nil {
			t.Fatalf("recording %d of %d on a full disk: %v", i+1, n, err)
		}
		if err := accept(t, s, n+1, 10); !errors.Is(err, fanfare.ErrFull) {
			t.Fatalf("accepting on a full disk gives %v, want %v", err, fanfare.ErrFull)
		}
	}
	late := &job{grows: true, run: func(*writer) error { return errors.New("it ran") }} // begun before the disk was full
	g, err := s.queue.add(late)
	if err != nil {
		t.Fatal(err)
	}
	if <-g.done; !errors.Is(late.err, fanfare.ErrFull) {
		t.Errorf("one that was queued already gives %v, want %v", late.err, fanfare.ErrFull)
	}
	if got := waiting(t, s); got != 0 {
		t.Errorf("%d deliveries wait, want none", got)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	for accept(t, s, n+1, 16<<10) != nil {
		if time.Since(freed) > time.Minute {
			t.Fatal("a minute after there is room it still refuses")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, path)
	if got := waiting(t, s); got != 1 {
		t.Errorf("%d deliveries wait, want 1", got)
	}
	s.Close()
}
