package fanfare_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A bent store is a store with something done to it on the way.
type bent struct {
	fanfare.Store
	accepted  func()
	record    func() error
	endpoints func() error
	message   func(ref string) error
	note      func(since time.Time)
	step      func(step *fanfare.TaskStep) error
	listed    func()                     // after endpoints were read
	emptied   func(n int) (int, error)   // after a lane was
	retyped   func(t *fanfare.EventType) // after one was updated
}

func (b *bent) Accept(ctx context.Context, app fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	e, err := b.Store.Accept(ctx, app, in, key)
	if b.accepted != nil {
		b.accepted()
	}
	return e, err
}
func (b *bent) Record(ctx context.Context, os ...*fanfare.Outcome) error {
	if b.record != nil {
		if err := b.record(); err != nil {
			return err
		}
	}
	return b.Store.Record(ctx, os...)
}
func (b *bent) Endpoints(ctx context.Context, app fanfare.ApplicationID, p fanfare.Page) ([]*fanfare.Endpoint, error) {
	if b.endpoints != nil {
		if err := b.endpoints(); err != nil {
			return nil, err
		}
	}
	eps, err := b.Store.Endpoints(ctx, app, p)
	if b.listed != nil {
		b.listed()
	}
	return eps, err
}

func (b *bent) Message(ctx context.Context, app fanfare.ApplicationID, ref string) (*fanfare.Message, error) {
	if b.message != nil {
		if err := b.message(ref); err != nil {
			return nil, err
		}
	}
	return b.Store.Message(ctx, app, ref)
}
func (b *bent) SetFailingSince(ctx context.Context, id fanfare.EndpointID, since time.Time) error {
	if b.note != nil {
		b.note(since)
	}
	return b.Store.SetFailingSince(ctx, id, since)
}

// bend ends the Hub, and starts another on b over the store.
func (w *world) bend(b *bent, opt *fanfare.Options) {
	w.stop()
	b.Store = w.store
	o := fanfare.Options{}
	if opt != nil {
		o = *opt
	}
	o.Dial = w.net.DialContext
	o.AllowLoopback = true
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	o.Chance = func() float64 { return 0.5 }
	w.hub = fanfare.New(b, &o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.hub.Run(ctx) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	synctest.Wait() // so that it runs
}
