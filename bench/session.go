package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// A session is what the arms of a measurement share: the sink and a folder. Each
// arm that needs a server has one of its own, with an empty store.
type session struct {
	settings   Settings
	program    string
	dir        string
	sinkProc   *process
	sink       *remoteSink
	postmaster *postmaster // nil: each server has a file
	payload    []byte
	profiling  bool // whether the server is profiled in this round
}

func newSession(ctx context.Context, program string, settings Settings) (*session, error) {
	dir, err := os.MkdirTemp(settings.Dir, "fanfare-bench-")
	if err != nil {
		return nil, err
	}
	s := &session{settings: settings, program: program, dir: dir, payload: payload(settings.Size)}
	if settings.Database != "" {
		if s.postmaster, err = findPostmaster(ctx, settings.Database); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
	}
	out, in := io.Pipe()
	s.sinkProc, err = start(ctx, program, in, nil, "bench", "sink")
	if err != nil {
		s.remove()
		return nil, err
	}
	go func() { // ends with the process
		<-s.sinkProc.ended
		in.CloseWithError(s.sinkProc.gone("the sink"))
	}()
	address, err := readSinkURL(out)
	if err != nil {
		s.close()
		return nil, err
	}
	s.sink = &remoteSink{address, newClient(2)}
	return s, nil
}

// close ends the sink and removes the folder.
func (s *session) close() {
	s.sinkProc.stop()
	s.remove()
}

func (s *session) remove() {
	if s.postmaster != nil {
		s.postmaster.close()
	}
	os.RemoveAll(s.dir)
}

// A server is a fanfare server that an arm measures.
type server struct {
	*process
	dir   string
	at    string  // URL of its database; "": that is in dir
	drop  func()  // removes that; nil: it is not its own
	twin  *server // another on the same database; nil: there is none
	url   string  // of its API
	key   string
	pprof string // address of its profiles; "" if nobody asked
	http  *http.Client
}

// adminKey opens the servers that are measured. It guards nothing: they listen
// on loopback, for some seconds.
const adminKey = "key_benchbenchbenchbenchbenchbench"

// startServer starts a server with an empty store and returns when it answers.
func (s *session) startServer(ctx context.Context) (*server, error) {
	if s.postmaster == nil {
		return s.startOn(ctx, "")
	}
	at, drop, err := s.postmaster.create(ctx)
	if err != nil {
		return nil, err
	}
	srv, err := s.startOn(ctx, at)
	if err != nil {
		drop()
		return nil, err
	}
	srv.drop = drop
	return srv, nil
}

// join starts another server on the database of srv, and returns when both have their
// shares of the work.
func (s *session) join(ctx context.Context, srv *server) (err error) {
	if srv.twin, err = s.startOn(ctx, srv.at); err != nil {
		return err
	}
	return srv.shared(ctx)
}

// startOn starts a server on that database; "": on files of its own.
func (s *session) startOn(ctx context.Context, at string) (*server, error) {
	dir, err := os.MkdirTemp(s.dir, "data-")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	srv := &server{dir: dir, at: at, url: "http://" + address + "/api/v1", key: adminKey, http: newClient(2)}
	args := []string{"serve"}
	if s.profiling {
		if srv.pprof, err = freeAddress(ctx); err != nil {
			return nil, err
		}
		args = []string{"bench", "serve", "--pprof", srv.pprof}
	}
	args = append(args, "--data", filepath.Join(dir, "data"), "--listen", address)
	environ := []string{"FANFARE_ADMIN_KEY=" + adminKey}
	if at != "" {
		environ = append(environ, "FANFARE_DATABASE="+at, "FANFARE_SECRETS_KEY="+secretsKey)
	}
	srv.process, err = start(ctx, s.program, io.Discard, environ, args...)
	if err != nil {
		srv.remove()
		return nil, err
	}
	if err := srv.ready(ctx); err != nil {
		srv.close()
		return nil, err
	}
	return srv, nil
}

// close ends the server and removes its data.
func (srv *server) close() {
	if srv.twin != nil {
		srv.twin.close()
	}
	srv.stop()
	srv.remove()
}

func (srv *server) remove() {
	if srv.drop != nil {
		srv.drop()
	}
	os.RemoveAll(srv.dir)
}

// freeAddress returns an address of loopback that nobody listens on just now.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// ready waits until the server answers.
func (srv *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("the server does not answer"))
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := call(ctx, srv.http, http.MethodGet, srv.url+"/health", "", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-srv.ended:
			return srv.gone("the server")
		case <-ctx.Done():
			return fmt.Errorf("%w: %w: %s", context.Cause(ctx), err, srv.words)
		case <-again.C:
		}
	}
}

// shared waits until both of two servers do about half of the work.
func (srv *server) shared(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the two servers do not share the work"))
	defer cancel()
	for {
		var nodes struct {
			Data []struct{ Shards int }
		}
		if err := call(ctx, srv.http, http.MethodGet, srv.url+"/nodes", srv.key, nil, &nodes); err != nil {
			return err
		}
		if d := nodes.Data; len(d) == 2 && max(d[0].Shards, d[1].Shards)-min(d[0].Shards, d[1].Shards) <= 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// oneType is what arms send whose endpoints all want the same.
var oneType = []string{"bench.event"}

// prepare makes the application "bench" with an endpoint for each of paths under
// base. The nth endpoint wants the nth event type; where there is one type, all
// want that.
func (srv *server) prepare(ctx context.Context, base string, paths, eventTypes []string) error {
	for _, name := range eventTypes {
		if err := srv.create(ctx, "/event-type", map[string]any{"name": name, "description": "An event of the measurement."}); err != nil {
			return err
		}
	}
	if err := srv.create(ctx, "/app", map[string]any{"name": "Bench", "uid": "bench"}); err != nil {
		return err
	}
	for i, path := range paths {
		wants := eventTypes[min(i, len(eventTypes)-1)]
		if err := srv.create(ctx, "/app/bench/endpoint", map[string]any{"url": base + path, "filterTypes": []string{wants}}); err != nil {
			return err
		}
	}
	return nil
}

func (srv *server) create(ctx context.Context, path string, what any) error {
	return call(ctx, srv.http, http.MethodPost, srv.url+path, srv.key, what, nil)
}

// event is a request for one message, for which as much is answered as by the sink: a
// status.
func (srv *server) event(eventType string, payload []byte) *shot {
	return &shot{
		url: srv.url + "/app/bench/msg", key: srv.key, minimal: true,
		contentType: "application/json", body: message(eventType, payload), want: http.StatusAccepted,
	}
}

// each is a request for a message of each type.
func (srv *server) each(eventTypes []string, payload []byte) []*shot {
	shots := make([]*shot, len(eventTypes))
	for i, eventType := range eventTypes {
		shots[i] = srv.event(eventType, payload)
	}
	return shots
}

// events is a request for n messages, for which a status is answered.
func (srv *server) events(eventType string, payload []byte, n int) *shot {
	return &shot{
		url: srv.url + "/app/bench/msg/batch", key: srv.key, minimal: true,
		contentType: "application/x-ndjson", body: lines(n, message(eventType, payload)), want: http.StatusAccepted,
	}
}
