package webhook

import "testing"

func TestEveryProfileIsExplained(t *testing.T) {
	for _, p := range Profiles() {
		if p.About() == "" {
			t.Errorf("%s says nothing about itself", p)
		}
	}
	if len(about) != len(schemes) || Profile("other").About() != "" {
		t.Errorf("%d explanations of %d profiles", len(about), len(schemes))
	}
}
