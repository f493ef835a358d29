package bench

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedianIsTheMiddleOrBetweenTheTwo(t *testing.T) {
	values := []float64{5, 1, 3}
	if got := median(values); got != 3 {
		t.Errorf("median(%v) = %v, want 3", values, got)
	}
	if values[0] != 5 {
		t.Errorf("median has put its argument in order: %v", values)
	}
	if got := median([]float64{4, 1, 2, 10}); got != 3 {
		t.Errorf("median of four = %v, want 3", got)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, test := range []struct {
		of   []time.Duration
		p    float64
		want time.Duration
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{hundred[:3], 50, 2},
		{hundred[:1], 99, 1},
		{nil, 50, 0},
	} {
		if got := percentile(test.of, test.p); got != test.want {
			t.Errorf("percentile(%d values, %v) = %v, want %v", len(test.of), test.p, got, test.want)
		}
	}
}

func TestQuantilesAreMilliseconds(t *testing.T) {
	got := quantiles([]time.Duration{4 * time.Millisecond, time.Millisecond, 2500 * time.Microsecond})
	if want := (Quantiles{P50: 2.5, P99: 4, Max: 4}); *got != want {
		t.Errorf("quantiles = %+v, want %+v", *got, want)
	}
}

func TestRatioIsNoFigureWithoutSomethingToCompareWith(t *testing.T) {
	if got, ok := ratio(3, 4); got != 0.75 || !ok {
		t.Errorf("ratio(3, 4) = %v, %v", got, ok)
	}
	if got, ok := ratio(3, 0); got != 0 || ok {
		t.Errorf("ratio(3, 0) = %v, %v, want none", got, ok)
	}
}

func TestEachSpreadsTimeOverThings(t *testing.T) {
	if got := each(2*time.Second, 16_000); got != 125 {
		t.Errorf("each = %v µs, want 125", got)
	}
	if got := each(time.Second, 0); got != 0 {
		t.Errorf("each of nothing = %v, want 0", got)
	}
}

func TestPayloadIsJSONOfExactlyThatSize(t *testing.T) {
	for _, size := range []int{64, 65, 100, 1024, 4096, 1 << 20} {
		body := payload(size)
		if len(body) != size || !json.Valid(body) {
			t.Errorf("payload(%d) has %d bytes, valid JSON: %v", size, len(body), json.Valid(body))
		}
	}
}

func TestMessagesAreLinesThatHoldThePayload(t *testing.T) {
	body := payload(200)
	got := strings.SplitAfter(string(lines(3, message("bench.event", body))), "\n")
	want := `{"eventType":"bench.event","payload":` + string(body) + "}\n"
	if !slices.Equal(got, []string{want, want, want, ""}) {
		t.Errorf("lines are %q", got)
	}
}

func TestCPUIsReadBehindANameThatHoldsAnything(t *testing.T) {
	const stat = "4711 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 123 77 0 0 20 0 9 0 100 200 300\n"
	got, err := parseCPU(stat)
	if err != nil || got != 2*time.Second {
		t.Errorf("parseCPU = %v, %v, want 2s", got, err)
	}
	for _, bad := range []string{"", "4711 (a", "4711 (a) S 1 2", strings.Replace(stat, "77", "x", 1)} {
		if got, err := parseCPU(bad); err == nil {
			t.Errorf("parseCPU(%q) = %v, want an error", bad, got)
		}
	}
}

func TestTheMachinesTimeIsBusyOrIdle(t *testing.T) {
	busy, idle := parseMachine("cpu  100 1 20 300 4 5 6 7 8 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if busy != 1390*time.Millisecond || idle != 3040*time.Millisecond {
		t.Errorf("busy %v, idle %v, want 1.39s and 3.04s", busy, idle)
	}
}

func TestMemoryIsReadInMiB(t *testing.T) {
	got := parseMemory("Name:\tfanfare\nVmHWM:\t   20480 kB\nVmRSS:\t    5120 kB\nThreads:\t9\n")
	if want := (Memory{Resident: 5, Peak: 20}); got != want {
		t.Errorf("memory is %+v, want %+v", got, want)
	}
}

func TestASettingThatMakesNoSenseIsRefusedBeforeAnythingStarts(t *testing.T) {
	for want, settings := range map[string]*Settings{
		`there is no arm "singel"; there are single, batch, fanout, latency, hang, nodes`: {Only: []string{"singel"}},
		"rounds must be from 1 to 100, not -1":                                            {Rounds: -1},
		"servers share a database in PostgreSQL only: say which":                          {Only: []string{"nodes"}},
		"events must be from 100 to 10000000, not 5":                                      {Events: 5},
	} {
		report, err := Run(t.Context(), "/nonexistent", settings)
		if err == nil || err.Error() != want {
			t.Errorf("Run with %+v: %v, want %q", settings, err, want)
		}
		if len(report.Lines) != 0 {
			t.Errorf("Run with %+v measured %v", settings, report.Lines)
		}
	}
}

func TestAnArmIsMeasuredIfItIsWantedAndCanBe(t *testing.T) {
	for _, c := range []struct {
		database   string
		only, want []string
	}{
		{"", nil, []string{Single, Batch, Fanout, Latency, Hang}},
		{"postgres:", nil, []string{Single, Batch, Fanout, Latency, Hang, Nodes}},
		{"", []string{Batch}, []string{Batch}},
		{"", []string{Hang, Latency}, []string{Latency, Hang}},
	} {
		var got []string
		for _, arm := range (&Settings{Database: c.database, Only: c.only}).plan() {
			got = append(got, arm.name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("of %v it measures %v, want %v", c.only, got, c.want)
		}
	}
}

func TestTheTurnsOfAnArmAndTheBareLoopAddUp(t *testing.T) {
	settings := Settings{Events: 100, Clients: 4, Size: 100}.withDefaults()
	s := &session{
		settings: settings, payload: payload(settings.Size),
		sink: newTestSink(t), sinkProc: &process{pid: os.Getpid()},
	}
	other := arm{beside: true, measure: func(s *session, ctx context.Context) ([]Line, error) {
		return s.throughput(ctx, &run{
			arm: "other", clients: 4, shots: []*shot{{url: s.sink.url + "/other", body: s.payload, want: http.StatusOK}},
			n: 10, events: 1, copies: 1, expect: map[string]int{"/elsewhere": 10},
		})
	}}
	lines, err := other.inTurns(t.Context(), s)
	if err != nil || len(lines) != 2 {
		t.Fatalf("in turns: %v, %v", lines, err)
	}
	for i, want := range []Line{
		{Arm: Bare, Clients: 4, Requests: 450, Accepted: 450, Expected: 450, Deliveries: 450},
		{Arm: "other", Clients: 4, Requests: 30, Accepted: 30, Expected: 30, Deliveries: 30},
	} {
		line := lines[i]
		if line.Seconds <= 0 || line.AcceptSeconds < line.Seconds || line.PerSecond != float64(line.Deliveries)/line.Seconds {
			t.Errorf("%d POSTs took %v s, their answers %v s, %v/s", line.Deliveries, line.Seconds, line.AcceptSeconds, line.PerSecond)
		}
		got := Line{
			Arm: line.Arm, Clients: line.Clients, Requests: line.Requests, Accepted: line.Accepted,
			Expected: line.Expected, Deliveries: line.Deliveries, Duplicates: line.Duplicates,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the line has %+v, want %+v", got, want)
		}
		if wrong := len(line.Wrong); wrong != i*turns*2 {
			t.Errorf("of %s %d things are wrong: %q", line.Arm, wrong, line.Wrong)
		}
	}
}

func TestPartsCountAsMuchAsTheyAre(t *testing.T) {
	var line Line
	line.add(&Line{Deliveries: 100, Duplicates: 2, Seconds: 1, ServerCPU: 10, LoadCPU: 4, Idle: 0.5, Others: 0.1, Memory: Memory{Resident: 7}})
	line.add(&Line{Deliveries: 300, Duplicates: 1, Seconds: 3, ServerCPU: 30, LoadCPU: 4, Idle: 0.1, Others: 0.1, Memory: Memory{Resident: 5}})
	want := Line{Deliveries: 400, Duplicates: 3, Seconds: 4, PerSecond: 100, ServerCPU: 25, LoadCPU: 4, Idle: 0.2, Others: 0.1, Memory: Memory{Resident: 5}}
	if line.Idle = math.Round(line.Idle*1e6) / 1e6; !reflect.DeepEqual(line, want) {
		t.Errorf("the sum is %+v, want %+v", line, want)
	}
}

func TestTheBareLoopSendsExactlySoMany(t *testing.T) {
	sink := newTestSink(t)
	body := payload(128)
	var shots []*shot
	for _, path := range []string{"/0", "/1", "/2"} {
		shots = append(shots, &shot{url: sink.url + path, body: body, want: http.StatusOK})
	}
	before := time.Now()
	began, err := closedLoop(t.Context(), sink.http, 4, 100, shots...)
	if err != nil {
		t.Fatal(err)
	}
	if began.Before(before) || began.After(time.Now()) {
		t.Errorf("the loop began at %v, which is not now", began)
	}
	seen, err := sink.awaiting(t.Context(), 100, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{arm: Bare, expect: map[string]int{"/0": 34, "/1": 33, "/2": 33}}
	if wrong := r.wrong(seen, len(body)); len(wrong) != 0 {
		t.Errorf("wrong: %q", wrong)
	}
}

func TestTheLoopEndsAtAnAnswerItDidNotWant(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"code":"rate_limit"}`)
	}))
	defer server.Close()
	s := &shot{url: server.URL + "/x", want: http.StatusAccepted}
	client := newClient(1)
	defer client.CloseIdleConnections()
	_, err := closedLoop(t.Context(), client, 1, 10, s)
	want := `POST /x: answered 429 Too Many Requests: {"code":"rate_limit"}`
	if err == nil || err.Error() != want {
		t.Errorf("the loop ended with %v, want %s", err, want)
	}
}

func TestTheOpenLoopSendsByTheClockAndKnowsWhatItSent(t *testing.T) {
	ids := make(chan string, 3)
	for _, id := range []string{"msg_1", "msg_2", "msg_3"} {
		ids <- id
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"id": <-ids})
	}))
	defer server.Close()
	s := &shot{url: server.URL + "/x", key: "key", want: http.StatusOK}
	client := newClient(3)
	defer client.CloseIdleConnections()
	all, err := openLoop(t.Context(), client, 3, time.Millisecond, s)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, m := range all {
		got[m.id] = true
		if m.answered <= 0 {
			t.Errorf("%s was answered after %v", m.id, m.answered)
		}
	}
	if want := map[string]bool{"msg_1": true, "msg_2": true, "msg_3": true}; !maps.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
}

func TestLatenciesRunFromBeforeTheRequest(t *testing.T) {
	base := time.Unix(1000, 0)
	accept, arrival := latencies([]sent{
		{"msg_1", base, 2 * time.Millisecond},
		{"msg_2", base.Add(time.Second), 6 * time.Millisecond},
		{"msg_3", base, time.Millisecond},
	}, map[string]int64{
		"msg_1": base.Add(3 * time.Millisecond).UnixNano(),
		"msg_2": base.Add(time.Second + 9*time.Millisecond).UnixNano(),
	})
	if want := (Quantiles{P50: 2, P99: 6, Max: 6}); *accept != want {
		t.Errorf("answers took %+v, want %+v", *accept, want)
	}
	if want := (Quantiles{P50: 3, P99: 9, Max: 9}); *arrival != want {
		t.Errorf("arrivals took %+v, want %+v", *arrival, want)
	}
}
