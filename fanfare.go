// Package fanfare sends webhooks. A program tells it that something happened;
// it sees to it that every endpoint that asked hears of it: signed, in order
// where order matters, retried for days, logged, and explained when it fails.
//
//	store, err := sqlite.Open(ctx, "fanfare.db")
//	hub := fanfare.New(store, nil)
//	go hub.Run(ctx) // in real code under an errgroup
//	msg, err := hub.Send(ctx, "acme", "random_number:generate", 863)
//
// A message takes five steps, each a file of this package:
//
//	accept    check it, find who wants it                        accept.go
//	store     message and every delivery, one transaction        store.go, package sqlite
//	dispatch  a lane per endpoint; what is due, fairly           dispatch.go, internal/lane
//	deliver   sign and send one attempt                          deliver.go
//	record    the attempt and what comes next, one transaction   record.go
//
// A retry is the same delivery, later; there is no second path. A resend enters
// at store.
//
// What is promised: when [Hub.Send] returns nil the message is on disk, and every
// delivery of it ends delivered, given up, or cancelled by someone, also through
// a crash. A delivery may be made more than once, with the same webhook-id.
package fanfare

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare/internal/lane"
	"github.com/fanfarehq/fanfare/internal/post"
	"github.com/fanfarehq/fanfare/internal/safedial"
)

// Options are the settings of a Hub. The zero value of each field is a good
// default.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()

	Timeout     time.Duration // of an attempt to an endpoint that names none; 0: 20 s
	InFlight    int           // attempts under way at once, in all; 0: 2048
	PerEndpoint int           // to one endpoint that names none; 0: 128
	PerHost     int           // to one host; 0: 256

	MaxPayload   int           // bytes of one payload; 0: 1 MiB
	MaxEndpoints int           // endpoints one message may go to; 0: 10,000
	Retention    time.Duration // how long messages that have ended are kept; 0: 30 days
	DisableAfter time.Duration // of nothing but failures, an endpoint is disabled, unless its plan of retries is longer; 0: 5 days; see Never
	DrainTimeout time.Duration // how long Run sees attempts through when told to stop; 0: 30 s

	AuditRetention time.Duration // how long the audit log is kept; 0: 90 days
	Retry          Retry         // where neither endpoint, event type nor application says when to try again; zero: standard

	// AllowLoopback lets endpoints be on this machine. It is for development:
	// whoever may add an endpoint can then reach what listens here.
	AllowLoopback bool
	// Allow opens further networks that are not public.
	Allow []netip.Prefix
	// Listen holds the addresses this program itself listens on, which are never
	// sent to.
	Listen []netip.AddrPort

	// HTTPSOnly refuses endpoints, and all else that is called, by http.
	HTTPSOnly bool

	// BaseURL is where the world reaches this program, such as
	// https://hooks.example.com, if it does: that host is never sent to.
	BaseURL string
	// Bins are the addresses of this program that endpoints may have all the same; nil:
	// none.
	Bins *Bins
	// Origin is the DNS name by which this system calls itself in handshakes; "":
	// fanfare.
	Origin string

	// NodeName is what people call this process where it is one of several that work on
	// a [Shared] store; "": the machine's name.
	NodeName string

	// Transformer runs the Transformations of endpoints; nil: there can be none.
	Transformer Transformer
	// Connectors serve endpoints of other kinds than webhooks, by kind.
	Connectors map[string]Connector

	// Dial, if set, makes the connections instead of the guarded dialer, which
	// lets tests run on a network of their own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Chance, if set, gives the numbers in [0, 1) that spread retries out.
	Chance func() float64
}

