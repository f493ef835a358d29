package ui_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/sqlite"
)

func openLoaded(b *testing.B) (store fanfare.Store) {
	var err error
	if *database != "" {
		store, err = postgres.Open(b.Context(), *database, nil)
	} else {
		store, err = sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "fanfare.db"))
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	return store
}

type owned struct {
	app fanfare.ApplicationID
	ep  fanfare.EndpointID
	bad bool
}

// A filled store is what BenchmarkConsole says.
type filled struct {
	app, badApp         fanfare.ApplicationID
	endpoint, held, bad fanfare.EndpointID
	told                fanfare.EndpointID // an operational one, which takes nothing
	msg                 fanfare.MessageID  // the newest to endpoint
	attempt             fanfare.AttemptID  // of it
	cause               string             // for which bad fails
	others              []owned

	serial uint64
	begun  time.Time
	step   time.Duration // between things
	at     time.Time
}

// id names the next thing, of 20 hours in which all has happened.
func (s *filled) id(prefix string) string {
	s.serial++
	s.at = s.begun.Add(time.Duration(s.serial) * s.step).Truncate(time.Microsecond)
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(s.at.UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(raw[8:], 1<<63|s.serial)
	return fanfare.EncodeID(prefix, raw)
}

// together is how many messages are stored at once.
const together = 1000

// fillStore stores so many deliveries, each of a message of its own and with one attempt but
// for those that wait.
func fillStore(b *testing.B, store fanfare.Store, n int) *filled {
	s := &filled{begun: time.Now().Add(-20 * time.Hour).UTC(), step: 20 * time.Hour / time.Duration(2*n+4000), cause: fanfare.CauseOf(fanfare.ClassStatus, 503)}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range 100 {
		app := &fanfare.Application{ID: fanfare.ApplicationID(s.id("app_")), Name: fmt.Sprintf("Shop %d", i), CreatedAt: s.at, UpdatedAt: s.at}
		must(store.CreateApplication(b.Context(), app))
		for j := range 2 {
			e := &fanfare.Endpoint{ID: fanfare.EndpointID(s.id("ep_")), Application: app.ID, URL: "https://example.com/in", Paused: i == 0 && j == 1, Secrets: []fanfare.Secret{{Text: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}, CreatedAt: s.at, UpdatedAt: s.at}
			must(store.CreateEndpoint(b.Context(), e))
			s.others = append(s.others, owned{app.ID, e.ID, (2*i+j)%10 == 9})
			if (2*i+j)%10 == 9 {
				must(store.SetFailingSince(b.Context(), e.ID, s.at))
			}
		}
	}
	first, held := s.others[0], s.others[1]
	s.app, s.endpoint, s.held = first.app, first.ep, held.ep
	s.others = s.others[2:]
	s.bad, s.badApp = s.others[7].ep, s.others[7].app
	next := 0
	for piece := 0; piece*together < n; piece++ {
		switch {
		case piece%2 == 0:
			must(s.store(b, store, first, piece == 0))
		case piece%10 == 5:
			must(s.wait(b, store, held))
		default:
			must(s.store(b, store, s.others[next%len(s.others)], false))
			next++
		}
	}
	told := owned{fanfare.OperationalApplication, fanfare.EndpointID(s.id("ep_")), true}
	s.told = told.ep
	must(store.CreateApplication(b.Context(), &fanfare.Application{ID: told.app, Name: "Operational webhooks", CreatedAt: s.at, UpdatedAt: s.at}))
	must(store.CreateEndpoint(b.Context(), &fanfare.Endpoint{ID: told.ep, Application: told.app, URL: "https://example.com/in", Secrets: []fanfare.Secret{{Text: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}, CreatedAt: s.at, UpdatedAt: s.at}))
	must(s.store(b, store, told, false))
	must(s.tally(b, store))
	if *database != "" { // as the server does by itself within some minutes
		conn, err := pgx.Connect(b.Context(), *database)
		must(err)
		defer conn.Close(b.Context())
		_, err = conn.Exec(b.Context(), "VACUUM ANALYZE")
		must(err)
	}
	return s
}

// tally has every endpoint have been sent something in each hour of a day.
func (s *filled) tally(b *testing.B, store fanfare.Store) error {
	hour := time.Now().UTC().Truncate(fanfare.EndpointTallyLasts)
	for n := range 24 {
		var some []fanfare.EndpointTally
		for i, to := range append(s.others, owned{s.app, s.endpoint, false}, owned{s.app, s.held, false}) {
			some = append(some, fanfare.EndpointTally{Endpoint: to.ep, Begins: hour.Add(-time.Duration(n) * fanfare.EndpointTallyLasts), Succeeded: int64(i), Failed: 1})
		}
		if err := store.KeepEndpointTallies(b.Context(), [16]byte{byte(n)}, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *filled) message(to owned) *fanfare.Intake {
	payload := []byte(`{"id":"order_17","total":"19.90","currency":"EUR","lines":[{"sku":"a","n":1},{"sku":"b","n":2}]}`)
	msg := &fanfare.Message{ID: fanfare.MessageID(s.id("msg_")), Application: to.app, EventType: "order.paid", Payload: payload, CreatedAt: s.at}
	return &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{{Message: msg.ID, Endpoint: to.ep, State: fanfare.Waiting, Due: s.at}}}
}

// store adds messages to an endpoint and an attempt of each; few: three of them failed.
func (s *filled) store(b *testing.B, store fanfare.Store, to owned, few bool) error {
	var intakes []*fanfare.Intake
	var outcomes []*fanfare.Outcome
	for i := range together {
		in := s.message(to)
		msg := in.Message
		a := &fanfare.Attempt{ID: fanfare.AttemptID(s.id("atmpt_")), Message: msg.ID, Endpoint: to.ep, EventType: msg.EventType, Number: 1, URL: "https://example.com/in", StartedAt: s.at, Duration: 30 * time.Millisecond, Status: 200, Class: fanfare.ClassSuccess, State: fanfare.Delivered, ResponseBody: []byte("ok")}
		if to.bad || few && i < 3 {
			a.Status, a.Class, a.State = 503, fanfare.ClassStatus, fanfare.GivenUp
		}
		intakes = append(intakes, in)
		outcomes = append(outcomes, &fanfare.Outcome{Attempt: a, Delivery: fanfare.Delivery{Message: msg.ID, Endpoint: to.ep, State: a.State, Attempts: 1}})
		if to.ep == s.endpoint {
			s.msg, s.attempt = msg.ID, a.ID
		}
	}
	if _, err := store.Accept(b.Context(), to.app, intakes, nil); err != nil {
		return err
	}
	return store.Record(b.Context(), outcomes...)
}

// wait adds messages that wait for an endpoint.
func (s *filled) wait(b *testing.B, store fanfare.Store, to owned) error {
	var intakes []*fanfare.Intake
	for range together {
		intakes = append(intakes, s.message(to))
	}
	_, err := store.Accept(b.Context(), to.app, intakes, nil)
	return err
}
