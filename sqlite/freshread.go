package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// settleFresh makes the fresh deliveries visible to readers: those of a message
// or to an endpoint, or all with two zeros.
func (s *Store) settleFresh(ctx context.Context, message, endpoint id) error {
	return s.settleFreshIf(ctx, func(d *freshDelivery) bool {
		return (message == (id{}) || d.id == message) && (endpoint == (id{}) || d.endpoint == endpoint)
	})
}

// settleFreshIf has those written down for which want is true.
func (s *Store) settleFreshIf(ctx context.Context, want func(d *freshDelivery) bool) error {
	if s.fresh.Load() == 0 {
		return nil
	}
	return s.write(ctx, &job{hot: true, run: func(w *writer) error {
		for _, m := range w.fresh.queue {
			for i := range m.deliveries {
				d := &m.deliveries[i]
				if d.gone || !want(d) {
					continue
				}
				if err := w.expand(d); err != nil {
					return err
				}
			}
		}
		return nil
	}})
}

// freshBehind returns what is fresh behind a place of a lane.
func (s *Store) freshBehind(ctx context.Context, ep id, q *fanfare.WaitingQuery) (ds []*fanfare.Delivery, err error) {
	if s.fresh.Load() == 0 {
		return nil, nil
	}
	err = s.write(ctx, &job{hot: true, run: func(w *writer) error {
		ds = w.fresh.behind(ep, q)
		return nil
	}})
	return ds, err
}

// mergeWaiting merges two lists of deliveries, each in order of place, that may
// have some in common.
func mergeWaiting(a, b []*fanfare.Delivery, limit int) []*fanfare.Delivery {
	if len(a) == 0 {
		return b
	}
	all := append(a, b...)
	slices.SortFunc(all, func(a, b *fanfare.Delivery) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Message, b.Message))
	})
	all = slices.CompactFunc(all, func(a, b *fanfare.Delivery) bool { return a.Message == b.Message })
	return all[:min(len(all), limit)]
}
