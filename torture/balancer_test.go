package torture

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A balancer does what the load balancer before several nodes does: it asks each for
// its health, and sends requests to those that are well, in turn. A request that no
// node has taken, as the connection was refused, it gives to the next; one that was
// sent it never repeats.
type balancer struct {
	refused atomic.Int64 // connections

	mu    sync.Mutex
	nodes []*listed
	turn  int
}

// A listed node is what a balancer knows of it.
type listed struct {
	address string
	well    bool
	missed  int // questions in a row without an answer
}

const (
	askEvery = 50 * time.Millisecond
	askFor   = time.Second // how long an answer may take
	mostMiss = 2           // until a node is taken out
)

// ask asks one node after its health until ctx ends.
func (b *balancer) ask(ctx context.Context, n *listed) {
	client := &http.Client{Timeout: askFor, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		status := 0
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.address+"/api/v1/health", nil)
		if err == nil {
			var res *http.Response
			if res, err = client.Do(req); err == nil {
				res.Body.Close()
				status = res.StatusCode
			}
		}
		b.heard(n, status)
		pause(ctx, askEvery)
	}
}

// heard takes in an answer; 0: there was none.
func (b *balancer) heard(n *listed, status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch status {
	case http.StatusNoContent:
		n.well, n.missed = true, 0
	case 0:
		if n.missed++; n.missed >= mostMiss {
			n.well = false
		}
	default:
		n.well = false
	}
}

// next is where a request goes.
func (b *balancer) next() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.nodes {
		b.turn = (b.turn + 1) % len(b.nodes)
		if b.nodes[b.turn].well {
			break
		}
	}
	return b.nodes[b.turn].address
}

// serves reports whether the node at that address is taken for well.
func (b *balancer) serves(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.nodes, func(n *listed) bool { return n.address == address && n.well })
}

// all reports whether all nodes are taken for well.
func (b *balancer) all() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.nodes {
		if !n.well {
			return false
		}
	}
	return true
}
