package postgres

import (
	"fmt"
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

// TestAsMuchIsAwaitedAsTheLastTime has a job done that is as large as four, and looks when
// those go that come afterwards.
func TestAsMuchIsAwaitedAsTheLastTime(t *testing.T) {
	const us = time.Microsecond
	for name, c := range map[string]struct {
		after []time.Duration // when they come
		done  []string        // how many went together, and when
	}{
		"all come again":            {[]time.Duration{0, 0, 2200 * us, 2200 * us}, []string{"4 after 3ms"}},
		"one does not":              {[]time.Duration{0, 0, 2200 * us}, []string{"3 after 6.5ms"}},
		"more than all come slowly": {[]time.Duration{0, 0, 0, 900 * us, 1400 * us, 1900 * us, 7200 * us}, []string{"6 after 2.5ms", "1 after 7.2ms"}},
		"they never cease to come":  {[]time.Duration{900 * us, 4200 * us, 7700 * us, 9200 * us}, []string{"3 after 8ms", "1 after 13.5ms"}},
		"nobody does for long":      {[]time.Duration{6200 * us}, []string{"1 after 6.2ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var begun time.Time
				var done []string
				g := newGatherer(func(group []bytesOfJob) {
					if begun.IsZero() {
						begun = time.Now()
					} else {
						done = append(done, fmt.Sprint(len(group), " after ", time.Since(begun)))
					}
				})
				var all sync.WaitGroup
				come := func(at time.Duration, size bytesOfJob) {
					all.Go(func() {
						time.Sleep(at)
						if err := g.run(t.Context(), size); err != nil {
							t.Error(err)
						}
					})
				}
				come(0, 4*busyBytes)
				synctest.Wait()
				for _, at := range c.after {
					come(at, busyBytes)
				}
				all.Wait()
				g.close()
				if !slices.Equal(done, c.done) {
					t.Errorf("%q, want %q", done, c.done)
				}
			})
		})
	}
}
