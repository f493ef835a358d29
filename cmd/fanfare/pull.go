package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pullEndpoint is the uid of the endpoint that an application is pulled by, unless the
// user names another.
const pullEndpoint = "fanfare-pull"

// pulling is how to pull: to poll, and to keep how far that has come in a file.
type pulling struct {
	polling
	file string
	kept string // what is in the file
}

func pullCommand(e *env) *cobra.Command {
	var p pulling
	return e.inApp(verb{
		use: "pull", short: "Write messages to stdout as NDJSON, oldest first, and go on where it stopped",
		long: "Each line is a message as the API shows it, with its payload, in order of acceptance. With\n" +
			"--cursor-file it goes on where it stopped: the file is written, in one piece, when the lines\n" +
			"are. After a crash the last lines may be there twice, with the same id; none is missing.\n\n" +
			"Without --endpoint it polls the endpoint " + pullEndpoint + ", which is made if it is not there,\n" +
			"is sent nothing and wants everything.",
		example: "fanfare pull --app acme --since 24h > events.ndjson\n" +
			"fanfare pull --app acme --event-type record.create --cursor-file acme.cursor --follow >> events.ndjson",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVarP(&p.endpoint, "endpoint", "e", "", "only what this endpoint wants, by id or uid")
			flags.StringVar(&p.eventType, "event-type", "", "only of this event type")
			flags.StringVar(&p.channel, "channel", "", "only of this channel")
			flags.StringVar(&p.after, "since", "", "begin with what was accepted after this time, or so long ago, such as 2h; with all that is kept unless told")
			flags.StringVar(&p.file, "cursor-file", "", "file that keeps how far this has come; while there is one, --since means nothing")
			flags.BoolVarP(&p.follow, "follow", "f", false, "wait for more")
		},
		do: func(ctx context.Context, r *request) error {
			p.took = func(page []json.RawMessage, iterator string) error { return p.take(r, e.stdout, page, iterator) }
			return p.pull(ctx, r)
		},
	})[0]
}

// pull writes messages until there are no more, or until ctx ends.
func (p *pulling) pull(ctx context.Context, r *request) error {
	query := url.Values{"limit": {strconv.Itoa(maxPageSize)}}
	for name, value := range map[string]string{"event_type": p.eventType, "channel": p.channel} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if err := p.beginIn(query); err != nil {
		return err
	}
	if p.endpoint == "" {
		if err := p.settle(ctx, r); err != nil {
			return err
		}
	}
	path, err := r.within(ctx, "poller", p.endpoint)
	if err != nil {
		return err
	}
	err = p.run(ctx, r, path, query)
	var refused *apiError
	switch {
	case errors.Is(err, errOutput):
		return err
	case ctx.Err() != nil:
		return nil
	case p.kept != "" && errors.As(err, &refused) && refused.Status == http.StatusBadRequest:
		return fmt.Errorf("%w What is in %s does not fit: it is of another endpoint or server; give another --cursor-file", err, p.file)
	}
	return err
}

// maxCursor bounds what is read of a cursor file, in bytes.
const maxCursor = 4096

// beginIn has query begin where the file says or, where there is none, the user.
func (p *pulling) beginIn(query url.Values) error {
	if p.file != "" {
		text, err := os.ReadFile(p.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if p.kept = strings.TrimSpace(string(text)); len(p.kept) > maxCursor || strings.ContainsAny(p.kept, "\r\n\t ") {
			return fmt.Errorf("%s is no cursor that fanfare pull has written; give another --cursor-file", p.file)
		}
		if p.kept != "" {
			query.Set("iterator", p.kept)
			return nil
		}
	}
	at := time.Unix(0, 0)
	if p.after != "" {
		var err error
		if at, err = timeOf(p.after, time.Now()); err != nil {
			return err
		}
	}
	query.Set("after", at.UTC().Format(time.RFC3339Nano))
	return nil
}

// settle finds the endpoint that wants everything, or makes it.
func (p *pulling) settle(ctx context.Context, r *request) error {
	path, err := r.within(ctx, "endpoint")
	if err != nil {
		return err
	}
	p.endpoint = pullEndpoint
	_, err = r.call(ctx, http.MethodGet, path+"/"+pullEndpoint, nil, nil)
	var refused *apiError
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		return err
	}
	made := map[string]string{"kind": poller, "uid": pullEndpoint, "description": `Wants everything, for "fanfare pull".`}
	switch _, err = r.call(ctx, http.MethodPost, path, made, nil); {
	case errors.As(err, &refused) && refused.Status == http.StatusConflict: // somebody else was faster
		return nil
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
		return fmt.Errorf("%w This key cannot make the endpoint %s; name one with --endpoint", err, pullEndpoint)
	}
	return err
}

// take writes a page of messages, and when it is written where it ends. What it has
// begun it ends, whether or not the user waits.
func (p *pulling) take(r *request, out any, page []json.RawMessage, iterator string) error {
	var lines, line bytes.Buffer
	for _, text := range page {
		line.Reset()
		if err := json.Compact(&line, text); err != nil {
			return fmt.Errorf("%s does not answer as a Fanfare server does: %w", r.base, err)
		}
		if text = line.Bytes(); r.terminal {
			text = printableJSON(text)
		}
		lines.Write(append(text, '\n'))
	}
	if _, err := lines.WriteTo(r.out); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	if p.file == "" || iterator == p.kept {
		return nil
	}
	if err := errors.Join(toDisk(out), replaceFile(p.file, iterator+"\n")); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	p.kept = iterator
	return nil
}

// toDisk returns when what was written is on disk, if out is a file.
func toDisk(out any) error {
	f, ok := out.(*os.File)
	if !ok {
		return nil
	}
	if at, err := f.Stat(); err != nil || !at.Mode().IsRegular() {
		return err
	}
	return f.Sync()
}

// replaceFile makes text what the file has, in one piece: a crash leaves the one or the
// other.
func replaceFile(path, text string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = cmp.Or(err, f.Sync())
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // which may not be there
	}
	return err
}
