package fanfare_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/storetest"
)

// A world is a Hub on the model store, and receivers, on a network in memory.
// It is made inside a synctest bubble: its time is fake.
type world struct {
	t     *testing.T
	net   *memnet.Network
	store *storetest.Model
	hub   *fanfare.Hub
	app   *fanfare.Application
	start time.Time
	stop  func() error // ends the Hub as a signal would
}

func newWorld(t *testing.T, opt *fanfare.Options) *world {
	t.Helper()
	w := &world{t: t, net: memnet.New(), store: storetest.NewModel(), start: time.Now()}
	w.run(opt)
	w.app = &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := w.hub.CreateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	return w
}

// run starts a Hub on the world's store.
func (w *world) run(opt *fanfare.Options) {
	w.t.Helper()
	w.prepare(opt)
	w.begin()
}

// prepare makes a Hub that does not run yet.
func (w *world) prepare(opt *fanfare.Options) {
	if opt == nil {
		opt = &fanfare.Options{}
	}
	o := *opt
	o.Dial = w.net.DialContext
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	o.AllowLoopback = true
	if o.Chance == nil {
		o.Chance = func() float64 { return 0.5 }
	}
	w.hub = fanfare.New(w.store, &o)
}

// begin has it run.
func (w *world) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.hub.Run(ctx) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
}

// close ends everything; every test defers it.
func (w *world) close() {
	w.t.Helper()
	if err := w.stop(); err != nil {
		w.t.Errorf("Run returned %v", err)
	}
	synctest.Wait()
}

// A receiver notes what it is sent, and answers as it is told.
type receiver struct {
	url string

	mu     sync.Mutex
	got    []request
	server *http.Server
}

type request struct {
	at     time.Time
	header http.Header
	body   string
}

// receiver starts a server at host whose n-th request (from 1) is answered by answer;
// nil answers 200.
func (w *world) receiver(host string, answer func(n int, rw http.ResponseWriter, r *http.Request)) *receiver {
	w.t.Helper()
	l, err := w.net.Listen(host + ":80")
	if err != nil {
		w.t.Fatal(err)
	}
	rcv := &receiver{url: "http://" + host + "/"}
	rcv.server = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rcv.mu.Lock()
		rcv.got = append(rcv.got, request{time.Now(), r.Header, string(body)})
		n := len(rcv.got)
		rcv.mu.Unlock()
		if answer != nil {
			answer(n, rw, r)
		}
	})}
	go rcv.server.Serve(l)
	w.t.Cleanup(func() { rcv.server.Close() })
	return rcv
}

func (rcv *receiver) requests() []request {
	rcv.mu.Lock()
	defer rcv.mu.Unlock()
	return slices.Clone(rcv.got)
}

// times gives when the requests came, counted from start.
func (rcv *receiver) times(start time.Time) []time.Duration {
	var times []time.Duration
	for _, r := range rcv.requests() {
		times = append(times, r.at.Sub(start))
	}
	return times
}

func (rcv *receiver) bodies() []string {
	var bodies []string
	for _, r := range rcv.requests() {
		bodies = append(bodies, r.body)
	}
	return bodies
}

func status(codes ...int) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(codes[min(n, len(codes))-1])
	}
}

func (w *world) endpoint(ep fanfare.Endpoint) *fanfare.Endpoint {
	w.t.Helper()
	ep.Application = w.app.ID
	if err := w.hub.CreateEndpoint(w.t.Context(), &ep); err != nil {
		w.t.Fatal(err)
	}
	return &ep
}

func (w *world) send(eventType string, data any) *fanfare.Message {
	w.t.Helper()
	msg, err := w.hub.Send(w.t.Context(), "acme", eventType, data)
	if err != nil {
		w.t.Fatal(err)
	}
	return msg
}

// delivery returns the only delivery of msg.
func (w *world) delivery(msg *fanfare.Message) *fanfare.Delivery {
	w.t.Helper()
	ds, err := w.hub.Deliveries(w.t.Context(), w.app.ID, fanfare.DeliveryFilter{Message: msg.ID, Page: fanfare.Page{Limit: 10}})
	if err != nil || len(ds) != 1 {
		w.t.Fatalf("message %s has %d deliveries, %v; want 1", msg.ID, len(ds), err)
	}
	return ds[0]
}

// attempts returns the attempts of msg, oldest first.
func (w *world) attempts(msg *fanfare.Message) []*fanfare.Attempt {
	w.t.Helper()
	as, err := w.hub.Attempts(w.t.Context(), w.app.ID, fanfare.AttemptFilter{Message: msg.ID, Page: fanfare.Page{Limit: 100, Ascending: true}})
	if err != nil {
		w.t.Fatal(err)
	}
	return as
}

// reload reads ep as it now is.
func (w *world) reload(ep *fanfare.Endpoint) *fanfare.Endpoint {
	w.t.Helper()
	now, err := w.hub.Endpoint(w.t.Context(), w.app.ID, string(ep.ID))
	if err != nil {
		w.t.Fatal(err)
	}
	return now
}

// inBubble runs test in a synctest bubble with a world of its own.
func inBubble(t *testing.T, opt *fanfare.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, opt)
		defer w.close()
		test(t, w)
	})
}
