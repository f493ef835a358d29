package connecttest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// outageLasts is how long messages are tried again for.
const outageLasts = 2 * time.Minute

// Outage sends messages all the time, some at once and each again until it is taken. It
// has the other side end meanwhile and, when others are on their way that nobody is there
// to take, begin again. It returns the ids: all of them must be found over there, once at
// least.
func Outage(t *testing.T, sink fanfare.Sink, end, begin func()) []fanfare.MessageID {
	t.Helper()
	const before, after = 15, 30
	ctx, cancel := context.WithTimeout(t.Context(), outageLasts)
	defer cancel()
	o := &outage{sink: sink, work: make(chan *fanfare.Message)}
	var ids []fanfare.MessageID
	var feeding sync.WaitGroup
	gone := make(chan struct{})
	feeding.Go(func() {
		defer close(o.work)
		for left := after; left > 0; {
			select {
			case <-gone:
				left--
			default:
			}
			msg := Message("a.b", fmt.Sprintf(`{"n":%d}`, len(ids)))
			ids = append(ids, msg.ID)
			o.work <- msg
		}
	})
	taken := make(chan struct{}, before)
	o.send(t, ctx, func() {}, func() { tell(taken) })
	for range before {
		select {
		case <-taken:
		case <-ctx.Done():
		}
	}
	end()
	close(gone)
	met := make(chan struct{}, 1)
	o.send(t, ctx, func() { tell(met) }, func() {}) // those who were at it may wait for an answer yet
	select {
	case <-met:
	case <-ctx.Done():
	}
	begin()
	o.sending.Wait()
	feeding.Wait()
	return ids
}

// tell notes that something has happened, if there is room for that.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// An outage is what is sent around one.
type outage struct {
	sink    fanfare.Sink
	work    chan *fanfare.Message
	sending sync.WaitGroup
}

// send has some messages sent at once until there are no more, and says of each when it is
// about to be and when it was taken.
func (o *outage) send(t *testing.T, ctx context.Context, before, after func()) {
	const atOnce = 4
	for range atOnce {
		o.sending.Go(func() {
			for msg := range o.work {
				before()
				if again(t, ctx, o.sink, msg) {
					after()
				}
			}
		})
	}
}

// again sends msg until it is taken, and reports whether it was.
func again(t *testing.T, ctx context.Context, sink fanfare.Sink, msg *fanfare.Message) bool {
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, 2*time.Second)
		reply, err := sink.Send(within, msg)
		cancel()
		if err == nil && taken(reply) {
			return true
		}
		if reply.Class == fanfare.ClassRejected || reply.Class == fanfare.ClassGone {
			t.Errorf("%s was given up: %s", msg.ID, reply.Detail)
			return false
		}
		time.Sleep(20 * time.Millisecond) // as the engine does not try again at once either
	}
	t.Errorf("%s was not taken within %s", msg.ID, outageLasts)
	return false
}
