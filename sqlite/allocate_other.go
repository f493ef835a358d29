//go:build !linux

package sqlite

import "os"

// allocate gives an empty file blocks of its own.
func allocate(file *os.File, size int) error { return occupy(file, size) }
