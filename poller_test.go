package fanfare_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A held store holds acceptances up before they are stored, as long as hold says,
// and counts how often messages are read.
type held struct {
	fanfare.Store
	hold  func(msg *fanfare.Message)
	reads atomic.Int64
	most  atomic.Int64 // bytes of payloads in one read
}

func (s *held) Accept(ctx context.Context, app fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	if s.hold != nil {
		s.hold(in[0].Message)
	}
	return s.Store.Accept(ctx, app, in, key)
}

func (s *held) Messages(ctx context.Context, app fanfare.ApplicationID, f fanfare.MessageFilter) ([]*fanfare.Message, error) {
	s.reads.Add(1)
	msgs, err := s.Store.Messages(ctx, app, f)
	size := int64(0)
	for _, msg := range msgs {
		size += int64(len(msg.Payload))
	}
	s.most.Store(max(s.most.Load(), size))
	return msgs, err
}

// A reader polls an endpoint, and has what it was given so far.
type reader struct {
	*testing.T
	*fanfare.Poller
	place fanfare.MessageID
	got   []fanfare.MessageID
}

// polled makes a Hub on a held store, with an application and an endpoint that
// wants groups, and a reader of it.
func polled(t *testing.T, hold func(msg *fanfare.Message), groups ...string) (*fanfare.Hub, *held, *reader) {
	t.Helper()
	store := &held{Store: storetest.NewModel(), hold: hold}
	hub := fanfare.New(store, nil)
	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	ep := &fanfare.Endpoint{URL: "https://example.com/in", UID: "in", EventTypes: groups}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	ep.Application = app.ID
	if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	p, err := hub.Poller(t.Context(), "acme", "in")
	if err != nil {
		t.Fatal(err)
	}
	return hub, store, &reader{t, p, p.Start(), nil}
}

// poll reads on and reports whether there is nothing further.
func (r *reader) poll() (done bool) {
	r.Helper()
	b, err := r.Read(r.Context(), fanfare.PollQuery{After: r.place, Limit: 3})
	if err != nil {
		r.Fatal(err)
	}
	for _, msg := range b.Messages {
		r.got = append(r.got, msg.ID)
	}
	r.place = b.Next
	return b.Done
}

func send(t *testing.T, hub *fanfare.Hub, eventType string) fanfare.MessageID {
	msg, err := hub.Send(t.Context(), "acme", eventType, 1)
	if err != nil {
		t.Error(err)
	}
	return msg.ID
}

// TestAPollDoesNotPassWhatIsStillToCome has a message stored after one that was
// given a larger id.
func TestAPollDoesNotPassWhatIsStillToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan bool)
		hub, _, r := polled(t, func(msg *fanfare.Message) {
			if msg.EventType == "late" {
				<-gate
			}
		})
		bell := hub.MessageBell(r.Endpoint().Application)
		defer bell.Close()
		first := send(t, hub, "first")
		var late fanfare.MessageID
		var sending sync.WaitGroup
		sending.Go(func() { late = send(t, hub, "late") })
		synctest.Wait()
		early := send(t, hub, "early")
		<-bell.Rung()
		if !r.poll() || !slices.Equal(r.got, []fanfare.MessageID{first}) {
			t.Fatalf("while one is still to come polled %v, want only %s", r.got, first)
		}
		select {
		case <-bell.Rung():
			t.Fatal("the bell rang for what cannot be polled yet")
		default:
		}
		close(gate)
		sending.Wait()
		<-bell.Rung()
		r.poll()
		if want := []fanfare.MessageID{first, late, early}; !slices.Equal(r.got, want) {
			t.Errorf("polled %v, want %v", r.got, want)
		}
	})
}

// TestPollsMissNothing has many send at once, each taking its time to be stored,
// while some poll.
func TestPollsMissNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, _, r := polled(t, func(*fanfare.Message) { time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond) }, "wanted.*")
		var sending, polling sync.WaitGroup
		var mu sync.Mutex
		var want []fanfare.MessageID
		for i := range 8 {
			sending.Go(func() {
				for n := range 50 {
					if (n+i)%3 == 0 {
						send(t, hub, "else")
						continue
					}
					id := send(t, hub, "wanted.here")
					mu.Lock()
					want = append(want, id)
					mu.Unlock()
				}
			})
		}
		over := make(chan bool)
		readers := []*reader{r, {t, r.Poller, r.place, nil}, {t, r.Poller, r.place, nil}}
		for i, r := range readers {
			polling.Go(func() {
				for last := false; !r.poll() || !last; time.Sleep(time.Duration(i) * time.Millisecond) {
					select {
					case <-over:
						last = true
					case <-time.After(time.Millisecond):
					}
				}
			})
		}
		sending.Wait()
		close(over)
		polling.Wait()
		slices.Sort(want)
		for i, r := range readers {
			if !slices.Equal(r.got, want) {
				t.Errorf("reader %d was given %d messages, want all %d in order", i, len(r.got), len(want))
			}
		}
	})
}

