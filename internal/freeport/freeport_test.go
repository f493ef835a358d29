package freeport

import (
	"fmt"
	"net"
	"testing"
)

// TestNext has ports given out that are taken by others now and then.
func TestNext(t *testing.T) {
	seen := make(map[int]bool)
	for range 50 {
		port, err := Next()
		if err != nil || seen[port] || port < first || port >= first+count {
			t.Fatalf("%d, %v", port, err)
		}
		seen[port] = true
		next := first + int((last.Load()+1)%count)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", next)); err == nil {
			defer l.Close()
			seen[next] = true
		}
	}
}
