package bench

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// measured is a report of two rounds, of which the second has no batch and was cut
// short.
func measured() *Report {
	r := &Report{
		Settings: Settings{Rounds: 2},
		Machine:  Machine{Cores: 2, CPU: "Abacus", Go: "go1.26", Fsync: 1.5},
		Lines: []Line{
			{Round: 1, Arm: Bare, PerSecond: 8000},
			{Round: 1, Arm: Single, PerSecond: 4000, ServerCPU: 150},
			{Round: 1, Arm: Bare, PerSecond: 6000},
			{Round: 1, Arm: Batch, PerSecond: 3900},
			{Round: 1, Arm: Latency, Arrival: &Quantiles{P50: 2, P99: 10}, Accept: &Quantiles{P50: 1, P99: 5}},
			{Round: 1, Arm: HangBefore, PerSecond: 900},
			{Round: 1, Arm: HangOne, PerSecond: 990},
			{Round: 1, Arm: HangAfter, PerSecond: 1100},
			{Round: 2, Arm: Bare, PerSecond: 8000},
			{Round: 2, Arm: Single, PerSecond: 4000, ServerCPU: 180},
			{Round: 2, Arm: NodesBefore, PerSecond: 500},
			{Round: 2, Arm: NodesTwo, PerSecond: 480},
			{Round: 2, Arm: NodesAfter, PerSecond: 700},
			{Round: 2, Arm: Latency, Arrival: &Quantiles{P50: 3, P99: 30}, Accept: &Quantiles{P50: 1, P99: 5}},
		},
	}
	r.conclude()
	return r
}

func TestFiguresCompareWithinTheirRound(t *testing.T) {
	type value struct {
		rounds string
		median float64
		met    bool
	}
	want := map[string]value{
		"one event a request, delivered/s ÷ bare POST/s":               {"0.50, 0.50", 0.50, true},
		"batches, delivered/s ÷ bare POST/s":                           {"0.65", 0.65, false},
		"server CPU per delivery, one event a request":                 {"150 µs, 180 µs", 165, false},
		"latency at a low rate, p50":                                   {"2.0 ms, 3.0 ms", 2.5, true},
		"latency at a low rate, p99":                                   {"10.0 ms, 30.0 ms", 20, false},
		"one endpoint hangs, delivered/s of the others ÷ none hanging": {"0.99", 0.99, true},
		"two servers on one database, delivered/s ÷ one server":        {"0.80", 0.80, false},
	}
	r := measured()
	for _, f := range r.Figures {
		if got := (value{f.rounds(), f.Median, f.Met}); got != want[f.Name] {
			t.Errorf("%s: %+v, want %+v", f.Name, got, want[f.Name])
		}
		delete(want, f.Name)
	}
	if len(want) != 0 {
		t.Errorf("figures are missing: %v", want)
	}
}

func TestTheReportIsATableForPeople(t *testing.T) {
	r := measured()
	r.Figures = r.Figures[:3]
	r.Lines[1].Others = 0.25
	r.Failures = []string{"round 1, batch: 9 deliveries arrived at /batch, and 10 were accepted"}
	var got strings.Builder
	if err := r.Write(&got); err != nil {
		t.Fatal(err)
	}
	const want = `FIGURE                                          MEDIAN  BAR       MET  ROUNDS
one event a request, delivered/s ÷ bare POST/s  0.50    ≥ 0.38    yes  0.50, 0.50
batches, delivered/s ÷ bare POST/s              0.65    ≥ 0.70    no   0.65
server CPU per delivery, one event a request    165 µs  ≤ 160 µs  no   150 µs, 180 µs

Bare POST loop: 8000/s (median of 3). 2 cores, Abacus, go1.26, fsync 1.50 ms.
Other programs took up to 25 % of the processors; measure again when the machine has nothing else to do.
WRONG: round 1, batch: 9 deliveries arrived at /batch, and 10 were accepted
`
	if got.String() != want {
		t.Errorf("the report reads\n%s\nwant\n%s", got.String(), want)
	}
}

func TestAReportOfNothingIsValidJSON(t *testing.T) {
	r := &Report{Settings: Settings{}.withDefaults()}
	r.conclude()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"figures":[]`, `"failures":[]`, `"clients":256`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report %s has no %s", text, want)
		}
	}
}

func TestWhatIsMissingOrMangledIsAFailure(t *testing.T) {
	r := &run{arm: Fanout, expect: map[string]int{"/0": 10, "/1": 10, "/2": 10}}
	seen := &Seen{Paths: map[string]Counts{
		"/0":   {Unique: 10, Duplicates: 2, Bytes: 1200},
		"/1":   {Unique: 9, Bytes: 900},
		"/2":   {Unique: 10, Bytes: 999},
		"/out": {Unique: 3, Bytes: 300},
	}}
	want := []string{
		"fanout: 3 deliveries arrived at /out, which nobody asked for",
		"fanout: 9 deliveries arrived at /1, and 10 were accepted",
		"fanout: 999 bytes arrived at /2, not 1000",
	}
	if got := r.wrong(seen, 100); !slices.Equal(got, want) {
		t.Errorf("wrong: %q, want %q", got, want)
	}
	report := &Report{Settings: Settings{Rounds: 1}, Lines: []Line{{Round: 2, Arm: Fanout, Wrong: want[:1]}}}
	report.conclude()
	if got := report.Failures; !slices.Equal(got, []string{"round 2, " + want[0]}) {
		t.Errorf("failures are %q", got)
	}
}

func TestTheRateIsOfThePathsThatCount(t *testing.T) {
	began := time.Unix(1000, 0)
	r := &run{
		arm: HangOne, clients: 4, n: 30, events: 1,
		expect: map[string]int{"/0": 10, "/1": 10, "/2": 10}, counted: []string{"/0", "/1"},
	}
	line := r.line(&Seen{Paths: map[string]Counts{
		"/0": {Unique: 10, Bytes: 1000, Last: began.Add(2 * time.Second).UnixNano()},
		"/1": {Unique: 10, Bytes: 1100, Duplicates: 1, Last: began.Add(4 * time.Second).UnixNano()},
		"/2": {Unique: 10, Bytes: 1000, Last: began.Add(9 * time.Second).UnixNano()},
	}}, began, 100)
	line.spend(usage{server: 3 * time.Millisecond, load: 6 * time.Millisecond, sink: 9 * time.Millisecond, busy: 30 * time.Millisecond, idle: 10 * time.Millisecond})
	got, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"round":0,"arm":"hang-one","clients":4,"requests":30,"accepted":30,"expected":30,"deliveries":30,"duplicates":1,` +
		`"seconds":4,"acceptSeconds":0,"perSecond":5,"serverCPU":100,"loadCPU":200,"sinkCPU":300,` +
		`"othersShare":0.3,"idleShare":0.25,"serverMemory":{"residentMiB":0,"peakMiB":0}}`
	if string(got) != want {
		t.Errorf("the line is\n%s\nwant\n%s", got, want)
	}
}
