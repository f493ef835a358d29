package sqlite

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// openWithEndpoint opens a store that has an application with an endpoint.
func openWithEndpoint(t *testing.T) (*Store, *fanfare.Application, *fanfare.Endpoint) {
	t.Helper()
	s, _ := openTemp(t)
	app := &fanfare.Application{ID: fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, id{1})), Name: "A", CreatedAt: time.Now()}
	if err := s.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	ep := &fanfare.Endpoint{ID: fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, id{2})), Application: app.ID, URL: "https://example.com/", CreatedAt: time.Now()}
	if err := s.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	return s, app, ep
}

// hold keeps the writer busy until leave is called, so that what comes gathers.
func (s *Store) hold(t *testing.T) (leave func()) {
	t.Helper()
	entered, left := make(chan struct{}), make(chan struct{})
	first, err := s.queue.add(&job{run: func(*writer) error { close(entered); <-left; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	return func() {
		close(left)
		<-first.done
	}
}

// awaitJobs returns when so many have gathered.
func (s *Store) awaitJobs(n int) {
	for s.queue.waiting() < n {
		time.Sleep(time.Millisecond)
	}
}

// What cannot be stored leaves those alone that came with it, though all are inserted
// together, and though SQLite itself has ended the transaction.
func TestWhatCannotBeStoredFailsAlone(t *testing.T) {
	s, app, ep := openWithEndpoint(t)
	const n = 20
	message := func(i int) fanfare.MessageID {
		return fanfare.MessageID(fanfare.EncodeID(messagePrefix, id{3, byte(i)}))
	}
	accept := func(i int, to fanfare.ApplicationID, state fanfare.State, key *fanfare.Idempotency) error {
		msg := &fanfare.Message{ID: message(i), Application: to, EventType: "a.b", Payload: []byte("1"), CreatedAt: time.Now()}
		in := &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{{Message: msg.ID, Endpoint: ep.ID, State: state}}}
		_, err := s.Accept(t.Context(), to, []*fanfare.Intake{in}, key)
		return err
	}
	record := func(i int, state fanfare.State) error {
		return s.Record(t.Context(), &fanfare.Outcome{
			Attempt:  &fanfare.Attempt{ID: fanfare.AttemptID(fanfare.EncodeID(attemptPrefix, id{4, byte(i)})), Message: message(i), Endpoint: ep.ID, Number: 1, StartedAt: time.Now(), State: state},
			Delivery: fanfare.Delivery{State: state, Attempts: 1},
		})
	}
	const none = 9 // there is no such state
	nowhere := fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, id{9}))
	for round, do := range map[string]func(i int) (bad bool, err error){
		"messages": func(i int) (bool, error) {
			switch i {
			case 3, 11:
				return true, accept(i, app.ID, none, nil)
			case 5:
				return true, accept(i, app.ID, none, &fanfare.Idempotency{Key: "k"})
			case 6:
				return false, accept(i, app.ID, 0, &fanfare.Idempotency{Key: "l"})
			case 7:
				return true, accept(i, nowhere, 0, nil)
			}
			return false, accept(i, app.ID, 0, nil)
		},
		"attempts": func(i int) (bool, error) {
			if err := accept(100+i, app.ID, 0, nil); err != nil {
				return false, err
			}
			if i == 4 || i == 13 {
				return true, record(100+i, none)
			}
			return false, record(100+i, fanfare.Delivered)
		},
	} {
		leave := s.hold(t)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				if bad, err := do(i); bad != (err != nil) {
					t.Errorf("%s: number %d: %v", round, i, err)
				} else if round == "messages" {
					if _, err := s.Message(t.Context(), app.ID, string(message(i))); bad != errors.Is(err, fanfare.ErrNotFound) {
						t.Errorf("message %d: reading gives %v", i, err)
					}
				} else if ds, err := s.Attempts(t.Context(), app.ID, fanfare.AttemptFilter{Endpoint: ep.ID, Message: message(100 + i), Page: fanfare.Page{Limit: 10}}); err != nil || (len(ds) == 0) != bad {
					t.Errorf("attempt %d: reading gives %d, %v", i, len(ds), err)
				}
			})
		}
		s.awaitJobs(n)
		leave()
		all.Wait()
	}
}

// What comes later takes the place of what waits, though the earlier one has a key, and is
// stored apart.
func TestJobsKeepTheirOrder(t *testing.T) {
	s, app, ep := openWithEndpoint(t)
	leave := s.hold(t)
	var all sync.WaitGroup
	ins := make([]*fanfare.Intake, 3)
	for i, key := range []*fanfare.Idempotency{nil, {Key: "k"}, nil} {
		msg := &fanfare.Message{ID: fanfare.MessageID(fanfare.EncodeID(messagePrefix, id{3, byte(i)})), Application: app.ID, EventType: "a.b", Payload: []byte("1"), CreatedAt: time.Now()}
		due := msg.CreatedAt.Add(time.Minute)
		ins[i] = &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{
			{Message: msg.ID, Endpoint: ep.ID, Due: due, Rank: fanfare.RankOf(false, due), OrderingKey: "x", Latest: true}}}
		all.Go(func() {
			if _, err := s.Accept(t.Context(), app.ID, ins[i:i+1], key); err != nil {
				t.Error(err)
			}
		})
		s.awaitJobs(i + 1)
	}
	leave()
	all.Wait()
	want := fanfare.MessageID("")
	for i, in := range ins {
		if got := in.Deliveries[0].Replaced; got != want {
			t.Errorf("message %d takes the place of %q, want %q", i, got, want)
		}
		want = in.Message.ID
	}
}
