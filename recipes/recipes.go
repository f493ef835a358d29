// Package recipes is the gallery: files that say, each for one thing that people do
// with webhooks, which sources and endpoints it takes. What they mean is doc/recipes.md's
// to say; what reads them is internal/manifest.
package recipes

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names are those of all recipes, in order.
func Names() []string {
	found, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is right
	}
	for i, file := range found {
		found[i] = strings.TrimSuffix(file, ".yaml")
	}
	return found
}

// Text is the file of the recipe of that name.
func Text(name string) (text []byte, ok bool) {
	text, err := files.ReadFile(name + ".yaml")
	return text, err == nil
}
