package storetest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var tallyTests = []test{
	{"what Hubs have counted is summed up", talliesSummed},
	{"what a Hub says of a quarter of an hour again counts once", talliesSaidAgain},
	{"old tallies are removed", talliesPruned},
	{"many Hubs count at once", talliesAtOnce},
	{"what a Hub has counted outlives it", talliesOutliveTheHub},
}

// quarter is the beginning of the n-th quarter of an hour.
func quarter(n int) time.Time {
	return start.Truncate(fanfare.TallyLasts).Add(time.Duration(n) * fanfare.TallyLasts)
}

func tally(n int, counts int64) fanfare.Tally {
	return fanfare.Tally{Begins: quarter(n), Accepted: counts, Delivered: 10 * counts, GivenUp: 100 * counts, Failed: 1000 * counts}
}

// tallied are those that all Hubs but one have counted.
func (w *world) tallied(but byte, since, until time.Time) []fanfare.Tally {
	w.Helper()
	all, err := w.store.Tallies(w.Context(), [16]byte{but}, since, until)
	w.ok(err)
	return all
}

func (w *world) keepTallies(hub byte, some ...fanfare.Tally) {
	w.Helper()
	w.ok(w.store.KeepTallies(w.Context(), [16]byte{hub}, some))
}

func talliesSummed(w *world) {
	none := time.Time{}
	same(w, "none", w.tallied(0, none, none), nil)
	w.keepTallies(1)
	w.keepTallies(1, tally(4, 1), tally(2, 2))
	w.keepTallies(2, tally(2, 3), tally(3, 1<<40))
	for range 2 {
		same(w, "all", w.tallied(0, none, none), []fanfare.Tally{tally(2, 5), tally(3, 1<<40), tally(4, 1)})
		same(w, "but the first's", w.tallied(1, none, none), []fanfare.Tally{tally(2, 3), tally(3, 1<<40)})
		same(w, "but the second's", w.tallied(2, none, none), []fanfare.Tally{tally(2, 2), tally(4, 1)})
		same(w, "since", w.tallied(0, quarter(3), none), []fanfare.Tally{tally(3, 1<<40), tally(4, 1)})
		same(w, "since, a little later", w.tallied(0, quarter(3).Add(1), none), []fanfare.Tally{tally(4, 1)})
		same(w, "until", w.tallied(0, none, quarter(3)), []fanfare.Tally{tally(2, 5)})
		same(w, "until, a little later", w.tallied(0, none, quarter(3).Add(1)), []fanfare.Tally{tally(2, 5), tally(3, 1<<40)})
		same(w, "between", w.tallied(0, quarter(3), quarter(4)), []fanfare.Tally{tally(3, 1<<40)})
		w.reopen()
	}
}

func talliesSaidAgain(w *world) {
	w.keepTallies(1, tally(1, 1))
	w.keepTallies(2, tally(1, 1))
	for range 2 {
		w.keepTallies(1, tally(1, 3), tally(2, 1))
	}
	same(w, "all", w.tallied(0, time.Time{}, time.Time{}), []fanfare.Tally{tally(1, 4), tally(2, 1)})
}

func talliesPruned(w *world) {
	w.keepTallies(1, tally(1, 1), tally(2, 1), tally(3, 1))
	w.keepTallies(2, tally(1, 1), tally(3, 1))
	w.ok(w.store.PruneTallies(w.Context(), quarter(1)))
	same(w, "before the first", len(w.tallied(0, time.Time{}, time.Time{})), 3)
	w.ok(w.store.PruneTallies(w.Context(), quarter(2).Add(1)))
	for range 2 {
		same(w, "what is left", w.tallied(0, time.Time{}, time.Time{}), []fanfare.Tally{tally(3, 2)})
		w.reopen()
	}
}

func talliesAtOnce(w *world) {
	const hubs, times = 8, 10
	w.atOnce(hubs, func(i int) error {
		for n := range times {
			some := []fanfare.Tally{tally(1, int64(n+1)), tally(2+i%2, int64(n+1))}
			if i%2 == 0 {
				slices.Reverse(some)
			}
			if err := w.store.KeepTallies(w.Context(), [16]byte{byte(i + 1)}, some); err != nil {
				return err
			}
		}
		return nil
	})
	same(w, "all", w.tallied(0, time.Time{}, time.Time{}), []fanfare.Tally{tally(1, hubs*times), tally(2, hubs/2*times), tally(3, hubs/2*times)})
}

// talliesOutliveTheHub has three Hubs, one after the other, accept one message each.
func talliesOutliveTheHub(w *world) {
	app := w.application("")
	for n := range int64(3) {
		hub := fanfare.New(w.store, &fanfare.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		ctx, stop := context.WithCancel(w.Context())
		ended := make(chan error, 1)
		go func() { ended <- hub.Run(ctx) }()
		w.awaitRunning(hub)
		_, err := hub.Send(w.Context(), string(app.ID), "record.created", 1)
		w.ok(err)
		same(w, "what the Hub sees", w.acceptedBy(hub), n+1)
		stop()
		w.ok(<-ended)
		same(w, "what it sees in the end", w.acceptedBy(hub), n+1)
		w.reopen()
	}
}

// awaitRunning returns once a Hub works.
func (w *world) awaitRunning(hub *fanfare.Hub) {
	w.Helper()
	_, _, err := hub.Lanes(w.Context())
	for ; errors.Is(err, fanfare.ErrNotFound); _, _, err = hub.Lanes(w.Context()) {
		time.Sleep(time.Millisecond)
	}
	w.ok(err)
}

// acceptedBy is how many messages a Hub knows to have been accepted of late.
func (w *world) acceptedBy(hub *fanfare.Hub) (n int64) {
	w.Helper()
	all, err := hub.Tallies(w.Context(), time.Time{}, time.Time{})
	w.ok(err)
	for _, t := range all {
		n += t.Accepted
	}
	return n
}
