//go:build linux

package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
)

// TestWhatWasStoredBeforeIsTold when the database has a column for it.
func TestWhatWasStoredBeforeIsTold(t *testing.T) {
	t.Parallel()
	url, ring := database(t), seal.NewRing(seal.NewKey())
	hub := fanfare.New(openAt(t, url, ring), nil)
	app := &fanfare.Application{Name: "Acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	var paused fanfare.EndpointID
	for _, is := range []bool{false, true} {
		ep := &fanfare.Endpoint{Application: app.ID, URL: "https://example.com/hook", Paused: is}
		if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		paused = ep.ID
	}
	err := on(t.Context(), url, func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), `UPDATE endpoint SET paused = NULL`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eps, _, err := openAt(t, url, ring).EveryEndpoint(t.Context(), fanfare.EndpointFilter{Which: fanfare.PausedEndpoints, Limit: 10, Look: 10})
	if err != nil || len(eps) != 1 || eps[0].ID != paused {
		t.Errorf("%d are listed as paused, %v", len(eps), err)
	}
}
