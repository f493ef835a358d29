//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
)

// A busy node changes secrets all the time, and reads them: its own and others'. It may
// be started again meanwhile with other keys.
type busy struct {
	t    *testing.T
	url  string
	name string
	all  *secretsThere

	one  sync.RWMutex // held to start it again
	node *nodeUnderTest
	n    int // of what it has done
}

// secretsThere are what nodes have stored, by endpoint and source.
type secretsThere struct {
	app *fanfare.Application

	mu  sync.Mutex
	eps map[fanfare.EndpointID]string
	ids []fanfare.EndpointID
}

func (b *busy) start(ring *seal.Ring) {
	b.t.Helper()
	b.one.Lock()
	defer b.one.Unlock()
	if b.node != nil {
		if err := b.node.stop(); err != nil {
			b.t.Error(err)
		}
	}
	b.node = startNodeWith(b.t, b.url, b.name, &postgres.Options{Keys: ring})
	waitFor(b.t, b.url, "SELECT count(*) = 1 FROM node WHERE name = '"+b.name+"' AND keys[1] = '"+ring.Current()+"'")
}

// work changes and reads secrets until ctx ends. Nobody else changes what it makes.
func (b *busy) work(ctx context.Context) {
	for ctx.Err() == nil {
		b.one.RLock()
		err := b.once()
		b.one.RUnlock()
		if err != nil {
			b.t.Errorf("%s: %v", b.name, err)
			return
		}
	}
}

func (b *busy) once() error {
	ctx, hub := b.t.Context(), b.node.hub
	b.n++
	ep := &fanfare.Endpoint{Application: b.all.app.ID, URL: "https://example.com/"}
	if err := hub.CreateEndpoint(ctx, ep); err != nil {
		return err
	}
	if b.n%2 == 0 {
		if err := hub.RotateSecret(ctx, ep, "", time.Hour); err != nil {
			return err
		}
	}
	b.all.mu.Lock()
	b.all.eps[ep.ID] = ep.Secrets[0].Text
	b.all.ids = append(b.all.ids, ep.ID)
	some := b.all.ids[rand.IntN(len(b.all.ids))]
	want := b.all.eps[some]
	b.all.mu.Unlock()
	if b.n%5 == 0 {
		key := fmt.Sprintf("%s %d", b.name, b.n)
		if err := b.node.store.Remember(ctx, "scope", key, &fanfare.Answer{Status: 200, Body: []byte(key)}); err != nil {
			return err
		}
		if got, err := b.node.store.Answer(ctx, "scope", key); err != nil || string(got.Body) != key {
			return fmt.Errorf("answer %q: %+v, %w", key, got, err)
		}
	}
	got, err := b.node.store.Endpoint(ctx, b.all.app.ID, string(some))
	if err != nil || got.Secrets[0].Text != want {
		return fmt.Errorf("endpoint %s: %v, %w", some, got, err)
	}
	return nil
}

// holds reads everything with a store.
func (a *secretsThere) holds(t *testing.T, s *postgres.Store) {
	t.Helper()
	for ep, want := range a.eps {
		if got, err := s.Endpoint(t.Context(), a.app.ID, string(ep)); err != nil || got.Secrets[0].Text != want {
			t.Fatalf("endpoint %s: %v", ep, err)
		}
	}
}

// wantLack fails the test unless err says that a key is not the first one of a node.
func wantLack(t *testing.T, err error, key, node string) {
	t.Helper()
	var lack *postgres.LackError
	if !errors.As(err, &lack) || lack.Key != key || len(lack.Nodes) != 1 || !strings.HasPrefix(lack.Nodes[0], node+" (node_") {
		t.Errorf("the key is changed: %v, want it refused as %s has not %s", err, node, key)
	}
}

