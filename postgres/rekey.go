package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
)

var (
	// ErrResealing is what Rekey returns while this Store still reseals everything since
	// the last change of keys.
	ErrResealing = errors.New("the secrets are still being resealed since the last change of keys; wait until that has ended")

	// ErrOthers is what MustBeAlone returns while other nodes work on the database.
	ErrOthers = errors.New("other nodes have the database open, which need the new key too")

	errUnsealed = errors.New("the database was opened without keys; open it with some, and it will be sealed")
)

// A LackError says which nodes have not been given a key as their first one: they
// could not read what is sealed with it, or do not want it.
type LackError struct {
	Key   string
	Nodes []string // their names and ids
}

func (e *LackError) Error() string {
	return "the key " + e.Key + " is not the first one of " + strings.Join(e.Nodes, " and ")
}

// Rekey has the first key of the ring seal from now on, on all nodes at once, and makes
// ring the keys of this Store. It must hold the keys that are in use, and its first one
// be the first of all other nodes too: a LackError says of which it is not. Unless the
// Store is alone its keys must be those that it was opened with: until its row says what
// they are now, another node could change the key in their stead. What is sealed with old
// ones is readable all along, and is resealed in the background, some rows at a time;
// [Store.Sealing] tells when that is done. If it is broken off the next Open goes on with
// it, or another Rekey, of whichever node. After a LackError what seals is as it was, and
// after ErrResealing: wait. After another error it may be changed or not, and ring be the
// Store's keys already: call Rekey again.
func (s *Store) Rekey(ctx context.Context, ring *seal.Ring) (err error) {
	before := s.keys.Load()
	if before == nil {
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
	current, old, err := s.sealedWith(ctx)
	if err != nil {
		return err
	}
	for _, id := range append(old, current) {
		if id != "" && !ring.Has(id) {
			return fmt.Errorf("the secrets are still sealed with a key that is to go: %w", &seal.MissingKeyError{ID: id})
		}
	}
	if next := ring.Current(); next != current {
		err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error { return s.mustAllHave(ctx, conn, next) })
		if err != nil {
			return err
		}
	}
	s.keys.Store(ring) // who asks for the key that seals must have it
	if err := s.changeKey(ctx, ring.Current()); err != nil {
		var lack *LackError
		if errors.As(err, &lack) { // else it may have been changed
			s.keys.Store(before)
		}
		return err
	}
	s.resealing.failed.Store(nil)
	s.resealing.work.Go(s.resealBehind)
	return nil
}

// changeKey makes a key that all nodes have the one that seals. Who is storing something
// sealed has stored it by then.
func (s *Store) changeKey(ctx context.Context, key string) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockKeys(ctx, tx); err != nil {
			return err
		}
		current := ""
		if err := tx.QueryRow(ctx, selectSealingKey).Scan(&current); err != nil || current == key {
			return err
		}
		if err := s.mustAllHave(ctx, tx, key); err != nil {
			return err
		}
		return setSealingKey(ctx, tx, key)
	})
}

const selectFirstKeys = `
	SELECT id, name, coalesce(keys[1], '')
	FROM node
	WHERE expires_at >= now()
	ORDER BY started_at, id`

// A wish is which key a node has first; "" if its program is too old to say so.
type wish struct{ node, key string }

// A querier is a connection, or a transaction.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// wishes are those of all nodes; of this one, if it is any, what it is about to be.
func (s *Store) wishes(ctx context.Context, conn querier, own string) ([]wish, error) {
	self := s.member.node()
	r, err := conn.Query(ctx, selectFirstKeys)
	return rows(r, err, func(r pgx.Rows) (v wish, err error) {
		var node id
		err = r.Scan(&node, &v.node, &v.key)
		v.node = fmt.Sprintf("%s (%s)", v.node, fanfare.EncodeID(nodePrefix, node))
		if self != nil && *self == node {
			v.key = own // which its row has a second later
		}
		return v, err
	})
}

// lacking are the nodes that have another first key.
func lacking(all []wish, key string) (nodes []string) {
	for _, v := range all {
		if v.key != key {
			nodes = append(nodes, v.node)
		}
	}
	return nodes
}

// mustAllHave returns a LackError unless a key is the first one of all other nodes.
func (s *Store) mustAllHave(ctx context.Context, conn querier, key string) error {
	all, err := s.wishes(ctx, conn, key)
	if nodes := lacking(all, key); err == nil && nodes != nil {
		err = &LackError{key, nodes}
	}
	return err
}

// A Sealing is how the secrets of a database are sealed.
type Sealing struct {
	Key  string   // the id of the key that seals; "" if none does
	Old  []string // the ids of other keys that some are sealed with
	Left int      // how many are

	// Next is a key that does not seal, and is the first one of this node, or else of
	// another one: Rekey makes it the one that does; "" if there is none.
	Next string
	// Lacking are the nodes of which Next, or else Key, is not the first one.
	Lacking []string

	Err error // why resealing has stopped on this node; nil if it has not
}

// Sealing tells how the secrets are sealed.
func (s *Store) Sealing(ctx context.Context) (Sealing, error) {
	ring := s.keys.Load()
	if ring == nil {
		return Sealing{}, nil
	}
	current, old, err := s.sealedWith(ctx)
	if err != nil {
		return Sealing{}, err
	}
	v := Sealing{Key: current}
	for _, id := range old {
		if id != "" {
			v.Old = append(v.Old, id)
		}
	}
	if err := s.resealing.failed.Load(); err != nil && len(old) > 0 { // else another node has done it
		v.Err = *err
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) (err error) {
		if v.Left = 0; len(v.Old) > 0 {
			if err := conn.QueryRow(ctx, countSealed, v.Old).Scan(&v.Left); err != nil {
				return err
			}
		}
		all, err := s.wishes(ctx, conn, ring.Current())
		v.Next = ""
		for _, one := range append([]wish{{key: ring.Current()}}, all...) {
			if v.Next == "" && one.key != v.Key {
				v.Next = one.key
			}
		}
		v.Lacking = lacking(all, cmp.Or(v.Next, v.Key))
		return err
	})
	return v, err
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
