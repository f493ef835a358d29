package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A task as the API has it: long work that the server does in the background.
type task struct {
	ID         string
	Task       string
	State      string
	AppID      string
	EndpointID string
	Total      int
	Done       int
	Error      string
	Data       map[string]int
	ExpiresAt  time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

func (t *task) ended() bool { return t.State != "running" }

func (t *task) progress() string { return fmt.Sprintf("%d of %d", t.Done, t.Total) }

func (t *task) show(r *request) error {
	return fields(r.out, "id", t.ID, "task", t.Task, "state", t.State, "done", t.progress(), "error", t.Error,
		"application", t.AppID, "endpoint", t.EndpointID, "started", stamp(t.CreatedAt), "updated", stamp(t.UpdatedAt), "expires", stamp(t.ExpiresAt))
}

func taskCommand(e *env) *cobra.Command {
	var limit int
	var state, kind string
	showIt := func(ctx context.Context, r *request, method string, below ...string) error {
		path := route(append([]string{"background-task", r.args[0]}, below...)...)
		return show(ctx, r, method, path, nil, func(t *task) error { return t.show(r) })
	}
	verbs := e.atServer(
		verb{use: "list", short: "List tasks, newest first",
			flags: func(flags *pflag.FlagSet) {
				limitFlag(&limit)(flags)
				flags.StringVar(&state, "state", "", "only those that are running, finished, failed or cancelled")
				flags.StringVar(&kind, "task", "", "only of this kind, such as endpoint.recover")
			},
			do: func(ctx context.Context, r *request) error {
				query := make(url.Values)
				for name, value := range map[string]string{"status": state, "task": kind} {
					if value != "" {
						query.Set(name, value)
					}
				}
				return listing[task]{
					path: "/background-task", query: query, limit: limit,
					headings: []string{"ID", "TASK", "STATE", "DONE", "STARTED"}, least: []string{"DONE"},
					row: func(t *task) []string {
						return []string{t.ID, t.Task, t.State, t.progress(), stamp(t.CreatedAt)}
					},
				}.show(ctx, r)
			}},
		verb{use: "get TASK", short: "Show a task, and how far it has come",
			do: func(ctx context.Context, r *request) error { return showIt(ctx, r, http.MethodGet) }},
		taskContentVerb(e),
		verb{use: "cancel TASK", short: "End a task; what it has done stays done",
			do: func(ctx context.Context, r *request) error {
				var t task
				if _, err := r.call(ctx, http.MethodGet, route("background-task", r.args[0]), nil, &t); err != nil {
					return err
				}
				if err := showIt(ctx, r, http.MethodPost, "cancel"); err != nil || !t.ended() {
					return err
				}
				became := map[string]string{"cancelled": "was cancelled already", "finished": "has finished already", "failed": "has failed already"}
				r.say("Task %s %s; nothing is changed.", t.ID, cmp.Or(became[t.State], "has ended already"))
				return nil
			}},
	)
	return noun("task", "Tasks: long work that the server does in the background", verbs...)
}

// A starter is what the verbs that start tasks have in common.
type starter struct {
	plan, noWait bool

	would string // what a plan comes to, with room for the number
	did   string // what came of it
	watch bool   // it can be watched
}

func (s *starter) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&s.plan, "plan", false, "only count what there is to do, and change nothing")
	flags.BoolVar(&s.noWait, "no-wait", false, "do not wait until it is done")
}

