package sqlite

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// A writer owns the one connection that writes. It takes what jobs have
// gathered, runs them in one transaction, syncs, and wakes those who wait.
type writer struct {
	store *Store
	conn  *sqlite.Conn
	done  chan struct{} // closed when run has ended

	begin, commit, rollback *sqlite.Stmt
	hot                     hotStatements

	// live holds applications, and endpoints with their application, that are
	// known to exist, so that no job need look them up again.
	live       map[id]id
	newest     highWater
	attemptRow int64    // of the attempt stored last; none is ever used twice
	parcels    []parcel // what acceptAll works on; used again
	fresh      fresh
	doomed     bool // there are rows of deleted ones to remove

	checkpoints checkpoints
	looked      time.Time // when room was last looked for; of meaning while the disk is full
}

// liveMost bounds the memory of live.
const liveMost = 200_000

// write has the writer run a job and returns when it is on disk.
func (s *Store) write(ctx context.Context, j *job) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	if j.grows && s.full.Load() {
		return fanfare.ErrFull
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	g, err := s.queue.add(j)
	if err != nil {
		return err
	}
	<-g.done
	return j.err
}

// change is write for a job of no great size that may look at deliveries.
func (s *Store) change(ctx context.Context, run func(w *writer) error) error {
	return s.write(ctx, &job{run: run})
}

// note is write for a job of no great size that has nothing to do with deliveries.
func (s *Store) note(ctx context.Context, run func(w *writer) error) error {
	return s.write(ctx, &job{run: run, hot: true})
}

func newWriter(ctx context.Context, s *Store, conn, copier *sqlite.Conn) (*writer, error) {
	w := &writer{store: s, conn: conn, done: make(chan struct{}), live: make(map[id]id)}
	w.checkpoints = checkpoints{copier: copier, due: checkpointFrames}
	for query, stmt := range map[string]**sqlite.Stmt{
		"BEGIN IMMEDIATE": &w.begin,
		"COMMIT":          &w.commit,
		"ROLLBACK":        &w.rollback,
	} {
		var err error
		if *stmt, err = conn.Prepare(query); err != nil {
			return nil, err
		}
	}
	if err := w.hot.prepare(conn); err != nil {
		return nil, err
	}
	if err := w.recoverFresh(conn); err != nil {
		return nil, err
	}
	newest, err := findNewest(conn)
	if err != nil {
		return nil, err
	}
	w.newest.raise(newest)
	doomed, err := pragma(conn, "SELECT count(*) FROM doomed")
	w.doomed = doomed > 0
	if err == nil {
		w.attemptRow, err = pragma(conn, selectLastRecorded)
	}
	return w, errors.Join(err, ctx.Err())
}

// A transaction costs about as much as storing fifteen messages, so when there
// is much to do the writer leaves a pause in which more of it gathers. Those who
// wait, wait a little longer; the processor does something else meanwhile.
const (
	busyJobs = 32
	pause    = 4 * time.Millisecond
	look     = 150 * time.Microsecond // how often it is looked during a pause whether more comes
)

// gather pauses, for as long as more comes: when nothing does, those who would
// bring it wait themselves.
func (w *writer) gather() {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for before, n := -1, 0; n < int(pause/look); n++ {
		<-tick.C
		now := w.store.queue.waiting()
		if now == before && now > 0 {
			return
		}
		before = now
	}
}

// run works until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.done)
	for {
		g, last := w.store.queue.take()
		switch {
		case g != nil:
			w.do(g.jobs)
			close(g.done)
			if g.busy() {
				w.gather()
			}
			w.checkpoint(1 + g.bytes/checkBytes)
		case last:
			w.awaitCopy()
			w.do([]*job{{run: func(w *writer) error { return w.setMark(w.fresh.lastRow) }}}) // if not, the next Open has more to do
			return
		case w.doomed && w.store.broken.Load() == nil && !w.store.full.Load():
			w.do(nil)
			w.checkpoint(1)
		case w.copied() && w.store.broken.Load() == nil:
			w.checkpoint(0)
		default:
			w.rest()
		}
	}
}

