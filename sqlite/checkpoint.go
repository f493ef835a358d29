package sqlite

import (
	"errors"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// checkpointFrames is the size of the WAL, in pages, from which on it is copied into the
// database. The writer goes on meanwhile until there are checkpointMost; then it waits.
// checkpointStep is how much the WAL grows before the next attempt when it could not be
// copied to its end, as someone still read the old state.
const (
	checkpointFrames = 2000
	checkpointMost   = 2 * checkpointFrames
	checkpointStep   = 500
	checkEvery       = 16        // transactions, of
	checkBytes       = 512 << 10 // each
)

// A checkpoint writes and syncs megabytes, which takes as long as ten transactions or
// more. So most of it is done beside the writer, by a connection that does nothing else;
// then the writer itself copies the little that has come meanwhile, since only a WAL
// that is copied to its end begins anew.
type checkpoints struct {
	copier    *sqlite.Conn
	copying   chan error // receives what came of the copy that is under way; nil: none is
	due       int64      // frames in the WAL at which the next one is begun
	unchecked int        // transactions since the size of the WAL was looked at
}

// checkpoint sees to the WAL after so many transactions more. It does so after those who
// waited for them were woken, and it minds a failure: SQLite's own would not, and a sync
// that failed must be the last.
func (w *writer) checkpoint(transactions int) {
	c := &w.checkpoints
	c.unchecked += transactions
	if w.store.broken.Load() != nil {
		return
	}
	var err error
	switch {
	case w.copied():
		err = w.finishCopy(<-c.copying)
	case c.unchecked >= checkEvery:
		err = w.copyIfDue()
	}
	if err := w.store.fault(err); errors.Is(err, fanfare.ErrFull) && !w.store.full.Load() {
		w.release()
	}
}

// copyIfDue has the WAL copied if it is large, and waits for that if it is too large.
func (w *writer) copyIfDue() error {
	c := &w.checkpoints
	c.unchecked = 0
	frames, err := wal(w.conn, "PRAGMA wal_checkpoint(NOOP)")
	switch {
	case err != nil:
		return err
	case frames < checkpointFrames:
		c.due = checkpointFrames
	case c.copying == nil && frames >= c.due:
		done := make(chan error, 1)
		c.copying, c.due = done, frames+checkpointStep
		go func() { // awaitCopy waits for it
			_, err := wal(c.copier, "PRAGMA wal_checkpoint(PASSIVE)")
			done <- w.store.fault(err)
			w.store.queue.rouse()
		}()
	}
	if c.copying != nil && frames >= max(checkpointMost, c.due) {
		return w.finishCopy(<-c.copying)
	}
	return nil
}

// copied reports whether a copy has ended and is to be finished.
func (w *writer) copied() bool { return len(w.checkpoints.copying) > 0 }

// finishCopy copies what the copy has left, which has ended with err.
func (w *writer) finishCopy(err error) error {
	w.checkpoints.copying = nil
	if err != nil {
		return err
	}
	frames, err := wal(w.conn, "PRAGMA wal_checkpoint(PASSIVE)")
	w.checkpoints.due = frames + checkpointStep
	return err
}

// awaitCopy returns when no copy is under way.
func (w *writer) awaitCopy() {
	if c := &w.checkpoints; c.copying != nil {
		w.store.fault(<-c.copying)
		c.copying = nil
	}
}

// wal runs a checkpoint and returns the number of frames in the WAL.
func wal(conn *sqlite.Conn, query string) (frames int64, err error) {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return 0, err
	}
	_, err = one(stmt, func(row *row) {
		row.next() // whether it was kept from finishing
		frames = row.number()
	})
	return frames, err
}

// close moves the WAL into the database and closes the connections.
func (w *writer) close() error {
	_, err := wal(w.conn, "PRAGMA wal_checkpoint(TRUNCATE)")
	if isFull(err) {
		err = nil // the WAL stays, and is as good
	}
	return errors.Join(w.store.fault(err), w.checkpoints.copier.Close(), w.conn.Close())
}
