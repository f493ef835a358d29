package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// bare POSTs the payload straight to the sink.
func (s *session) bare(ctx context.Context) ([]Line, error) {
	to := &shot{url: s.sink.url + "/bare", contentType: "application/json", body: s.payload, want: http.StatusOK}
	n := s.settings.Events * 3 / 2
	return s.throughput(ctx, &run{
		arm: Bare, clients: s.settings.Clients, shots: []*shot{to},
		n: n, events: 1, copies: 1, expect: map[string]int{"/bare": n},
	})
}

// single sends one event a request to one endpoint.
func (s *session) single(ctx context.Context) ([]Line, error) {
	const path = "/single"
	return s.withServer(ctx, []string{path}, oneType, func(srv *server) ([]Line, error) {
		event := srv.event(oneType[0], s.payload)
		n := s.settings.Events
		return s.throughput(ctx, &run{
			arm: Single, server: srv, clients: s.settings.Clients, shots: []*shot{event},
			n: n, events: 1, copies: 1, expect: map[string]int{path: n},
		})
	})
}

// batch sends many events a request to one endpoint.
func (s *session) batch(ctx context.Context) ([]Line, error) {
	const path = "/batch"
	return s.withServer(ctx, []string{path}, oneType, func(srv *server) ([]Line, error) {
		size := s.settings.BatchSize
		events := srv.events(oneType[0], s.payload, size)
		n := max(s.settings.Events*3/2/size, 1)
		return s.throughput(ctx, &run{
			arm: Batch, server: srv, clients: s.settings.BatchClients, shots: []*shot{events},
			n: n, events: size, copies: 1, expect: map[string]int{path: n * size},
		})
	})
}

// fanout sends one event a request to many endpoints.
func (s *session) fanout(ctx context.Context) ([]Line, error) {
	count := s.settings.Endpoints
	n := max(s.settings.Events*3/2/count, 1)
	paths, expect := make([]string, count), make(map[string]int, count)
	for i := range paths {
		paths[i] = fmt.Sprintf("/fanout/%d", i)
		expect[paths[i]] = n
	}
	return s.withServer(ctx, paths, oneType, func(srv *server) ([]Line, error) {
		event := srv.event(oneType[0], s.payload)
		return s.throughput(ctx, &run{
			arm: Fanout, server: srv, clients: s.settings.Clients, shots: []*shot{event},
			n: n, events: 1, copies: count, expect: expect,
		})
	})
}

// The three parts of the hang arm, as Line.Arm names them.
const (
	HangBefore = "hang-none-1"
	HangOne    = "hang-one"
	HangAfter  = "hang-none-2"
)

