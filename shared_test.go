package fanfare_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A table is a store that one node, which holds all shards, shares with others that do
// not run. What they accept it is not told of.
type table struct {
	*storetest.Model

	mu      sync.Mutex
	horizon uint64
	away    bool // it does not answer
	joins   int
	held    chan struct{} // closed when acceptances that are held back may go on; nil: none is
	unread  bool          // what was added is not answered
	reads   int           // of lanes
	news    chan *fanfare.News

	late          chan struct{} // closed when what was added may be answered; nil: at once
	asking, asked int           // for what was added: now, and in all
}

func (s *table) answer() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return fanfare.ErrAway
	}
	return nil
}

func (s *table) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *table) Accept(ctx context.Context, app fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held != nil {
		<-held
	}
	return s.Model.Accept(ctx, app, in, key)
}

func (s *table) Join(context.Context, string) error {
	s.mu.Lock()
	s.joins++
	s.mu.Unlock()
	return s.answer()
}

func (s *table) Renew(context.Context, uint64, bool) (*fanfare.Lease, error) {
	if err := s.answer(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &fanfare.Lease{Until: time.Now().Add(8 * time.Second), Horizon: s.horizon}
	for shard := range fanfare.Shards + 1 {
		l.Shards = append(l.Shards, shard)
	}
	return l, nil
}

func (s *table) GiveUp(context.Context, []int) error                          { return s.answer() }
func (s *table) Leave(context.Context) error                                  { return s.answer() }
func (s *table) Nodes(context.Context) ([]*fanfare.Node, error)               { return nil, s.answer() }
func (s *table) Tell(context.Context, []fanfare.Lane) error                   { return s.answer() }
func (s *table) TellMore([]fanfare.Addition)                                  {}
func (s *table) ShardOf(fanfare.EndpointID) int                               { return 7 }
func (s *table) LanesOf(ctx context.Context, _ []int) ([]fanfare.Lane, error) { return s.Lanes(ctx) }

func (s *table) Waiting(ctx context.Context, q fanfare.WaitingQuery) ([]*fanfare.Delivery, error) {
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	return s.Model.Waiting(ctx, q)
}

func (s *table) Added(ctx context.Context, some []fanfare.Addition) (ds []*fanfare.Delivery, msgs []*fanfare.Message, err error) {
	s.mu.Lock()
	unread, late := s.unread, s.late
	s.asking++
	s.asked++
	s.mu.Unlock()
	if late != nil {
		<-late
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asking--
	}()
	if unread {
		return nil, nil, fanfare.ErrAway
	}
	for _, a := range some {
		for _, id := range a.Messages {
			of, err := s.Deliveries(ctx, a.Application, fanfare.DeliveryFilter{
				Message: id, Endpoint: a.Endpoint, States: []fanfare.State{fanfare.Waiting}, Page: fanfare.Page{Limit: 10},
			})
			if err != nil {
				return nil, nil, err
			}
			ds = append(ds, of...)
		}
		named, err := s.NamedMessages(ctx, a.Application, a.Messages)
		if err != nil {
			return nil, nil, err
		}
		msgs = append(msgs, named...)
	}
	return ds, msgs, nil
}

func (s *table) Hear(ctx context.Context) (*fanfare.News, error) {
	select {
	case news := <-s.news:
		return news, nil
	case <-ctx.Done():
		return &fanfare.News{}, nil
	}
}

// aside is a Hub on the same store that accepts and does not run.
func (s *table) aside(w *world) *fanfare.Hub {
	return fanfare.New(s, &fanfare.Options{Dial: w.net.DialContext, AllowLoopback: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

// atTable runs test in a bubble with a world whose Hub is a node.
func atTable(t *testing.T, test func(t *testing.T, w *world, s *table)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := &table{Model: w.store, news: make(chan *fanfare.News)}
		w.node(s)
		defer w.close()
		test(t, w, s)
	})
}

// node ends the Hub, and starts one that is a node.
func (w *world) node(s *table) {
	w.stop()
	w.hub = s.aside(w)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.hub.Run(ctx) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// TestWhatWasAcceptedLateComesBeforeWhatWasSentAfterIt has a node be frozen between
// making an identifier and its commit. When it goes on, the lane, which has more waiting
// than is in memory, has read past that place. A client that has then heard of the
// commit sends another event by way of a third node. The lane hears of neither, and reads
// on while it drains.
func TestWhatWasAcceptedLateComesBeforeWhatWasSentAfterIt(t *testing.T) {
	for _, key := range []string{"", "k"} {
		atTable(t, func(t *testing.T, w *world, s *table) {
			const many = 700 // of which 512 are in memory
			drain := make(chan struct{})
			rcv := w.receiver("a.test", func(n int, _ http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					<-drain
				}
			})
			w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true})
			send := func(h *fanfare.Hub, text string) {
				msg := &fanfare.Message{EventType: "x.y", Payload: []byte(text), OrderingKey: key}
				if errs, err := h.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
					t.Error(err, errs)
				}
			}
			frozen, other := s.aside(w), s.aside(w)
			held := make(chan struct{})
			var thawed sync.WaitGroup
			for i := range many {
				if i == 300 {
					s.mu.Lock()
					s.held = held
					s.mu.Unlock()
					thawed.Go(func() { send(frozen, "late") })
					synctest.Wait()
					s.mu.Lock()
					s.held = nil
					s.mu.Unlock()
				}
				send(other, fmt.Sprint(i))
			}
			time.Sleep(11 * time.Second) // by then it has looked for what it was not told of
			if n := len(rcv.requests()); n != 1 {
				t.Fatalf("%d requests before it drains, want 1", n)
			}
			close(held)
			thawed.Wait()
			send(other, "after")
			close(drain)
			time.Sleep(time.Second)
			got := rcv.bodies()
			late, after := slices.Index(got, "late"), slices.Index(got, "after")
			if len(got) != many+2 || late < 0 || late > after {
				t.Errorf("key %q: of %d, the late one came as number %d, and what was sent after it as number %d", key, len(got), late, after)
			}
			rest := strings.Join(slices.DeleteFunc(slices.Clone(got), func(b string) bool { return b == "late" }), " ")
			want := ""
			for i := range many {
				want += fmt.Sprint(i) + " "
			}
			if rest != want+"after" {
				t.Errorf("key %q: the others came in another order", key)
			}
		})
	}
}

