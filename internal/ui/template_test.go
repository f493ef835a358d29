package ui

import (
	"io/fs"
	"strings"
	"testing"
)

// Pages are read when they are shown first: what is wrong with one must not wait for that.
func TestEveryPageCanBeRead(t *testing.T) {
	n := 0
	err := fs.WalkDir(files, "page", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		n++
		name := strings.TrimSuffix(strings.TrimPrefix(file, "page/"), ".html")
		p, err := pageTemplate(name)
		if err != nil {
			t.Error(err)
		} else if p.Lookup("content") == nil {
			t.Errorf("page %s has no content", name)
		}
		return nil
	})
	if err != nil || n < 60 {
		t.Errorf("%d pages were found: %v", n, err)
	}
	if _, err := pageTemplate("nowhere"); err == nil {
		t.Error("there is a page that has no file")
	}
}
