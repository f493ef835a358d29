package torture

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The disk that TestDiskFull fills, and what something else takes of it at first,
// in MiB. Both are ample for the reserve that the server keeps.
const (
	diskSize   = 128
	fillerSize = 56
)

// TestDiskFull fills the server's disk. What it then refuses it says so, what it
// had accepted it goes on to deliver, and once there is room it goes on by itself.
func TestDiskFull(t *testing.T) {
	long(t, false)
	t.Parallel()
	chance, seed := newChance(t)
	h := newHost(t)
	outside := h.onDisk(t)
	filler := filepath.Join(outside, "filler")
	if err := os.WriteFile(filler, make([]byte, fillerSize<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, h)
	s := h.start(t)
	s.ready(t)
	w.create(t)
	w.closed.Store(true)
	load := w.press(t.Context(), pace{clients: 2, interval: 8 * time.Millisecond, backlog: 1 << 30, padding: 64 << 10}, chance)
	w.await(t, "the disk to be full", 30*time.Second, func() bool { return w.answered(http.StatusInsufficientStorage) >= 20 })
	w.closed.Store(false)
	w.await(t, "the backlog to be delivered while the disk is full", 20*time.Second, w.owesNothing)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	before := w.answered(http.StatusAccepted)
	begun := time.Now()
	w.await(t, "events to be accepted again", 5*time.Second, func() bool { return w.answered(http.StatusAccepted) > before })
	t.Logf("events were accepted again %s after there was room", time.Since(begun).Round(time.Millisecond))
	load.end(t)
	w.quiesce(t)
	w.checkStats(t)
	drain := s.stop(t)
	f := w.audit(t, 0)
	w.checkDatabase(t, &host{data: copied(t, filepath.Join(outside, "data", "fanfare.db"))}, f)
	f.Seed, f.DrainMS = seed, drain.Milliseconds()
	f.print(t)
	if f.Doubts != 0 {
		t.Errorf("%d requests had no answer", f.Doubts)
	}
}

// await waits for something to come about.
func (w *world) await(t *testing.T, what string, limit time.Duration, so func() bool) {
	t.Helper()
	if err := until(t.Context(), limit, so); err != nil {
		t.Errorf("waiting for %s: %v", what, err)
	}
}

func (w *world) answered(status int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers[status]
}

// onDisk moves a host's data to a small disk, and returns the folder where that
// is seen from here. It is a file system in memory, mounted in a namespace of its
// own, which goes with the process that holds it; so nothing is left behind, and
// who is not root may do it too.
func (h *host) onDisk(t *testing.T) (outside string) {
	t.Helper()
	dir := t.TempDir()
	hold := exec.Command("sh", "-c", `mount -t tmpfs -o size=`+strconv.Itoa(diskSize)+`m tmpfs "$0" && echo mounted && cat`, dir)
	hold.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	enter := []string{"--mount"}
	if uid := os.Getuid(); uid != 0 {
		hold.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		hold.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		hold.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		enter = append(enter, "--user", "--preserve-credentials")
	}
	hold.Stderr = os.Stderr
	stdin, err := hold.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := hold.StdoutPipe()
	if err == nil {
		err = hold.Start()
	}
	if err == nil {
		t.Cleanup(func() { stdin.Close(); hold.Wait() })
		_, err = io.ReadFull(stdout, make([]byte, len("mounted\n")))
	}
	if err != nil {
		t.Fatalf("mounting a small disk (%v): run the test as root, or where namespaces are allowed", err)
	}
	pid := strconv.Itoa(hold.Process.Pid)
	h.data = filepath.Join(dir, "data")
	h.through = append([]string{"nsenter", "--target", pid}, enter...)
	return filepath.Join("/proc", pid, "root", dir)
}

// copied copies a database out of the small disk, to a folder of its own.
func copied(t *testing.T, from string) (folder string) {
	t.Helper()
	content, err := os.ReadFile(from)
	folder = t.TempDir()
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "fanfare.db"), content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}