// Never is the DisableAfter of a Hub that disables no endpoint for its failures.
const Never = time.Duration(math.MaxInt64)

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Chance == nil {
		o.Chance = rand.Float64
	}
	o.Timeout = orDefault(o.Timeout, 20*time.Second)
	o.MaxPayload = orDefault(o.MaxPayload, 1<<20)
	o.MaxEndpoints = orDefault(o.MaxEndpoints, 10_000)
	o.InFlight = orDefault(o.InFlight, 2048)
	o.PerEndpoint = orDefault(o.PerEndpoint, 128)
	o.PerHost = orDefault(o.PerHost, 256)
	o.Retention = orDefault(o.Retention, 30*24*time.Hour)
	o.AuditRetention = orDefault(o.AuditRetention, 90*24*time.Hour)
	o.DisableAfter = orDefault(o.DisableAfter, 5*24*time.Hour)
	o.DrainTimeout = orDefault(o.DrainTimeout, 30*time.Second)
	o.Origin = orDefault(o.Origin, "fanfare")
	return o
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// A Hub accepts messages and delivers them. All its methods may be called
// concurrently, whether or not Run runs; without Run, what is accepted waits in
// the store.
type Hub struct {
	opt       Options
	store     Store
	invalid   error // of the options; Run returns it
	guard     *safedial.Dialer
	client    post.Client
	ids       ids
	catalogue catalogue
	grants    grants
	recent    recent
	inbox     inbox
	tasks     taskSignals
	bearers   bearers
	functions functions
	filters   filters
	inflow    inflow
	transport *http.Transport // of sinks
	sinks     sinks
	ran       atomic.Bool
	skew      atomic.Int64 // nanoseconds; see clock
	time      timekeeping
	cancels   atomic.Int64 // cancellations, counted when they are in the store
	audited   atomic.Int64 // entries of the audit log since the start
	attempts  bells        // rung when attempts are recorded
	feed      feed
	counters  counters
	tallies   tallies
	sheets    sheets
	checks    checks
	numbers   knownNumbers
	typeNames typeNames

	operations  operations
	reaching    reaching
	handshakes  chan struct{}                    // has room for those under way
	typesMu     sync.Mutex                       // held while typeRetries is replaced
	typesRead   atomic.Bool                      // typeRetries has been read from the store
	typeRetries atomic.Pointer[map[string]Retry] // of event types that have a plan; nil: none has
}

// New makes a Hub on store, which it does not close. A nil opt means the
// defaults. Options that cannot be obeyed make Run fail.
func New(store Store, opt *Options) *Hub {
	if opt == nil {
		opt = &Options{}
	}
	h := &Hub{opt: opt.withDefaults(), store: store}
	policy := &safedial.Policy{Loopback: h.opt.AllowLoopback, Allow: h.opt.Allow, Listen: h.opt.Listen, BaseURL: h.opt.BaseURL, HTTPSOnly: h.opt.HTTPSOnly}
	h.guard, h.invalid = safedial.New(policy)
	if h.invalid != nil {
		h.guard, _ = safedial.New(nil)
	} else {
		h.invalid = h.opt.Retry.settle()
	}
	dial := h.opt.Dial
	if dial == nil {
		dial = h.guard.DialContext
	}
	h.client.Dial, h.client.RefusePlain = dial, h.guard.RefusePlain()
	h.transport = newTransport(dial)
	h.catalogue.load = h.loadRoster
	h.inbox.wake = make(chan struct{}, 1)
	h.tallies.begin()
	h.sheets.begin()
	h.handshakes = make(chan struct{}, handshakesAtOnce)
	h.tasks.wake = make(chan struct{}, 1)
	h.bearers.store, h.bearers.wake = store, make(chan struct{}, 1)
	h.time.keeper, _ = store.(Timekeeper)
	if _, ok := store.(Shared); ok {
		h.feed.others.Store(1) // until it is known how far the other nodes have come
	}
	return h
}

// now is what time it is, as identifiers and all that is stored have it.
func (h *Hub) now() time.Time {
	return h.clock().UTC().Truncate(time.Microsecond)
}

// clock is the time by the clock that all who work on the store go by: this
// machine's, unless they are several.
func (h *Hub) clock() time.Time { return time.Now().Add(time.Duration(h.skew.Load())) }

func (h *Hub) limits() lane.Limits {
	return lane.Limits{InFlight: h.opt.InFlight, PerEndpoint: h.opt.PerEndpoint, PerHost: h.opt.PerHost}
}
