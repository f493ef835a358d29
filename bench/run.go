package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"
)

// drainTime bounds how long what was accepted may take to arrive once the load
// has ended.
const drainTime = 2 * time.Minute

// A Line is one measurement.
type Line struct {
	Round   int    `json:"round"`
	Arm     string `json:"arm"`
	Clients int    `json:"clients"`

	Requests   int `json:"requests"`
	Accepted   int `json:"accepted"`   // events, or POSTs of the bare loop
	Expected   int `json:"expected"`   // deliveries that follow from them
	Deliveries int `json:"deliveries"` // distinct ones that arrived
	Duplicates int `json:"duplicates"`

	Seconds       float64 `json:"seconds"`       // from the first request to the last arrival, of all turns
	AcceptSeconds float64 `json:"acceptSeconds"` // from the first request to the last answer, of all turns
	PerSecond     float64 `json:"perSecond"`     // deliveries

	// Processor time a delivery, in microseconds; 0 where the system does not tell.
	ServerCPU   float64 `json:"serverCPU"`
	DatabaseCPU float64 `json:"databaseCPU,omitempty"` // of PostgreSQL's processes
	LoadCPU     float64 `json:"loadCPU"`
	SinkCPU     float64 `json:"sinkCPU"`
	// Shares of the machine's processors that went to everybody else, and to
	// nobody: with much of either, it was not only the machine that set the rate.
	Others float64 `json:"othersShare"`
	Idle   float64 `json:"idleShare"`

	Memory Memory `json:"serverMemory"` // of the server in the last turn

	Accept  *Quantiles `json:"acceptMilliseconds,omitempty"`  // from before the request to its answer
	Arrival *Quantiles `json:"arrivalMilliseconds,omitempty"` // from before the request to the sink

	Wrong []string `json:"wrong,omitempty"` // what is missing, or arrived otherwise than sent
}

// A run is what one measurement does.
type run struct {
	arm     string
	server  *server // nil in the bare loop
	clients int
	shots   []*shot        // sent in turn
	warm    []*shot        // what the warm-up sends; nil: shots
	n       int            // requests
	events  int            // a request
	copies  int            // deliveries an event
	expect  map[string]int // deliveries by path
	counted []string       // paths whose deliveries make the rate; nil: all
}

// withServer measures a server of its own, whose application has an endpoint for
// each of paths at the sink. The nth endpoint wants the nth event type; where
// there is one type, all want that.
func (s *session) withServer(ctx context.Context, paths, eventTypes []string, measure func(*server) ([]Line, error)) ([]Line, error) {
	srv, err := s.startServer(ctx)
	if err != nil {
		return nil, err
	}
	defer srv.close()
	if err := srv.prepare(ctx, s.sink.url, paths, eventTypes); err != nil {
		return nil, err
	}
	lines, err := measure(srv)
	select {
	case <-srv.ended:
		return nil, errors.Join(err, srv.gone("the server"))
	default:
		return lines, err
	}
}

// turns is how often an arm and the bare loop take turns in a round.
const turns = 3

// inTurns measures the arm, in turns with the bare loop if its rate is held against
// that, and then returns a line of either: the speed of a shared machine changes within
// seconds, and that of a server from start to start.
func (a *arm) inTurns(ctx context.Context, s *session) ([]Line, error) {
	if !a.beside {
		return a.measure(s, ctx)
	}
	var bare, own Line
	for range turns {
		lines, err := s.bare(ctx)
		if err != nil {
			return nil, err
		}
		bare.add(&lines[0])
		if lines, err = a.measure(s, ctx); err != nil {
			return nil, err
		}
		own.add(&lines[0])
	}
	return []Line{bare, own}, nil
}

// throughput puts the load of r on and returns when all that it expects has
// arrived, or does not.
func (s *session) throughput(ctx context.Context, r *run) ([]Line, error) {
	client := newClient(r.clients)
	defer client.CloseIdleConnections()
	if err := s.warmUp(ctx, client, r); err != nil {
		return nil, fmt.Errorf("warming up: %w", err)
	}
	finish := s.profile(ctx, r.server, r.arm)
	before := s.usage(r.server)
	began, err := closedLoop(ctx, client, r.clients, r.n, r.shots...)
	accepted := time.Since(began)
	if err != nil {
		return nil, errors.Join(err, finish())
	}
	seen, err := s.sink.awaiting(ctx, sum(r.expect), drainTime)
	used := s.usage(r.server).since(before)
	if err := errors.Join(err, finish()); err != nil {
		return nil, err
	}
	line := r.line(seen, began, s.settings.Size)
	line.AcceptSeconds = accepted.Seconds()
	line.spend(used)
	if r.server != nil {
		line.Memory = memoryOf(r.server.pid)
	}
	return []Line{*line}, nil
}

