//go:build unix

package post

import (
	"errors"
	"syscall"
)

// quiet reports whether a connection that rested is still of use: its other end
// has neither closed it nor said anything unasked.
func (cn *conn) quiet() bool {
	if cn.r.Buffered() > 0 || restedTooLong(cn) {
		return false
	}
	sc, ok := cn.raw.(syscall.Conn)
	if !ok {
		return true // not a socket
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = rc.Read(func(fd uintptr) bool {
		var b [1]byte
		_, err := syscall.Read(int(fd), b[:])
		quiet = errors.Is(err, syscall.EAGAIN)
		return true // do not wait
	})
	return err == nil && quiet
}
