package ui_test

import (
	"testing"

	"github.com/fanfarehq/fanfare/internal/ui"
)

// TestHostileNamesOfThePortal gives the portal each hostile string for a name and in its
// logo, and opens its pages, and those for who has no link.
func TestHostileNamesOfThePortal(t *testing.T) {
	w := newWorld(t, nil)
	under, session := w.site, w.cookie
	for _, evil := range hostile {
		pages, err := ui.New(w.hub, under, &ui.Options{Portal: ui.Portal{Name: evil, Logo: "data:image/png," + evil}})
		if err != nil {
			t.Fatal(err)
		}
		w.site, w.cookie = pages.Before(under), session
		d := w.get(200, "/portal")
		for i, src := range d.all("img", "src") {
			if i > 0 || src != "data:image/png,"+evil && src != "#ZgotmplZ" {
				t.Errorf("with the logo %q there is an image of %q", evil, src)
			}
		}
		if brand := d.all("title", ""); len(brand) != 1 || len(d.all("script", "src")) != 1 || len(d.all("iframe", ""))+len(d.all("object", ""))+len(d.all("style", "")) != 0 {
			t.Errorf("with the name %q the title is %q", evil, brand)
		}
		w.cookie = ""
		if n := len(w.get(200, "/portal").all("script", "src")); n != 1 {
			t.Errorf("with the name %q there are %d scripts", evil, n)
		}
	}
}
