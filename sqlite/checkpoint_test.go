package sqlite

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// TestTheWALBeginsAnew writes without a pause three times as much as the WAL may hold,
// which is copied beside the writer.
func TestTheWALBeginsAnew(t *testing.T) {
	s, path := openTemp(t)
	furnish(t, s)
	const size = 256 << 10
	most := int64(checkpointMost+checkpointFrames) * (pageSize + 24)
	for n, written := 1, int64(0); written < 3*most; n++ {
		if err := accept(t, s, n, size); err != nil {
			t.Fatal(err)
		}
		written += size
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > most {
			t.Fatalf("of %d bytes written the WAL has %d, and may have %d", written, info.Size(), most)
		}
	}
}

// TestACopyIsFinishedAtRest has a copy end after the last write: the writer copies what
// came meanwhile though nobody asks it for anything.
func TestACopyIsFinishedAtRest(t *testing.T) {
	s, path := openTemp(t)
	furnish(t, s)
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	copying := make(chan error, 1)
	if err := s.note(t.Context(), func(w *writer) error { w.checkpoints.copying = copying; return nil }); err != nil {
		t.Fatal(err)
	}
	if frames, copied := walState(t, conn); copied >= frames {
		t.Fatalf("%d of %d frames are copied before the copy has ended", copied, frames)
	}
	copying <- nil
	s.queue.rouse()
	for give := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		frames, copied := walState(t, conn)
		if copied == frames {
			return
		}
		if time.Now().After(give) {
			t.Fatalf("%d of %d frames are copied", copied, frames)
		}
	}
}

// walState returns how many frames the WAL has, and how many of them are copied.
func walState(t *testing.T, conn *sqlite.Conn) (frames, copied int64) {
	t.Helper()
	stmt, err := conn.Prepare("PRAGMA wal_checkpoint(NOOP)")
	if err == nil {
		_, err = one(stmt, func(row *row) {
			row.next()
			frames, copied = row.number(), row.number()
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return frames, copied
}

// TestABrokenStoreRests has a copy fail: nothing is left to do for the writer, who may not
// ask again and again what came of it.
func TestABrokenStoreRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := openTemp(t)
		copying := make(chan error, 1)
		if err := s.note(t.Context(), func(w *writer) error { w.checkpoints.copying = copying; return nil }); err != nil {
			t.Fatal(err)
		}
		copying <- s.fault(sqlite.ResultIOErrFsync.ToError())
		s.queue.rouse()
		synctest.Wait()
		if err := accept(t, s, 1, 1); !errors.Is(err, fanfare.ErrBroken) {
			t.Errorf("the error is %v, want that the store is broken", err)
		}
	})
}
