package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"
)

// A directory has the files that are appended to at the moment. All sinks have the same
// one: of two that name the same file neither cuts the other's lines.
type directory struct {
	path string

	mu    sync.Mutex
	root  *os.Root // nil while there are no files
	files map[string]*journal
}

// A journal is a file that is appended to.
type journal struct {
	name  string
	root  *os.Root
	users int // guarded by directory.mu

	mu   sync.Mutex
	file *os.File // nil: it is not open
	size int64
}

// take is the journal of that name, until it is given back.
func (d *directory) take(name string) (*journal, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == nil {
		root, err := os.OpenRoot(d.path)
		if err != nil {
			return nil, fmt.Errorf("the operator's folder: %w", err)
		}
		d.root = root
	}
	j := d.files[name]
	if j == nil {
		j = &journal{name: name, root: d.root}
		d.files[name] = j
	}
	j.users++
	return j, nil
}

// hold is take of one that is in use already.
func (d *directory) hold(j *journal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	j.users++
}

// give closes what nobody uses any more.
func (d *directory) give(j *journal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if j.users--; j.users > 0 {
		return
	}
	delete(d.files, j.name)
	j.close()
	if len(d.files) == 0 {
		_ = d.root.Close() // nothing is written through it itself
		d.root = nil
	}
}

// close closes the file, all of which is synced.
func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
	}
}

// add appends a line to the file and syncs it. A file that would have more bytes than
// full is put aside first; 0: none is ever full.
func (j *journal) add(line []byte, full int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.openLocked(); err != nil {
		return err
	}
	if full > 0 && j.size > 0 && j.size+int64(len(line)) > full {
		j.close()
		aside := dated(j.name, time.Now().UTC().Format("20060102T150405.000000000Z"))
		if err := j.root.Rename(j.name, aside); err != nil {
			return err
		}
		if err := j.openLocked(); err != nil {
			return err
		}
	}
	_, err := j.file.Write(line)
	if err == nil {
		if err = j.file.Sync(); err == nil {
			j.size += int64(len(line))
			return nil
		}
	}
	// Half a line must not stay, nor what was not synced: what the system still has of
	// it in memory says nothing of the disk.
	err = errors.Join(err, j.file.Truncate(j.size))
	j.close()
	return err
}

// openLocked has the file be open.
func (j *journal) openLocked() error {
	if j.file != nil {
		now, err := j.root.Lstat(j.name)
		mine, errMine := j.file.Stat()
		if err == nil && errMine == nil && os.SameFile(now, mine) {
			return nil
		}
	}
	j.close() // somebody took it away
	if dir := path.Dir(j.name); dir != "." {
		if err := j.root.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	if found, err := j.root.Stat(j.name); err == nil && !found.Mode().IsRegular() {
		return fmt.Errorf("%s is no file that can be appended to", j.name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := j.root.OpenFile(j.name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	j.file = f
	if err = j.endLine(); err == nil && j.size == 0 {
		err = j.syncNames(path.Dir(j.name))
	}
	if err != nil {
		j.close()
	}
	return err
}

// endLine ends a last line that a crash tore, so that the next is a line of its own. Its
// message was not confirmed, and comes again.
func (j *journal) endLine() error {
	found, err := j.file.Stat()
	if err != nil {
		return err
	}
	if j.size = found.Size(); j.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := j.file.ReadAt(last[:], j.size-1); err != nil || last[0] == '\n' {
		return err
	}
	if _, err := j.file.WriteString("\n"); err != nil {
		return err
	}
	j.size++
	return nil
}

// syncNames has the name of a new file outlast a crash too, and those of the folders
// that it is in.
func (j *journal) syncNames(dir string) error {
	for {
		f, err := j.root.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}
