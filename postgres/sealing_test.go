//go:build linux

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/storetest"
)

func TestContractSealed(t *testing.T) {
	fewer(t, "5")
	storetest.RunSealed(t, databases(t, seal.NewRing(seal.NewKey())))
}

// TestANewKeySealsEverything opens a database with keys one after the other. One that is
// only given seals nothing.
func TestANewKeySealsEverything(t *testing.T) {
	t.Parallel()
	url := database(t)
	const secret = "hmac-secret-of-api-keys"
	first, second := seal.NewKey(), seal.NewKey()
	at := func(ring *seal.Ring, rekey bool, want ...string) {
		t.Helper()
		s := openAt(t, url, ring)
		defer s.Close()
		if rekey {
			if err := s.Rekey(t.Context(), ring); err != nil {
				t.Error(err)
			}
			resealed(t, s, ring.Current())
		}
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
	at(nil, false, "")
	at(seal.NewRing(first), false, first.ID())
	ring, err := seal.ParseRing(second.Text() + "\n" + first.Text())
	if err != nil {
		t.Fatal(err)
	}
	at(ring, false, first.ID())
	at(ring, true, second.ID())
	at(seal.NewRing(second), false, second.ID())
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

// TestKeysAreChangedWhileAllIsRead gives a store a new key while it is written and read,
// and one that is closed before it has done so, whose database goes on at the next Open.
func TestKeysAreChangedWhileAllIsRead(t *testing.T) {
	t.Parallel()
	url := database(t)
	old := seal.NewRing(seal.NewKey())
	s := openAt(t, url, old)
	hub := fanfare.New(s, nil)
	app := acme(t, hub, &ledger{}, 0)
	const many = 400
	eps := make([]*fanfare.Endpoint, many)
	for i := range eps {
		eps[i] = &fanfare.Endpoint{Application: app.ID, URL: "https://example.com/"}
		if err := hub.CreateEndpoint(t.Context(), eps[i]); err != nil {
			t.Fatal(err)
		}
	}
	src := &fanfare.Source{Application: app.ID, Name: "n", Profile: "github", Secrets: []fanfare.Secret{{Text: "a secret of a source"}}}
	if err := hub.CreateSource(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	holds := func(s *postgres.Store) {
		t.Helper()
		if got, err := s.SourceOf(t.Context(), fanfare.TokenHash(src.Token)); err != nil || got.Token != src.Token || got.Secrets[0].Text != src.Secrets[0].Text {
			t.Fatalf("the source: %+v, %v", got, err)
		}
		for i, ep := range eps {
			got, err := s.Endpoint(t.Context(), app.ID, string(ep.ID))
			if err != nil || got.Secrets[0].Text != ep.Secrets[0].Text {
				t.Fatalf("endpoint %d: %v", i, err)
			}
		}
	}
	if err := s.Rekey(t.Context(), seal.NewRing(seal.NewKey())); err == nil || !strings.Contains(err.Error(), old.Current()) {
		t.Errorf("keys without the present one: %v, want an error that names %s", err, old.Current())
	}
	other := openAt(t, url, old)
	if err := other.Join(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	ring := old.With(seal.NewKey())
	var lack *postgres.LackError
	if err := s.Rekey(t.Context(), ring); !errors.As(err, &lack) || lack.Key != ring.Current() || !strings.HasPrefix(strings.Join(lack.Nodes, " "), "other (node_") {
		t.Errorf("beside another node: %v", err)
	}
	alone := make(chan error, 1)
	go func() { alone <- s.MustBeAlone(t.Context()) }()
	select {
	case err := <-alone:
		t.Errorf("a store that may be joining says at once that another is there: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := other.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-alone; err != nil {
		t.Errorf("when the other has left: %v", err)
	}
	if err := s.Rekey(t.Context(), ring); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Sealing(t.Context()); err != nil || (v.Left > 0) != (v.Old != nil) || v.Left > many+10 {
		t.Errorf("sealing: %+v, %v", v, err)
	}
	holds(s)
	for i := 0; i < many; i += 40 {
		if err := hub.UpdateEndpoint(t.Context(), eps[i]); err != nil {
			t.Fatal(err)
		}
	}
	resealed(t, s, ring.Current())
	holds(s)
	last := seal.NewKey()
	for errors.Is(s.Rekey(t.Context(), ring.With(last)), postgres.ErrResealing) {
		time.Sleep(time.Millisecond)
	}
	s.Close() // in the midst of it
	s = openAt(t, url, ring.With(last))
	holds(s)
	resealed(t, s, last.ID())
	s.Close()
	s = openAt(t, url, seal.NewRing(last))
	defer s.Close()
	holds(s)
}

// resealed waits until everything is sealed with one key.
func resealed(t *testing.T, s *postgres.Store, key string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		v, err := s.Sealing(t.Context())
		if err != nil || v.Err != nil || v.Key != key || time.Now().After(deadline) {
			t.Fatalf("it is sealed so: %+v, %v", v, err)
		}
		if v.Old == nil {
			return
		}
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
