package storetest

import (
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

// tallyStep has one of two Hubs keep what it has counted, and reads or removes some.
func (h *history) tallyStep() {
	at := func(label string) time.Time { return quarter(draw(h, label, 1, 2, 3, 4)) }
	hub := [16]byte{draw[byte](h, "hub", 1, 2)}
	switch draw(h, "operation", "keep", "keep", "read", "prune") {
	case "keep":
		t := fanfare.Tally{Begins: at("begins"), Accepted: draw[int64](h, "accepted", 0, 1, 5), Failed: draw[int64](h, "failed", 0, 2)}
		what := fmt.Sprintf("hub %d has counted %+v", hub[0], t)
		h.do(what, func(s fanfare.Store) error { return s.KeepTallies(h.ctx, hub, []fanfare.Tally{t}) })
	case "read":
		since, until := at("since"), at("until")
		what := fmt.Sprintf("tallies of [%v, %v) but those of hub %d", since, until, hub[0])
		both(h, what, func(s fanfare.Store) ([]fanfare.Tally, error) { return s.Tallies(h.ctx, hub, since, until) })
	case "prune":
		t := at("before")
		h.do(fmt.Sprintf("prune tallies before %v", t), func(s fanfare.Store) error { return s.PruneTallies(h.ctx, t) })
	}
	both(h, "tallies", func(s fanfare.Store) ([]fanfare.Tally, error) {
		return s.Tallies(h.ctx, [16]byte{}, time.Time{}, time.Time{})
	})
}
