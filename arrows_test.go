package fanfare_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/fanfarehq/fanfare"

// readArrows reads the table of folders in ARCHITECTURE.md: which others of ours
// the code of each may import; nil for all. What is not there may import none.
// Tests may import more.
func readArrows(t *testing.T) map[string][]string {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	arrows := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") || strings.Contains(cells[3], ".go`") {
			continue
		}
		var to []string
		if !strings.Contains(cells[3], "all of these") {
			to = quoted(cells[3])
		}
		for _, from := range quoted(cells[1]) {
			arrows[from] = to
		}
	}
	if len(arrows) < 10 {
		t.Fatalf("the table of folders in ARCHITECTURE.md has only %d", len(arrows))
	}
	return arrows
}

// quoted returns what stands between backquotes.
func quoted(cell string) []string {
	all := []string{}
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			all = append(all, strings.TrimSuffix(part, "/"))
		}
	}
	return all
}

func TestArrowsPointDown(t *testing.T) {
	arrows := readArrows(t)
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "testdata" || name == "node_modules" || name == "compat" || strings.HasPrefix(name, ".") && name != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		folder := path.Dir(filepath.ToSlash(file))
		may, known := arrows[folder]
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imported := range parsed.Imports {
			name, err := strconv.Unquote(imported.Path.Value)
			if err != nil {
				return err
			}
			if to, ok := ours(name); ok && !(known && may == nil) && !slices.Contains(may, to) {
				t.Errorf("%s imports %s: no arrow points there", file, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ours(name string) (folder string, ok bool) {
	if name == module {
		return ".", true
	}
	return strings.CutPrefix(name, module+"/")
}
