package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// tellGap is how long a teller waits after it has told something: what comes
	// meanwhile it tells together.
	tellGap = 5 * time.Millisecond
	tellTry = 2 * time.Second
	// mostTold is how many lanes wait to be told of at most. More are found by those who
	// run them, only later.
	mostTold = 10_000
	// mostNamed is how many messages of a lane are told of by name. It is told of as a
	// whole if it has more.
	mostNamed = 256
)

// additions are lanes that have more, and the messages that are new in them; nil where
// these are too many to be named, or not all.
type additions map[route][]id

func (a additions) add(l route, messages []id) {
	named, known := a[l]
	switch {
	case !known && len(a) == mostTold:
	case known && named == nil || len(messages) == 0 || len(named)+len(messages) > mostNamed:
		a[l] = nil
	default:
		a[l] = append(named, messages...)
	}
}

// A teller tells other nodes of what is new in their lanes, once that is committed. It is
// not told with the commit, since the database lets one transaction at a time commit
// that notifies.
type teller struct {
	tell func(ctx context.Context, payloads []string) error
	wake chan struct{} // has room for one
	done sync.WaitGroup

	mu     sync.Mutex
	all    additions
	closed bool
}

func newTeller(tell func(ctx context.Context, payloads []string) error) *teller {
	t := &teller{tell: tell, wake: make(chan struct{}, 1), all: make(additions)}
	t.done.Go(t.run)
	return t
}

func (t *teller) put(some additions) {
	if len(some) == 0 {
		return
	}
	t.mu.Lock()
	for l, messages := range some {
		t.all.add(l, messages)
	}
	t.mu.Unlock()
	t.rouse()
}

func (t *teller) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take removes what is to be told; last is whether there will be no more.
func (t *teller) take() (all additions, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all, t.all = t.all, make(additions)
	return all, t.closed
}

func (t *teller) run() {
	for last := false; !last; {
		<-t.wake
		var all additions
		all, last = t.take()
		if len(all) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), tellTry) // it outlasts those whose news it tells
		_ = t.tell(ctx, all.news())                                       // who runs the lanes finds it by itself
		cancel()
		time.Sleep(tellGap)
	}
}

// close tells what is left. Nothing may be put in afterwards.
func (t *teller) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.rouse()
	t.done.Wait()
}

const notifyAll = `
	SELECT pg_notify($1, payload)
	FROM unnest($2::text[]) AS payload`

// tell notifies the other nodes.
func (s *Store) tell(ctx context.Context, payloads []string) error {
	return s.persist(ctx, line{pool: s.pool, patience: tellTry, limit: tellTry}, func(ctx context.Context, conn *pgx.Conn, _ *try) error {
		_, err := conn.Exec(ctx, notifyAll, channel, payloads)
		return err
	})
}
