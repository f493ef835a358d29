package s3

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestGatherFails has the one who puts an object panic: what came of it nobody knows, and
// none of those who wait may take that for a success.
func TestGatherFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gather{}
		put := func(string, []byte) (fanfare.Reply, error) { panic("broken") }
		go func() {
			defer func() { _ = recover() }()
			_, _ = g.add(t.Context(), time.Second, "k", []byte("1\n"), put)
		}()
		synctest.Wait()
		if reply, err := g.add(t.Context(), time.Second, "k", []byte("2\n"), put); err == nil {
			t.Errorf("the second ends with %+v, as if it had been put", reply)
		}
	})
}
