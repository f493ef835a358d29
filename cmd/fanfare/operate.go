package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/front"
)

// shutdownGrace is how long requests under way may take once the server is told
// to stop.
const shutdownGrace = 10 * time.Second

// drainTime is how long attempts under way may take after that. What is in deploy/
// gives a server longer than drainWait and these two together.
const drainTime = 30 * time.Second

// drainWait is how long a server that may be one of several goes on before that, unless
// told: load balancers ask after its health every few seconds.
const drainWait = 5 * time.Second

// maxDrainWait is the longest that it can be told.
const maxDrainWait = 10 * time.Minute

// newServer serves handler, so that a slow or broken client costs little. There
// is no limit on writing: streams last.
func newServer(handler http.Handler, log *slog.Logger) *front.Server {
	return &front.Server{HTTP: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
}

// linger returns a context that ends so long after ctx does.
func linger(ctx context.Context, long time.Duration, log *slog.Logger) (context.Context, context.CancelFunc) {
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if long > 0 {
			log.Info("taking leave, so that requests are sent elsewhere; a second signal stops at once", "for", long)
		}
		select {
		case <-time.After(long):
		case <-late.Done():
		}
		end()
	})
	return late, func() { stop(); end() }
}

// dismiss has clients use each connection for one more request when ctx has ended, so
// that none of them sends another one over it at the moment it is closed.
func dismiss(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// endStreams ends event streams, and what waits for something new, when ctx does:
// they would otherwise hold up the end of the server, which waits for requests
// under way.
func endStreams(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") && !strings.Contains(r.URL.RawQuery, "wait=") {
			next.ServeHTTP(w, r)
			return
		}
		stream, end := context.WithCancel(r.Context())
		defer end()
		defer context.AfterFunc(ctx, end)()
		next.ServeHTTP(w, r.WithContext(stream))
	})
}

// operate serves handler on ln and runs hub until ctx ends, then lets both finish
// what they have begun: first no more comes in, then nothing more goes out. It
// returns an error if either ends by itself.
func operate(ctx context.Context, hub *fanfare.Hub, handler http.Handler, log *slog.Logger, ln net.Listener) error {
	open, shut := context.WithCancel(ctx)
	defer shut()
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	server := newServer(endStreams(open, handler), log)
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- hub.Run(work) }()
	go func() { served <- server.Serve(ln) }()
	var failed error
	select {
	case err := <-ran:
		failed = fmt.Errorf("delivering has stopped: %w", err)
		ran <- nil
	case err := <-served:
		failed = fmt.Errorf("serving has stopped: %w", err)
		served <- http.ErrServerClosed
	case <-ctx.Done():
		log.Info("stopping; a second signal stops at once")
	}
	shut()
	grace, cancel := context.WithTimeout(work, shutdownGrace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	stop()
	err := <-ran
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return errors.Join(failed, err)
}
