package fanfare_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/fanfarehq/fanfare"

// arrows says for each folder which others of ours its code may import. What is
// not here may import none. Tests may import more.
var arrows = map[string][]string{
	".":             {"webhook", "internal/lane", "internal/post", "internal/safedial"},
	"webhook":       {},
	"sqlite":        {"."},
	"storetest":     {"."},
	"internal/api":  {".", "webhook"},
	"internal/lane": {},
	"torture":       {".", "webhook"},
	"bench":         {".", "webhook"},
	"cmd/fanfare":   {".", "webhook", "sqlite", "bench", "internal/api"},
}

func TestArrowsPointDown(t *testing.T) {
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
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imported := range parsed.Imports {
			name, err := strconv.Unquote(imported.Path.Value)
			if err != nil {
				return err
			}
			if to, ok := ours(name); ok && !allowed(folder, to) {
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

func allowed(from, to string) bool {
	for _, folder := range arrows[from] {
		if folder == to {
			return true
		}
	}
	return false
}
