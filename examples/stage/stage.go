// Package stage is what demos play on: a Hub in this process with a database of its
// own, and servers on this machine that end when the demo does. It decides nothing
// about what is played.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/all"
	"github.com/fanfarehq/fanfare/sqlite"
)

// Options are the settings of a Stage. The zero value of each field is a good
// default.
type Options struct {
	Port int  // of the first server; 0: the one that the demo asks for, or one near it that is free
	Once bool // the demo drives itself, and ends; servers have any ports
	Keep bool // the folder with the databases stays

	Words  io.Writer           // what happens is told here; nil: nowhere
	Getenv func(string) string // nil: there is no environment
	Hub    *fanfare.Options    // nil: the defaults, with all connectors. Loopback is always allowed
}

// A Stage is where a demo plays.
type Stage struct {
	Hub   *fanfare.Hub
	Store fanfare.Store
	Dir   string // for databases and other files
	Files string // within it, for what endpoints write
	Once  bool   // the demo drives itself, and ends

	words  io.Writer
	getenv func(string) string
	port   int // of the first server; 0: it was given out, or there is none
	taken  []net.Listener
	atEnd  []func() error
	group  *errgroup.Group
}

// Run sets up a Stage, has play play, and clears everything away when it returns:
// no goroutine outlives Run, and no file unless Keep is set.
func Run(ctx context.Context, opt *Options, play func(context.Context, *Stage) error) (err error) {
	if opt == nil {
		opt = &Options{}
	}
	s := &Stage{Once: opt.Once, words: opt.Words, getenv: opt.Getenv, port: opt.Port}
	if s.words == nil {
		s.words = io.Discard
	}
	if s.Dir, err = os.MkdirTemp("", "fanfare-demo-"); err != nil {
		return err
	}
	if opt.Keep {
		defer func() { s.Say("What was stored is in %s.", s.Dir) }()
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(s.Dir)) }()
	}
	s.Files = filepath.Join(s.Dir, "files")
	if err := os.Mkdir(s.Files, 0o700); err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, filepath.Join(s.Dir, "fanfare.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s.Store, s.Hub = store, fanfare.New(store, hubOptions(opt, s))
	ctx, stop := context.WithCancel(ctx)
	s.group, ctx = errgroup.WithContext(ctx)
	defer func() {
		stop()
		if errors.Is(err, context.Canceled) {
			err = nil // because of what has failed, or of who stopped it
		}
		err = errors.Join(err, s.end())
	}()
	s.Go(ctx, s.Hub.Run)
	return play(ctx, s)
}

// end waits for what runs to end, and returns what has failed.
func (s *Stage) end() error {
	for _, ln := range s.taken {
		ln.Close() // those that nothing was served on; an error says that it was
	}
	err := s.group.Wait()
	for _, end := range slices.Backward(s.atEnd) {
		err = errors.Join(err, end())
	}
	return err
}

// hubOptions are those of a demo's Hub, which says only what goes wrong.
func hubOptions(opt *Options, s *Stage) *fanfare.Options {
	hub := fanfare.Options{Connectors: all.Connectors(&all.Options{Files: s.Files}), DrainTimeout: 2 * time.Second}
	if opt.Hub != nil {
		hub = *opt.Hub
	}
	hub.AllowLoopback = true
	if hub.Logger == nil {
		hub.Logger = slog.New(slog.NewTextHandler(s.words, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	return &hub
}

// Say tells the user what happens.
func (s *Stage) Say(format string, args ...any) { fmt.Fprintf(s.words, format+"\n", args...) }

// Getenv is a variable of the environment; "": it is not set.
func (s *Stage) Getenv(name string) string {
	if s.getenv == nil {
		return ""
	}
	return s.getenv(name)
}

// Go runs what runs until ctx, which play was given, ends. The demo ends when it
// fails.
func (s *Stage) Go(ctx context.Context, run func(context.Context) error) {
	s.group.Go(func() error {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	})
}

// AtEnd has end called when all that runs has ended, the last one first.
func (s *Stage) AtEnd(end func() error) { s.atEnd = append(s.atEnd, end) }

// Serve serves handler on this machine until ctx ends and returns where, such as
// http://127.0.0.1:9000, without a slash behind it. The port is the one asked for or
// one of the nine behind it that is free; 0 is any.
func (s *Stage) Serve(ctx context.Context, port int, handler http.Handler) (string, error) {
	ln, err := s.Listen(port)
	if err != nil {
		return "", err
	}
	s.ServeOn(ctx, ln, handler)
	return URL(ln), nil
}

// URL is where ln listens, without a slash behind it.
func URL(ln net.Listener) string { return "http://" + ln.Addr().String() }

// Listen takes a port as Serve does, for who has to know the address before there is
// a handler, or counts what goes through.
func (s *Stage) Listen(port int) (net.Listener, error) {
	tries := 10
	switch {
	case s.port != 0:
		port, tries, s.port = s.port, 1, 0
	case s.Once || port == 0:
		port, tries = 0, 1
	}
	var err error
	for n := range tries {
		var ln net.Listener
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+n)); err == nil {
			s.taken = append(s.taken, ln)
			return ln, nil
		}
	}
	return nil, err
}

// ServeOn serves handler on ln until ctx ends.
func (s *Stage) ServeOn(ctx context.Context, ln net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           local(handler),
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	s.Go(ctx, func(context.Context) error { return server.Serve(ln) }) // whose error, once ctx has ended, is that it was shut down
	s.Go(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close()
		}
		return nil
	})
}

// local lets through who asks for this machine by a name that nobody else can give
// it: pages without a login are for who sits here, not for a site that has a name of
// its own lead to 127.0.0.1. Nor may another site's page post.
func local(handler http.Handler) http.Handler {
	handler = http.NewCrossOriginProtection().Handler(handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "This is a demo for who sits at this machine: ask for 127.0.0.1 or localhost.", http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
}