// TestANodeThatIsCutOffKnows has the store not answer for longer than a lease, and then
// answer again.
func TestANodeThatIsCutOffKnows(t *testing.T) {
	atTable(t, func(t *testing.T, w *world, s *table) {
		if w.hub.OutOfTouch() {
			t.Error("it is out of touch before it has joined")
		}
		time.Sleep(time.Second + time.Millisecond)
		s.setAway(true)
		for _, step := range []struct {
			after time.Duration
			away  bool
			want  bool
		}{{7 * time.Second, true, false}, {2 * time.Second, true, true}, {time.Minute, true, true}, {0, false, true}, {3 * time.Second, false, false}} {
			s.setAway(step.away)
			time.Sleep(step.after)
			if got := w.hub.OutOfTouch(); got != step.want {
				t.Errorf("%v after the start it is out of touch: %t", time.Since(w.start), got)
			}
		}
		w.stop()
		if w.hub.OutOfTouch() {
			t.Error("it is out of touch though it has ended")
		}
		if aside := s.aside(w); aside.OutOfTouch() {
			t.Error("one that does not run is out of touch")
		}
	})
}

// TestWhatOthersHaveAccepted has a node be told of messages that others have accepted. It
// reads these alone, and delivers each once; where that will not do it reads the lane.
func TestWhatOthersHaveAccepted(t *testing.T) {
	for _, c := range []struct {
		what    string
		ordered bool
		away    bool // the store does not answer what there is of them
		twice   bool // it is told twice
		reads   bool // the lane
	}{
		{what: "one by one"},
		{what: "told twice", twice: true},
		{what: "ordered", ordered: true, reads: true},
		{what: "unanswered", away: true, reads: true},
	} {
		atTable(t, func(t *testing.T, w *world, s *table) {
			rcv := w.receiver("a.test", nil)
			ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: c.ordered})
			w.send("x.y", "first") // the node knows the lane from then on
			synctest.Wait()
			other := s.aside(w)
			var want []string
			news := &fanfare.News{}
			for i := range 100 {
				want = append(want, fmt.Sprint(i))
				msg := &fanfare.Message{EventType: "x.y", Payload: []byte(want[i])}
				if errs, err := other.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
					t.Fatal(err, errs)
				}
				news.Additions = append(news.Additions, fanfare.Addition{
					Lane: fanfare.Lane{Application: ep.Application, Endpoint: ep.ID}, Messages: []fanfare.MessageID{msg.ID},
				})
			}
			s.mu.Lock()
			s.unread, s.reads = c.away, 0
			s.mu.Unlock()
			s.news <- news
			if c.twice {
				s.news <- news
			}
			synctest.Wait()
			got := rcv.bodies()[1:]
			if !c.ordered {
				slices.Sort(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: it delivered %q", c.what, got)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if (s.reads > 0) != c.reads {
				t.Errorf("%s: it read the lane %d times", c.what, s.reads)
			}
		})
	}
}

