package postgres

import (
	"context"
	"time"
)

// Hurry shortens how long a store waits for its database.
func (s *Store) Hurry(patience, write time.Duration) {
	s.limits = limits{patience: patience, write: write, read: patience}
}

// MakePartitions makes the partitions of the week that t is in and of those after it.
func (s *Store) MakePartitions(ctx context.Context, t time.Time) error {
	return s.makePartitions(ctx, t)
}
