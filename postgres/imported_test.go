//go:build linux

package postgres_test

import (
	"errors"
	"testing"

	"github.com/fanfarehq/fanfare/postgres"
)

// TestWhatWasImportedIsKnownAgain is for who was killed after the last commit, before he
// was told of it: the same call does nothing, also when a server has used the database
// since, and what is taken from it is not that file any more.
func TestWhatWasImportedIsKnownAgain(t *testing.T) {
	path := filled(t, 3)
	url := moved(t, path)
	again := func(path string, want error) {
		t.Helper()
		from := snapshot(t, path)
		defer from.Close()
		err := postgres.Import(t.Context(), url, from, nil)
		if errors.Is(err, postgres.ErrImported) != (want != nil) || err == nil {
			t.Errorf("importing again: %v, want %v", err, want)
		}
	}
	again(path, postgres.ErrImported)
	s := openAt(t, url, nil)
	if err := s.SetSetting(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	again(path, postgres.ErrImported)
	again(filled(t, 3), nil)
	if waiting, err := s.Lanes(t.Context()); err != nil || len(waiting) != 1 {
		t.Errorf("lanes that wait: %v, %v", waiting, err)
	}
	alter(t, path, "DELETE FROM message WHERE rowid > 2;")
	again(path, nil)
}
