// Package sqlite keeps everything in one file: a [fanfare.Store] on SQLite, for
// one process on one machine. What a method returns nil for has been synced to
// disk; many calls at once share one transaction and one sync.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// oldestSQLite is the first version without a bug that could damage a database
// in WAL mode when a checkpoint and a write met (fixed in 3.51.3).
const oldestSQLite = 3051003

// readers is how many reads run at once.
const readers = 4

// A Store is a [fanfare.Store] in a file. Beside the file lie those of SQLite
// ("-wal", "-shm"), one that keeps a second process away (".lock") and one that
// holds room for the time when the disk is full (".reserve").
type Store struct {
	path    string
	lock    *os.File
	pool    *sqlitex.Pool // for reading only
	writer  *writer
	queue   queue
	pruning pruning

	consumers consumers

	fresh  atomic.Int64              // deliveries without a row
	full   atomic.Bool               // the disk is; only state changes are taken
	keys   atomic.Pointer[seal.Ring] // nil: nothing is sealed
	broken atomic.Pointer[error]     // set once, by the first I/O error

	resealing resealing

	closing sync.Once
	closed  error // what closing came to
}

var errClosed = errors.New("the store is closed")

// Options are the settings of a Store. The zero value of each field is a good
// default.
type Options struct {
	// Keys seal what is secret in the database, such as what endpoints sign and
	// authenticate with: a copy of the file alone discloses none of it. From the
	// first time on they are needed to open it; they must be kept elsewhere, and a
	// backup of them too. What was stored before without keys is sealed then, and
	// the file rewritten once. nil: nothing is sealed.
	Keys *seal.Ring
}

// Open is [OpenWith] without options.
func Open(ctx context.Context, path string) (*Store, error) { return OpenWith(ctx, path, nil) }

// OpenWith opens the database in that file, in a folder that exists, and makes it
// if there is none. It is an error if another process has it open, and a
// [seal.MissingKeyError] if its secrets are sealed with a key that is not given.
func OpenWith(ctx context.Context, path string, opt *Options) (*Store, error) {
	if opt == nil {
		opt = &Options{}
	}
	s, err := open(ctx, path, opt)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, opt *Options) (_ *Store, err error) {
	if sqlite.VersionNumber < oldestSQLite {
		return nil, fmt.Errorf("this program was built with SQLite %d, which can damage databases; at least %d is needed", sqlite.VersionNumber, oldestSQLite)
	}
	s := &Store{path: path}
	s.lock, err = lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.lock.Close()
		}
	}()
	conn, err := openWriter(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	reseal, err := s.takeKeys(conn, opt.Keys)
	if err != nil {
		return nil, err
	}
	if err := s.tellAll(conn); err != nil {
		return nil, err
	}
	s.pool, err = sqlitex.NewPool(path, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadOnly, PoolSize: readers, PrepareConn: prepareReader,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.pool.Close()
		}
	}()
	copier, err := openCopier(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			copier.Close()
		}
	}()
	if s.writer, err = newWriter(ctx, s, conn, copier); err != nil {
		return nil, err
	}
	if err := s.takeReserve(); err != nil {
		if !isFull(err) {
			return nil, err
		}
		s.full.Store(true)
	}
	s.queue.init()
	go s.writer.run()
	if reseal {
		s.resealing.runs.Store(true)
		s.resealing.work.Go(s.resealAll)
	}
	return s, nil
}

// openWriter opens the connection that writes, with settings that make what is
// committed last, and brings the database to its newest version.
func openWriter(path string) (_ *sqlite.Conn, err error) {
	// SQLite would make the file readable for all; it holds secrets.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	file.Close()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	conn.SetBusyTimeout(busyTimeout)
	if err := settle(conn, writerPragmas); err != nil {
		return nil, err
	}
	if err := migrate(conn); err != nil {
		return nil, err
	}
	return conn, syncDir(filepath.Dir(path))
}

