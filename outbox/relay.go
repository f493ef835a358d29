package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	randv2 "math/rand/v2"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A Sender accepts messages: a *fanfare.Hub, or a client.Client of a server.
type Sender interface {
	SendBatch(ctx context.Context, app string, msgs []*fanfare.Message, key *fanfare.Idempotency) (errs []error, err error)
}

// Options are the settings of a Relay. The zero value of each field is a good
// default.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()

	// Interval is how often an empty outbox is looked at; 0: 1 s. [Relay.Wake] has it
	// looked at sooner.
	Interval time.Duration
}

// A Relay takes messages from an outbox, has them accepted, and deletes them.
//
// A message is accepted once: its EventID, which a repeat has too, is unique in its
// application for as long as the message is kept there (Options.Retention of the
// Hub). Only a relay that was stopped between acceptance and deletion, and is
// started again after that time, would send it twice.
//
// Messages of an application are accepted in the order of the outbox, which is that
// of the transactions that wrote them; those of transactions that overlapped have
// no order. Several relays at one outbox do no harm, also when one of them stands
// still half-way: each has accepted what stands at the head, in order, and what was
// accepted already is not accepted again. A lease keeps them from doing the same
// work; so one works and the others stand by.
//
// A message that is refused (an InvalidError, or an application that is not there)
// is marked with the reason, passed over, logged and counted: see [Refused] and
// [Retry]. After any other error all is tried again, at a pause that grows to 30 s.
type Relay struct {
	db     *sql.DB
	to     Sender
	opt    Options
	holder string
	wake   chan struct{}

	renewed time.Time // when the lease was taken or renewed; zero: it is not ours. Only one round runs at a time.
	working sync.Mutex

	mu    sync.Mutex
	stats Stats
}

// Stats are what a Relay has done, and where it stands.
type Stats struct {
	Accepted uint64 // messages
	Repeated uint64 // messages that were accepted before
	Refused  uint64 // messages

	Lag     time.Duration // how long the first message had waited when the outbox was last looked at; 0: none waited
	Standby bool          // another relay is at work
	Failing error         // why the last round failed; nil: it did not
}

// NewRelay makes a Relay from the outbox in db, a SQLite or PostgreSQL database. With
// pgx, stdlib.OpenDBFromPool makes a *sql.DB of a pool. A nil opt means the defaults.
func NewRelay(db *sql.DB, to Sender, opt *Options) *Relay {
	r := &Relay{db: db, to: to, holder: rand.Text(), wake: make(chan struct{}, 1)}
	if opt != nil {
		r.opt = *opt
	}
	if r.opt.Logger == nil {
		r.opt.Logger = slog.Default()
	}
	if r.opt.Interval <= 0 {
		r.opt.Interval = time.Second
	}
	return r
}

// Wake has a relay that waits look at the outbox now: call it once a transaction
// that has sent something is committed, where the relay is in the same program.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Stats returns what r has done since it was made.
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// Run relays until ctx ends, and returns nil, or until the Hub's store has broken.
func (r *Relay) Run(ctx context.Context) error {
	defer r.release(context.WithoutCancel(ctx))
	failures := 0
	for {
		n, err := r.round(ctx)
		pause := r.opt.Interval
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, fanfare.ErrBroken):
			return err
		case err != nil:
			if failures++; failures == 1 {
				r.opt.Logger.ErrorContext(ctx, "relaying the outbox failed; it is tried again", "error", err)
			}
			pause = backoff(failures, randv2.Float64())
		case failures > 0:
			failures = 0
			r.opt.Logger.InfoContext(ctx, "relaying the outbox works again")
		}
		if err == nil && n > 0 {
			continue
		}
		if !r.rest(ctx, pause, err == nil) {
			return nil
		}
	}
}