// start has the server do what is posted to path, and sees it through.
func (s *starter) start(ctx context.Context, r *request, path string, body any) error {
	if s.plan {
		return show(ctx, r, http.MethodPost, path+"?plan=true", body, func(t *task) error {
			r.say(s.would+" Nothing is changed yet: leave out --plan to do it.", t.Total)
			return nil
		})
	}
	var t task
	text, err := r.call(ctx, http.MethodPost, path, body, &t)
	if err != nil {
		return err
	}
	if !s.noWait && !t.ended() {
		if text, err = t.follow(ctx, r); err != nil {
			return err
		}
	}
	if r.json {
		if err := r.object(text); err != nil {
			return err
		}
	}
	switch {
	case !t.ended():
		r.say("Task %s has begun, with %d to do; see how far it is with %q.", t.ID, t.Total, r.atServer("task get", t.ID))
	case t.broken() != nil:
		return t.broken()
	case !r.json && s.watch:
		r.say(s.did+" Watch them with %q.", t.Done, r.inApp("tail"))
	case !r.json:
		r.say(s.did, t.Done)
	}
	return nil
}

// broken is an error if a task that has ended did not finish.
func (t *task) broken() error {
	switch t.State {
	case "finished":
		return nil
	case "cancelled":
		return fmt.Errorf("task %s was cancelled, with %s done", t.ID, t.progress())
	}
	return fmt.Errorf("task %s failed, with %s done: %s", t.ID, t.progress(), t.Error)
}

// finish sees a task through.
func (t *task) finish(ctx context.Context, r *request) error {
	if !t.ended() {
		if _, err := t.follow(ctx, r); err != nil {
			return err
		}
	}
	return t.broken()
}

// How often a task is looked at: at first often, since most are small.
const (
	firstLook = 50 * time.Millisecond
	lastLook  = time.Second
)

// follow looks at a task until it has ended, and shows how far it is.
func (t *task) follow(ctx context.Context, r *request) (text []byte, err error) {
	for wait := firstLook; !t.ended(); wait = min(wait*3/2, lastLook) {
		t.draw(r)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err == nil {
			text, err = r.call(ctx, http.MethodGet, route("background-task", t.ID), nil, t)
		}
		if errors.Is(err, context.Canceled) {
			t.wipe(r)
			r.say("The task goes on at the server; end it with %q.", r.atServer("task cancel", t.ID))
		}
		if err != nil {
			return nil, err
		}
	}
	t.wipe(r)
	return text, nil
}

// draw shows how far the task is, over what was drawn before. In what is not a
// terminal there is nothing to draw over.
func (t *task) draw(r *request) {
	if !r.live {
		return
	}
	full := barWidth
	if t.Total > 0 {
		full = min(barWidth*t.Done/t.Total, barWidth)
	}
	fmt.Fprintf(r.err, "\r%s%s %s\x1b[K", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), t.progress())
}

func (t *task) wipe(r *request) {
	if r.live {
		fmt.Fprint(r.err, "\r\x1b[K")
	}
}

// A picker is which messages a task is about, as flags say it.
type picker struct {
	since, until string
	types        []string
	channel, tag string
	whenHealthy  bool
}

// span gives flags for when messages were accepted.
func (p *picker) span(flags *pflag.FlagSet, required bool) {
	mark := ""
	if required {
		mark = " (required)"
	}
	flags.StringVar(&p.since, "since", "", "messages accepted from then on: a time, or how long ago, such as 2h"+mark)
	flags.StringVar(&p.until, "until", "", "messages accepted before then; now unless told")
}

// kinds gives flags for what messages are.
func (p *picker) kinds(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&p.types, "type", "t", nil, "only of these event types")
	flags.StringVar(&p.channel, "channel", "", "only of this channel")
	flags.StringVar(&p.tag, "tag", "", "only with this tag")
}

var errNoSince = usagef("say from when on with --since, such as --since 24h")

// body is what they say as the API takes it.
func (p *picker) body() (map[string]any, error) {
	body := make(map[string]any)
	err := setTimes(func(name, value string) { body[name] = value }, p.since, p.until)
	if len(p.types) > 0 {
		body["eventTypes"] = p.types
	}
	if p.channel != "" {
		body["channel"] = p.channel
	}
	if p.tag != "" {
		body["tag"] = p.tag
	}
	if p.whenHealthy {
		body["whenHealthy"] = true
	}
	return body, err
}
