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
const backupStep = 128

// Backup copies a database, as it is at one moment, to a new file. A Store may be
// open on the database, in this process or another, and goes on meanwhile. Backup
// calls progress, if that is not nil, with the bytes copied and the bytes in all.
// If it fails there is no file. The WAL cannot be emptied while a backup runs, so
// it grows by what is written meanwhile.
func Backup(ctx context.Context, from, to string, progress func(done, total int64)) error {
	if err := backup(ctx, from, to, progress); err != nil {
		return fmt.Errorf("backup of %s to %s: %w", from, to, err)
	}
	return nil
}

func backup(ctx context.Context, from, to string, progress func(done, total int64)) (err error) {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fs.ErrExist)
	}
	partial := to + ".partial"
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(partial) // it has its name by then, if all is well
	defer file.Close()
	if err := copyTo(ctx, from, partial, progress); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(partial, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// copyTo writes what one read transaction sees into an empty file. The file need
// not survive a crash before it is whole, so it has no journal.
func copyTo(ctx context.Context, from, to string, progress func(done, total int64)) (err error) {
	source, err := sqlite.OpenConn(from, sqlite.OpenReadOnly)
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
	target, err := sqlite.OpenConn(to, sqlite.OpenReadWrite)
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
