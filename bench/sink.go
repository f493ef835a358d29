package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Paths of a Sink that are not for deliveries.
const (
	hangPrefix    = "/hang/" // takes requests and never answers them
	controlPrefix = "/control/"
)

// A Sink is the receiver of a measurement: it takes whatever is POSTed, answers
// 200, and remembers what came where and when.
type Sink struct {
	control *http.ServeMux

	mu       sync.Mutex
	arrivals map[string]*arrivals // by path
	arrived  int                  // of all paths, duplicates included
	unique   int                  // of those that were counted
	hanging  int
	release  chan struct{} // closed when what hangs may go
	awaited  int           // unique arrivals that somebody waits for; 0: nobody does
	look     int           // arrivals at which it is counted whether they are there
	reached  chan struct{} // closed when they are
}

// arrivals are what came to one path. While load is put on they are only taken down, so
// that a delivery costs the sink as little as a POST of the bare loop does; what they
// come to is counted when it is asked for.
type arrivals struct {
	Counts
	first map[string]int64 // nanoseconds of the epoch by webhook-id
	ids   []byte           // of those that were not counted yet, one behind the other
	notes []note
}

// A note is of one arrival.
type note struct {
	size int   // of its webhook-id; 0: it had none
	at   int64 // nanoseconds of the epoch
}

// count counts what was taken down.
func (here *arrivals) count() {
	ids := here.ids
	for _, n := range here.notes {
		id := string(ids[:n.size])
		ids = ids[n.size:]
		if _, again := here.first[id]; again {
			here.Duplicates++
			continue
		}
		here.Unique++
		here.Last = max(here.Last, n.at)
		if id != "" {
			here.first[id] = n.at
		}
	}
	here.ids, here.notes = here.ids[:0], here.notes[:0]
}

// Counts are what a sink has seen at one path. A request without a webhook-id is
// taken for another each time.
type Counts struct {
	Unique     int   `json:"unique"`
	Duplicates int   `json:"duplicates"`
	Bytes      int64 `json:"bytes"` // of all bodies
	Last       int64 `json:"last"`  // when a unique one came last, in nanoseconds of the epoch
}

// NewSink returns a Sink that has seen nothing.
func NewSink() *Sink {
	s := &Sink{control: http.NewServeMux()}
	s.empty()
	s.control.HandleFunc("POST "+controlPrefix+"empty", func(http.ResponseWriter, *http.Request) { s.empty() })
	s.control.HandleFunc("GET "+controlPrefix+"counts", s.answerCounts)
	s.control.HandleFunc("GET "+controlPrefix+"times", s.answerTimes)
	return s
}

// RunSink serves a Sink on a free port of loopback, whose URL it writes to out,
// until ctx is done or in ends, as it does when the process that measures is
// gone.
func RunSink(ctx context.Context, in io.Reader, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the process at the latest: a read cannot be called off
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	server := &http.Server{Handler: NewSink(), ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if _, err := fmt.Fprintf(out, "http://%s\n", listener.Addr()); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeHTTP takes a delivery, or a request of the process that measures.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		s.control.ServeHTTP(w, r)
		return
	}
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return // it has not arrived, so nobody is told that it has
	}
	if strings.HasPrefix(r.URL.Path, hangPrefix) {
		s.hang(r)
		return
	}
	s.note(r.URL.Path, r.Header.Get("Webhook-Id"), n, time.Now())
}

// note remembers one arrival.
func (s *Sink) note(path, id string, size int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	here := s.arrivals[path]
	if here == nil {
		here = &arrivals{first: make(map[string]int64)}
		s.arrivals[path] = here
	}
	here.Bytes += size
	here.ids = append(here.ids, id...)
	here.notes = append(here.notes, note{len(id), at.UnixNano()})
	if s.arrived++; s.arrived == s.look {
		s.count()
	}
}

// count counts what came to all paths, and tells who waits for it.
func (s *Sink) count() {
	s.unique = 0
	for _, here := range s.arrivals {
		here.count()
		s.unique += here.Unique
	}
	switch {
	case s.awaited == 0:
	case s.unique >= s.awaited:
		close(s.reached)
		s.awaited, s.look = 0, 0
	default:
		s.look = s.arrived + s.awaited - s.unique
	}
}

// hang keeps a request waiting until its sender gives up or the sink is emptied.
func (s *Sink) hang(r *http.Request) {
	s.mu.Lock()
	s.hanging++
	release := s.release
	s.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-release:
	}
}

// empty forgets everything and lets go what hangs.
func (s *Sink) empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.release != nil {
		close(s.release)
	}
	s.release = make(chan struct{})
	s.arrivals = make(map[string]*arrivals)
	s.arrived, s.unique, s.hanging, s.awaited, s.look = 0, 0, 0, 0, 0
}

// await returns when n unique arrivals are there or ctx is done. One at a time
// may wait.
func (s *Sink) await(ctx context.Context, n int) {
	s.mu.Lock()
	if s.count(); s.unique >= n {
		s.mu.Unlock()
		return
	}
	reached := make(chan struct{})
	s.awaited, s.look, s.reached = n, s.arrived+n-s.unique, reached
	s.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-reached:
	}
}

// Seen is all that a sink has counted.
type Seen struct {
	Paths   map[string]Counts `json:"paths"`
	Hanging int               `json:"hanging"` // requests that were left waiting
}

// answerCounts tells what was seen, at once or when as many unique arrivals are
// there as the request names.
func (s *Sink) answerCounts(w http.ResponseWriter, r *http.Request) {
	if n, err := strconv.Atoi(r.FormValue("awaiting")); err == nil {
		s.await(r.Context(), n)
	}
	s.mu.Lock()
	s.count()
	seen := Seen{Paths: make(map[string]Counts, len(s.arrivals)), Hanging: s.hanging}
	for path, here := range s.arrivals {
		seen.Paths[path] = here.Counts
	}
	s.mu.Unlock()
	answerJSON(w, seen)
}

// answerTimes tells when each webhook-id first came to a path.
func (s *Sink) answerTimes(w http.ResponseWriter, r *http.Request) {
	times := make(map[string]int64)
	s.mu.Lock()
	s.count()
	if here := s.arrivals[r.FormValue("path")]; here != nil {
		for id, at := range here.first {
			times[id] = at
		}
	}
	s.mu.Unlock()
	answerJSON(w, times)
}

// answerJSON answers with v. That nobody reads the answer is not the sink's
// business.
func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// A remoteSink is a Sink in another process.
type remoteSink struct {
	url  string
	http *http.Client
}

// readSinkURL reads what RunSink writes.
func readSinkURL(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the sink does not say where it listens: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func (s *remoteSink) empty(ctx context.Context) error {
	return call(ctx, s.http, http.MethodPost, s.url+controlPrefix+"empty", "", nil, nil)
}

// awaiting returns what the sink has seen when n unique deliveries are there, or
// after at most limit.
func (s *remoteSink) awaiting(ctx context.Context, n int, limit time.Duration) (*Seen, error) {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	counts := s.url + controlPrefix + "counts"
	seen := new(Seen)
	err := call(waiting, s.http, http.MethodGet, counts+"?awaiting="+strconv.Itoa(n), "", nil, seen)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		seen = new(Seen)
		err = call(ctx, s.http, http.MethodGet, counts, "", nil, seen)
	}
	return seen, err
}

// times returns when each message first came to path.
func (s *remoteSink) times(ctx context.Context, path string) (map[string]int64, error) {
	times := make(map[string]int64)
	err := call(ctx, s.http, http.MethodGet, s.url+controlPrefix+"times?path="+url.QueryEscape(path), "", nil, &times)
	return times, err
}
