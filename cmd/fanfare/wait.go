package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// A waiter follows the deliveries of a message that was sent, which its request's
// first argument names.
type waiter struct {
	*request
	wait    bool
	only    string        // the endpoint to wait for, by id or uid; "": all
	timeout time.Duration // 0: until all have ended

	seen   map[string]bool // attempts that were printed
	last   []delivery      // as they stood when they were last looked at
	unsent *unsent         // whom it was not sent to; nil: that was not read yet
}

func (w *waiter) flags(flags *pflag.FlagSet) {
	flags.BoolVarP(&w.wait, "wait", "w", false, "follow its deliveries until they have ended; exit with 1 unless all were delivered")
	flags.StringVar(&w.only, "wait-for", "", "follow its delivery to this endpoint alone, by id or uid")
	flags.DurationVar(&w.timeout, "timeout", 0, "follow no longer than this; 0: until they have ended")
}

func (w *waiter) waits() bool { return w.wait || w.only != "" || w.timeout > 0 }

// pollEvery is how often a waiter looks.
const pollEvery = 250 * time.Millisecond

// follow prints the attempts until all deliveries have ended. It returns an error
// unless all were delivered, and before it gives up it says what still waits.
func (w *waiter) follow(ctx context.Context) error {
	w.seen = make(map[string]bool)
	patient, cancel := ctx, context.CancelFunc(func() {})
	if w.timeout > 0 {
		patient, cancel = context.WithTimeout(ctx, w.timeout)
	}
	defer cancel()
	err := w.run(patient)
	if err == nil || patient.Err() == nil {
		return err
	}
	w.sayWaiting(time.Now())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("not all has ended within %v; the server goes on, see %q", w.timeout, w.inApp("message get", w.args[0]))
}

func (w *waiter) run(ctx context.Context) error {
	for lost := false; ; {
		err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isAway(err) && !lost:
			w.say("The server is away (%v); waiting for it to be back.", err)
			lost = true
		case isAway(err):
		case err != nil:
			return err
		default:
			if lost {
				w.say("The server is back.")
			}
			lost = false
			if ended, err := w.ended(); ended {
				return err
			}
		}
		if err := doze(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// look reads how the deliveries stand, and then prints what attempts are new, so
// that none is missing once they have ended.
func (w *waiter) look(ctx context.Context) error {
	ds, err := deliveries(ctx, w.request)
	if err != nil {
		return err
	}
	if w.unsent == nil {
		if w.unsent, err = w.readUnsent(ctx); err == nil && w.only == "" {
			err = w.unsent.show(w.request)
		}
		if err != nil {
			return err
		}
	}
	if w.only != "" {
		all := ds
		ds = slices.DeleteFunc(slices.Clone(ds), func(d delivery) bool { return d.ID != w.only && d.UID != w.only })
		if len(ds) == 0 {
			return w.notForIt(all)
		}
	}
	w.last = ds
	return w.printNew(ctx)
}

// notForIt says that there is no delivery to the endpoint to wait for, and why.
func (w *waiter) notForIt(all []delivery) error {
	if why := w.unsent.why(w.only); why != "" {
		return fmt.Errorf("the message is not for endpoint %q: %s", w.only, why)
	}
	if len(all) == 0 {
		return fmt.Errorf("the message is not for endpoint %q, nor for any other", w.only)
	}
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = cmp.Or(d.UID, d.ID)
	}
	return fmt.Errorf("the message is not for endpoint %q; it is for %s", w.only, strings.Join(names, ", "))
}

// ended reports whether there is nothing to wait for any more, and what came of it.
func (w *waiter) ended() (bool, error) {
	if len(w.last) == 0 {
		if len(w.unsent.Data) > 0 {
			w.say("No endpoint was sent it.")
		} else {
			w.say("No endpoint wanted it; add one with %q.", w.inApp("endpoint create")+" URL")
		}
		return true, nil
	}
	failed := 0
	for _, d := range w.last {
		switch d.Status {
		case statusPending, statusSending:
			return false, nil
		case statusFail, statusCanceled:
			failed++
		}
	}
	if failed > 0 {
		if slices.ContainsFunc(w.last, func(d delivery) bool { return d.Status == statusFail }) {
			w.say("See why with %q.", w.inApp("attempt list", "--failed", "--message", w.args[0]))
		}
		return true, fmt.Errorf("%d of %d deliveries did not succeed; send them again with %q", failed, len(w.last), w.inApp("message resend", w.args[0]))
	}
	return true, nil
}

// sayWaiting tells what has not ended, and when it goes on.
func (w *waiter) sayWaiting(now time.Time) {
	for _, d := range w.last {
		if d.Status == statusPending || d.Status == statusSending {
			w.say("Endpoint %s: %s.", cmp.Or(d.UID, d.ID), d.stands(now))
		}
	}
}

// doze waits, unless ctx ends before.
func doze(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// printNew prints the attempts of the deliveries that were not printed yet, oldest
// first.
func (w *waiter) printNew(ctx context.Context) error {
	path, err := w.within(ctx, "attempt", "msg", w.args[0])
	if err != nil {
		return err
	}
	names := make(endpointNames)
	for _, d := range w.last {
		names[d.ID] = cmp.Or(d.UID, d.ID)
	}
	var texts []json.RawMessage
	err = w.list(ctx, path, nil, 10_000, func(text json.RawMessage) error {
		texts = append(texts, text)
		return nil
	})
	for i := len(texts) - 1; i >= 0 && err == nil; i-- {
		var a attempt
		if err := json.Unmarshal(texts[i], &a); err != nil {
			return err
		}
		if w.seen[a.ID] || w.only != "" && names[a.EndpointID] == "" {
			continue
		}
		w.seen[a.ID] = true
		if w.json {
			err = w.object(texts[i])
		} else {
			_, err = fmt.Fprintln(w.out, a.line(w.paint, names))
		}
	}
	return err
}