// warmUp opens all connections and lets caches fill, and leaves the sink empty.
func (s *session) warmUp(ctx context.Context, client *http.Client, r *run) error {
	shots := r.shots
	if r.warm != nil {
		shots = r.warm
	}
	if err := s.sink.empty(ctx); err != nil {
		return err
	}
	n := max(64, 4*r.clients)
	if _, err := closedLoop(ctx, client, r.clients, n, shots...); err != nil {
		return err
	}
	expected := n * r.events * r.copies
	seen, err := s.sink.awaiting(ctx, expected, drainTime)
	if err != nil {
		return err
	}
	if arrived := seen.unique(); arrived != expected {
		return fmt.Errorf("%d deliveries arrived of %d", arrived, expected)
	}
	return s.sink.empty(ctx)
}

// usage reads the processor time of all who take part.
func (s *session) usage(srv *server) usage {
	u := usage{load: cpuOf(os.Getpid()), sink: cpuOf(s.sinkProc.pid)}
	u.busy, u.idle = cpuOfMachine()
	if srv != nil {
		u.server = cpuOf(srv.pid)
		if srv.twin != nil {
			u.server += cpuOf(srv.twin.pid)
		}
	}
	if s.postmaster != nil {
		u.database = s.postmaster.cpu()
	}
	return u
}

// line sums up what the sink has seen since began, of payloads of size bytes.
func (r *run) line(seen *Seen, began time.Time, size int) *Line {
	line := &Line{
		Arm: r.arm, Clients: r.clients,
		Requests: r.n, Accepted: r.n * r.events, Expected: sum(r.expect),
		Deliveries: seen.unique(), Wrong: r.wrong(seen, size),
	}
	counted, last := 0, int64(0)
	for path, counts := range seen.Paths {
		line.Duplicates += counts.Duplicates
		if r.counted == nil || slices.Contains(r.counted, path) {
			counted += counts.Unique
			last = max(last, counts.Last)
		}
	}
	if counted > 0 {
		took := time.Duration(last - began.UnixNano())
		line.Seconds = took.Seconds()
		line.PerSecond, _ = ratio(float64(counted), took.Seconds())
	}
	return line
}

// spend spreads processor time over the deliveries of the line, and says where
// the rest of the machine's went.
func (l *Line) spend(used usage) {
	l.ServerCPU = each(used.server, l.Deliveries)
	l.DatabaseCPU = each(used.database, l.Deliveries)
	l.LoadCPU = each(used.load, l.Deliveries)
	l.SinkCPU = each(used.sink, l.Deliveries)
	ours, all := used.server+used.database+used.load+used.sink, float64(used.busy+used.idle)
	l.Others, _ = ratio(float64(max(used.busy-ours, 0)), all)
	l.Idle, _ = ratio(float64(used.idle), all)
}

// add has l be of all that it was, and of what part measured after it.
func (l *Line) add(part *Line) {
	sum := *part // what is the same in every part, or that of the last
	sum.Requests += l.Requests
	sum.Accepted += l.Accepted
	sum.Expected += l.Expected
	sum.Deliveries += l.Deliveries
	sum.Duplicates += l.Duplicates
	sum.Seconds += l.Seconds
	sum.AcceptSeconds += l.AcceptSeconds
	sum.PerSecond, _ = ratio(float64(sum.Deliveries), sum.Seconds)
	for to, was := range map[*float64]float64{
		&sum.ServerCPU: l.ServerCPU, &sum.DatabaseCPU: l.DatabaseCPU, &sum.LoadCPU: l.LoadCPU, &sum.SinkCPU: l.SinkCPU,
	} {
		*to = mean(was, l.Deliveries, *to, part.Deliveries)
	}
	sum.Others = mean(l.Others, l.Seconds, sum.Others, part.Seconds)
	sum.Idle = mean(l.Idle, l.Seconds, sum.Idle, part.Seconds)
	sum.Wrong = append(l.Wrong, part.Wrong...)
	*l = sum
}

// wrong tells how what arrived differs from what was expected: where how many
// distinct deliveries, each of size bytes, and nothing anywhere else.
func (r *run) wrong(seen *Seen, size int) []string {
	var all []string
	for path, n := range r.expect {
		counts := seen.Paths[path]
		if counts.Unique != n {
			all = append(all, fmt.Sprintf("%s: %d deliveries arrived at %s, and %d were accepted", r.arm, counts.Unique, path, n))
		}
		if bytes := int64(counts.Unique+counts.Duplicates) * int64(size); counts.Bytes != bytes {
			all = append(all, fmt.Sprintf("%s: %d bytes arrived at %s, not %d", r.arm, counts.Bytes, path, bytes))
		}
	}
	for path, counts := range seen.Paths {
		if _, ok := r.expect[path]; !ok {
			all = append(all, fmt.Sprintf("%s: %d deliveries arrived at %s, which nobody asked for", r.arm, counts.Unique, path))
		}
	}
	slices.Sort(all)
	return all
}

func (s *Seen) unique() int {
	total := 0
	for _, counts := range s.Paths {
		total += counts.Unique
	}
	return total
}

func sum(expect map[string]int) int {
	total := 0
	for _, n := range expect {
		total += n
	}
	return total
}