// TestAKeyIsChangedWhileNodesRun changes the key while two nodes change and read secrets:
// they are given the new one, one after the other, then it seals, and then the old one is
// taken from them. Each step before its time is refused, and nothing is ever unreadable.
func TestAKeyIsChangedWhileNodesRun(t *testing.T) {
	t.Parallel()
	url := database(t)
	old := seal.NewRing(seal.NewKey())
	next := seal.NewKey()
	both, alone := old.With(next), seal.NewRing(next)
	all := &secretsThere{eps: make(map[fanfare.EndpointID]string)}
	a, b := &busy{t: t, url: url, name: "a", all: all}, &busy{t: t, url: url, name: "b", all: all}
	a.start(old)
	b.start(old)
	all.app = acme(t, a.node.hub, &ledger{}, 0)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	for _, n := range []*busy{a, b} {
		work.Go(func() { n.work(ctx) })
	}
	sealed := func(want postgres.Sealing) {
		t.Helper()
		for _, n := range []*busy{a, b} {
			got, err := n.node.store.Sealing(t.Context())
			got.Lacking = nil
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s says %+v (%v), want %+v", n.name, got, err, want)
			}
		}
	}
	time.Sleep(200 * time.Millisecond)

	wantLack(t, a.node.store.Rekey(t.Context(), both), next.ID(), "b")
	sealed(postgres.Sealing{Key: old.Current()})
	a.start(both)
	wantLack(t, a.node.store.Rekey(t.Context(), both), next.ID(), "b")
	sealed(postgres.Sealing{Key: old.Current(), Next: next.ID()})
	if s, err := postgres.Open(t.Context(), url, &postgres.Options{Keys: alone}); err == nil {
		s.Close()
		t.Error("a node that was not given the old key is let in")
	}
	b.start(both)
	sealed(postgres.Sealing{Key: old.Current(), Next: next.ID()})
	time.Sleep(200 * time.Millisecond)

	if err := a.node.store.Rekey(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	if s, err := postgres.Open(t.Context(), url, &postgres.Options{Keys: old}); err == nil {
		s.Close()
		t.Error("a node that was not given the new key is let in")
	}
	resealed(t, a.node.store, next.ID())
	time.Sleep(200 * time.Millisecond) // nothing is sealed with the old one any more
	sealed(postgres.Sealing{Key: next.ID()})

	a.start(alone)
	time.Sleep(200 * time.Millisecond) // b has the old one still
	b.start(alone)
	time.Sleep(100 * time.Millisecond)
	sealed(postgres.Sealing{Key: next.ID()})
	stop()
	work.Wait()
	t.Logf("%d endpoints", len(all.eps))
	all.holds(t, a.node.store)
}

// TestWhoMissedAChangeOfKeysSealsNothing has processes go on that were stopped while the
// key was changed: one that has the new one seals with that, and one that has not seals
// nothing and is no node.
func TestWhoMissedAChangeOfKeysSealsNothing(t *testing.T) {
	t.Parallel()
	url := database(t)
	old := seal.NewRing(seal.NewKey())
	both := old.With(seal.NewKey())
	missed, knows, other := openAt(t, url, old), openAt(t, url, both), openAt(t, url, both)
	app := acme(t, fanfare.New(missed, nil), &ledger{}, 0)
	create := func(s *postgres.Store) error {
		return fanfare.New(s, nil).CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: app.ID, URL: "https://example.com/"})
	}
	if err := create(missed); err != nil {
		t.Fatal(err)
	}
	if err := missed.Join(t.Context(), "missed"); err != nil {
		t.Fatal(err)
	}
	renewed(t, missed, 1)
	execute(t, url, "UPDATE node SET expires_at = now() - interval '1 s'")
	if err := other.Rekey(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	resealed(t, other, both.Current())

	var missing *seal.MissingKeyError
	for what, err := range map[string]error{
		"an endpoint":  create(missed),
		"a setting":    missed.SetSetting(t.Context(), "pepper", []byte("hot")),
		"an answer":    missed.Remember(t.Context(), "scope", "key", &fanfare.Answer{Status: 200}),
		"a node again": missed.Join(t.Context(), "missed"),
	} {
		if !errors.As(err, &missing) || missing.ID != both.Current() {
			t.Errorf("%s: %v, want that it misses the new key", what, err)
		}
	}
	if _, err := missed.Renew(t.Context(), 1, true); !errors.Is(err, fanfare.ErrFenced) {
		t.Errorf("it goes on as a node: %v", err)
	}
	if err := create(knows); err != nil {
		t.Error(err)
	}
	n := 0
	if row(t, url, "SELECT count(*) FROM endpoint WHERE sealed_by = '"+both.Current()+"'", &n); n != 2 {
		t.Errorf("%d endpoints are sealed with the new key, want 2", n)
	}
	resealed(t, other, both.Current())
}

