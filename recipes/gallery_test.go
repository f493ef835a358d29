package recipes_test

import (
	"os"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/internal/manifest"
	"github.com/fanfarehq/fanfare/recipes"
)

// Each recipe of the gallery is what the server takes, and its examples come to what it
// says they do, nothing of which shows a secret.
func TestEveryRecipeDoesWhatItsExamplesSay(t *testing.T) {
	w := newWorld(t, "/bin/true")
	names := recipes.Names()
	if len(names) < 20 {
		t.Errorf("the gallery has %d recipes only", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text, _ := recipes.Text(name)
			r, err := manifest.ReadRecipe(name, text, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Name != name || r.Needs == "" || len(r.Examples) == 0 {
				t.Errorf("it is called %q, needs %q and has %d examples", r.Name, r.Needs, len(r.Examples))
			}
			w := &world{T: t, hub: w.hub, store: w.store, url: w.url, dir: w.dir}
			var out struct {
				Data []struct {
					EventType, Note string
					Wanted          bool
					Previews        []struct{ To, Body string }
					Missing         []string
				}
			}
			w.call("POST", "/api/v1/app/acme/recipe/try", map[string]any{"name": name}, 200, &out)
			shown := 0
			for _, trial := range out.Data {
				if len(trial.Missing) > 0 {
					t.Errorf("%s comes to %v (%s), and lacks %q", trial.EventType, trial.Previews, trial.Note, trial.Missing)
				}
				shown += len(trial.Previews)
				for _, p := range trial.Previews {
					for _, in := range r.Inputs {
						if in.Secret && in.Example != "" && strings.Contains(p.To+p.Body, in.Example) {
							t.Errorf("the secret %s is shown: %+v", in.Name, p)
						}
					}
				}
			}
			if shown == 0 {
				t.Error("none of its examples leads to anything")
			}
		})
	}
	if files, err := os.ReadDir(w.dir); err != nil || len(files) > 0 {
		t.Errorf("that has left files: %v, %v", files, err)
	}
}
