package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// randomCommand is the demo of the talk that Fanfare began with.
func randomCommand(e *env) *cobra.Command {
	count, once := 1, false
	cmd := &cobra.Command{
		Use:   "random-number",
		Short: "Generate random numbers that are delivered as webhooks",
		Long: "Starts a listener and a sender in one process, generates a random number, and shows\n" +
			"it arriving as a signed webhook. In a terminal, Enter generates another.",
		Example: "fanfare demo random-number\nfanfare demo random-number --count 3",
		Args:    takes,
	}
	cmd.Flags().IntVar(&count, "count", 1, "generate that many, and end")
	cmd.Flags().BoolVar(&once, "once", false, "generate one, and end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if count < 1 || count > 1000 {
			return usagef("--count is a number from 1 to 1000")
		}
		ask := e.isTerminal(e.stdin) && !cmd.Flags().Changed("count") && !once
		return runDemo(cmd.Context(), e, func(ctx context.Context, generate func(context.Context) error) error {
			if ask {
				return generateOnEnter(ctx, e, generate)
			}
			for range count {
				if err := generate(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

// runDemo sets up a listener, a Hub with an endpoint there, and a function that
// generates a number and waits until it has arrived. It hands that to play, and
// clears everything away when play returns.
func runDemo(ctx context.Context, e *env, play func(context.Context, func(context.Context) error) error) (err error) {
	ln, err := demoListener()
	if err != nil {
		return err
	}
	defer ln.Close()
	dir, err := os.MkdirTemp("", "fanfare-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := sqlite.Open(ctx, filepath.Join(dir, databaseFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	hub := fanfare.New(store, &fanfare.Options{
		AllowLoopback: true,
		Logger:        slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	d, err := newDemo(ctx, e, hub, ln)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	var ran, listened error
	running.Go(func() { ran = hub.Run(ctx); stop() })
	running.Go(func() { listened = d.listener.serve(ctx, ln); stop() })
	err = play(ctx, d.generate)
	stop()
	running.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(ran, listened, err)
}

// demoListener takes port 9000 or the next one that is free.
func demoListener() (net.Listener, error) {
	var err error
	for port := 9000; port < 9010; port++ {
		var ln net.Listener
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return ln, nil
		}
	}
	return nil, err
}

// A randomNumbers is the demo: an application with one endpoint, and the listener
// that is there.
type randomNumbers struct {
	e        *env
	hub      *fanfare.Hub
	app      fanfare.ApplicationID
	listener *listener
	arrived  chan struct{} // has room for one
}

func newDemo(ctx context.Context, e *env, hub *fanfare.Hub, ln net.Listener) (*randomNumbers, error) {
	app := &fanfare.Application{UID: demo, Name: "Random numbers"}
	if err := hub.CreateApplication(ctx, app); err != nil {
		return nil, err
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: "http://" + ln.Addr().String() + "/", EventTypes: []string{numberGenerated}}
	if err := hub.CreateEndpoint(ctx, ep); err != nil {
		return nil, err
	}
	d := &randomNumbers{e: e, hub: hub, app: app.ID, arrived: make(chan struct{}, 1)}
	show := &reporter{out: e.stdout, paint: e.paint(e.stdout)}
	d.listener = &listener{status: sequence{200}, report: func(a *arrival) {
		show.report(a)
		select {
		case d.arrived <- struct{}{}:
		default:
		}
	}}
	fmt.Fprintf(e.stderr, "A listener is at %s, and so is an endpoint for %s.\n\n", ep.URL, numberGenerated)
	return d, d.listener.verifyWith("", []string{ep.Secrets[0].Text})
}

const numberGenerated = "random_number:generate"

// generate makes a number, sends it, and returns when it has arrived.
func (d *randomNumbers) generate(ctx context.Context) error {
	number := rand.IntN(1000)
	fmt.Fprintf(d.e.stdout, "%s %d\n\n", d.e.paint(d.e.stdout).bold("random number:"), number)
	begun := time.Now()
	body := fmt.Sprintf(`{"id":%q,"event":%q,"data":%d}`, uuid.NewString(), numberGenerated, number)
	if _, err := d.hub.Send(ctx, string(d.app), numberGenerated, []byte(body)); err != nil {
		return err
	}
	select {
	case <-d.arrived:
		fmt.Fprintf(d.e.stderr, "It was stored, signed, sent, received and verified in %s.\n\n", time.Since(begun).Round(100*time.Microsecond))
		return nil
	case <-time.After(arrivalTimeout):
		return fmt.Errorf("the number did not arrive within %s", arrivalTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrivalTimeout is how long the demo waits for a number to arrive.
const arrivalTimeout = 10 * time.Second

// generateOnEnter generates a number, and another for each line that is entered,
// until that is q.
func generateOnEnter(ctx context.Context, e *env, generate func(context.Context) error) error {
	entered := make(chan string)
	go func() { // ends with the process if not before: reading a terminal cannot be broken off
		defer close(entered)
		for lines := bufio.NewScanner(e.stdin); lines.Scan(); {
			select {
			case entered <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		if err := generate(ctx); err != nil {
			return err
		}
		fmt.Fprint(e.stderr, "Enter generates another, q ends. ")
		select {
		case line, ok := <-entered:
			if !ok || line == "q" {
				return nil
			}
		case <-ctx.Done():
			fmt.Fprintln(e.stderr)
			return nil
		}
	}
}
