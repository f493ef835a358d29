package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// messageExportVerb has the server write messages down, and fetches them.
func messageExportVerb(e *env) *cobra.Command {
	var picked picker
	var attempts bool
	s := starter{would: "Messages to be exported: %d.", did: `Messages written down: %d. Fetch them with "fanfare task content".`}
	return e.inApp(verb{use: "export", short: "Write messages to stdout as NDJSON, oldest first, with their payloads",
		long: "Each line is a message as the API shows it and, with --attempts, each of its attempts behind it.\n" +
			"The server writes them down in the background, through restarts too, and keeps them for a day at most.\n" +
			"Then they are fetched, counted and removed there: if the command succeeds, stdout has all of them.",
		example: "fanfare message export > messages.ndjson\nfanfare message export --since 24h --type record.created --attempts | gzip > day.ndjson.gz",
		flags: func(flags *pflag.FlagSet) {
			picked.span(flags, false)
			picked.kinds(flags)
			flags.BoolVar(&attempts, "attempts", false, "each message with its attempts")
			s.flags(flags)
		},
		do: func(ctx context.Context, r *request) error {
			body, err := picked.body()
			if err != nil {
				return err
			}
			if attempts {
				body["attempts"] = true
			}
			path, err := r.within(ctx, "msg", "export")
			if err != nil {
				return err
			}
			if s.plan || s.noWait {
				return s.start(ctx, r, path, body)
			}
			var t task
			if _, err := r.call(ctx, http.MethodPost, path, body, &t); err != nil {
				return err
			}
			if err := t.finish(ctx, r); err != nil {
				return err
			}
			return t.fetch(ctx, r, e.isTerminal(e.stdout))
		}})[0]
}

// taskContentVerb fetches what an export has written that someone else has begun, or
// that could not be fetched at first.
func taskContentVerb(e *env) verb {
	return verb{use: "content TASK", short: "Write to stdout what an export has written, as NDJSON",
		long: "When all of it has been fetched and counted it is removed at the server.",
		do: func(ctx context.Context, r *request) error {
			var t task
			if _, err := r.call(ctx, http.MethodGet, route("background-task", r.args[0]), nil, &t); err != nil {
				return err
			}
			if err := t.finish(ctx, r); err != nil {
				return err
			}
			return t.fetch(ctx, r, e.isTerminal(e.stdout))
		}}
}

// fetch copies what an export has written, line after line, which are made printable
// only if someone looks at them, and holds it to the number that the server says. Then the server need not keep it.
func (t *task) fetch(ctx context.Context, r *request, printed bool) error {
	r.http = &http.Client{} // without a limit on time
	path := route("background-task", t.ID, "content")
	resp, err := r.open(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := t.copyLines(r, resp.Body, printed)
	switch want := t.Data["lines"]; {
	case errors.Is(err, errOutput):
		return err
	case err != nil:
		return fmt.Errorf("the export broke off after %d of %d lines, so it is not whole: %w", n, want, err)
	case n != want:
		return fmt.Errorf("the export has %d lines, and should have %d, so it is not whole", n, want)
	}
	r.say("Exported: %d lines.", n)
	if _, err := r.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
		r.say("The server keeps it until it expires: %v", err)
	}
	if damaged := t.Data["damaged"]; damaged > 0 {
		r.say(`The payloads of %d messages were damaged on the server's disk: their lines have {"damaged":true} instead.`, damaged)
	}
	return nil
}

func (t *task) copyLines(r *request, from io.Reader, printed bool) (n int, err error) {
	lines := bufio.NewReaderSize(from, 64<<10)
	out := bufio.NewWriterSize(r.out, 64<<10)
	bar := task{Total: t.Data["lines"]}
	defer bar.wipe(r)
	drawn := time.Now()
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			return n, errors.Join(err, out.Flush())
		}
		if printed {
			line = append(printableJSON(line[:len(line)-1]), '\n')
		}
		if _, err := out.Write(line); err != nil {
			return n, fmt.Errorf("%w: %w", errOutput, err)
		}
		if n++; !printed && time.Since(drawn) > 100*time.Millisecond {
			drawn, bar.Done = time.Now(), n
			bar.draw(r)
		}
	}
	if err := out.Flush(); err != nil {
		return n, fmt.Errorf("%w: %w", errOutput, err)
	}
	return n, nil
}
