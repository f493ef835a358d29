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
)

// A teller tells other nodes of lanes that have more, once that is committed. It is
// not told with the commit, since the database lets one transaction at a time commit
// that notifies.
type teller struct {
	tell func(ctx context.Context, payloads []string) error
	wake chan struct{} // has room for one
	done sync.WaitGroup

	mu     sync.Mutex
	lanes  map[route]bool
	closed bool
}

func newTeller(tell func(ctx context.Context, payloads []string) error) *teller {
	t := &teller{tell: tell, wake: make(chan struct{}, 1), lanes: make(map[route]bool)}
	t.done.Go(t.run)
	return t
}

func (t *teller) put(lanes []route) {
	if len(lanes) == 0 {
		return
	}
	t.mu.Lock()
	for _, l := range lanes {
		if len(t.lanes) < mostTold {
			t.lanes[l] = true
		}
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
func (t *teller) take() (lanes []route, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for l := range t.lanes {
		lanes = append(lanes, l)
	}
	clear(t.lanes)
	return lanes, t.closed
}

func (t *teller) run() {
	for last := false; !last; {
		<-t.wake
		var lanes []route
		lanes, last = t.take()
		if len(lanes) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), tellTry) // it outlasts those whose news it tells
		_ = t.tell(ctx, laneNews(newsMore, lanes))                        // who runs the lanes finds it by itself
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
