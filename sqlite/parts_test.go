package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/sqlite"
)

// TestWhatAnExportWritesIsSealed with one key after the other, and not in the files.
func TestWhatAnExportWritesIsSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	first, second := seal.NewKey(), seal.NewKey()
	s := openWith(t, path, nil)
	now := time.Now()
	if err := s.CreateApplication(t.Context(), &fanfare.Application{ID: application, Name: "Acme", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	task := &fanfare.Task{ID: fanfare.TaskID(idOf("qtask_", 20)), Kind: fanfare.TaskExport, Application: application, CreatedAt: now, UpdatedAt: now}
	if err := s.CreateTask(t.Context(), task, fanfare.TaskKeep{Most: 10}); err != nil {
		t.Fatal(err)
	}
	const telltale = "telltale of a part"
	parts := 0
	write := func(s *sqlite.Store) {
		t.Helper()
		for range 7 { // more than are resealed at once
			step := &fanfare.TaskStep{Task: task.ID, Revision: parts, Time: now, Part: &fanfare.Part{Content: []byte(telltale), Lines: 1}}
			if ok, err := s.StepTask(t.Context(), step); !ok || err != nil {
				t.Fatal(ok, err)
			}
			parts++
		}
	}
	holds := func(s *sqlite.Store) {
		t.Helper()
		for n := range parts {
			if content, err := s.TaskPart(t.Context(), task.ID, n); err != nil || string(content) != telltale {
				t.Errorf("part %d is %q, %v", n, content, err)
			}
		}
	}
	write(s)
	s.Close()
	ring, err := seal.ParseRing(second.Text() + "\n" + first.Text())
	if err != nil {
		t.Fatal(err)
	}
	for _, ring := range []*seal.Ring{seal.NewRing(first), ring, seal.NewRing(second)} {
		s := openWith(t, path, ring)
		resealed(t, s, ring.Current())
		holds(s)
		write(s)
		holds(s)
		s.Close()
		for _, file := range []string{path, path + "-wal"} {
			if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte(telltale)) {
				t.Errorf("%s has %q", file, telltale)
			}
		}
	}
}
