package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/fanfarehq/fanfare/seal"

	"zombiezen.com/go/sqlite/sqlitex"
)

// A resealing is the work of bringing everything under a new key.
type resealing struct {
	work   sync.WaitGroup
	runs   atomic.Bool           // there is one at a time, and no other key meanwhile
	failed atomic.Pointer[error] // why the last one stopped; nil: it did not
}

// ErrResealing is what Rekey returns while the last change of keys is under way.
var ErrResealing = errors.New("the secrets are still being resealed since the last change of keys; wait until that has ended")

var errUnsealed = errors.New("the database was opened without keys; open it with some, and it will be sealed")

// Rekey makes ring the keys of the database, whose first one seals from now on. It
// must hold the keys that are in use. What is sealed with those is readable all
// along, and is resealed in the background, some rows at a time; [Store.Sealing]
// tells when that is done. After a crash the next Open goes on with it. If Rekey
// fails the keys are as they were; ErrResealing: wait.
func (s *Store) Rekey(ctx context.Context, ring *seal.Ring) (err error) {
	if s.keys.Load() == nil {
		return errUnsealed
	}
	if !s.resealing.runs.CompareAndSwap(false, true) {
		return ErrResealing
	}
	defer func() {
		if err != nil {
			s.resealing.runs.Store(false)
		}
	}()
	sealing, err := s.Sealing(ctx)
	if err != nil {
		return err
	}
	for _, id := range append(sealing.Old, sealing.Key) {
		if !ring.Has(id) {
			return fmt.Errorf("the secrets are still sealed with a key that is to go: %w", &seal.MissingKeyError{ID: id})
		}
	}
	// On disk first: whatever is sealed with the key must find it said there.
	err = s.note(ctx, func(w *writer) error {
		return sqlitex.Execute(w.conn, insertSealingKey, &sqlitex.ExecOptions{Args: []any{ring.Current()}})
	})
	if err != nil {
		return err
	}
	s.keys.Store(ring)
	s.resealing.work.Go(s.resealAll)
	return nil
}

// resealAll seals with the present key what is sealed with others, in transactions
// so small that nobody waits for them, and then forgets those keys. It outlives who
// asked for it, and ends with the store: hence no context of theirs.
func (s *Store) resealAll() {
	defer s.resealing.runs.Store(false)
	s.resealing.failed.Store(nil)
	for more := true; more; {
		err := s.note(context.Background(), func(w *writer) error {
			key := s.keys.Load().Current()
			n, err := resealSome(w.conn, key)
			if more = n > 0; more || err != nil {
				return err
			}
			return sqlitex.Execute(w.conn, deleteOldKeys, &sqlitex.ExecOptions{Args: []any{key}})
		})
		if err != nil {
			if !errors.Is(err, errClosed) { // else the next Open goes on
				s.resealing.failed.Store(&err)
			}
			return
		}
	}
}
