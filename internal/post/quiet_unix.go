//go:build unix

package post

import (
	"errors"
	"syscall"
)

// quiet reports whether the kernel has nothing from the other end: neither its
// goodbye nor anything unasked. The connection has no deadline that has passed.
func (cn *conn) quiet() bool {
	if cn.socket == nil {
		return true
	}
	quiet := false
	err := cn.socket.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:])
		quiet = errors.Is(err, syscall.EAGAIN)
		return true // do not wait
	})
	return err == nil && quiet
}
