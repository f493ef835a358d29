package stage

import (
	"context"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Until looks whether something is so, again and again, and returns when it is.
func Until(ctx context.Context, so func() (bool, error)) error {
	for {
		if is, err := so(); is || err != nil {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Settled waits until no delivery to an endpoint is to be tried any more, and returns how
// many ended in each state.
func Settled(ctx context.Context, hub *fanfare.Hub, app fanfare.ApplicationID, ep fanfare.EndpointID) (stats map[fanfare.State]int, err error) {
	err = Until(ctx, func() (bool, error) {
		stats, err = hub.EndpointStats(ctx, app, ep, time.Time{}, time.Now().Add(time.Hour))
		return stats[fanfare.Waiting] == 0, err
	})
	return stats, err
}
