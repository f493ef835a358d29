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

// messageExportVerb writes messages down, a line each.
func messageExportVerb(e *env) *cobra.Command {
	var picked picker
	var attempts bool
	return e.inApp(verb{use: "export", short: "Write messages to stdout as NDJSON, oldest first, with their payloads",
		long: "Each line is a message as the API shows it and, with --attempts, each of its attempts behind it.\n" +
			"The server writes them as they are read, so that there is nothing to wait for and nothing to cancel\n" +
			"but the command itself. If it fails, what was written is not whole.",
		example: "fanfare message export > messages.ndjson\nfanfare message export --since 24h --type record.created --attempts | gzip > day.ndjson.gz",
		flags: func(flags *pflag.FlagSet) {
			picked.span(flags, false)
			picked.kinds(flags)
			flags.BoolVar(&attempts, "attempts", false, "each message with its attempts")
		},
		do: func(ctx context.Context, r *request) error {
			query, err := picked.query()
			if err != nil {
				return err
			}
			if attempts {
				query.Set("attempts", "true")
			}
			path, err := r.within(ctx, "log", "export")
			if err != nil {
				return err
			}
			if len(query) > 0 {
				path += "?" + query.Encode()
			}
			return exportMessages(ctx, r, path, e.isTerminal(e.stdout))
		}})[0]
}

// exportMessages copies line after line, which are made printable only if someone
// looks at them.
func exportMessages(ctx context.Context, r *request, path string, printed bool) error {
	r.http = &http.Client{} // without a limit on time
	resp, err := r.open(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	out := bufio.NewWriterSize(r.out, 64<<10)
	n, drawn := 0, time.Now()
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			out.Flush()
			return fmt.Errorf("the export broke off after %d lines, so it is not whole: %w", n, err)
		}
		if printed {
			line = append(printableJSON(line[:len(line)-1]), '\n')
		}
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("%w: %w", errOutput, err)
		}
		if n++; r.live && !printed && time.Since(drawn) > 100*time.Millisecond {
			drawn = time.Now()
			fmt.Fprintf(r.err, "\r%d lines\x1b[K", n)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	if r.live && !printed {
		fmt.Fprint(r.err, "\r\x1b[K")
	}
	r.say("Exported: %d lines.", n)
	return nil
}
