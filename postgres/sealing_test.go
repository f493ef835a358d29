//go:build linux

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/storetest"
)

func TestContractSealed(t *testing.T) {
	t.Parallel()
	storetest.Run(t, databases(t, seal.NewRing(seal.NewKey())))
}

// TestANewKeySealsEverything opens a database with keys one after the other.
func TestANewKeySealsEverything(t *testing.T) {
	url := database(t)
	const secret = "hmac-secret-of-api-keys"
	first, second := seal.NewKey(), seal.NewKey()
	at := func(ring *seal.Ring, want ...string) {
		t.Helper()
		s := openAt(t, url, ring)
		defer s.Close()
		if got, err := s.Setting(t.Context(), "pepper"); err != nil || string(got) != secret {
			t.Errorf("the setting is %q (%v), want %q", got, err, secret)
		}
		if got, err := s.Sealing(t.Context()); err != nil || !slices.Equal(append([]string{got.Key}, got.Old...), want) {
			t.Errorf("sealing: %+v (%v), want %v", got, err, want)
		}
	}
	s := openAt(t, url, nil)
	if err := s.SetSetting(t.Context(), "pepper", []byte(secret)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	at(nil, "")
	at(seal.NewRing(first), seal.NewRing(first).Current())
	ring, err := seal.ParseRing(second.Text() + "\n" + first.Text())
	if err != nil {
		t.Fatal(err)
	}
	at(ring, ring.Current())
	at(seal.NewRing(second), ring.Current())
	for _, ring := range []*seal.Ring{nil, seal.NewRing(first)} {
		var missing *seal.MissingKeyError
		if s, err := postgres.Open(t.Context(), url, &postgres.Options{Keys: ring}); !errors.As(err, &missing) {
			t.Errorf("opened without its key: %v", err)
			if err == nil {
				s.Close()
			}
		}
	}
	var text []byte
	row(t, url, "SELECT value FROM setting WHERE name = 'pepper'", &text)
	if bytes.Contains(text, []byte(secret)) {
		t.Errorf("%q stands in the database", secret)
	}
}

// row reads the only row of a query into what to point to.
func row(t testing.TB, url, query string, to ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), query).Scan(to...); err != nil {
		t.Fatal(err)
	}
}
