//go:build linux

package postgres_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// A nodeUnderTest is a Hub with a store of its own, on a database that it shares.
type nodeUnderTest struct {
	hub   *fanfare.Hub
	store *postgres.Store
	stop  func() error
}

func startNode(t *testing.T, url, name string) *nodeUnderTest {
	t.Helper()
	return startNodeWith(t, url, name, nil)
}

func startNodeWith(t *testing.T, url, name string, opt *postgres.Options) *nodeUnderTest {
	t.Helper()
	store, err := postgres.Open(t.Context(), url, opt)
	if err != nil {
		t.Fatal(err)
	}
	hub := fanfare.New(store, &fanfare.Options{
		NodeName: name, AllowLoopback: true, PerHost: 1000, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(ctx) }()
	n := &nodeUnderTest{hub: hub, store: store}
	n.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		store.Close()
		return err
	})
	t.Cleanup(func() { n.stop() })
	return n
}

// A ledger is what receivers were sent, by path.
type ledger struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string][]string // bodies in order
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{seen: make(map[string][]string)}
	l.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen[r.URL.Path] = append(l.seen[r.URL.Path], string(body))
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, bodies := range l.seen {
		n += len(bodies)
	}
	return n
}

// await returns once so many requests have come.
func (l *ledger) await(t *testing.T, n int, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); l.count() < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d deliveries came within %v", l.count(), n, limit)
		}
	}
}

// shares waits until the nodes hold so many shards each, or one more.
func shares(t *testing.T, n *nodeUnderTest, want int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		nodes, err := n.store.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		even, total := len(nodes) == want, 0
		for _, node := range nodes {
			total += node.Shards
			even = even && node.Shards <= (fanfare.Shards+want)/want
		}
		if even && total == fanfare.Shards+1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d nodes hold %d shards, want %d with even shares", len(nodes), total, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestNodesShareTheWork has three nodes accept for endpoints whose lanes run
// anywhere: each message arrives once, and where it was asked for in order. Then one
// is stopped, another joins, and one crashes.
func TestNodesShareTheWork(t *testing.T) {
	t.Parallel()
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sink := newLedger(t)
	nodes := []*nodeUnderTest{startNode(t, url, "a"), startNode(t, url, "b"), startNode(t, url, "c")}
	shares(t, nodes[0], 3)
	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := nodes[0].hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	const endpoints = 12
	for i := range endpoints {
		ep := &fanfare.Endpoint{Application: app.ID, URL: fmt.Sprintf("%s/%d", sink.URL, i), Ordered: i%2 == 0}
		if err := nodes[i%3].hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
	}
	last := &fanfare.Endpoint{Application: app.ID, URL: sink.URL + "/last", EventTypes: []string{"last"}}
	if err := nodes[2].hub.CreateEndpoint(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		deadline := time.Now().Add(time.Minute)
		for {
			if known, err := n.hub.Wanted(t.Context(), "acme", "last", nil); err == nil && known {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("a node does not know of an endpoint that another has made")
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	sent := 0
	send := func(n int, through ...*nodeUnderTest) {
		t.Helper()
		for range n {
			msg := &fanfare.Message{EventType: "x.y", Payload: []byte(fmt.Sprint(sent))}
			errs, err := through[sent%len(through)].hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil)
			if err != nil || errs[0] != nil {
				t.Fatal(err, errs)
			}
			sent++
		}
	}
	check := func(what string) {
		t.Helper()
		sink.await(t, sent*endpoints, time.Minute)
		sink.mu.Lock()
		defer sink.mu.Unlock()
		for i := range endpoints {
			got := sink.seen[fmt.Sprintf("/%d", i)]
			if len(got) != sent {
				t.Errorf("%s: endpoint %d was sent %d messages, want each of %d once", what, i, len(got), sent)
			}
			if i%2 == 0 {
				for n, body := range got {
					if body != fmt.Sprint(n) {
						t.Errorf("%s: ordered endpoint %d got %s as its message %d", what, i, body, n)
						break
					}
				}
			}
		}
	}
	send(60, nodes...)
	check("three nodes")

	if m := nodes[2].hub.Counters().Node; m.Shards < fanfare.Shards/3 || m.Taken < m.Shards || m.Lapses > 0 || time.Until(m.LeaseUntil) < time.Second {
		t.Errorf("a node of three says of itself %+v", *m)
	}

	send(30, nodes...)
	if err := nodes[2].stop(); err != nil {
		t.Fatal(err)
	}
	if m := nodes[2].hub.Counters().Node; m.Shards != 0 || m.HandedOver == 0 || m.Lapses > 0 {
		t.Errorf("one that has stopped says of itself %+v", *m)
	}
	send(30, nodes[:2]...)
	check("one was stopped")
	shares(t, nodes[0], 2)

	nodes[2] = startNode(t, url, "d")
	shares(t, nodes[0], 3)
	send(60, nodes...)
	check("another has joined")

	crashed := nodes[1]
	crashed.store.Close() // it can write nothing any more, nor say so
	begun := time.Now()
	send(30, nodes[0], nodes[2])
	check("one has crashed")
	t.Logf("all had arrived %v after the crash", time.Since(begun))
}

// TestWhoPollsMissesNothing polls one node while others accept: commits overtake each
// other, and a message behind the place that was read up to would be lost.
func TestWhoPollsMissesNothing(t *testing.T) {
	t.Parallel()
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes := []*nodeUnderTest{startNode(t, url, "a"), startNode(t, url, "b"), startNode(t, url, "c")}
	shares(t, nodes[0], 3)
	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := nodes[0].hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	ep := &fanfare.Endpoint{Application: app.ID, Kind: fanfare.KindPoller}
	if err := nodes[0].hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	const each = 200
	var senders sync.WaitGroup
	for _, n := range nodes[1:] {
		senders.Go(func() {
			for range each {
				msg := &fanfare.Message{EventType: "x.y", Payload: []byte("1")}
				if _, err := n.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	defer senders.Wait()
	seen := make(map[fanfare.MessageID]bool)
	var after fanfare.MessageID
	for deadline := time.Now().Add(time.Minute); len(seen) < 2*each; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d messages could be polled", len(seen), 2*each)
		}
		p, err := nodes[0].hub.Poller(t.Context(), string(app.ID), string(ep.ID))
		if err != nil {
			t.Fatal(err)
		}
		batch, err := p.Read(t.Context(), fanfare.PollQuery{After: after, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range batch.Messages {
			if seen[msg.ID] || msg.ID <= after {
				t.Fatalf("message %s came twice, or behind %s", msg.ID, after)
			}
			seen[msg.ID] = true
		}
		after = batch.Next
		time.Sleep(5 * time.Millisecond)
	}
}
