//go:build !linux

package memdir

import "os"

// Root is the folder for what tests write: the one for temporary files.
func Root() string { return os.TempDir() }
