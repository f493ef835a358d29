package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
)

// A resealing is the work of bringing everything under a new key.
type resealing struct {
	work   sync.WaitGroup
	runs   atomic.Bool           // there is one at a time, and no other key meanwhile
	failed atomic.Pointer[error] // why the last one stopped; nil: it did not
}

var (
	// ErrResealing is what Rekey returns while the last change of keys is under way.
	ErrResealing = errors.New("the secrets are still being resealed since the last change of keys; wait until that has ended")

	// ErrOthers is what Rekey returns while other nodes work on the database: they could
	// not read what is sealed with a key that they have not been given.
	ErrOthers = errors.New("other nodes have the database open, which need the new key too")

	errUnsealed = errors.New("the database was opened without keys; open it with some, and it will be sealed")
)

// Rekey makes ring the keys of the database, whose first one seals from now on. It
// must hold the keys that are in use, and this Store be of the only node: several are
// given a new key by their [Options], one after the other. What is sealed with the old
// ones is readable all along, and is resealed in the background, some rows at a time;
// [Store.Sealing] tells when that is done. If it is broken off the next Open goes on
// with it. If Rekey fails the keys are as they were; ErrResealing: wait.
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
	if err := s.MustBeAlone(ctx); err != nil {
		return err
	}
	used, err := s.keysInUse(ctx)
	if err != nil {
		return err
	}
	for _, id := range append(used, s.keys.Load().Current()) {
		if id != "" && !ring.Has(id) {
			return fmt.Errorf("the secrets are still sealed with a key that is to go: %w", &seal.MissingKeyError{ID: id})
		}
	}
	s.keys.Store(ring)
	s.resealing.failed.Store(nil)
	s.resealing.work.Go(s.resealBehind)
	return nil
}

// resealBehind seals everything with the present key. It outlives who asked for it, and
// ends with the Store: hence no context of theirs. What was sealed with another key
// before and is stored only now is found when it looks again.
func (s *Store) resealBehind() {
	defer s.resealing.runs.Store(false)
	ctx := context.Background()
	for {
		err := s.resealAll(ctx)
		var used []string
		if err == nil {
			used, err = s.keysInUse(ctx)
		}
		switch {
		case errors.Is(err, errClosed):
			return // the next Open goes on
		case err != nil:
			s.resealing.failed.Store(&err)
			return
		}
		current := s.keys.Load().Current()
		if !slices.ContainsFunc(used, func(id string) bool { return id != current }) {
			return
		}
	}
}

// joinWait is how long MustBeAlone waits for a node that is about to join to know
// which of the nodes it is.
const joinWait = time.Second

// MustBeAlone returns ErrOthers if another node has the database open.
func (s *Store) MustBeAlone(ctx context.Context) error {
	for until := time.Now().Add(joinWait); ; {
		nodes, err := s.Nodes(ctx)
		if err != nil {
			return err
		}
		self := s.member.node()
		own := ""
		if self != nil {
			own = fanfare.EncodeID(nodePrefix, *self)
		}
		switch others := slices.ContainsFunc(nodes, func(n *fanfare.Node) bool { return n.ID != own }); {
		case !others:
			return nil
		case self != nil || time.Now().After(until):
			return ErrOthers
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
