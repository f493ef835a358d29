package fanfare_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A counted store counts what it is asked about keys and sessions, and notes what
// is written of their use.
type counted struct {
	*storetest.Model
	looked atomic.Int64
	uses   []time.Time
	before func() // runs after a key was looked up, before its reader has it
}

func (s *counted) KeyOf(ctx context.Context, hash [32]byte) (*fanfare.Key, error) {
	s.looked.Add(1)
	k, err := s.Model.KeyOf(ctx, hash)
	if s.before != nil {
		s.before()
	}
	return k, err
}

func (s *counted) SessionOf(ctx context.Context, hash [32]byte) (*fanfare.Session, error) {
	s.looked.Add(1)
	return s.Model.SessionOf(ctx, hash)
}

func (s *counted) UseKeys(ctx context.Context, at map[fanfare.KeyID]time.Time) error {
	s.uses = append(s.uses, time.Now())
	return s.Model.UseKeys(ctx, at)
}

// An accessWorld is a Hub that does not run, with one application.
type accessWorld struct {
	*testing.T
	store *counted
	hub   *fanfare.Hub
	app   *fanfare.Application
}

func newAccessWorld(t *testing.T) *accessWorld {
	w := &accessWorld{T: t, store: &counted{Model: storetest.NewModel()}}
	w.hub = fanfare.New(w.store, nil)
	w.app = &fanfare.Application{Name: "Acme", UID: "acme"}
	w.ok(w.hub.CreateApplication(t.Context(), w.app))
	return w
}

func (w *accessWorld) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *accessWorld) key(scopes ...fanfare.Scope) (*fanfare.Key, string) {
	w.Helper()
	k := &fanfare.Key{Name: "billing", Scopes: scopes}
	secret, err := w.hub.CreateKey(w.Context(), k)
	w.ok(err)
	return k, secret
}

func (w *accessWorld) session(label string, ttl time.Duration) (*fanfare.Session, string) {
	w.Helper()
	s := &fanfare.Session{Application: w.app.ID, Label: label}
	secret, err := w.hub.CreateSession(w.Context(), s, ttl)
	w.ok(err)
	return s, secret
}

// letsIn checks whether a secret is anybody's.
func (w *accessWorld) letsIn(secret string, want bool) *fanfare.Bearer {
	w.Helper()
	b, err := w.hub.Identify(w.Context(), secret)
	if want && err != nil || !want && !errors.Is(err, fanfare.ErrNotFound) {
		w.Fatalf("%s: %v, want to be let in: %v", secret, err, want)
	}
	return b
}

func TestSecretsAreKnownByTheirHash(t *testing.T) {
	w := newAccessWorld(t)
	k, secret := w.key(fanfare.ScopeReadMessages)
	s, token := w.session("", time.Hour)
	if b := w.letsIn(secret, true); b.Key.ID != k.ID || b.Session != nil || b.Application() != "" {
		t.Errorf("the key is %+v", b)
	}
	if b := w.letsIn(token, true); b.Key != nil || b.Session.Hash != s.Hash || b.Application() != w.app.ID {
		t.Errorf("the session is %+v", b)
	}
	own := &fanfare.Key{Name: "own", Portal: true, Application: w.app.ID, Scopes: []fanfare.Scope{fanfare.ScopeReadMessages}}
	portal, err := w.hub.CreateKey(t.Context(), own)
	w.ok(err)
	if b := w.letsIn(portal, true); b.Key.ID != own.ID || !b.Key.Portal {
		t.Errorf("the key of a portal is %+v", b.Key)
	}
	for text, prefix := range map[string]string{secret: "fan_key_", token: "fan_sess_", portal: "fan_own_"} {
		if !strings.HasPrefix(text, prefix) || len(text) != len(prefix)+49 {
			t.Errorf("a secret is %q", text)
		}
	}
	if bytes.Contains([]byte(secret), k.Hash[:8]) {
		t.Error("the hash is part of the secret")
	}
	// Another server with the same key of hashing knows it, one with another does not.
	again := fanfare.New(w.store, nil)
	if _, err := again.Identify(t.Context(), secret); err != nil {
		t.Error(err)
	}
	w.ok(w.store.SetSetting(t.Context(), "key_pepper", make([]byte, 32)))
	if _, err := fanfare.New(w.store, nil).Identify(t.Context(), secret); !errors.Is(err, fanfare.ErrNotFound) {
		t.Errorf("hashed with another key it is still known: %v", err)
	}
}

