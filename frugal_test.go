package fanfare

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestFrugal has a server say more and more, and another that takes its time.
func TestFrugal(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration // after each MiB
		most  int           // that is read, of 64 MiB
	}{
		"all at once": {0, maxHeard},
		"in time":     {time.Second, 64 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				go func() {
					for range 64 {
						if _, err := there.Write(make([]byte, 1<<20)); err != nil {
							return
						}
						time.Sleep(c.pause)
					}
					there.Close()
				}()
				dial := frugal(func(context.Context, string, string) (net.Conn, error) { return here, nil })
				conn, err := dial(t.Context(), "tcp", "db.example:5432")
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, conn)
				if n != int64(c.most) || errors.Is(err, errTalkative) != (c.most < 64<<20) {
					t.Errorf("%d bytes were read, and then %v; want %d", n, err, c.most)
				}
			})
		})
	}
}