// TestAChangeOfKeysWaitsForWhoIsStoring has a transaction be about to commit what it has
// sealed with the old key.
func TestAChangeOfKeysWaitsForWhoIsStoring(t *testing.T) {
	t.Parallel()
	url := database(t)
	old := seal.NewRing(seal.NewKey())
	both := old.With(seal.NewKey())
	s, other := openAt(t, url, both), openAt(t, url, both)
	execute(t, url, "DELETE FROM sealing_key; INSERT INTO sealing_key (id) VALUES ('"+old.Current()+"')")
	if err := s.SetSetting(t.Context(), "pepper", []byte("hot")); err != nil {
		t.Fatal(err)
	}
	end := begun(t, url, "LOCK TABLE setting IN SHARE MODE") // it waits when it has sealed
	stored, changed := make(chan error, 1), make(chan error, 1)
	go func() { stored <- s.SetSetting(t.Context(), "pepper", []byte("hotter")) }()
	waitFor(t, url, "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
	go func() { changed <- other.Rekey(t.Context(), both) }()
	select {
	case err := <-changed:
		t.Fatalf("the key was changed (%v) while something sealed with the old one was being stored", err)
	case <-time.After(300 * time.Millisecond):
	}
	end()
	if err := errors.Join(<-stored, <-changed); err != nil {
		t.Fatal(err)
	}
	resealed(t, other, both.Current())
	if got, err := other.Setting(t.Context(), "pepper"); err != nil || string(got) != "hotter" {
		t.Errorf("the setting is %q (%v)", got, err)
	}
}

// An older program does not say which keys a node has: it seals with its own first.
func TestNodesOfAnOlderProgramAreWaitedFor(t *testing.T) {
	t.Parallel()
	url := database(t)
	both := seal.NewRing(seal.NewKey()).With(seal.NewKey())
	execute(t, url, `INSERT INTO node (id, name, horizon, started_at, expires_at)
		VALUES ('00000000-0000-0000-0000-000000000001', 'older', 0, now(), now() + interval '1 hour')`)
	if s, err := postgres.Open(t.Context(), url, &postgres.Options{Keys: both}); err == nil {
		s.Close()
		t.Error("what nothing was sealed in is, though a node may not have the key")
	} else {
		wantLack(t, err, both.Current(), "older")
	}
	execute(t, url, "INSERT INTO sealing_key (id) VALUES ('"+both.IDs()[1]+"')")
	s := openAt(t, url, both)
	wantLack(t, s.Rekey(t.Context(), both), both.Current(), "older")
	if got, err := s.Sealing(t.Context()); err != nil || got.Next != both.Current() || len(got.Lacking) != 1 {
		t.Errorf("sealing: %+v, %v", got, err)
	}
}

// rekeyVariable has this program change the keys of the database of that URL to those of
// the other variable, and do nothing else.
const (
	rekeyVariable = "FANFARE_TEST_REKEY"
	ringVariable  = "FANFARE_TEST_RING"
)

func init() {
	url := os.Getenv(rekeyVariable)
	if url == "" {
		return
	}
	ctx := context.Background()
	err := func() error {
		ring, err := seal.ParseRing(os.Getenv(ringVariable))
		if err != nil {
			return err
		}
		s, err := postgres.Open(ctx, url, &postgres.Options{Keys: ring})
		if err != nil {
			return err
		}
		if err := s.Rekey(ctx, ring); err != nil {
			return err
		}
		for {
			if v, err := s.Sealing(ctx); err != nil || v.Old == nil {
				return errors.Join(err, s.Close())
			}
		}
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestAChangeOfKeysOutlivesAKill kills processes amidst their resealing, while a node
// works on the database. That one finishes what they have begun.
func TestAChangeOfKeysOutlivesAKill(t *testing.T) {
	t.Parallel()
	url := database(t)
	ring := seal.NewRing(seal.NewKey())
	all := &secretsThere{eps: make(map[fanfare.EndpointID]string)}
	b := &busy{t: t, url: url, name: "b", all: all}
	b.start(ring)
	all.app = acme(t, b.node.hub, &ledger{}, 0)
	for i := range uint32(1000) {
		ep := &fanfare.Endpoint{
			ID: fanfare.EndpointID(idAt("ep_", time.Now(), i)), Application: all.app.ID, URL: "https://example.com/",
			Secrets: []fanfare.Secret{{Text: fmt.Sprint("secret ", i)}},
		}
		if err := b.node.store.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		all.eps[ep.ID] = ep.Secrets[0].Text
		all.ids = append(all.ids, ep.ID)
	}
	half := 0
	for range 3 {
		ring = ring.With(seal.NewKey())
		b.start(ring)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), rekeyVariable+"="+url, ringVariable+"="+ring.Text())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { b.work(ctx) })
		waitFor(t, url, "SELECT count(*) > 150 FROM endpoint WHERE sealed_by = '"+ring.Current()+"'")
		_ = kill(cmd)
		left := 0
		if row(t, url, "SELECT count(*) FROM endpoint WHERE sealed_by <> '"+ring.Current()+"'", &left); left > 0 {
			half++
		}
		if err := b.node.store.Rekey(t.Context(), ring); err != nil {
			t.Fatal(err)
		}
		resealed(t, b.node.store, ring.Current())
		stop()
		work.Wait()
	}
	if half == 0 {
		t.Error("no process was killed amidst its work")
	}
	t.Logf("%d processes were killed amidst their work", half)
	s := openAt(t, url, seal.NewRing(mustKey(t, ring)))
	all.holds(t, s)
}

// mustKey is the first key of a ring.
func mustKey(t *testing.T, ring *seal.Ring) seal.Key {
	t.Helper()
	k, err := seal.ParseKey(strings.Split(ring.Text(), "\n")[0])
	if err != nil {
		t.Fatal(err)
	}
	return k
}
