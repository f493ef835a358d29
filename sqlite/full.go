package sqlite

import (
	"crypto/rand"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// reserveSize is the room kept for the time when the disk is full: enough for the
// WAL to be copied into the database, whole, and for thousands of attempts to be
// recorded after that. Tests, which have hundreds of databases, make it smaller.
var reserveSize = wholeReserve

const wholeReserve = checkpointMost*pageSize + 8<<20

// fullAgain is how long to wait before looking again whether there is room.
const fullAgain = time.Second

// isFull reports whether an error says that the disk has no room. The index of
// the WAL is only a cache, so that failing to extend it loses nothing either.
func isFull(err error) bool {
	if err == nil {
		return false
	}
	code := sqlite.ErrCode(err)
	return code.ToPrimary() == sqlite.ResultFull || code == sqlite.ResultIOErrSHMSize ||
		errors.Is(err, fanfare.ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (s *Store) reservePath() string { return s.path + ".reserve" }

// takeReserve fills the reserve file with blocks of its own. It may be there
// already, whole or in part.
func (s *Store) takeReserve() (err error) {
	if info, err := os.Stat(s.reservePath()); err == nil && info.Size() == int64(reserveSize) {
		return nil
	}
	file, err := os.OpenFile(s.reservePath(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(s.reservePath())
		}
	}()
	defer file.Close()
	if err := allocate(file, reserveSize); err != nil {
		return err
	}
	return file.Sync()
}

// occupy gives a file blocks of its own by writing to them.
func occupy(file *os.File, size int) error {
	block := make([]byte, 1<<20)
	rand.Read(block) // zeros might be compressed away
	for written := 0; written < size; {
		n, err := file.Write(block[:min(len(block), size-written)])
		if err != nil {
			return err
		}
		written += n
	}
	return nil
}

// release gives up the reserve, so that what is accepted already can go on; from
// now on nothing new is accepted.
func (w *writer) release() {
	w.store.full.Store(true)
	w.looked = time.Now()
	os.Remove(w.store.reservePath())
	// What has been copied into the database makes the WAL's own room usable again.
	w.awaitCopy()
	_, err := wal(w.conn, "PRAGMA wal_checkpoint(PASSIVE)")
	w.store.fault(err)
}

// makeRoom ends the time of fullness if the reserve can be had again.
func (w *writer) makeRoom() {
	w.looked = time.Now()
	if w.store.takeReserve() == nil {
		w.store.full.Store(false)
	}
}

// makeRoomIfDue is makeRoom for when there is so much to do that the writer
// never rests.
func (w *writer) makeRoomIfDue() {
	if time.Since(w.looked) >= fullAgain {
		w.makeRoom()
	}
}
