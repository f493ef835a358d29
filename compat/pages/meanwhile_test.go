package pages_test

import "testing"

// TestSomebodyElseWasThere when a form is saved: it says what was changed meanwhile, on a narrow
// screen too, and saves what its visitor then chooses.
func TestSomebodyElseWasThere(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		ep := w.endpoint(`,"description":"Books"`)
		at := "/portal/endpoint/" + ep.ID + "/settings"
		name := func() string {
			var now struct{ Description string }
			w.api("GET", "/app/acme/endpoint/"+ep.ID, "", &now)
			return now.Description
		}
		b.as(way{"light", 360})
		for _, c := range []struct{ theirs, mine, button, done, want string }{
			{"Their books", "My books", "Keep what is there", "kept", "Their books"},
			{"Their papers, of which there are so many that the name is long", "My papers", "Save mine anyway", "saved", "My papers"},
		} {
			b.open(at)
			b.set("[name=description]", c.mine)
			w.api("PATCH", "/app/acme/endpoint/"+ep.ID, `{"description":"`+c.theirs+`"}`, nil)
			b.press("Save")
			b.shows("Somebody else has changed it meanwhile")
			b.shows(c.theirs)
			b.has("[name=description]", c.mine)
			for _, width := range []int64{360, 1280} {
				b.as(way{"light", width})
				b.fits(width)
			}
			b.shot("meanwhile")
			b.press(c.button)
			b.at(at + "?done=" + c.done)
			if now := name(); now != c.want {
				t.Errorf("after %q it is called %q, want %q", c.button, now, c.want)
			}
		}
	})
}
