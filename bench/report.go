package bench

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is what a measurement found.
type Report struct {
	Started  time.Time `json:"started"`
	Machine  Machine   `json:"machine"`
	Settings Settings  `json:"settings"`
	Store    string    `json:"store"` // sqlite or postgresql
	Figures  []Figure  `json:"figures"`
	Lines    []Line    `json:"lines"`
	Failures []string  `json:"failures"` // deliveries lost or mangled; a report with any is worth nothing
}

// What Report.Store may be.
const (
	onSQLite     = "sqlite"
	onPostgreSQL = "postgresql"
)

// A Figure is what the lines come to, beside the bar it should reach.
type Figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit,omitempty"`
	Bar    float64   `json:"bar"`
	AtMost bool      `json:"atMost,omitempty"` // the bar is the most it may be, not the least
	Rounds []float64 `json:"rounds"`
	Median float64   `json:"median"`
	Met    bool      `json:"met"`
}

// figures says what is made of the lines of one round. Each gives false where an
// arm it needs was not measured.
var figures = []struct {
	Figure
	elsewhere float64 // the bar with PostgreSQL, whose processes count; 0: the same
	of        func(roundLines) (float64, bool)
}{
	{Figure{Name: "one event a request, delivered/s ÷ bare POST/s", Bar: 0.38}, 0.30, overBare(Single)},
	{Figure{Name: "batches, delivered/s ÷ bare POST/s", Bar: 0.70}, 0.55, overBare(Batch)},
	{Figure{Name: "fan-out, delivered/s ÷ bare POST/s", Bar: 0.70}, 0, overBare(Fanout)},
	{Figure{Name: "server CPU per delivery, one event a request", Unit: "µs", Bar: 160, AtMost: true}, 230, serverCPU},
	{Figure{Name: "latency at a low rate, p50", Unit: "ms", Bar: 3, AtMost: true}, 0, arrival(func(q *Quantiles) float64 { return q.P50 })},
	{Figure{Name: "latency at a low rate, p99", Unit: "ms", Bar: 15, AtMost: true}, 0, arrival(func(q *Quantiles) float64 { return q.P99 })},
	{Figure{Name: "one endpoint hangs, delivered/s of the others ÷ none hanging", Bar: 0.98}, 0, between(HangBefore, HangOne, HangAfter)},
	{Figure{Name: "two servers on one database, delivered/s ÷ one server", Bar: 0.85}, 0, between(NodesBefore, NodesTwo, NodesAfter)},
}

// roundLines are the lines of one round in the order of measurement.
type roundLines []*Line

// of is the line of an arm; nil if there is none.
func (lines roundLines) of(arm string) *Line {
	if i := slices.IndexFunc(lines, func(l *Line) bool { return l.Arm == arm }); i >= 0 {
		return lines[i]
	}
	return nil
}

// overBare is an arm's rate over that of the bare loop it took turns with.
func overBare(arm string) func(roundLines) (float64, bool) {
	return func(lines roundLines) (float64, bool) {
		i := slices.IndexFunc(lines, func(l *Line) bool { return l.Arm == arm })
		if i < 1 || lines[i-1].Arm != Bare {
			return 0, false
		}
		return ratio(lines[i].PerSecond, lines[i-1].PerSecond)
	}
}

// serverCPU is that of the server, and of its database where that is not in it.
func serverCPU(lines roundLines) (float64, bool) {
	line := lines.of(Single)
	if line == nil || line.ServerCPU == 0 {
		return 0, false
	}
	return line.ServerCPU + line.DatabaseCPU, true
}

func arrival(quantile func(*Quantiles) float64) func(roundLines) (float64, bool) {
	return func(lines roundLines) (float64, bool) {
		line := lines.of(Latency)
		if line == nil || line.Arrival == nil {
			return 0, false
		}
		return quantile(line.Arrival), true
	}
}

// between is the rate of an arm's middle part over the mean of those before and after it.
func between(first, middle, last string) func(roundLines) (float64, bool) {
	return func(lines roundLines) (float64, bool) {
		before, one, after := lines.of(first), lines.of(middle), lines.of(last)
		if before == nil || one == nil || after == nil {
			return 0, false
		}
		return ratio(one.PerSecond, (before.PerSecond+after.PerSecond)/2)
	}
}

