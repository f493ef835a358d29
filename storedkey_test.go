package fanfare_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A fresh store finds no setting until all who ask have asked.
type fresh struct {
	*storetest.Model
	asked sync.WaitGroup
}

func (s *fresh) Setting(ctx context.Context, name string) ([]byte, error) {
	key, err := s.Model.Setting(ctx, name)
	if errors.Is(err, fanfare.ErrNotFound) {
		s.asked.Done()
		s.asked.Wait()
	}
	return key, err
}

func TestProcessesThatMakeAKeyAtOnceAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const processes = 4
		store := &fresh{Model: storetest.NewModel()}
		store.asked.Add(processes)
		keys := make(chan []byte, processes)
		for range processes {
			go func() {
				key, err := fanfare.New(store, nil).StoredKey(t.Context(), "k")
				if err != nil {
					t.Error(err)
				}
				keys <- key
			}()
		}
		first := <-keys
		for range processes - 1 {
			if key := <-keys; !bytes.Equal(key, first) {
				t.Errorf("one has the key %x, another %x", first, key)
			}
		}
		later, err := fanfare.New(store, nil).StoredKey(t.Context(), "k")
		if err != nil || !bytes.Equal(later, first) || len(first) != 32 {
			t.Errorf("later the key is %x (%v), not %x", later, err, first)
		}
		other, err := fanfare.New(storetest.NewModel(), nil).StoredKey(t.Context(), "k")
		if err != nil || bytes.Equal(other, first) {
			t.Errorf("another store has the same key (%v)", err)
		}
	})
}

// A key of an application is known to every process, whichever of them was the
// first that needed what keys are hashed with.
func TestKeysOfProcessesThatBeginAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fresh{Model: storetest.NewModel()}
		store.asked.Add(2)
		hubs := []*fanfare.Hub{fanfare.New(store, nil), fanfare.New(store, nil)}
		secrets := make([]string, len(hubs))
		var made sync.WaitGroup
		for i, hub := range hubs {
			made.Go(func() {
				var err error
				if secrets[i], err = hub.CreateKey(t.Context(), &fanfare.Key{Name: "k", Scopes: []fanfare.Scope{fanfare.ScopeReadMessages}}); err != nil {
					t.Error(err)
				}
			})
		}
		made.Wait()
		for _, hub := range append(hubs, fanfare.New(store, nil)) {
			for _, secret := range secrets {
				if _, err := hub.Identify(t.Context(), secret); err != nil {
					t.Errorf("a key is not known everywhere: %v", err)
				}
			}
		}
	})
}
