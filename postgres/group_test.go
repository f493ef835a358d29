package postgres

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type bytesOfJob int

func (n bytesOfJob) size() int { return int(n) }

// TestMuchIsGathered has twelve jobs come in four milliseconds, and each group take two:
// where there is much to do those that come in the pause go together, and one group is under
// way at once; small ones do not wait for more.
func TestMuchIsGathered(t *testing.T) {
	for _, c := range []struct {
		size   bytesOfJob
		groups []int
		atOnce int
	}{
		{100, []int{1, 1, 5, 1, 4}, 2},
		{busyBytes, []int{1, 11}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var groups []int
			under, most := 0, 0
			g := newGatherer(func(group []bytesOfJob) {
				mu.Lock()
				groups, under = append(groups, len(group)), under+1
				most = max(most, under)
				mu.Unlock()
				time.Sleep(2 * time.Millisecond)
				mu.Lock()
				under--
				mu.Unlock()
			})
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					time.Sleep(time.Duration(i) * 310 * time.Microsecond)
					if err := g.run(t.Context(), c.size); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			g.close()
			if !slices.Equal(groups, c.groups) || most != c.atOnce {
				t.Errorf("of %d bytes: groups of %v, %d at once; want %v, %d", c.size, groups, most, c.groups, c.atOnce)
			}
		})
	}
}