// TestNonsenseIsNotLookedUp: what is not of the form of a secret costs no look-up,
// and what is costs one.
func TestNonsenseIsNotLookedUp(t *testing.T) {
	w := newAccessWorld(t)
	_, secret := w.key(fanfare.ScopeAdmin)
	_, token := w.session("", time.Hour)
	wrong := []string{
		"", "fan_key_", secret[:len(secret)-1], secret + "0", strings.ToLower(secret), strings.ToUpper(secret),
		" " + secret, secret + " ", "fan_sess_" + secret[len("fan_key_"):], "fan_key_" + token[len("fan_sess_"):],
		"fan_admin_" + secret[len("fan_key_"):], strings.Replace(secret, "a", "а", 1) + "x", strings.Repeat("k", 10<<10),
	}
	for i := range secret {
		other := []byte(secret)
		if other[i]++; other[i] == ':' || other[i] == '[' || other[i] == '{' {
			other[i] = '0'
		}
		wrong = append(wrong, string(other))
	}
	for _, text := range wrong {
		w.letsIn(text, false)
	}
	if n := w.store.looked.Load(); n != 0 {
		t.Errorf("%d look-ups", n)
	}
	for range 3 {
		w.letsIn(secret, true)
		w.letsIn(token, true)
	}
	if n := w.store.looked.Load(); n != 2 {
		t.Errorf("%d look-ups of two secrets, want 2", n)
	}
}

func TestRevocationIsImmediate(t *testing.T) {
	w := newAccessWorld(t)
	k, secret := w.key(fanfare.ScopeAdmin)
	_, other := w.key(fanfare.ScopeAdmin)
	b := w.letsIn(secret, true)
	kept := w.letsIn(other, true)
	w.ok(w.hub.RevokeKey(t.Context(), k.ID))
	w.letsIn(secret, false)
	w.letsIn(other, true)
	select {
	case <-b.Ended():
	default:
		t.Error("what lasts is not ended")
	}
	select {
	case <-kept.Ended():
		t.Error("what lasts under another key is ended")
	default:
	}
	if err := w.hub.RevokeKey(t.Context(), k.ID); !errors.Is(err, fanfare.ErrNotFound) {
		t.Errorf("revoked again: %v", err)
	}
}

// TestRevocationOvertakesALookUp: a key that is revoked while it is looked up is
// not remembered.
func TestRevocationOvertakesALookUp(t *testing.T) {
	w := newAccessWorld(t)
	k, secret := w.key(fanfare.ScopeAdmin)
	w.store.before = func() {
		w.store.before = nil
		w.ok(w.hub.RevokeKey(t.Context(), k.ID))
	}
	b := w.letsIn(secret, true) // the request came first
	select {
	case <-b.Ended():
	default:
		t.Error("what lasts is not ended")
	}
	w.letsIn(secret, false)
}

func TestKeysAndSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAccessWorld(t)
		k := &fanfare.Key{Name: "short", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, ExpiresAt: time.Now().Add(time.Hour)}
		secret, err := w.hub.CreateKey(t.Context(), k)
		w.ok(err)
		_, token := w.session("", time.Hour)
		time.Sleep(time.Hour - time.Microsecond)
		w.letsIn(secret, true)
		w.letsIn(token, true)
		time.Sleep(time.Microsecond)
		w.letsIn(secret, false)
		w.letsIn(token, false)
	})
}

func TestSessionsAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAccessWorld(t)
		_, a := w.session("a", 2*time.Hour)
		s, b := w.session("b", 2*time.Hour)
		_, c := w.session("c", time.Hour)
		for _, token := range []string{a, b, c} {
			w.letsIn(token, true)
		}
		w.ok(w.hub.ExpireSessions(t.Context(), w.app.ID, []string{"a"}, 0))
		w.letsIn(a, false)
		w.letsIn(b, true)
		w.ok(w.hub.EndSession(t.Context(), s))
		w.letsIn(b, false)
		w.ok(w.hub.ExpireSessions(t.Context(), w.app.ID, nil, time.Minute))
		time.Sleep(time.Minute - time.Microsecond)
		w.letsIn(c, true)
		time.Sleep(time.Microsecond)
		w.letsIn(c, false)
		_, d := w.session("d", time.Hour)
		w.letsIn(d, true)
		w.ok(w.hub.DeleteApplication(t.Context(), w.app.ID))
		w.letsIn(d, false)
	})
}