// rest waits for so long, or less if it may be woken. It reports whether to go on.
func (r *Relay) rest(ctx context.Context, pause time.Duration, wakeable bool) bool {
	wake := r.wake
	if !wakeable {
		wake = nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}

// backoff is how long to wait after so many failures: 100 ms to 30 s, of which
// chance spreads a half.
func backoff(failures int, chance float64) time.Duration {
	pause := min(100*time.Millisecond<<min(failures-1, 10), 30*time.Second)
	return pause/2 + time.Duration(chance*float64(pause/2))
}

// Drain relays until the outbox is empty, and returns how many messages left it. It
// stops at the first error, and when another relay is at work.
func (r *Relay) Drain(ctx context.Context) (int, error) {
	defer r.release(context.WithoutCancel(ctx))
	for all := 0; ; {
		n, err := r.round(ctx)
		all += n
		if err != nil || n == 0 {
			return all, err
		}
	}
}

// round relays what stands at the head, and returns how many messages that was: 0
// also when another relay is at work.
func (r *Relay) round(ctx context.Context) (n int, err error) {
	r.working.Lock()
	defer r.working.Unlock()
	defer func() { r.note(func(s *Stats) { s.Failing = err }) }()
	rows, err := head(ctx, r.db)
	if err != nil {
		return 0, fmt.Errorf("outbox: reading: %w", err)
	}
	now := time.Now()
	r.note(func(s *Stats) {
		s.Lag, s.Standby = 0, false
		if len(rows) > 0 {
			s.Lag = max(now.Sub(rows[0].at), 1)
		}
	})
	if len(rows) == 0 {
		return 0, nil
	}
	had := now.Sub(r.renewed) < lease
	if now.Sub(r.renewed) >= lease/3 {
		ours, err := take(ctx, r.db, r.holder, now)
		if err != nil {
			return 0, fmt.Errorf("outbox: taking the lease: %w", err)
		}
		if !ours {
			r.renewed = time.Time{}
			r.note(func(s *Stats) { s.Standby = true })
			return 0, nil
		}
		r.renewed = now
	}
	if !had { // what was read before may be gone by now
		if rows, err = head(ctx, r.db); err != nil {
			return 0, fmt.Errorf("outbox: reading: %w", err)
		}
	}
	return r.relay(ctx, rows)
}

// relay has rows accepted, an application at a time, and settles each.
func (r *Relay) relay(ctx context.Context, rows []row) (int, error) {
	n := 0
	for len(rows) > 0 {
		app := rows[0].app
		var of, others []row
		for _, one := range rows {
			if one.app == app {
				of = append(of, one)
			} else {
				others = append(others, one)
			}
		}
		left, err := r.pass(ctx, app, of)
		n += left
		if err != nil {
			return n, err
		}
		rows = others
	}
	return n, nil
}

// pass has rows of one application accepted, and returns how many left the outbox,
// or the way.
func (r *Relay) pass(ctx context.Context, app string, rows []row) (int, error) {
	accepted, refused, repeated, failure := r.offer(ctx, app, rows)
	// What was accepted is removed also when ctx has ended meanwhile.
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	defer cancel()
	if err := settle(settling, r.db, accepted, refused); err != nil {
		return 0, fmt.Errorf("outbox: removing what was accepted: %w", err)
	}
	for _, one := range refused {
		r.opt.Logger.ErrorContext(ctx, "a message of the outbox was refused", "application", app, "place", one.place, "reason", one.wrong)
	}
	r.note(func(s *Stats) {
		s.Accepted += uint64(len(accepted) - repeated)
		s.Repeated += uint64(repeated)
		s.Refused += uint64(len(refused))
	})
	if failure != nil {
		failure = fmt.Errorf("outbox: sending to application %s: %w", app, failure)
	}
	return len(accepted) + len(refused), failure
}

// offer sends rows of one application. If the request as a whole is wrong each goes
// by itself, so that one row cannot hold up the others. With an error, the rows
// that are not among those returned are to be tried again.
func (r *Relay) offer(ctx context.Context, app string, rows []row) (accepted, refused []row, repeated int, err error) {
	var whole []row
	var msgs []*fanfare.Message
	for _, one := range rows {
		if one.msg == nil {
			refused = append(refused, one)
			continue
		}
		whole, msgs = append(whole, one), append(msgs, one.msg)
	}
	if len(msgs) == 0 {
		return nil, refused, 0, nil
	}
	var invalid *fanfare.InvalidError
	errs, err := r.to.SendBatch(ctx, app, msgs, nil)
	switch {
	case errors.Is(err, fanfare.ErrNotFound):
		errs = make([]error, len(msgs))
		for i := range errs {
			errs[i] = &fanfare.InvalidError{Reason: "there is no such application; create it, then have these sent with outbox.Retry"}
		}
	case errors.As(err, &invalid) && len(whole) > 1:
		for _, one := range whole {
			a, b, n, err := r.offer(ctx, app, []row{one})
			accepted, refused, repeated = append(accepted, a...), append(refused, b...), repeated+n
			if err != nil {
				return accepted, refused, repeated, err
			}
		}
		return accepted, refused, repeated, nil
	case errors.As(err, &invalid):
		errs = []error{err}
	case err != nil:
		return nil, refused, 0, err
	}
	for i, one := range whole {
		switch err := errs[i]; {
		case err == nil:
			accepted = append(accepted, one)
		case errors.Is(err, fanfare.ErrExists):
			accepted, repeated = append(accepted, one), repeated+1
		default:
			one.wrong = err.Error()
			refused = append(refused, one)
		}
	}
	return accepted, refused, repeated, nil
}

// release lets another relay begin at once. That it cannot be told matters little:
// the lease ends by itself.
func (r *Relay) release(ctx context.Context) {
	r.working.Lock()
	defer r.working.Unlock()
	if r.renewed.IsZero() {
		return
	}
	r.renewed = time.Time{}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := r.db.ExecContext(ctx, dropLease, r.holder); err != nil {
		r.opt.Logger.WarnContext(ctx, "the outbox's lease was not given back; another relay begins when it ends", "error", err)
	}
}

func (r *Relay) note(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}
