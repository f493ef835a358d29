package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A verb is something that can be done at a server, as "create" in "fanfare app
// create".
type verb struct {
	use, short, long, example string

	flags func(*pflag.FlagSet) // its own; nil: none

	// loses says what is lost for good, or "" if nothing is; the user is asked before.
	loses func(context.Context, *request) (string, error)
	do    func(context.Context, *request) error
}

// A request is a verb being carried out.
type request struct {
	*client
	place
	args     []string
	out      io.Writer
	err      io.Writer
	json     bool
	paint    paint
	terminal bool                   // out is a terminal
	columns  int                    // how wide it is; 0: nobody knows
	live     bool                   // err is a terminal, where a line can be drawn anew
	given    func(flag string) bool // whether the user set it
}

// atServer makes commands of verbs that need no application, and inApp of verbs
// that work within one.
func (e *env) atServer(verbs ...verb) []*cobra.Command { return e.verbs(e.clientFlags, verbs) }
func (e *env) inApp(verbs ...verb) []*cobra.Command    { return e.verbs(e.clientAppFlags, verbs) }

func (e *env) verbs(flags func(*cobra.Command) func() (*client, error), verbs []verb) []*cobra.Command {
	cmds := make([]*cobra.Command, len(verbs))
	for i, v := range verbs {
		cmd := &cobra.Command{Use: v.use, Short: v.short, Long: v.long, Example: v.example, Args: takes}
		connect := flags(cmd)
		if v.flags != nil {
			v.flags(cmd.Flags())
		}
		yes := false
		if v.loses != nil {
			cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
		}
		asJSON := cmd.Flags().Bool("json", false, "print the API's JSON, one object a line")
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			c, err := connect()
			if err != nil {
				return err
			}
			r := &request{
				columns: columnsOf(e.stdout),
				client:  c, place: e.placeOf(cmd), args: args, out: e.stdout, err: e.stderr, json: *asJSON,
				paint: e.paint(e.stdout), terminal: e.isTerminal(e.stdout), live: e.isTerminal(e.stderr), given: cmd.Flags().Changed,
			}
			if v.loses != nil && !yes {
				what, err := v.loses(cmd.Context(), r)
				if err == nil && what != "" {
					err = e.mayLose(what)
				}
				if err != nil {
					return err
				}
			}
			return v.do(cmd.Context(), r)
		}
		cmds[i] = cmd
	}
	return cmds
}

// say tells the user in words what was done.
func (r *request) say(format string, args ...any) {
	fmt.Fprintln(r.err, printableLines(fmt.Sprintf(format, args...)))
}

// named is what the user gave as the argument, or by the flag instead.
func (r *request) named(flag, value, example string) (string, error) {
	switch {
	case len(r.args) > 0 && r.given(flag):
		return "", usagef("%q is given, and --%s too; leave one out", r.args[0], flag)
	case len(r.args) > 0:
		return r.args[0], nil
	case value == "":
		return "", usagef("say the %s, as in %q", flag, example)
	}
	return value, nil
}

// object prints one JSON object of the API.
func (r *request) object(text []byte) error {
	_, err := fmt.Fprintf(r.out, "%s\n", printableJSON(text))
	return err
}

// show calls and prints what comes back: as JSON, or the way people want it.
func show[T any](ctx context.Context, r *request, method, path string, in any, human func(*T) error) error {
	var out T
	text, err := r.call(ctx, method, path, in, &out)
	if err != nil {
		return err
	}
	if r.json {
		return r.object(text)
	}
	return human(&out)
}

// listing is how a list is asked for and shown.
type listing[T any] struct {
	path     string
	query    url.Values
	limit    int
	headings []string
	least    []string // those to do without where there is no room, the least useful first
	spare    []string // those to do without if nothing has a value
	row      func(*T) []string
}

// show prints the list: a table, or JSON.
func (l listing[T]) show(ctx context.Context, r *request) error {
	return l.print(r, func(each func(json.RawMessage) error) error {
		return r.list(ctx, l.path, l.query, l.limit, each)
	})
}

// print is show for things that read finds.
func (l listing[T]) print(r *request, read func(each func(json.RawMessage) error) error) error {
	var rows [][]string
	err := read(func(text json.RawMessage) error {
		if r.json {
			return r.object(text)
		}
		var item T
		if err := json.Unmarshal(text, &item); err != nil {
			return fmt.Errorf("%s does not answer as a Fanfare server does: %w", r.base, err)
		}
		rows = append(rows, l.row(&item))
		return nil
	})
	if err != nil || r.json {
		return err
	}
	if len(rows) == 0 {
		r.say("There are none.")
		return nil
	}
	t := r.table(l.headings...)
	t.least, t.spare = l.least, l.spare
	for _, row := range rows {
		t.row(row...)
	}
	return r.flush(t)
}

// limitFlag is the flag for how much of a list to show.
func limitFlag(limit *int) func(*pflag.FlagSet) {
	return func(flags *pflag.FlagSet) {
		flags.IntVarP(limit, "limit", "n", 50, "how many to show at most")
	}
}

// timeOf reads a time: RFC 3339, or how long ago, such as 2h.
func timeOf(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usagef("%q is not a time such as 2026-01-31T12:00:00Z, or how long ago, such as 2h", text)
	}
	return t, nil
}

// stamp shows a time in the reader's own zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// pairs reads name=value arguments.
func pairs(args []string) (map[string]string, error) {
	m := make(map[string]string, len(args))
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usagef("%q is not name=value", arg)
		}
		m[name] = value
	}
	return m, nil
}
