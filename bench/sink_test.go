package bench

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func newTestSink(t *testing.T) *remoteSink {
	t.Helper()
	server := httptest.NewServer(NewSink())
	t.Cleanup(server.Close)
	sink := &remoteSink{server.URL, newClient(8)}
	t.Cleanup(sink.http.CloseIdleConnections)
	return sink
}

func deliverTo(t *testing.T, sink *remoteSink, path, id, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sink.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if id != "" {
		req.Header.Set("Webhook-Id", id)
	}
	res, err := sink.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the sink answers %s", res.Status)
	}
}

func TestTheSinkCountsWhatIsDistinctByPathAndID(t *testing.T) {
	sink := newTestSink(t)
	before := time.Now().UnixNano()
	deliverTo(t, sink, "/a", "msg_1", "four")
	deliverTo(t, sink, "/a", "msg_1", "four")
	deliverTo(t, sink, "/b", "msg_1", "sixsix")
	deliverTo(t, sink, "/b", "", "sixsix")
	deliverTo(t, sink, "/b", "", "sixsix")
	seen, err := sink.awaiting(t.Context(), 4, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Counts{
		"/a": {Unique: 1, Duplicates: 1, Bytes: 8},
		"/b": {Unique: 3, Bytes: 18},
	} {
		got := seen.Paths[path]
		if got.Last < before || got.Last > time.Now().UnixNano() {
			t.Errorf("%s: the last came at %d, which is not now", path, got.Last)
		}
		if got.Last = 0; got != want {
			t.Errorf("%s: counts are %+v, want %+v", path, got, want)
		}
	}
	times, err := sink.times(t.Context(), "/a")
	if err != nil || len(times) != 1 || times["msg_1"] < before {
		t.Errorf("times of /a are %v, %v", times, err)
	}
	if err := sink.empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen, err = sink.awaiting(t.Context(), 0, time.Minute); err != nil || len(seen.Paths) != 0 {
		t.Errorf("after emptying the sink has %v, %v", seen, err)
	}
}

func TestTheSinkAnswersWhenThereIsWhatSomebodyAwaits(t *testing.T) {
	sink := newTestSink(t)
	got := make(chan *Seen, 1)
	go func() {
		seen, err := sink.awaiting(t.Context(), 2, time.Minute)
		if err != nil {
			t.Error(err)
		}
		got <- seen
	}()
	deliverTo(t, sink, "/a", "msg_1", "x")
	deliverTo(t, sink, "/a", "msg_1", "x") // a duplicate is not awaited
	deliverTo(t, sink, "/a", "msg_2", "x")
	if seen := <-got; seen.unique() != 2 {
		t.Errorf("the sink has seen %+v, want 2", seen)
	}
}

func TestTheSinkTellsWhatIsThereWhenWhatIsAwaitedDoesNotCome(t *testing.T) {
	sink := newTestSink(t)
	deliverTo(t, sink, "/a", "msg_1", "x")
	seen, err := sink.awaiting(t.Context(), 2, 20*time.Millisecond)
	if err != nil || seen.unique() != 1 {
		t.Errorf("the sink has seen %+v, %v, want 1", seen, err)
	}
}

func TestWhatHangsIsNotCountedAndGoesWhenTheSinkIsEmptied(t *testing.T) {
	sink := newTestSink(t)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		deliverTo(t, sink, hangPrefix+"here", "msg_1", "x")
	}()
	var seen *Seen
	for seen == nil || seen.Hanging == 0 {
		var err error
		if seen, err = sink.awaiting(t.Context(), 0, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-answered:
		t.Error("what should hang was answered")
	default:
	}
	if len(seen.Paths) != 0 {
		t.Errorf("what hangs was counted: %+v", seen)
	}
	if err := sink.empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-answered
	if seen, err := sink.awaiting(t.Context(), 0, time.Minute); err != nil || len(seen.Paths) != 0 {
		t.Errorf("what hung was counted when it was let go: %+v, %v", seen, err)
	}
}

func TestTheSinkEndsWithTheProcessThatMeasures(t *testing.T) {
	in, parent := io.Pipe()
	out, sink := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- RunSink(context.WithoutCancel(t.Context()), in, sink) }()
	address, err := readSinkURL(out)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(1)
	defer client.CloseIdleConnections()
	deliverTo(t, &remoteSink{address, client}, "/a", "msg_1", "x")
	parent.Close()
	if err := <-ended; err != nil {
		t.Errorf("the sink ended with %v", err)
	}
}