func TestAPollThatFindsNothingReadsNothing(t *testing.T) {
	hub, store, r := polled(t, nil, "wanted")
	send(t, hub, "wanted")
	send(t, hub, "else")
	for !r.poll() {
	}
	before := store.reads.Load()
	for range 10 {
		if !r.poll() {
			t.Error("there is more")
		}
	}
	if n := store.reads.Load() - before; n != 0 {
		t.Errorf("ten polls that found nothing read messages %d times", n)
	}
	id := send(t, hub, "wanted")
	if r.poll(); r.got[len(r.got)-1] != id {
		t.Errorf("polled %v, and not %s", r.got, id)
	}
	other := &reader{t, r.Poller, r.Start(), nil}
	if other.poll(); len(other.got) != 2 {
		t.Errorf("another reader was given %v, want both", other.got)
	}
}

// TestASeekIsBeforeTheNextMessage seeks to times between, before and after
// messages, some of them made while another was still to come.
func TestASeekIsBeforeTheNextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, _, r := polled(t, nil)
		start := time.Now()
		var ids []fanfare.MessageID
		for range 3 {
			time.Sleep(time.Second)
			ids = append(ids, send(t, hub, "a"))
		}
		for after, want := range map[time.Duration][]fanfare.MessageID{
			0: ids, time.Second: ids[1:], 1500 * time.Millisecond: ids[1:], 2 * time.Second: ids[2:], 3 * time.Second: nil, time.Hour: nil,
		} {
			place, err := r.PlaceAfter(t.Context(), start.Add(after))
			if err != nil {
				t.Fatal(err)
			}
			one := &reader{t, r.Poller, place, nil}
			for range 2 { // again, when what there is is known
				one.place, one.got = place, nil
				if one.poll(); !slices.Equal(one.got, want) {
					t.Errorf("after %v polled %v, want %v", after, one.got, want)
				}
			}
		}
		place, err := r.PlaceAfter(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		one := &reader{t, r.Poller, place, nil}
		one.poll()
		id := send(t, hub, "a")
		if one.poll(); !slices.Equal(one.got, []fanfare.MessageID{id}) {
			t.Errorf("after now polled %v, want %s", one.got, id)
		}
	})
}

func TestConsumersOfAnEndpointAreNamed(t *testing.T) {
	_, _, r := polled(t, nil)
	for _, name := range []string{"", "a b", "ä", "a/b", fmt.Sprintf("%0129d", 0)} {
		if _, err := r.Consumer(t.Context(), name); err == nil {
			t.Errorf("a consumer may be called %q", name)
		}
	}
	c, err := r.Consumer(t.Context(), "my-consumer.1")
	if err != nil || c.After != r.Start() {
		t.Errorf("a new consumer stands at %+v, %v", c, err)
	}
}

func TestAPollIsBoundedByBytes(t *testing.T) {
	const large = 1 << 20
	hub, store, r := polled(t, nil, "a.b")
	var all []fanfare.MessageID
	for i := range 30 {
		eventType := []string{"a.b", "a.c"}[i%2]
		msg, err := hub.Send(t.Context(), "acme", eventType, bytes.Repeat([]byte("1"), large))
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			all = append(all, msg.ID)
		}
	}
	var pages []int
	for {
		b, err := r.Read(t.Context(), fanfare.PollQuery{After: r.place, Limit: 250})
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range b.Messages {
			r.got = append(r.got, msg.ID)
		}
		pages = append(pages, len(b.Messages))
		if r.place = b.Next; b.Done {
			break
		}
	}
	if !slices.Equal(r.got, all) {
		t.Errorf("polled are %v, want %v", r.got, all)
	}
	if want := []int{8, 7}; !slices.Equal(pages, want) {
		t.Errorf("at a time %v, want %v", pages, want)
	}
	if most := store.most.Load(); most > 8<<20 {
		t.Errorf("%d bytes of payloads are read at once", most)
	}
}
