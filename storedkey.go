package fanfare

import (
	"context"
	"crypto/rand"
	"errors"
)

// storedKeyScope is where processes agree on keys, among the answers. No
// application is called that.
const storedKeyScope = "stored key"

// StoredKey returns the key of that name, 32 random bytes that are made at the
// first call and kept in the store: the same ones in every process on it, also when
// several make it at once.
func (h *Hub) StoredKey(ctx context.Context, name string) ([]byte, error) {
	return storedKey(ctx, h.store, name)
}

// storedKey reads or makes a key. A setting is overwritten by who comes last, while
// of those who remember an answer the first prevails: so what one proposes is an
// answer first, and whoever finds it settles on it.
func storedKey(ctx context.Context, store Store, name string) ([]byte, error) {
	key, err := store.Setting(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return key, err
	}
	key = make([]byte, 32)
	rand.Read(key) // never fails: crypto/rand ends the process instead
	err = store.Remember(ctx, storedKeyScope, name, &Answer{Status: 200, Body: key})
	if errors.Is(err, ErrExists) {
		var a *Answer
		if a, err = store.Answer(ctx, storedKeyScope, name); err == nil {
			key = a.Body
		}
	}
	if err != nil {
		return nil, err
	}
	return key, store.SetSetting(ctx, name, key)
}