// hang sends the same to many endpoints three times, each message to one of
// them. The second time the last endpoint never answers. The rate of a line is
// that of the others.
func (s *session) hang(ctx context.Context) ([]Line, error) {
	var all []Line
	for _, part := range []string{HangBefore, HangOne, HangAfter} {
		lines, err := s.hangPart(ctx, part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		all = append(all, lines...)
	}
	return all, nil
}

func (s *session) hangPart(ctx context.Context, part string) ([]Line, error) {
	count := s.settings.Endpoints
	last, n := count-1, max(s.settings.Events/count, 1)
	paths, types, expect := make([]string, count), make([]string, count), make(map[string]int, count)
	for i := range count {
		paths[i], types[i] = fmt.Sprintf("/calm/%d", i), fmt.Sprintf("bench.event_%d", i)
		expect[paths[i]] = n
	}
	if part == HangOne {
		delete(expect, paths[last])
		paths[last] = hangPrefix + "here"
	}
	return s.withServer(ctx, paths, types, func(srv *server) ([]Line, error) {
		shots := srv.each(types, s.payload)
		lines, err := s.throughput(ctx, &run{
			arm: part, server: srv, clients: s.settings.Clients, shots: shots,
			warm: shots[:last], // so that nothing hangs yet when the clock starts
			n:    n * count, events: 1, copies: 1, expect: expect, counted: paths[:last],
		})
		return lines, errors.Join(err, s.sink.empty(ctx)) // which lets go what hangs
	})
}

// The three parts of the nodes arm, as Line.Arm names them.
const (
	NodesBefore = "nodes-one-1"
	NodesTwo    = "nodes-two"
	NodesAfter  = "nodes-one-2"
)

// nodes sends the same to many endpoints three times, each message to one of them. The
// second time two servers have one database, and each is sent half of it.
func (s *session) nodes(ctx context.Context) ([]Line, error) {
	count := s.settings.Endpoints
	n := max(s.settings.Events/count, 1)
	paths, types, expect := make([]string, count), make([]string, count), make(map[string]int, count)
	for i := range count {
		paths[i], types[i] = fmt.Sprintf("/nodes/%d", i), fmt.Sprintf("bench.event_%d", i)
		expect[paths[i]] = n
	}
	var all []Line
	for _, part := range []string{NodesBefore, NodesTwo, NodesAfter} {
		lines, err := s.withServer(ctx, paths, types, func(srv *server) ([]Line, error) {
			shots := srv.each(types, s.payload)
			if part == NodesTwo {
				if err := s.join(ctx, srv); err != nil {
					return nil, err
				}
				shots = append(shots, srv.twin.each(types, s.payload)...)
			}
			return s.throughput(ctx, &run{
				arm: part, server: srv, clients: s.settings.Clients, shots: shots,
				n: n * count, events: 1, copies: 1, expect: expect,
			})
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		all = append(all, lines...)
	}
	return all, nil
}

// latency sends few events by the clock and looks how long they take.
func (s *session) latency(ctx context.Context) ([]Line, error) {
	const path = "/latency"
	return s.withServer(ctx, []string{path}, oneType, func(srv *server) ([]Line, error) {
		event := srv.event(oneType[0], s.payload)
		event.minimal = false // its answer says by which id it will arrive
		n := s.settings.LatencyRate * s.settings.LatencyTime
		return s.clockwork(ctx, &run{
			arm: Latency, server: srv, clients: 1, shots: []*shot{event},
			n: n, events: 1, copies: 1, expect: map[string]int{path: n},
		}, path)
	})
}

// clockwork sends the n requests of r at the rate of the latency arm, all to one
// path.
func (s *session) clockwork(ctx context.Context, r *run, path string) ([]Line, error) {
	client := newClient(s.settings.LatencyRate)
	defer client.CloseIdleConnections()
	if err := s.warmUp(ctx, client, r); err != nil {
		return nil, fmt.Errorf("warming up: %w", err)
	}
	before := s.usage(r.server)
	began := time.Now()
	all, err := openLoop(ctx, client, r.n, time.Second/time.Duration(s.settings.LatencyRate), r.shots[0])
	if err != nil {
		return nil, err
	}
	accepted := time.Since(began)
	seen, err := s.sink.awaiting(ctx, r.n, drainTime)
	if err != nil {
		return nil, err
	}
	line := r.line(seen, began, s.settings.Size)
	line.AcceptSeconds = accepted.Seconds()
	line.spend(s.usage(r.server).since(before))
	line.Memory = memoryOf(r.server.pid)
	times, err := s.sink.times(ctx, path)
	if err != nil {
		return nil, err
	}
	line.Accept, line.Arrival = latencies(all, times)
	return []Line{*line}, nil
}

// latencies sums up how long messages took until they were answered, and until
// they arrived. What has not arrived is in no figure; Line.Wrong tells of it.
func latencies(all []sent, arrived map[string]int64) (accept, arrival *Quantiles) {
	var answers, arrivals []time.Duration
	for _, m := range all {
		answers = append(answers, m.answered)
		if at, ok := arrived[m.id]; ok {
			arrivals = append(arrivals, time.Duration(at-m.began.UnixNano()))
		}
	}
	return quantiles(answers), quantiles(arrivals)
}
