package api

import (
	"crypto/sha256"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

// maxBuckets bounds those whose rate is known; beyond it, those go that are full
// again, and if there are none all begin anew.
const maxBuckets = 10_000

// buckets hold each key, and those of a portal together, to so many requests a second: a bucket has room for those
// of one second, and is filled evenly. The admin key is held to nothing.
type buckets struct {
	rate float64 // a second; 0: there is no limit

	mu sync.Mutex
	by map[[32]byte]bucket
}

// A bucket has so many tokens at a time.
type bucket struct {
	tokens float64
	at     time.Time
}

// most is what a bucket holds.
func (b *buckets) most() float64 { return max(1, math.Floor(b.rate)) }

// take takes a token, if there is one.
func (b *buckets) take(key [32]byte, now time.Time) (left float64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one, known := b.by[key]
	if !known {
		b.makeRoomLocked(now)
		one = bucket{b.most(), now}
	}
	one.tokens = min(b.most(), one.tokens+b.rate*max(0, now.Sub(one.at).Seconds()))
	one.at = now
	if ok = one.tokens >= 1; ok {
		one.tokens--
	}
	b.by[key] = one
	return one.tokens, ok
}

func (b *buckets) makeRoomLocked(now time.Time) {
	if b.by == nil {
		b.by = make(map[[32]byte]bucket)
	}
	if len(b.by) < maxBuckets {
		return
	}
	for key, one := range b.by {
		if one.tokens+b.rate*now.Sub(one.at).Seconds() >= b.most() {
			delete(b.by, key)
		}
	}
	if len(b.by) >= maxBuckets {
		clear(b.by)
	}
}

// bucketOf is whose bucket b takes from: its own, by its secret and not by the header, where
// one key can be written in many ways; but keys of a portal share one, since its customer
// makes as many as they like.
func bucketOf(b *fanfare.Bearer) [32]byte {
	if b.Key != nil && b.Key.Portal {
		return sha256.Sum256([]byte(b.Key.Application))
	}
	return b.Hash()
}

// throttle holds the request to its key's rate. What is left is said twice: in the
// RateLimit fields of the IETF's draft, which are to be the standard, and in the
// X-RateLimit ones that clients read today.
func (c *call) throttle() error {
	b := &c.buckets
	if b.rate == 0 || c.who.admin {
		return nil
	}
	now := time.Now()
	left, ok := b.take(bucketOf(c.who.bearer), now)
	most, rest := int(b.most()), int(left)
	next := 0.0 // seconds until there is a token more, or the first
	if rest < most {
		next = (math.Floor(left) + 1 - left) / b.rate
	}
	wait := int(math.Ceil(next))
	full := (b.most() - left) / b.rate
	window := max(1, int(math.Ceil(b.most()/b.rate)))
	h := c.w.Header()
	h.Set("RateLimit-Policy", `"key";q=`+strconv.Itoa(most)+`;w=`+strconv.Itoa(window))
	h.Set("RateLimit", `"key";r=`+strconv.Itoa(rest)+`;t=`+strconv.Itoa(wait))
	h.Set("X-RateLimit-Limit", strconv.Itoa(most))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(rest))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(time.Duration(full*float64(time.Second))).Add(time.Second-1).Unix(), 10))
	if ok {
		return nil
	}
	return &problem{
		status: http.StatusTooManyRequests, code: "rate_limit", retryAfter: strconv.Itoa(max(1, wait)),
		detail: "This key may make " + strconv.FormatFloat(b.rate, 'g', 6, 64) + " requests a second; wait as long as Retry-After says, and ask less often: with wait= one request does for many.",
	}
}
