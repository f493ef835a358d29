package torture

import (
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// TestNodes has three nodes work on one database, and does to them what happens to
// nodes. With -rounds it does each of that so often, with nodes of its own; else once or
// twice, one upon the other.
func TestNodes(t *testing.T) {
	long(t, *roundsFlag > 0)
	t.Parallel()
	db := pgtest.Start(t, "max_connections = 300")
	if *roundsFlag == 0 {
		t.Run("RollAndKill", func(t *testing.T) {
			t.Parallel()
			f := newTrio(t, db)
			f.roll(t, 2)
			f.killing(t, 1)
			f.end(t)
		})
		t.Run("CutAndAbsent", func(t *testing.T) {
			t.Parallel()
			f := newTrio(t, db)
			f.cutting(t, 1)
			f.absent(t, leaseTime+time.Second, frozen, silent)
			f.end(t)
		})
		return
	}
	for name, try := range map[string]func(t *testing.T, f *trio, rounds int){
		"Kill": func(t *testing.T, f *trio, rounds int) { f.killing(t, rounds) },
		"Roll": func(t *testing.T, f *trio, rounds int) { f.roll(t, rounds) },
		"Cut":  func(t *testing.T, f *trio, rounds int) { f.cutting(t, rounds) },
		"Freeze": func(t *testing.T, f *trio, rounds int) {
			for range rounds {
				f.absent(t, 3*leaseTime, frozen)
			}
		},
		"Silence": func(t *testing.T, f *trio, rounds int) {
			for i := range rounds {
				f.absent(t, leaseTime+3*time.Second, []absence{silent, silentThenReset}[i%2])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTrio(t, db)
			try(t, f, *roundsFlag)
			f.end(t)
		})
	}
}

// killing kills one node after the other. While each is dying, clients ask for the same
// events at all nodes.
func (f *trio) killing(t *testing.T, rounds int) {
	t.Helper()
	var victim *node
	for range rounds {
		if victim != nil {
			f.start(t, victim)
			f.settled(t)
		}
		f.Rounds++
		pause(t.Context(), time.Second)
		victim = f.any()
		wait := f.storm(t, stormKeys)
		begun := time.Now()
		f.kill(t, victim)
		f.harmed(begun)
		f.shared(t, nodeCount-1, 3*leaseTime)
		wait()
		f.takenUp(t, begun)
	}
	f.start(t, victim)
	victim.server.ready(t)
}

// roll restarts the nodes one after the other, as an upgrade does: no call fails, and
// nothing is delivered twice.
func (f *trio) roll(t *testing.T, rounds int) {
	t.Helper()
	before := f.failures()
	for range rounds {
		f.Rounds++
		for _, next := range f.nodes {
			took := f.stop(t, next)
			f.StopMS = max(f.StopMS, took.Milliseconds())
			f.start(t, next)
			next.server.ready(t)
			f.await(t, 5*time.Second, "the balancer does not see a node that is back", f.balancer.all)
		}
	}
	if n := f.failures() - before; n > 0 {
		t.Errorf("%d calls failed while nodes were restarted", n)
	}
}

// cutting resets the connections of nodes to the database, and makes them slow: neither
// is a reason to deliver anything twice.
func (f *trio) cutting(t *testing.T, rounds int) {
	t.Helper()
	for range rounds {
		f.Rounds++
		for range 3 {
			pause(t.Context(), 300*time.Millisecond)
			f.any().cut()
		}
		slow := f.any()
		slow.slow(100 * time.Millisecond)
		pause(t.Context(), 2*time.Second)
		slow.slow(0)
	}
}

// An absence is what keeps a node from its work for a while.
type absence struct{ begin, end func(t *testing.T, n *node) }

var (
	// frozen is a process that does not run. When it does again it does not know of it.
	frozen = absence{signal(syscall.SIGSTOP), signal(syscall.SIGCONT)}

	// silent is a connection through which nothing comes, and of which neither side knows.
	// What was sent meanwhile arrives in the end.
	silent = absence{
		func(_ *testing.T, n *node) { n.hold() },
		func(_ *testing.T, n *node) { n.release() },
	}

	// silentThenReset is one that is reset in the end.
	silentThenReset = absence{silent.begin, func(_ *testing.T, n *node) {
		n.cut()
		n.release()
	}}
)

func signal(signal syscall.Signal) func(t *testing.T, n *node) {
	return func(t *testing.T, n *node) {
		t.Helper()
		if err := n.server.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
}

// absent keeps nodes from their work for longer than a lease, one for each kind.
func (f *trio) absent(t *testing.T, long time.Duration, kinds ...absence) {
	t.Helper()
	f.Rounds++
	pause(t.Context(), 500*time.Millisecond)
	who := f.chance.Perm(len(f.nodes))
	begun := time.Now()
	for i, kind := range kinds {
		kind.begin(t, f.nodes[who[i]])
	}
	f.shared(t, nodeCount-len(kinds), 3*leaseTime)
	f.takenUp(t, begun)
	pause(t.Context(), time.Until(begun.Add(long)))
	for i, kind := range kinds {
		kind.end(t, f.nodes[who[i]])
	}
	f.harmed(begun)
	f.settled(t)
	pause(t.Context(), wakeTime)
}

// takenUp measures how long lanes stood still that a node had at that moment.
func (f *trio) takenUp(t *testing.T, begun time.Time) {
	t.Helper()
	pause(t.Context(), 500*time.Millisecond)
	took := f.pickup(begun)
	f.PickupMS = max(f.PickupMS, took.Milliseconds())
	if took > maxPickup {
		t.Errorf("the lanes of a node that was gone stood still for %s", took)
	}
}

// nodeFigures are what was done to nodes and how they took it.
type nodeFigures struct {
	Rounds   int   `json:"rounds"`
	PickupMS int64 `json:"pickupMaxMs"`   // from a node's end until its lanes are worked on, at most
	Failed   int   `json:"failed"`        // calls without an answer, or with 500 or 503
	Refused  int64 `json:"refused"`       // connections; the balancer goes on to the next node
	Fenced   int   `json:"fenced"`        // notices of nodes that their lease had run out
	Storms   int   `json:"storms"`        // keys that were sent to all nodes at once
	StopMS   int64 `json:"nodeStopMaxMs"` // from SIGTERM to the end, at most
}
