package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
)

// TestWhatWasSealedBeforeIsTold when the database has columns for it.
func TestWhatWasSealedBeforeIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	ring := seal.NewRing(seal.NewKey())
	s := openWith(t, path, ring)
	store(t, s)
	ep, err := s.Endpoint(t.Context(), application, idOf("ep_", 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, disabled := range []bool{true, false} {
		ep.Disabled, ep.Paused, ep.Channels = disabled, !disabled, []string{"eu"}
		if err := s.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		query(t, path, `UPDATE endpoint SET disabled = NULL, paused = NULL, channels = NULL`)
		s = openWith(t, path, ring)
		apps, err := s.ApplicationsBy(t.Context(), fanfare.ApplicationFilter{Page: fanfare.Page{Limit: 1}, WithEnabled: true})
		if err != nil || (len(apps) == 1) == disabled {
			t.Errorf("an application whose endpoint is disabled: %v: %d are listed, %v", disabled, len(apps), err)
		}
		paused, _, err := s.EveryEndpoint(t.Context(), fanfare.EndpointFilter{Which: fanfare.PausedEndpoints, Limit: 1, Look: 1})
		if err != nil || (len(paused) == 1) == disabled {
			t.Errorf("an endpoint that is paused: %v: %d are listed, %v", !disabled, len(paused), err)
		}
		for channel, want := range map[string]int{"eu": 1, "us": 0} {
			eps, err := s.EndpointsWithin(t.Context(), application, []string{channel}, fanfare.Page{Limit: 1})
			if err != nil || len(eps) != want {
				t.Errorf("within the channel %s: %d are listed, %v, want %d", channel, len(eps), err, want)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
