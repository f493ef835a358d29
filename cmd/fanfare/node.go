package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// A node as the API has it.
type node struct {
	ID        string
	Name      string
	Shards    int
	StartedAt time.Time
	ExpiresAt time.Time
}

func (n *node) row() []string {
	return []string{n.Name, strconv.Itoa(n.Shards), stamp(n.StartedAt), stamp(n.ExpiresAt), n.ID}
}

func nodeCommand(e *env) *cobra.Command {
	return noun("node", "The servers that work on one PostgreSQL database together", e.atServer(
		verb{use: "list", short: "List the servers that work together, the one that joined first at the top",
			example: "fanfare node list",
			do: func(ctx context.Context, r *request) error {
				return listing[node]{
					path: "/nodes", limit: maxPageSize,
					headings: []string{"NAME", "SHARDS", "JOINED", "LEASE ENDS", "ID"}, row: (*node).row,
				}.show(ctx, r)
			}},
	)...)
}
