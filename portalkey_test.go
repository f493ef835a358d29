package fanfare_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// TestKeysOfPortals: a key that customers make is of an application, has scopes that they
// may have, and opens what a session would that has no more than these.
func TestKeysOfPortals(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for _, k := range []*fanfare.Key{
			{Portal: true, Scopes: []fanfare.Scope{"messages:read"}},
			{Portal: true, Scopes: []fanfare.Scope{"messages:read", "applications:read"}, Application: w.app.ID},
			{Portal: true, Scopes: []fanfare.Scope{"admin"}, Application: w.app.ID},
			{Portal: true, Scopes: []fanfare.Scope{"portal"}, Application: w.app.ID},
			{Portal: true, Scopes: []fanfare.Scope{"messages:read", "messages:read"}, Application: w.app.ID},
			{Portal: true, Application: w.app.ID},
		} {
			k.Name = "k"
			_, err := w.hub.CreateKey(t.Context(), k)
			told, ok := errors.AsType[*fanfare.InvalidError](err)
			if !ok {
				t.Fatalf("a key with %q of %q: %v", k.Scopes, k.Application, err)
			}
			if told.Field == "scopes" && !strings.HasSuffix(told.Reason, ": messages:read, endpoints:read, event-types:read, messages:write, endpoints:write") {
				t.Errorf("a key with %q is refused by %q", k.Scopes, told.Reason)
			}
		}
		k := &fanfare.Key{Name: "k", Portal: true, Scopes: []fanfare.Scope{"messages:read", "endpoints:write", "event-types:read"}, Application: w.app.ID, Channels: []string{"eu"}}
		secret, err := w.hub.CreateKey(t.Context(), k)
		ok(t, err)
		b, err := w.hub.Identify(t.Context(), secret)
		ok(t, err)
		s := b.Key.PortalSession()
		if want := []fanfare.Capability{fanfare.ViewBase, fanfare.ManageEndpoint}; !slices.Equal(s.Capabilities, want) || s.Application != w.app.ID || !slices.Equal(s.Channels, k.Channels) {
			t.Errorf("it opens what %+v does, want %v", s, want)
		}
		if s.Has(fanfare.ManageKeys) || s.Has(fanfare.CreateAttempts) || (&fanfare.Key{}).PortalSession() != nil {
			t.Error("it opens more")
		}
		all, err := w.hub.PortalKeys(t.Context(), w.app.ID)
		if err != nil || len(all) != 1 || all[0].ID != k.ID {
			t.Errorf("the keys are %v, %v", all, err)
		}
	})
}

// TestManageKeysIsSaid: no other capability brings it, nor saying none.
func TestManageKeysIsSaid(t *testing.T) {
	if (&fanfare.Session{Capabilities: fanfare.UsualCapabilities()}).Has(fanfare.ManageKeys) {
		t.Error("all others bring it")
	}
	if all := fanfare.Capabilities(); !slices.Contains(all, fanfare.ManageKeys) || len(all) != len(fanfare.UsualCapabilities())+1 {
		t.Errorf("there are %q", all)
	}
}
