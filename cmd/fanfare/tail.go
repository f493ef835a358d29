package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func tailCommand(e *env) *cobra.Command {
	var failed bool
	var app string
	cmd := e.atServer(verb{
		use: "tail", short: "Watch attempts as they are made",
		example: "fanfare tail\nfanfare tail --app acme --failed\nfanfare tail --json | jq .responseStatusCode",
		flags: func(flags *pflag.FlagSet) {
			flags.BoolVar(&failed, "failed", false, "only those that fail")
			flags.StringVarP(&app, "app", "a", "", "only of this application")
		},
		do: func(ctx context.Context, r *request) error { return tail(ctx, r, app, failed) },
	})[0]
	setBy(cmd, "app", "FANFARE_APP")
	return cmd
}

// reconnectAfter is how long to wait before a stream that has ended is opened
// again.
const reconnectAfter = time.Second

// tail prints attempts until ctx ends. It returns an error only if the first
// connection fails, or the server refuses.
func tail(ctx context.Context, r *request, app string, failed bool) error {
	path := route("events", "stream")
	if app != "" {
		path = route("app", app, "events", "stream")
	}
	r.http = &http.Client{} // without a limit on time: the stream lasts
	t := &tailer{request: r, failed: failed}
	for {
		err := t.watch(ctx, path)
		var refused *apiError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &refused) && refused.Status < 500, errors.Is(err, errOutput), !t.begun:
			return err
		case !t.lost:
			r.say("The connection is lost (%v); trying again every second.", err)
			t.lost = true
		}
		select {
		case <-time.After(reconnectAfter):
		case <-ctx.Done():
			return nil
		}
	}
}

// A tailer prints attempts from one stream after the other.
type tailer struct {
	*request
	failed bool   // print only failures
	last   string // id of the last event, behind which the next stream goes on
	begun  bool   // there has been a stream
	lost   bool   // it ended, and the user was told
}

// opened tells the user that a stream has begun.
func (t *tailer) opened() {
	switch {
	case !t.begun:
		t.say("Watching attempts at %s; Ctrl-C ends it.", t.base)
	case t.lost:
		t.say("Connected again; what was attempted meanwhile follows.")
	}
	t.begun, t.lost = true, false
}

// errOutput says that what is printed cannot be, so that going on is no use.
var errOutput = errors.New("cannot print")

func (t *tailer) print(text []byte) error {
	var a attempt
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("%s does not answer as a Fanfare server does: %w", t.base, err)
	}
	if t.failed && !a.failed() {
		return nil
	}
	line := a.line(t.paint, nil)
	if t.json {
		line = string(printableJSON(text))
	}
	if _, err := fmt.Fprintln(t.out, line); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}

// watch reads a stream of events until it ends. It always returns an error.
func (t *tailer) watch(ctx context.Context, path string) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if t.last != "" {
		header["Last-Event-Id"] = []string{t.last}
	}
	resp, err := t.open(ctx, http.MethodGet, path, nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	t.opened()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	event, data, id := "", "", t.last
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "event":
			event = value
		case name == "id":
			id = value
		case name == "data":
			data = value // attempts are one line each
		case lines.Text() == "":
			if event == "attempt" {
				if err := t.print([]byte(data)); err != nil {
					return err
				}
			}
			event, data, t.last = "", "", id // which it may be without an event
		}
	}
	if lines.Err() == nil {
		return errors.New("the server ended it")
	}
	return lines.Err()
}