// openCopier opens the connection that copies the WAL into the database.
func openCopier(path string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	if err := settle(conn, copierPragmas); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// busyTimeout is how long to wait for another program, such as the sqlite3
// shell, that holds a lock on the file.
const busyTimeout = 5 * time.Second

// pageSize is that of new databases, in bytes.
const pageSize = 8192

// A setting is a PRAGMA and the value it must give afterwards.
type setting struct{ pragma, want string }

// writerPragmas are what durability rests on. Checkpoints are the writer's own
// (see checkpoint): SQLite would ignore their errors. Memory maps are off because
// an I/O error in one ends the process.
var writerPragmas = []setting{
	{fmt.Sprintf("PRAGMA page_size = %d", pageSize), ""},
	{"PRAGMA journal_mode = WAL", "wal"},
	{"PRAGMA synchronous = FULL", ""},
	{"PRAGMA synchronous", "2"},
	{"PRAGMA wal_autocheckpoint = 0", "0"},
	{"PRAGMA journal_size_limit = 67108864", "67108864"},
	{"PRAGMA cache_size = -65536", ""},
	{"PRAGMA mmap_size = 0", "0"},
	{"PRAGMA temp_store = MEMORY", ""},
	{"PRAGMA cell_size_check = ON", ""},
	{"PRAGMA foreign_keys", "0"},
}

// copierPragmas are those of writerPragmas that a checkpoint minds.
var copierPragmas = []setting{
	{"PRAGMA synchronous = FULL", ""},
	{"PRAGMA synchronous", "2"},
	{"PRAGMA wal_autocheckpoint = 0", "0"},
	{"PRAGMA journal_size_limit = 67108864", "67108864"},
	{"PRAGMA mmap_size = 0", "0"},
}

var readerPragmas = []setting{
	{"PRAGMA query_only = ON", ""},
	{"PRAGMA cache_size = -8192", ""},
	{"PRAGMA mmap_size = 0", "0"},
	{"PRAGMA temp_store = MEMORY", ""},
	{"PRAGMA cell_size_check = ON", ""},
}

func prepareReader(conn *sqlite.Conn) error {
	conn.SetBusyTimeout(busyTimeout)
	return settle(conn, readerPragmas)
}

func settle(conn *sqlite.Conn, settings []setting) error {
	for _, s := range settings {
		got := ""
		err := sqlitex.ExecuteTransient(conn, s.pragma, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			got = stmt.ColumnText(0)
			return nil
		}})
		if err != nil {
			return fmt.Errorf("%s: %w", s.pragma, err)
		}
		if s.want != "" && got != s.want {
			return fmt.Errorf("%s gives %q and must give %q", s.pragma, got, s.want)
		}
	}
	return nil
}

// read lends f a connection that only reads.
func (s *Store) read(ctx context.Context, f func(conn *sqlite.Conn) error) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	conn, err := s.pool.Take(ctx)
	if err != nil {
		return err
	}
	defer s.pool.Put(conn)
	err = f(conn)
	if sqlite.ErrCode(err) == sqlite.ResultInterrupt && ctx.Err() != nil {
		return ctx.Err()
	}
	return s.fault(err)
}

// readAll is read for several statements that must see the same state.
func (s *Store) readAll(ctx context.Context, f func(conn *sqlite.Conn) error) error {
	return s.read(ctx, func(conn *sqlite.Conn) (err error) {
		defer sqlitex.Transaction(conn)(&err)
		return f(conn)
	})
}

// Newest implements [fanfare.Store].
func (s *Store) Newest(ctx context.Context) ([16]byte, error) {
	if err := s.broken.Load(); err != nil {
		return [16]byte{}, *err
	}
	return s.writer.newest.load(), nil
}

// Close does what calls have begun, moves everything into the database file
// itself and lets go of it. A store that is broken is left as it is on disk.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Store) close() error {
	s.queue.close()
	<-s.writer.done
	s.resealing.work.Wait() // what it asks for now is refused
	if s.broken.Load() != nil {
		return s.lock.Close() // closing the connections would have SQLite write
	}
	return errors.Join(s.pool.Close(), s.writer.close(), s.lock.Close())
}

// fault gives an error of SQLite its meaning. After an I/O error the store is
// broken: what the kernel did not write it may have forgotten, so that a sync
// that succeeds later proves nothing.
func (s *Store) fault(err error) error {
	if err == nil {
		return nil
	}
	if isFull(err) {
		return fmt.Errorf("%w: %w", fanfare.ErrFull, err)
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCorrupt, sqlite.ResultNotADB:
		broken := fmt.Errorf("%w: %w", fanfare.ErrBroken, err)
		s.broken.CompareAndSwap(nil, &broken)
		return *s.broken.Load()
	}
	return err
}

// syncDir makes the names of new files in a folder last.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
