package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/fanfarehq/fanfare"
)

// idempotencyHeader names a request so that repeating it does nothing again.
//
// Only successes are remembered, for 24 hours: a request that was refused has
// done nothing, and its repeat may fare better. Messages are remembered in the
// transaction that accepts them. Of all other POSTs it is noted before the deed that
// they have begun, and after it how they were answered: where a crash or a fault has
// come between the two, a repeat learns that the end of the first is not known.
const idempotencyHeader = "Idempotency-Key"

// maxIdempotencyKey bounds keys, in bytes.
const maxIdempotencyKey = 256

func checkKeys(keys []string) error {
	ok := len(keys) == 1 && len(keys[0]) > 0 && len(keys[0]) <= maxIdempotencyKey
	for _, key := range keys {
		for _, b := range []byte(key) {
			ok = ok && ' ' <= b && b <= '~'
		}
	}
	if !ok {
		return &fanfare.InvalidError{Field: idempotencyHeader, Reason: "must be given once, with 1 to 256 printable ASCII characters"}
	}
	return nil
}

// fingerprint is of everything that makes a request what it is.
func (c *call) fingerprint(body []byte) (sum [32]byte) {
	h := sha256.New()
	io.WriteString(h, c.r.Method+" "+c.r.URL.EscapedPath()+"\n")
	for _, p := range c.route.query {
		if values := c.get(p.name); values != nil && !p.view {
			fmt.Fprintf(h, "%s=%q\n", p.name, values)
		}
	}
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}

// idempotency is the key for what the Hub accepts, or nil if there is none.
func (c *call) idempotency(body []byte) (*fanfare.Idempotency, error) {
	keys := c.r.Header[idempotencyHeader]
	if len(keys) == 0 {
		return nil, nil
	}
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	return &fanfare.Idempotency{Key: c.keyApart(keys[0]), Fingerprint: c.fingerprint(body)}, nil
}

var endUnknown = refuse(http.StatusConflict, "conflict",
	"An earlier request with this Idempotency-Key broke off, or is still under way: whether it has done what it asks is not known. "+
		"Look whether it has; if not, send it with a new key.")

// once serves a request that carries a key, or answers as the first time.
func (c *call) once(keys []string) error {
	if err := checkKeys(keys); err != nil {
		return err
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	c.taken = body
	scope, key := c.r.PathValue("app"), c.keyApart(keys[0])
	ctx := c.r.Context()
	defer c.repeats.lock(scope, key)()
	mark := c.fingerprint(body)
	switch earlier, err := c.store.Answer(ctx, scope, key); {
	case err == nil && earlier.Fingerprint != mark:
		return fanfare.ErrConflict
	case err == nil && earlier.Status == 0:
		return endUnknown
	case err == nil:
		c.status, c.out, c.repeated = earlier.Status, earlier.Body, true
		return nil
	case !errors.Is(err, fanfare.ErrNotFound):
		return err
	}
	switch err := c.store.Remember(ctx, scope, key, &fanfare.Answer{Fingerprint: mark}); {
	case errors.Is(err, fanfare.ErrExists):
		return endUnknown // another server is at it
	case err != nil:
		return err
	}
	ended := context.WithoutCancel(ctx) // whoever asked may be gone, and come again
	if err := c.route.serve(c); err != nil {
		if problemOf(err) == nil {
			return err // a fault: what was done before it is not known
		}
		if err := c.store.Forget(ended, scope, key); err != nil {
			c.log.ErrorContext(ctx, "forgetting a request that was refused", "route", c.route.path, "error", err)
		}
		return err
	}
	answer := &fanfare.Answer{Fingerprint: mark, Status: c.status, Body: c.out}
	if err := c.store.Remember(ended, scope, key, answer); err != nil {
		// What was asked for is done, and saying otherwise would have it done twice. A
		// repeat is told that the end is not known.
		c.log.ErrorContext(ctx, "remembering an answer", "route", c.route.path, "error", err)
	}
	return nil
}

// repeats holds requests with the same key apart, so that only one does what it
// asks and the others see its answer.
type repeats struct {
	mu    sync.Mutex
	byKey map[[2]string]*turn
}

// A turn is one key in use.
type turn struct {
	sync.Mutex
	users int // under way or waiting; guarded by repeats.mu
}

// lock waits for the key's turn, and returns what ends it.
func (r *repeats) lock(scope, key string) (unlock func()) {
	name := [2]string{scope, key}
	r.mu.Lock()
	if r.byKey == nil {
		r.byKey = map[[2]string]*turn{}
	}
	t := r.byKey[name]
	if t == nil {
		t = &turn{}
		r.byKey[name] = t
	}
	t.users++
	r.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		r.mu.Lock()
		defer r.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(r.byKey, name)
		}
	}
}
