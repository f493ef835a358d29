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

// endpointTallyStep has a part of one of two sheets stored, and reads or removes some.
func (h *history) endpointTallyStep() {
	at := func(label string) time.Time { return hour(draw(h, label, 1, 2, 3, 4)) }
	eps := []fanfare.EndpointID{endpointID(1), endpointID(2), endpointID(3)}
	sheet := [16]byte{draw[byte](h, "sheet", 1, 2)}
	switch draw(h, "operation", "keep", "keep", "read", "prune") {
	case "keep":
		t := fanfare.EndpointTally{Endpoint: draw(h, "endpoint", eps...), Begins: at("begins"), Succeeded: draw[int64](h, "succeeded", 0, 1, 5), Failed: draw[int64](h, "failed", 0, 2)}
		what := fmt.Sprintf("sheet %d has %+v", sheet[0], t)
		h.do(what, func(s fanfare.Store) error { return s.KeepEndpointTallies(h.ctx, sheet, []fanfare.EndpointTally{t}) })
	case "read":
		since, some := at("since"), eps[:draw(h, "endpoints", 1, 2)]
		what := fmt.Sprintf("tallies of %q since %v, but those of sheet %d", some, since, sheet[0])
		both(h, what, func(s fanfare.Store) ([]fanfare.EndpointTally, error) {
			return s.EndpointTallies(h.ctx, [][16]byte{sheet}, some, since)
		})
	case "prune":
		t := at("before")
		h.do(fmt.Sprintf("prune tallies of endpoints before %v", t), func(s fanfare.Store) error { return s.PruneEndpointTallies(h.ctx, t) })
	}
	both(h, "tallies of endpoints", func(s fanfare.Store) ([]fanfare.EndpointTally, error) {
		return s.EndpointTallies(h.ctx, nil, eps, time.Time{})
	})
}
