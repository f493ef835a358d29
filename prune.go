package fanfare

import (
	"context"
	"time"
)

// pruneEvery is how often what has outlived its retention is removed.
const (
	pruneEvery = time.Hour
	pruneChunk = 200
)

func (d *dispatcher) prune(ctx context.Context) {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		if !d.doesChores() {
			pause(ctx, renewEvery)
			if ctx.Err() != nil {
				return
			}
			continue
		}
		d.expireConsumers(ctx)
		before := d.h.now().Add(-d.h.opt.Retention) // the same for all chunks: the store goes on where it stopped
		for {
			n, err := d.h.store.Prune(ctx, before, pruneChunk)
			if err != nil {
				d.fault(ctx, "removing old messages", err)
			}
			if n < pruneChunk || err != nil {
				break
			}
		}
		if err := d.h.pruneAudit(ctx); err != nil {
			d.fault(ctx, "removing old audit entries", err)
		}
		if err := d.h.store.PruneTallies(ctx, d.h.now().Add(-TalliesLast)); err != nil {
			d.fault(ctx, "removing old counts", err)
		}
		if err := d.h.store.PruneEndpointTallies(ctx, d.h.now().Add(-EndpointTalliesLast)); err != nil {
			d.fault(ctx, "removing old counts of endpoints", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