// TestNewsOfWhatIsArriving has a node hear of what it is itself just accepting.
func TestNewsOfWhatIsArriving(t *testing.T) {
	atTable(t, func(t *testing.T, w *world, s *table) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("x.y", "first") // the node knows the lane from then on
		synctest.Wait()
		now := time.Now()
		msg := &fanfare.Message{ID: "msg_03E6NKXC01R05AVR7WTVMBCE7W", Application: w.app.ID, EventType: "x.y", Payload: []byte("1"), CreatedAt: now}
		in := []*fanfare.Intake{{Message: msg, Deliveries: []fanfare.Delivery{{Message: msg.ID, Endpoint: ep.ID, Due: now}}}}
		w.hub.Expect(in)
		if _, err := w.store.Accept(t.Context(), w.app.ID, in, nil); err != nil {
			t.Fatal(err)
		}
		s.news <- &fanfare.News{Additions: []fanfare.Addition{{Lane: fanfare.Lane{Application: ep.Application, Endpoint: ep.ID}, Messages: []fanfare.MessageID{msg.ID}}}}
		synctest.Wait()
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("while it is arriving it was sent %d times", n-1)
		}
		w.hub.Leave(t.Context(), in)
		synctest.Wait()
		if n := len(rcv.requests()); n != 2 {
			t.Errorf("it was sent %d times, want once", n-1)
		}
	})
}

// TestNewsThatCouldNotBeReadAreForgotten tells of much while the store does not answer:
// what is told of afterwards is read alone again.
func TestNewsThatCouldNotBeReadAreForgotten(t *testing.T) {
	atTable(t, func(t *testing.T, w *world, s *table) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("x.y", "first") // the node knows the lane from then on
		synctest.Wait()
		unread := func(unread bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.unread, s.reads = unread, 0
		}
		tell := func(ids ...fanfare.MessageID) {
			s.news <- &fanfare.News{Additions: []fanfare.Addition{{Lane: fanfare.Lane{Application: ep.Application, Endpoint: ep.ID}, Messages: ids}}}
			synctest.Wait()
		}
		unread(true)
		for i := range 600 {
			tell(fanfare.MessageID(fmt.Sprintf("msg_%026d", i)))
		}
		unread(false)
		msg := &fanfare.Message{EventType: "x.y", Payload: []byte("last")}
		if errs, err := s.aside(w).SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
			t.Fatal(err, errs)
		}
		tell(msg.ID)
		if got := rcv.bodies(); len(got) != 2 || got[1] != "last" {
			t.Errorf("it delivered %q", got)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.reads != 0 {
			t.Errorf("it read the lane %d times", s.reads)
		}
	})
}
