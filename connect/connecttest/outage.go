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
const outageLasts = 60 * time.Second

// Outage sends messages, some at once and each again until it is taken, and has outage
// kill the other side meanwhile and bring it back. It returns their ids: all of them
// must be found over there, once at least.
func Outage(t *testing.T, sink fanfare.Sink, outage func()) []fanfare.MessageID {
	t.Helper()
	const messages, atOnce, before = 60, 4, 15
	ctx, cancel := context.WithTimeout(t.Context(), outageLasts)
	defer cancel()
	work, taken := make(chan *fanfare.Message), make(chan struct{}, messages)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for msg := range work {
				again(t, ctx, sink, msg)
				taken <- struct{}{}
			}
		})
	}
	var ids []fanfare.MessageID
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range before {
			<-taken
		}
		outage()
	}()
	for i := range messages {
		msg := Message("a.b", fmt.Sprintf(`{"n":%d}`, i))
		ids = append(ids, msg.ID)
		work <- msg
		if i == before {
			time.Sleep(10 * time.Millisecond) // so that most of them meet the outage
		}
	}
	close(work)
	wg.Wait()
	<-ended
	return ids
}

// again sends msg until it is taken.
func again(t *testing.T, ctx context.Context, sink fanfare.Sink, msg *fanfare.Message) {
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, 2*time.Second)
		reply, err := sink.Send(within, msg)
		cancel()
		if err == nil && taken(reply) {
			return
		}
		if reply.Class == fanfare.ClassRejected || reply.Class == fanfare.ClassGone {
			t.Errorf("%s was given up: %s", msg.ID, reply.Detail)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%s was not taken within %s", msg.ID, outageLasts)
}
