package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/seal"
)

func TestKeysAreChangedWhileAllIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	old := seal.NewRing(seal.NewKey())
	s := openWith(t, path, old)
	store(t, s)
	const many = 1000
	for n := range uint32(many) {
		if err := s.CreateEndpoint(t.Context(), sealedEndpoint(10+n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Rekey(t.Context(), seal.NewRing(seal.NewKey())); err == nil || !strings.Contains(err.Error(), old.Current()) {
		t.Errorf("keys without the present one: %v, want an error that names %s", err, old.Current())
	}
	ring := old.With(seal.NewKey())
	if err := s.Rekey(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Sealing(t.Context()); err != nil || v.Old != nil && (v.Left < 1 || v.Left > many+10) || v.Old == nil && v.Left != 0 {
		t.Errorf("sealing: %+v, %v", v, err)
	}
	for n := range uint32(many) { // written and read on the way
		ep, err := s.Endpoint(t.Context(), application, idOf("ep_", 10+n))
		if err != nil || ep.Secrets[0].Text != secrets[1] {
			t.Fatalf("endpoint %d: %v, %v", n, ep, err)
		}
		if n%100 == 0 {
			if err := s.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
		}
	}
	resealed(t, s, ring.Current())
	s.Close()
	alone, err := seal.ParseRing(strings.Split(ring.Text(), "\n")[0])
	if err != nil {
		t.Fatal(err)
	}
	s = openWith(t, path, alone) // the old key is needed for nothing any more
	defer s.Close()
	holds(t, s)
	for n := range uint32(many) {
		if _, err := s.Endpoint(t.Context(), application, idOf("ep_", 10+n)); err != nil {
			t.Fatal(err)
		}
	}
}
