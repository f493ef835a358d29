package s3

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Bounds of what is gathered in an object.
const (
	maxLines = 500
	maxBytes = 8 << 20
)

// gather has messages that come together put into one object. The first of them waits for
// the others, and puts it; all have what came of that.
type gather struct {
	mu  sync.Mutex
	now *object // which more may still be added to; nil: none
}

// An object is one that is not put yet.
type object struct {
	key   string
	lines []byte
	n     int
	full  chan struct{} // closed when nothing more fits in
	done  chan struct{} // closed when reply and err are there
	reply fanfare.Reply
	err   error
}

// errUnknown is for those who waited for an object of which nothing more was heard.
var errUnknown = errors.New("it is not known what became of the object")

// add adds a line to an object, and returns when that has been put.
func (g *gather) add(ctx context.Context, wait time.Duration, key string, line []byte, put func(key string, lines []byte) (fanfare.Reply, error)) (fanfare.Reply, error) {
	o, first := g.join(key, line)
	if !first {
		select {
		case <-o.done:
			return o.reply, o.err
		case <-ctx.Done():
			return fanfare.Reply{}, ctx.Err()
		}
	}
	enough := time.NewTimer(wait)
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-o.full:
	case <-ctx.Done():
	}
	g.mu.Lock()
	if g.now == o {
		g.now = nil
	}
	g.mu.Unlock()
	defer close(o.done)
	o.err = errUnknown // should put panic
	o.reply, o.err = put(o.key, o.lines)
	if o.n > 1 && o.reply.Class == fanfare.ClassRejected {
		o.reply.Class = fanfare.ClassStatus // which of them is to blame is not known
	}
	return o.reply, o.err
}

// join adds a line to the object that is gathered, or to a new one.
func (g *gather) join(key string, line []byte) (o *object, first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o = g.now
	if o == nil {
		o, first = &object{key: key, full: make(chan struct{}), done: make(chan struct{})}, true
		g.now = o
	}
	o.lines = append(o.lines, line...)
	if o.n++; o.n >= maxLines || len(o.lines) >= maxBytes {
		g.now = nil
		close(o.full)
	}
	return o, first
}