// TestUseIsNotedOnceAMinute: for all keys together, and at once the first
// time.
func TestUseIsNotedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAccessWorld(t)
		k, secret := w.key(fanfare.ScopeAdmin)
		_, other := w.key(fanfare.ScopeAdmin)
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- w.hub.Run(ctx) }()
		start := time.Now()
		w.letsIn(other, true)
		time.Sleep(250 * time.Millisecond)
		for range 150 {
			w.letsIn(secret, true)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour)
		w.letsIn(secret, true)
		last := time.Now()
		stop()
		w.ok(<-ended)
		got, err := w.hub.Key(t.Context(), k.ID)
		w.ok(err)
		if !got.UsedAt.Equal(last) {
			t.Errorf("used at %v, want %v", got.UsedAt, last)
		}
		var at []time.Duration
		for _, use := range w.store.uses {
			at = append(at, use.Sub(start))
		}
		want := []time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute, time.Hour + 150250*time.Millisecond}
		if !slices.Equal(at, want) {
			t.Errorf("written at %v, want %v", at, want)
		}
	})
}

func TestKeysAreChecked(t *testing.T) {
	w := newAccessWorld(t)
	admin := []fanfare.Scope{fanfare.ScopeAdmin}
	for field, k := range map[string]*fanfare.Key{
		"name":      {Scopes: admin},
		"name ":     {Name: strings.Repeat("k", 257), Scopes: admin},
		"name  ":    {Name: "\x00", Scopes: admin},
		"scopes":    {Name: "k"},
		"scopes ":   {Name: "k", Scopes: []fanfare.Scope{"root"}},
		"scopes  ":  {Name: "k", Scopes: []fanfare.Scope{"admin", "admin"}},
		"expiresAt": {Name: "k", Scopes: admin, ExpiresAt: time.Now().Add(-time.Second)},
	} {
		_, err := w.hub.CreateKey(t.Context(), k)
		var wrong *fanfare.InvalidError
		if !errors.As(err, &wrong) || wrong.Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: "k", Scopes: admin, Application: "app_00000000000000000000000000"})
	if !errors.Is(err, fanfare.ErrNotFound) {
		t.Errorf("of no application: %v", err)
	}
	many := slices.Repeat([]string{"flag"}, 101)
	for field, s := range map[string]*fanfare.Session{
		"capabilities":  {Capabilities: []fanfare.Capability{"Everything"}},
		"capabilities ": {Capabilities: []fanfare.Capability{fanfare.ViewBase, fanfare.ViewBase}},
		"featureFlags":  {FeatureFlags: many},
		"featureFlags ": {FeatureFlags: []string{""}},
		"sessionId":     {Label: "é"},
		"expiry":        {},
	} {
		s.Application = w.app.ID
		ttl := time.Hour
		if field == "expiry" {
			ttl--
		}
		_, err := w.hub.CreateSession(t.Context(), s, ttl)
		var wrong *fanfare.InvalidError
		if !errors.As(err, &wrong) || wrong.Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestIsApplication: a uid counts as long as it is the application's.
func TestIsApplication(t *testing.T) {
	w := newAccessWorld(t)
	other := &fanfare.Application{Name: "Other", UID: "other"}
	w.ok(w.hub.CreateApplication(t.Context(), other))
	is := func(ref string, want bool) {
		t.Helper()
		if got, err := w.hub.IsApplication(t.Context(), w.app.ID, ref); err != nil || got != want {
			t.Errorf("%q: %v, %v", ref, got, err)
		}
	}
	for ref, want := range map[string]bool{"": false, "acme": true, string(w.app.ID): true, "other": false, string(other.ID): false, "nobody": false} {
		is(ref, want)
	}
	w.app.UID = "renamed"
	w.ok(w.hub.UpdateApplication(t.Context(), w.app))
	is("acme", false)
	is("renamed", true)
	w.ok(w.hub.DeleteApplication(t.Context(), w.app.ID))
	if _, err := w.hub.IsApplication(t.Context(), w.app.ID, "renamed"); !errors.Is(err, fanfare.ErrNotFound) {
		t.Errorf("when it is gone: %v", err)
	}
}
