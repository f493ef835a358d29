package torture

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var failoversFlag = flag.Int("failovers", 0, "how often TestFailover loses the primary; 0: the short form")

// gentle is some 500 events a second.
var gentle = pace{clients: 2, interval: 40 * time.Millisecond, backlog: 1000, padding: 600}

// leaseMS is how long nodes go on without their database.
const leaseMS = 6000

// A failover is what came of one.
type failover struct {
	Fault     string `json:"fault"`
	GapMS     int64  `json:"gapMs"`    // between two events that were accepted
	InFlight  int    `json:"inFlight"` // attempts, at most, until then
	Cancelled int    `json:"cancelled,omitempty"`
	RejoinMS  int64  `json:"rejoinMs"` // until there were two again
}

// A fault is a way to lose a primary. It returns once the other is one.
type fault struct {
	name   string
	bar    time.Duration // no silence is longer
	strike func(t *testing.T, p *pair, r *failover)
}

// strictly is the bar of what takes no time to be noticed.
const strictly = 5 * time.Second

var faults = []fault{
	{"killed", strictly, func(t *testing.T, p *pair, _ *failover) {
		p.primary().Destroy()
		p.promote(t)
	}},
	// What is committed meanwhile only the primary has, and says so with a warning: it
	// goes with it.
	{"not replicated, then killed", strictly, func(t *testing.T, p *pair, r *failover) {
		p.part(t)
		if r.Cancelled = p.cancelWaits(t.Context(), 700*time.Millisecond); r.Cancelled == 0 {
			t.Error("nothing was committed without the standby: nothing was tested")
		}
		p.primary().Destroy()
		p.promote(t)
	}},
	{"stopped at once", strictly, func(t *testing.T, p *pair, _ *failover) {
		p.primary().Kill()
		p.promote(t)
	}},
	// Connections to it go on to be there, and nobody answers.
	{"silent", 15 * time.Second, func(t *testing.T, p *pair, _ *failover) {
		if err := p.primary().Freeze(); err != nil {
			t.Fatal(err)
		}
		p.promote(t)
	}},
}

// TestFailover loses the primary of a database again and again, with nodes at work on
// it, has its standby take its place, and makes it the other's standby. First it is
// restarted where it is.
func TestFailover(t *testing.T) {
	long(t, *failoversFlag > 0)
	chance, seed := newChance(t)
	moments := chance(1)
	p := newPair(t)
	nodes, front := newGroup(t, p.url(), 3, moments)
	w := newWorld(t, front)
	w.create(t)
	load := w.press(t.Context(), gentle, chance)
	quiet := w.listen(t)
	f := &failovers{}
	f.add(t, w.crash(t, p, nodes, quiet, moments), strictly)
	for i := range cmp.Or(*failoversFlag, 3) {
		fault := faults[i%len(faults)]
		f.add(t, w.lose(t, p, fault, nodes, quiet, moments), fault.bar)
		begun := time.Now()
		p.standby().Destroy() // if it was not
		p.rejoin(t, (i+i/len(faults))%2 == 1)
		f.Failovers[len(f.Failovers)-1].RejoinMS = time.Since(begun).Milliseconds()
	}
	load.end(t)
	f.audit(t, w, nodes, front, seed)
}

// crash restarts the primary where it is, without a standby's help.
func (w *world) crash(t *testing.T, p *pair, nodes *group, quiet *silence, chance *rand.Rand) *failover {
	t.Helper()
	r := &failover{Fault: "restarted"}
	w.before(t, nodes, quiet, chance, r)
	begun := time.Now()
	p.primary().Kill()
	if err := p.primary().Boot(); err != nil {
		t.Fatal(err)
	}
	p.pairUp(t)
	w.after(t, nodes, quiet, begun, r)
	return r
}

// lose loses the primary.
func (w *world) lose(t *testing.T, p *pair, f fault, nodes *group, quiet *silence, chance *rand.Rand) *failover {
	t.Helper()
	r := &failover{Fault: f.name}
	w.before(t, nodes, quiet, chance, r)
	begun := time.Now()
	f.strike(t, p, r)
	w.after(t, nodes, quiet, begun, r)
	return r
}

// before waits a while under load.
func (w *world) before(t *testing.T, nodes *group, quiet *silence, chance *rand.Rand, r *failover) {
	t.Helper()
	pause(t.Context(), time.Duration(300+chance.IntN(700))*time.Millisecond)
	quiet.take()
	r.InFlight = nodes.inFlight(t)
}

// after waits until events are accepted again, and measures since when.
func (w *world) after(t *testing.T, nodes *group, quiet *silence, begun time.Time, r *failover) {
	t.Helper()
	promoted := time.Now()
	err := until(t.Context(), time.Minute, func() bool {
		r.InFlight = max(r.InFlight, nodes.inFlight(t))
		pause(t.Context(), 20*time.Millisecond)
		return quiet.heardSince(promoted)
	})
	if err != nil {
		t.Fatalf("%s: %s after the fault nothing is accepted", r.Fault, time.Since(begun))
	}
	r.GapMS = quiet.take().Milliseconds()
}

// Failovers are what came of all.
type failovers struct {
	*figures
	Failovers  []*failover `json:"failovers"`
	InFlight   int         `json:"inFlight"`
	WorstGapMS int64       `json:"worstGapMs"` // of those that are noticed at once
}

func (f *failovers) add(t *testing.T, r *failover, bar time.Duration) {
	t.Helper()
	t.Logf("%+v", *r)
	f.Failovers = append(f.Failovers, r)
	f.InFlight += r.InFlight
	if bar == strictly {
		f.WorstGapMS = max(f.WorstGapMS, r.GapMS)
	}
	if r.GapMS > bar.Milliseconds() {
		t.Errorf("%s: nothing was accepted for %d ms, and %s is allowed", r.Fault, r.GapMS, bar)
	}
}

// audit ends the nodes and holds all ledgers against each other.
func (f *failovers) audit(t *testing.T, w *world, nodes *group, front *host, seed uint64) {
	t.Helper()
	w.quiesce(t)
	w.checkStats(t)
	drain := nodes.stop(t)
	f.figures = w.audit(t, len(f.Failovers))
	w.checkDatabase(t, front, f.figures)
	f.Seed, f.DrainMS = seed, drain.Milliseconds()
	f.print(t)
	most := f.InFlight
	for _, r := range f.Failovers {
		if r.GapMS > leaseMS { // nodes stop, and what they have not recorded is made again
			most += allInFlight
		}
	}
	if f.Duplicates > most || f.Unrecorded > most {
		t.Errorf("%d duplicates and %d requests that are not recorded, of %d at most", f.Duplicates, f.Unrecorded, most)
	}
	if t.Failed() {
		nodes.complain(t)
	}
	if f.Accepted < 200*len(f.Failovers) {
		t.Errorf("that was no load: %d events accepted over %d faults", f.Accepted, len(f.Failovers))
	}
}

// print prints the figures as one line of JSON.
func (f *failovers) print(t *testing.T) {
	t.Helper()
	line, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(t.Output(), "%s\n", line)
}
