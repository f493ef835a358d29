package lane

import (
	"math"
	"time"
)

// bucket is a token bucket, kept as the time at which it will be full again
// rather than as a number of tokens: all arithmetic is in whole nanoseconds, so
// it neither drifts nor lets through one too many. The zero bucket has no limit.
type bucket struct {
	every time.Duration // one token; 0: no limit
	burst int64
	full  instant
}

const slowest = 100 * 365 * 24 * time.Hour

// set changes the rate per second. What was spent stays spent.
func (b *bucket) set(rate float64) {
	if !(rate > 0) || math.IsInf(rate, 1) {
		b.every = 0
		return
	}
	rate = min(rate, float64(time.Second))
	b.every = slowest
	if every := math.Ceil(float64(time.Second) / rate); every < float64(slowest) {
		b.every = time.Duration(every)
	}
	b.burst = max(1, int64(math.Ceil(rate)))
}

// next is when a token is or was there.
func (b *bucket) next(now instant) instant {
	if b.every == 0 {
		return 0
	}
	// More than a whole bucket cannot have been spent, unless the clock went
	// back or the rate was changed.
	b.full = min(b.full, now.add(time.Duration(b.burst)*b.every))
	return b.full.add(-time.Duration(b.burst-1) * b.every)
}

// tokens is how many there are.
func (b *bucket) tokens(now instant) int64 {
	if b.every == 0 {
		return math.MaxInt64
	}
	next := b.next(now)
	if next > now {
		return 0
	}
	return min(b.burst, 1+int64(now-next)/int64(b.every))
}

func (b *bucket) take(now instant) {
	if b.every > 0 {
		b.full = max(b.full, now).add(b.every)
	}
}