// conclude makes figures and failures of the lines.
func (r *Report) conclude() {
	r.Figures, r.Failures = []Figure{}, []string{}
	rounds := make(map[int]roundLines)
	for i := range r.Lines {
		line := &r.Lines[i]
		rounds[line.Round] = append(rounds[line.Round], line)
		for _, wrong := range line.Wrong {
			r.Failures = append(r.Failures, fmt.Sprintf("round %d, %s", line.Round, wrong))
		}
	}
	for _, f := range figures {
		figure := f.Figure
		if r.Store == onPostgreSQL && f.elsewhere != 0 {
			figure.Bar = f.elsewhere
		}
		for round := 1; round <= r.Settings.Rounds; round++ {
			if value, ok := f.of(rounds[round]); ok {
				figure.Rounds = append(figure.Rounds, value)
			}
		}
		if len(figure.Rounds) == 0 {
			continue
		}
		figure.Median = median(figure.Rounds)
		figure.Met = figure.Median >= figure.Bar
		if figure.AtMost {
			figure.Met = figure.Median <= figure.Bar
		}
		r.Figures = append(r.Figures, figure)
	}
}

// disturbed is the share of the processors that others may not take if figures
// are to mean much.
const disturbed = 0.1

// Write shows the report to people: the figures, where they were measured, and
// what is wrong with them.
func (r *Report) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tMEDIAN\tBAR\tMET\tROUNDS")
	for _, f := range r.Figures {
		met := "no"
		if f.Met {
			met = "yes"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", f.Name, f.show(f.Median), f.bar(), met, f.rounds())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var rates []float64
	others := 0.0
	for _, line := range r.Lines {
		others = max(others, line.Others)
		if line.Arm == Bare {
			rates = append(rates, line.PerSecond)
		}
	}
	var b strings.Builder
	b.WriteString("\n")
	if len(rates) > 0 {
		fmt.Fprintf(&b, "Bare POST loop: %.0f/s (median of %d). ", median(rates), len(rates))
	}
	fmt.Fprintf(&b, "%d cores, %s, %s, fsync %.2f ms.\n", r.Machine.Cores, orUnknown(r.Machine.CPU), r.Machine.Go, r.Machine.Fsync)
	if others >= disturbed {
		fmt.Fprintf(&b, "Other programs took up to %.0f %% of the processors; measure again when the machine has nothing else to do.\n", 100*others)
	}
	for _, failure := range r.Failures {
		fmt.Fprintf(&b, "WRONG: %s\n", failure)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func orUnknown(name string) string {
	if name == "" {
		return "unknown processor"
	}
	return name
}

// show writes a value of the figure, a ratio to hundredths.
func (f *Figure) show(value float64) string {
	switch f.Unit {
	case "":
		return strconv.FormatFloat(value, 'f', 2, 64)
	case "µs":
		return strconv.FormatFloat(value, 'f', 0, 64) + " µs"
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + " " + f.Unit
}

func (f *Figure) bar() string {
	if f.AtMost {
		return "≤ " + f.show(f.Bar)
	}
	return "≥ " + f.show(f.Bar)
}

// rounds writes the values that the median is of, in order of measurement.
func (f *Figure) rounds() string {
	texts := make([]string, len(f.Rounds))
	for i, value := range f.Rounds {
		texts[i] = f.show(value)
	}
	return strings.Join(texts, ", ")
}

// String writes the line for people to read while it is measured.
func (l Line) String() string {
	text := fmt.Sprintf("%-11s %7.0f/s  %6d deliveries in %5.2f s", l.Arm, l.PerSecond, l.Deliveries, l.Seconds)
	if l.LoadCPU > 0 {
		text += fmt.Sprintf("  CPU µs: load %.0f, sink %.0f", l.LoadCPU, l.SinkCPU)
	}
	if l.ServerCPU > 0 {
		text += fmt.Sprintf(", server %.0f", l.ServerCPU)
		if l.DatabaseCPU > 0 {
			text += fmt.Sprintf(", database %.0f", l.DatabaseCPU)
		}
		text += fmt.Sprintf("; %.0f MiB, peak %.0f", l.Memory.Resident, l.Memory.Peak)
	}
	if l.Arrival != nil {
		text += fmt.Sprintf("; arrived p50 %.1f, p99 %.1f ms; accepted p50 %.1f, p99 %.1f ms",
			l.Arrival.P50, l.Arrival.P99, l.Accept.P50, l.Accept.P99)
	}
	if l.Others+l.Idle > 0 {
		text += fmt.Sprintf("; machine: others %.0f %%, idle %.0f %%", 100*l.Others, 100*l.Idle)
	}
	for _, wrong := range l.Wrong {
		text += "\n  WRONG: " + wrong
	}
	return text
}
