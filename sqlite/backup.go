package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// backupStep is how many pages are copied between two calls of progress.
const backupStep = 1024

// Backup copies the database, as it is at one moment, to a new file, while
// everything else goes on. It calls progress, if that is not nil, with the bytes
// copied and the bytes in all. If it fails there is no file. The WAL cannot be
// emptied while a backup runs, so it grows by what is written meanwhile.
func (s *Store) Backup(ctx context.Context, path string, progress func(done, total int64)) error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	if err := s.backup(ctx, path, progress); err != nil {
		return fmt.Errorf("backup to %s: %w", path, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string, progress func(done, total int64)) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fs.ErrExist)
	}
	partial := path + ".partial"
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(partial) // it has its name by then, if all is well
	defer file.Close()
	if err := s.copyTo(ctx, partial, progress); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// copyTo writes what one read transaction sees into an empty file. The file need
// not survive a crash before it is whole, so it has no journal.
func (s *Store) copyTo(ctx context.Context, path string, progress func(done, total int64)) (err error) {
	source, err := sqlite.OpenConn(s.path, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := prepareReader(source); err != nil {
		return err
	}
	defer sqlitex.Transaction(source)(&err)
	if _, err := pragma(source, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err // it is by reading that the transaction settles on a moment
	}
	target, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := settle(target, []setting{{"PRAGMA journal_mode = OFF", "off"}, {"PRAGMA synchronous = OFF", ""}}); err != nil {
		return err
	}
	b, err := sqlite.NewBackup(target, "main", source, "main")
	if err != nil {
		return err
	}
	defer b.Close()
	pageSize, err := pragma(source, "PRAGMA page_size")
	if err != nil {
		return err
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err = b.Step(backupStep); err != nil {
			return err
		}
		if progress != nil {
			total := int64(b.PageCount())
			progress((total-int64(b.Remaining()))*pageSize, total*pageSize)
		}
	}
	return nil
}
