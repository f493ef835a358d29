// Package freeport finds tests ports of loopback for servers that must be told theirs, as
// those that are started again have to be.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// Ports that are given out lie below those that systems give to outgoing connections:
// none of these takes one before its server does, or while that is down.
const (
	first = 10_000
	count = 20_000
)

// last was given out last. It begins anywhere, as other processes' does.
var last atomic.Uint32

func init() { last.Store(rand.Uint32N(count)) }

// Next is a port that nothing listens on, and another each time.
func Next() (port int, err error) {
	for range 1000 {
		port = first + int(last.Add(1)%count)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.Join(errors.New("no port is free"), err)
}
