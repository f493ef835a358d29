package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, files(t, nil))
}

// files opens stores by name, each in a file of its own. That is a copy of a new one at
// first, which takes a tenth of what making one does.
func files(t *testing.T, ring *seal.Ring) storetest.Opener {
	t.Helper()
	dir := t.TempDir()
	first := filepath.Join(dir, "new.db")
	if err := openWith(t, first, ring).Close(); err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB, name string) fanfare.Store {
		path := filepath.Join(dir, name+".db")
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if err := os.WriteFile(path, empty, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return openWith(t, path, ring)
	}
}
