package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// allocate gives an empty file blocks of its own.
func allocate(file *os.File, size int) error {
	err := syscall.Fallocate(int(file.Fd()), 0, 0, int64(size))
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return occupy(file, size)
	}
	return err
}
