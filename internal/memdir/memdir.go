// Package memdir finds tests a folder in memory: to sync costs nothing there, and what
// a process has written outlasts its crash all the same.
package memdir

import "os"

// Use has the temporary folders of this process and of those it starts be in [Root].
func Use() error { return os.Setenv("TMPDIR", Root()) }
