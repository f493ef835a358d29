// Package file appends messages to files of NDJSON, in a folder that the operator named
// and nowhere else.
package file

import (
	"context"
	"encoding/json"
	"errors"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// When another file is begun.
const (
	never = "never"
	daily = "daily" // each has the day in its name, by UTC
	size  = "size"  // a file that is full is renamed to the time of that
)

// Bounds of a file that is rotated by size, in MiB.
const (
	usualSize = 100
	maxSize   = 1 << 20
)

// Connector appends to files in a folder; "": it refuses to.
func Connector(folder string) fanfare.Connector {
	dir := &directory{path: folder, files: make(map[string]*journal)}
	return fanfare.Connector{
		About:    "Appends it to a file of NDJSON in the folder that the server's operator allows (serve --files).",
		Example:  json.RawMessage(`{"path":"acme/orders.ndjson","rotate":"daily"}`),
		InFlight: 16,
		New:      func(config []byte, _ fanfare.Way) (fanfare.Sink, error) { return open(config, dir) },
	}
}

type config struct {
	Path    string `json:"path"`
	Rotate  string `json:"rotate"`
	MaxSize int    `json:"maxMiB"`
}

// A sink appends to one file, and to those that come after it.
type sink struct {
	dir    *directory
	config config

	mu   sync.Mutex
	kept *journal // the last one used, which stays open until the sink is closed; nil: none
}

// keep has j stay open, in place of the one before it.
func (s *sink) keep(j *journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == j {
		return
	}
	if s.kept != nil {
		s.dir.give(s.kept)
	}
	s.dir.hold(j)
	s.kept = j
}

func open(text []byte, dir *directory) (fanfare.Sink, error) {
	if dir.path == "" {
		return nil, &fanfare.InvalidError{Field: "config", Reason: "this server writes no files; its operator names a folder for them with \"fanfare serve --files DIR\""}
	}
	c := config{Rotate: never, MaxSize: usualSize}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	ending := path.Ext(c.Path)
	if err := errors.Join(
		connect.Must(c.Path != "" && len(c.Path) <= 200 && filepath.IsLocal(c.Path) && path.Clean(c.Path) == c.Path && !strings.ContainsAny(c.Path, "\\\x00\n"), "path", "must be the name of a file in the operator's folder, such as acme/orders.ndjson"),
		connect.Must(ending == ".ndjson" || ending == ".jsonl", "path", "must end with .ndjson or .jsonl"),
		connect.Must(c.Rotate == never || c.Rotate == daily || c.Rotate == size, "rotate", "must be never, daily or size"),
		connect.Must(c.MaxSize >= 1 && c.MaxSize <= maxSize, "maxMiB", "must be 1 to 1048576"),
	); err != nil {
		return nil, err
	}
	return &sink{dir: dir, config: c}, nil
}

// Target is the file's name, within the folder.
func (s *sink) Target() string { return s.config.Path }

// Close closes the file, unless another sink appends to it.
func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept != nil {
		s.dir.give(s.kept)
		s.kept = nil
	}
	return nil
}

// Send appends a line, and returns when it is on disk.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	line, err := connect.LineOf(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	if err := ctx.Err(); err != nil {
		return fanfare.Reply{}, err
	}
	where := s.config.Path
	if s.config.Rotate == daily {
		where = dated(where, time.Now().UTC().Format(time.DateOnly))
	}
	j, err := s.dir.take(where)
	if err != nil {
		return fanfare.Reply{}, err
	}
	defer s.dir.give(j)
	s.keep(j)
	full := int64(0)
	if s.config.Rotate == size {
		full = int64(s.config.MaxSize) << 20
	}
	if err := j.add(line, full); err != nil {
		return fanfare.Reply{}, err
	}
	return fanfare.Reply{URL: "file:" + where}, nil
}

// dated is name with a mark before its ending.
func dated(name, mark string) string {
	ending := path.Ext(name)
	return strings.TrimSuffix(name, ending) + "-" + mark + ending
}
