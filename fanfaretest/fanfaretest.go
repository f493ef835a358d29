// Package fanfaretest helps programs test what they do with Fanfare: a Hub that is
// complete but for its disk and its network, which are in memory, and receivers
// that fail as real ones do.
//
//	func TestARecordIsAnnounced(t *testing.T) {
//		hub := fanfaretest.New(t, nil)
//		rcv := hub.NewReceiver("acme", nil)
//		rcv.Fail(2, 503)
//		createRecord(hub.Hub) // what is tested: it calls Send
//		got := rcv.WaitFor(1)
//		// … compare got[0].Type and got[0].Body
//	}
//
// It works within a testing/synctest bubble, where days of retries cost nothing,
// and outside of one.
package fanfaretest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/storetest"
	"github.com/fanfarehq/fanfare/webhook"
)

// A Hub is a fanfare.Hub that runs until its test ends.
type Hub struct {
	*fanfare.Hub
	Store fanfare.Store // what the Hub is on, for what else wants one

	t         testing.TB
	network   *memnet.Network
	patience  time.Duration
	receivers atomic.Int64
	ended     chan struct{} // closed when the Hub has ended, for the reason in err
	err       error
}

// quick is the plan of retries outside of bubbles, where time is real: the shortest
// there may be.
var quick = fanfare.Retry{Delays: slices.Repeat([]time.Duration{time.Second}, 8)}

// New runs a Hub until t ends. Its options are opt's, but for the network, which it
// has for itself, and for what it logs, which is nothing unless there is a Logger.
// Outside of a synctest bubble its plan of retries, unless opt has one, is an attempt
// each second, eight times; and an assertion waits for 30 seconds, in a bubble for 30
// days.
func New(t testing.TB, opt *fanfare.Options) *Hub {
	t.Helper()
	h := &Hub{t: t, network: memnet.New(), Store: storetest.NewModel(), patience: 30 * time.Second, ended: make(chan struct{})}
	var o fanfare.Options
	if opt != nil {
		o = *opt
	}
	o.Dial, o.AllowLoopback = h.network.DialContext, true
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if inBubble() {
		h.patience = 30 * 24 * time.Hour
	} else if o.Retry.Preset == "" && o.Retry.Delays == nil {
		o.Retry = quick
	}
	h.Hub = fanfare.New(h.Store, &o)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		defer close(h.ended)
		h.err = h.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		if <-h.ended; h.err != nil {
			t.Errorf("fanfaretest: the Hub ended: %v", h.err)
		}
	})
	return h
}

// inBubble reports whether it is called in a synctest bubble: Wait panics where it
// is not.
func inBubble() (yes bool) {
	defer func() { yes = recover() == nil }()
	synctest.Wait()
	return true
}

// Client makes HTTP requests on the Hub's network, as its deliveries do.
func (h *Hub) Client() *http.Client {
	transport := &http.Transport{DialContext: h.network.DialContext}
	h.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Serve serves handler on the Hub's network, at http:// and that host, such as
// api.test, until the test ends.
func (h *Hub) Serve(host string, handler http.Handler) {
	h.t.Helper()
	l, err := h.network.Listen(host + ":80")
	if err != nil {
		h.t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	h.t.Cleanup(func() {
		server.Close()
		<-ended
	})
}

// NewReceiver makes a receiver, and an endpoint of the application with that uid
// that leads to it: ep, whose URL it fills in; nil: one that wants everything. The
// application is made where there is none.
func (h *Hub) NewReceiver(app string, ep *fanfare.Endpoint) *Receiver {
	h.t.Helper()
	ctx := h.t.Context()
	owner, err := h.Application(ctx, app)
	if errors.Is(err, fanfare.ErrNotFound) {
		owner = &fanfare.Application{Name: app, UID: app}
		err = h.CreateApplication(ctx, owner)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	if ep == nil {
		ep = &fanfare.Endpoint{}
	}
	r := &Receiver{Endpoint: ep, t: h.t, hub: h, host: fmt.Sprintf("receiver-%d.test", h.receivers.Add(1)), changed: make(chan struct{})}
	ep.Application, ep.URL = owner.ID, "http://"+r.host+"/"
	r.listen()
	h.t.Cleanup(r.close)
	if err := h.CreateEndpoint(ctx, ep); err != nil {
		h.t.Fatal(err)
	}
	if ep.Signature == "" || ep.Signature == string(webhook.Standard) {
		secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
		if err != nil {
			h.t.Fatal(err)
		}
		r.verifier = webhook.NewVerifier(secret)
	}
	return r
}

// Settle waits until nothing waits to be delivered any more: every delivery of what
// was sent before has ended, well or not.
func (h *Hub) Settle() {
	h.t.Helper()
	deadline := time.Now().Add(h.patience)
	for pause := firstPause; ; pause = min(2*pause, h.patience/1000, time.Minute) {
		lanes, err := h.Store.Lanes(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		if len(lanes) == 0 {
			return
		}
		select {
		case <-h.ended:
			h.t.Fatalf("fanfaretest: the Hub ended: %v", h.err)
		default:
		}
		if !time.Now().Before(deadline) {
			h.t.Fatalf("fanfaretest: after %v there are still deliveries that wait: %s", h.patience, h.waiting(lanes))
		}
		time.Sleep(pause)
	}
}

// firstPause is how soon Settle looks again; then it takes more and more time.
const firstPause = time.Millisecond

// waiting says where deliveries wait, and why.
func (h *Hub) waiting(lanes []fanfare.Lane) string {
	var all []string
	for _, l := range lanes {
		why := "no attempt has been made"
		as, err := h.Attempts(h.t.Context(), l.Application, fanfare.AttemptFilter{Endpoint: l.Endpoint, Page: fanfare.Page{Limit: 1}})
		if err == nil && len(as) > 0 {
			why = as[0].Explanation()
		}
		all = append(all, fmt.Sprintf("endpoint %s: %s", l.Endpoint, why))
	}
	return strings.Join(all, "; ")
}
