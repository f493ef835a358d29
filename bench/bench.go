// Package bench measures a Fanfare server against a bare POST loop on the same
// machine, in the same run. It starts a server and a sink as processes of their
// own, puts load on them, and promises that every figure it gives rests on
// deliveries that a sink counted, none missing. What to make of the figures it
// leaves to its reader: whatever it measures, it never fails for being slow.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The arms of a measurement.
const (
	Single  = "single"  // one event a request, one endpoint
	Batch   = "batch"   // many events a request, one endpoint
	Fanout  = "fanout"  // one event a request, many endpoints
	Latency = "latency" // few events, sent by the clock
	Hang    = "hang"    // many endpoints, first none of them hanging, then one
	Nodes   = "nodes"   // many endpoints, first one server, then two on the same database
)

// Bare is the Line.Arm of POSTs straight to the sink: what the machine can do.
const Bare = "bare"

// arms are measured in this order within a round.
var arms = []arm{
	{name: Single, beside: true, measure: (*session).single},
	{name: Batch, beside: true, measure: (*session).batch},
	{name: Fanout, beside: true, measure: (*session).fanout},
	{name: Latency, measure: (*session).latency},
	{name: Hang, measure: (*session).hang},
	{name: Nodes, shared: true, measure: (*session).nodes},
}

type arm struct {
	name    string
	beside  bool // the bare loop, with which it takes turns
	shared  bool // with PostgreSQL only
	measure func(*session, context.Context) ([]Line, error)
}

// Arms lists the arms that Settings.Only may name.
func Arms() []string {
	names := make([]string, len(arms))
	for i, arm := range arms {
		names[i] = arm.name
	}
	return names
}

// Settings say what is measured. The zero value of each field is a good default.
type Settings struct {
	Only   []string `json:"only,omitempty"` // arms; nil: all
	Rounds int      `json:"rounds"`         // 0: 3

	Events       int `json:"events"`       // deliveries of a turn of an arm, more or less; 0: 40,000
	Size         int `json:"size"`         // of a payload, in bytes; 0: 1024
	Clients      int `json:"clients"`      // requests under way at once; 0: 256
	BatchSize    int `json:"batchSize"`    // events a request of the batch arm; 0: 100
	BatchClients int `json:"batchClients"` // requests under way at once there; 0: 16
	Endpoints    int `json:"endpoints"`    // of the arms with many; 0: 10

	LatencyRate int `json:"latencyRate"` // events a second of the latency arm; 0: 50
	LatencyTime int `json:"latencyTime"` // seconds that it takes; 0: 10

	// Database is the URL of a database in PostgreSQL, on this machine, by a user who may
	// make more: the servers that are measured have theirs there. "": in files.
	Database string `json:"-"`

	Dir     string `json:"-"` // where the server's data is put for a while; "": the system's folder for such
	Profile string `json:"-"` // folder for CPU profiles of the server, one an arm of the first round; "": none

	Starting func(round int, arm string) `json:"-"` // if set, told what begins
	Measured func(Line)                  `json:"-"` // if set, told each line
}

// Quick returns settings for a run of some twenty seconds, which shows that
// everything works, and roughly how fast.
func Quick() *Settings {
	return &Settings{Rounds: 1, Events: 4000, LatencyTime: 2}
}

func (s Settings) withDefaults() Settings {
	for _, field := range []struct {
		value *int
		def   int
	}{
		{&s.Rounds, 3},
		{&s.Events, 40_000},
		{&s.Size, 1024},
		{&s.Clients, 256},
		{&s.BatchSize, 100},
		{&s.BatchClients, 16},
		{&s.Endpoints, 10},
		{&s.LatencyRate, 50},
		{&s.LatencyTime, 10},
	} {
		if *field.value == 0 {
			*field.value = field.def
		}
	}
	return s
}

// Check says which setting makes no sense.
func (s Settings) Check() error {
	s = s.withDefaults()
	for _, name := range s.Only {
		if !slices.Contains(Arms(), name) {
			return fmt.Errorf("there is no arm %q; there are %s", name, strings.Join(Arms(), ", "))
		}
		if name == Nodes && s.Database == "" {
			return errors.New("servers share a database in PostgreSQL only: say which")
		}
	}
	for _, field := range []struct {
		name            string
		value, min, max int
	}{
		{"rounds", s.Rounds, 1, 100},
		{"events", s.Events, 100, 10_000_000},
		{"size", s.Size, 64, 1 << 20},
		{"clients", s.Clients, 1, 10_000},
		{"events a batch", s.BatchSize, 1, 1000},
		{"clients of the batch arm", s.BatchClients, 1, 1000},
		{"endpoints", s.Endpoints, 2, 1000},
		{"events a second", s.LatencyRate, 1, 10_000},
		{"seconds", s.LatencyTime, 1, 3600},
	} {
		if field.value < field.min || field.value > field.max {
			return fmt.Errorf("%s must be from %d to %d, not %d", field.name, field.min, field.max, field.value)
		}
	}
	return nil
}

// plan is what a round measures, in this order.
func (s *Settings) plan() (wanted []arm) {
	for _, arm := range arms {
		asked := len(s.Only) == 0 || slices.Contains(s.Only, arm.name)
		if asked && (!arm.shared || s.Database != "") {
			wanted = append(wanted, arm)
		}
	}
	return wanted
}

// Run measures program, a fanfare binary. Every round measures every arm once,
// so that what else the machine does falls on all of them alike. The report is
// complete as far as it goes also when an error is returned; lost or mangled
// deliveries are no error, but Report.Failures.
func Run(ctx context.Context, program string, opt *Settings) (*Report, error) {
	if opt == nil {
		opt = &Settings{}
	}
	settings := opt.withDefaults()
	report := &Report{Settings: settings, Store: onSQLite, Started: time.Now().UTC()}
	if settings.Database != "" {
		report.Store = onPostgreSQL
	}
	if err := settings.Check(); err != nil {
		return report, err
	}
	s, err := newSession(ctx, program, settings)
	if err != nil {
		return report, err
	}
	defer s.close()
	if report.Machine, err = inspect(s.dir); err != nil {
		return report, err
	}
	for round := 1; round <= settings.Rounds; round++ {
		if err := s.round(ctx, round, report); err != nil {
			report.conclude()
			return report, err
		}
	}
	report.conclude()
	return report, nil
}

// round measures what the settings want.
func (s *session) round(ctx context.Context, round int, report *Report) error {
	s.profiling = s.settings.Profile != "" && round == 1
	for _, arm := range s.settings.plan() {
		if s.settings.Starting != nil {
			s.settings.Starting(round, arm.name)
		}
		lines, err := arm.inTurns(ctx, s)
		if err != nil {
			return fmt.Errorf("round %d, %s: %w", round, arm.name, err)
		}
		for _, line := range lines {
			line.Round = round
			report.Lines = append(report.Lines, line)
			if s.settings.Measured != nil {
				s.settings.Measured(line)
			}
		}
	}
	return nil
}
