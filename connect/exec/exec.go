// Package exec runs a program for each message: one of those that the operator named, and
// never a shell.
package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// tryAgain is what a program ends with for which it is the wrong moment: EX_TEMPFAIL of
// sysexits.h.
const tryAgain = 75

// maxOutput bounds what is kept of what a program writes, in bytes.
const maxOutput = 64 << 10

// afterwards is how long a program's output is still read when it has been ended, should
// others that it has started go on to hold it.
const afterwards = time.Second

// searched is where programs find others.
const searched = "/usr/local/bin:/usr/bin:/bin"

// Connector runs one of the programs, which are paths by name.
func Connector(programs map[string]string) fanfare.Connector {
	return fanfare.Connector{
		About:    "Runs a program that the server's operator allows (serve --run), with the payload on its standard input.",
		Example:  json.RawMessage(`{"program":"ledger"}`),
		InFlight: 4,
		Timeout:  30 * time.Second,
		New:      func(config []byte, _ fanfare.Way) (fanfare.Sink, error) { return open(config, programs) },
	}
}

type config struct {
	Program string `json:"program"`
	Body    string `json:"body"`
}

// A sink runs one program.
type sink struct {
	name, path string
	body       connect.Body
}

func open(text []byte, programs map[string]string) (fanfare.Sink, error) {
	if len(programs) == 0 {
		return nil, &fanfare.InvalidError{Field: "config", Reason: "this server runs no programs; its operator names those it may with \"fanfare serve --run NAME=/path/to/program\""}
	}
	c := config{}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{name: c.Program, path: programs[c.Program]}
	var err error
	s.body, err = connect.BodyOf(c.Body)
	if err := errors.Join(err, connect.Must(s.path != "", "program", "must be one that the operator named: "+strings.Join(slices.Sorted(maps.Keys(programs)), ", "))); err != nil {
		return nil, err
	}
	return s, nil
}

// Target is the program's name.
func (s *sink) Target() string { return s.name }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// Send runs the program. It has nothing of the server's environment, which holds secrets.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	body, err := s.body.Fill(msg, connect.CarriedInputOf(msg))
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	cmd := exec.CommandContext(ctx, s.path)
	cmd.Dir, cmd.Stdin = "/", bytes.NewReader(body)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = afterwards
	cmd.Env = []string{"PATH=" + searched}
	reply := fanfare.Reply{}
	for _, v := range variables(msg) {
		if strings.ContainsRune(v.Value, 0) {
			return connect.Unfit("%s has a zero byte, which no variable of a program may have", v.Name), nil
		}
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
		reply.RequestHeader = append(reply.RequestHeader, v)
	}
	alone(cmd)
	err = cmd.Run()
	reply.ResponseBody = out.written()
	return judge(ctx, reply, err)
}

// variables are what a program is told beside the payload.
func variables(msg *fanfare.Message) []fanfare.Header {
	return []fanfare.Header{
		{Name: "FANFARE_MESSAGE_ID", Value: string(msg.ID)},
		{Name: "FANFARE_EVENT_TYPE", Value: msg.EventType},
		{Name: "FANFARE_TIMESTAMP", Value: msg.CreatedAt.UTC().Format(time.RFC3339Nano)},
		{Name: "FANFARE_APPLICATION", Value: string(msg.Application)},
		{Name: "FANFARE_CONTENT_TYPE", Value: connect.ContentType(msg)},
		{Name: "FANFARE_CHANNELS", Value: strings.Join(msg.Channels, ",")},
	}
}

// judge says what the end of a program means.
func judge(ctx context.Context, reply fanfare.Reply, err error) (fanfare.Reply, error) {
	var exited *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil: // it ended well, and others hold its output
		return reply, nil
	case ctx.Err() != nil:
		return fanfare.Reply{}, fmt.Errorf("it was still running and was ended: %w", ctx.Err())
	case !errors.As(err, &exited):
		return fanfare.Reply{}, err
	}
	reply.Detail = exited.ProcessState.String()
	if said := connect.FirstLine(reply.ResponseBody); said != "" {
		reply.Detail += ": " + said
	}
	reply.Class = fanfare.ClassRejected
	if code := exited.ExitCode(); code == tryAgain || code < 0 { // below 0 something ended it
		reply.Class = fanfare.ClassConnector
	}
	return reply, nil
}

// output keeps the beginning of what is written.
type output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// Write is io.Writer's.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept.Write(p[:min(len(p), maxOutput+1-o.kept.Len())])
	return len(p), nil
}

func (o *output) written() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.kept.Bytes())
}