// rest sleeps until there are jobs, or until fresh deliveries have become old or,
// while the disk is full, it is time to look for room again.
func (w *writer) rest() {
	full := w.store.full.Load()
	if w.store.broken.Load() != nil || !full && len(w.fresh.by) == 0 {
		<-w.store.queue.wake
		return
	}
	wait := freshFor
	if full {
		wait = fullAgain
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.store.queue.wake:
	case <-timer.C:
		if full {
			w.makeRoom()
		}
		w.do(nil) // expands what is old
	}
}

// do runs jobs in one transaction and sets the err of each. A job that fails by
// itself is taken out, and the others run again without it.
func (w *writer) do(jobs []*job) {
	for {
		if w.store.full.Load() {
			w.makeRoomIfDue()
			jobs = refuse(jobs)
		}
		wrong, err := w.try(jobs)
		switch {
		case err == nil:
			return
		case wrong != nil:
			jobs = without(jobs, wrong)
		case errors.Is(err, fanfare.ErrFull) && !w.store.full.Load():
			w.release()
		default:
			for _, j := range jobs {
				j.err = err
			}
			return
		}
	}
}

// refuse takes out the jobs for which there is no room.
func refuse(jobs []*job) (rest []*job) {
	for _, j := range jobs {
		if j.grows {
			j.err = fanfare.ErrFull
		} else {
			rest = append(rest, j)
		}
	}
	return rest
}

func without(jobs []*job, out *job) (rest []*job) {
	for _, j := range jobs {
		if j != out {
			rest = append(rest, j)
		}
	}
	return rest
}

// try runs jobs in one transaction. If it fails nothing is kept; wrong is the
// job whose own fault that was.
func (w *writer) try(jobs []*job) (wrong *job, err error) {
	if err := w.store.broken.Load(); err != nil {
		return nil, *err
	}
	if err := run(w.begin); err != nil {
		return nil, w.store.fault(err)
	}
	for i := 0; i < len(jobs); i++ {
		j := jobs[i]
		if j.run == nil {
			some := sending(jobs[i:])
			if err := w.acceptAll(some); err != nil {
				w.undo()
				return w.culprit(some, err)
			}
			i += len(some) - 1
			continue
		}
		if j.hot {
			j.err = j.run(w)
		} else if j.err = w.expandAll(); j.err == nil {
			j.err = j.run(w)
		}
		if j.err != nil && !isAnswer(j.err) {
			w.undo()
			j.err = w.store.fault(j.err)
			if isStores(j.err) {
				return nil, j.err
			}
			return j, j.err
		}
	}
	err = w.expandOld()
	if err == nil {
		err = w.sweep()
	}
	if n := len(w.fresh.by); n > 0 {
		w.store.fresh.Store(int64(n)) // before anyone can read the messages they belong to
	}
	if err == nil {
		err = run(w.commit)
	}
	if err != nil {
		w.undo()
		return nil, w.store.fault(err)
	}
	w.fresh.keep()
	w.store.fresh.Store(int64(len(w.fresh.by)))
	return nil, nil
}

// undo rolls back, unless SQLite has done so itself.
func (w *writer) undo() {
	w.fresh.undo()
	clear(w.live)   // it may know what was created in this transaction
	w.doomed = true // for all that is known
	if !w.conn.AutocommitEnabled() {
		if err := run(w.rollback); err != nil {
			w.store.fault(err)
		}
	}
}

// A highWater is the largest id seen.
type highWater struct {
	mu sync.Mutex
	id id
}

func (h *highWater) raise(v id) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if bytes.Compare(v[:], h.id[:]) > 0 {
		h.id = v
	}
}

func (h *highWater) load() id {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.id
}

// findNewest looks for the largest id of a message or attempt that is or was
// there, at a cost that depends on how many applications and endpoints there are.
const findNewestQuery = `
	SELECT max(id) FROM (
		SELECT id
		FROM newest
		UNION ALL
		SELECT (SELECT max(message.id) FROM message WHERE message.application = application.id)
		FROM application
		UNION ALL
		SELECT (SELECT max(attempt.id) FROM attempt WHERE attempt.endpoint = endpoint.id)
		FROM endpoint)`

func findNewest(conn *sqlite.Conn) (newest id, err error) {
	err = sqlitex.ExecuteTransient(conn, findNewestQuery, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		stmt.ColumnBytes(0, newest[:])
		return nil
	}})
	return newest, err
}
