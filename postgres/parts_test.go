//go:build linux

package postgres_test

import (
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
)

// TestWhatAnExportWritesIsSealed with one key after the other.
func TestWhatAnExportWritesIsSealed(t *testing.T) {
	url := database(t)
	first, second := seal.NewKey(), seal.NewKey()
	ring, err := seal.ParseRing(second.Text() + "\n" + first.Text())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	id := func(prefix string) string { return fanfare.EncodeID(prefix, [16]byte{1, 6: 0x70, 8: 0x80}) }
	app := &fanfare.Application{ID: fanfare.ApplicationID(id("app_")), Name: "Acme", CreatedAt: now, UpdatedAt: now}
	task := &fanfare.Task{ID: fanfare.TaskID(id("qtask_")), Kind: fanfare.TaskExport, Application: app.ID, CreatedAt: now, UpdatedAt: now}
	const telltale = "telltale of a part"
	parts := 0
	for _, ring := range []*seal.Ring{nil, seal.NewRing(first), ring, seal.NewRing(second)} {
		s := openAt(t, url, ring)
		if parts == 0 {
			if err := s.CreateApplication(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			if err := s.CreateTask(t.Context(), task, fanfare.TaskKeep{Most: 10}); err != nil {
				t.Fatal(err)
			}
		}
		for range 7 { // more than are resealed at once
			step := &fanfare.TaskStep{Task: task.ID, Revision: parts, Time: now, Part: &fanfare.Part{Content: []byte(telltale), Lines: 1}}
			if ok, err := s.StepTask(t.Context(), step); !ok || err != nil {
				t.Fatal(ok, err)
			}
			parts++
		}
		if ring != nil {
			if err := s.Rekey(t.Context(), ring); err != nil {
				t.Fatal(err)
			}
			resealed(t, s, ring.Current())
		}
		for n := range parts {
			if content, err := s.TaskPart(t.Context(), task.ID, n); err != nil || string(content) != telltale {
				t.Errorf("part %d is %q, %v", n, content, err)
			}
		}
		s.Close()
		plain := 0
		row(t, url, "SELECT count(*) FROM task_part WHERE position('telltale'::bytea IN content) > 0", &plain)
		if want := map[bool]int{true: parts}[ring == nil]; plain != want {
			t.Errorf("%d parts are as they were written, want %d", plain, want)
		}
	}
}
