package recipes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/recipes"
)

var (
	namedTest   = regexp.MustCompile("`(Test[A-Za-z0-9]+)(?:/([a-z]+))?`")
	namedRecipe = regexp.MustCompile("`([a-z]+-[a-z-]+)`")
)

// The table of what people do with webhooks has a row for each, and what a row says is
// there is there: its recipes, its tests and its scripts.
func TestTheTableOfUsesNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../doc/seeds.md")
	if err != nil {
		t.Fatal(err)
	}
	table := string(text)
	var tests strings.Builder
	for _, pattern := range []string{".", "../examples/*", "../cmd/fanfare", "../internal/api", "../compat"} {
		files, err := filepath.Glob(filepath.Join(pattern, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no tests, %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	for kind, n := range map[string]int{"DEM": 8, "INT": 20} {
		for i := 1; i <= n; i++ {
			_, row, found := strings.Cut(table, fmt.Sprintf("\n| %s%d | ", kind, i))
			row, _, _ = strings.Cut(row, "\n")
			if !found || len(namedTest.FindAllString(row, -1)) == 0 {
				t.Errorf("%s%d has no row, or no test in it", kind, i)
			}
			if _, after, ok := strings.Cut(row, "recipe"); ok {
				for _, name := range namedRecipe.FindAllStringSubmatch(strings.Split(after, "|")[0], -1) {
					if _, ok := recipes.Text(name[1]); !ok {
						t.Errorf("%s%d: there is no recipe %s", kind, i, name[1])
					}
				}
			}
		}
	}
	for _, name := range namedTest.FindAllStringSubmatch(table, -1) {
		if !strings.Contains(tests.String(), "func "+name[1]+"(") {
			t.Errorf("there is no %s", name[1])
		}
		if name[2] != "" {
			if _, err := os.Stat("../cmd/fanfare/testdata/" + name[2] + ".txtar"); err != nil {
				t.Error(err)
			}
		}
	}
	guide, err := os.ReadFile("../doc/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range recipes.Names() {
		if !strings.Contains(string(guide), "`"+name+"`") {
			t.Errorf("doc/recipes.md does not name %s", name)
		}
	}
}
