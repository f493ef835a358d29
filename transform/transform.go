// Package transform runs people's JavaScript on messages, in child processes: no engine
// stops every script from inside, and a script that takes the memory or the time of its
// process must take nobody else's.
//
// A program that has a [Pool] starts itself again as the child, and calls [Serve] there.
// A script defines
//
//	function handler(webhook) {
//	  webhook.payload.seen = true
//	  return webhook
//	}
//
// and sees nothing but its argument: it has no network, no files, no modules, no timers,
// and each call begins with nothing left of those before.
package transform

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// Bounds of a call.
const (
	MaxCode    = 64 << 10 // bytes of a script
	MaxOutput  = 1 << 20  // bytes of what it returns, as JSON
	softLimit  = 200 * time.Millisecond
	hardLimit  = 400 * time.Millisecond // then its process is killed
	startLimit = 5 * time.Second        // for a process to come up
	maxMemory  = 32 << 20               // of the script, in bytes
	maxStack   = 256 << 10
	maxFrame   = 32 << 20
	maxCalls   = 1000 // of one process, which then is replaced
)

// ErrScript is the kind of error that is the script's own fault. Others are not.
var ErrScript = errors.New("the script failed")

// A scriptError says in words what a script did.
type scriptError struct{ text string }

func (e *scriptError) Error() string        { return e.text }
func (e *scriptError) Is(target error) bool { return target == ErrScript }

// A Pool keeps child processes. It is safe for concurrent use.
type Pool struct {
	command []string
	slots   chan *child // nil: one may be started
}

// NewPool returns a Pool of at most n processes, each of which command starts when it is
// needed: a program and its arguments, which calls Serve.
func NewPool(n int, command ...string) *Pool {
	p := &Pool{command: command, slots: make(chan *child, n)}
	for range n {
		p.slots <- nil
	}
	return p
}

// Transform calls the script's handler with the value that input, JSON, is, and returns
// what that returns, as JSON. It takes at most about half a second once one of the
// processes is free; an error that is ErrScript is the script's.
func (p *Pool) Transform(ctx context.Context, code string, input []byte) ([]byte, error) {
	return p.call(ctx, &request{Code: code, Input: string(input)})
}

// Check says what is wrong with a script without calling it.
func (p *Pool) Check(ctx context.Context, code string) error {
	if len(code) > MaxCode {
		return &scriptError{fmt.Sprintf("%d bytes; at most %d are allowed", len(code), MaxCode)}
	}
	_, err := p.call(ctx, &request{Code: code, Check: true})
	return err
}

// Close ends the processes, when no call is under way any more. There must be none
// afterwards.
func (p *Pool) Close() {
	for range cap(p.slots) {
		if c := <-p.slots; c != nil {
			c.kill()
		}
	}
}

func (p *Pool) call(ctx context.Context, r *request) ([]byte, error) {
	var c *child
	select {
	case c = <-p.slots:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { p.slots <- c }()
	if c == nil {
		var err error
		if c, err = p.start(); err != nil {
			return nil, fmt.Errorf("starting a process for scripts: %w", err)
		}
	}
	out, err := c.exchange(r, hardLimit)
	if c.calls++; err != nil || c.calls >= maxCalls {
		c.kill()
		c = nil
	}
	if err != nil {
		return nil, err
	}
	if out.Error != "" {
		return nil, &scriptError{out.Error}
	}
	return out.Output, nil
}

// A request and its response are what a frame holds, as JSON behind its length in four
// bytes.
type request struct {
	Code  string `json:"code"`
	Input string `json:"input"`
	Check bool   `json:"check,omitempty"`
}

type response struct {
	Output json.RawMessage `json:"output,omitempty"`
	Error  string          `json:"error,omitempty"` // in words
}

// A child is a process that runs scripts, one at a time.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	calls int
}

// start makes a process, and returns when it is ready.
func (p *Pool) start() (*child, error) {
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Env = []string{} // nothing of ours is its business
	isolate(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: in, out: bufio.NewReader(out)}
	if _, err := c.exchange(&request{Check: true}, startLimit); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

// exchange sends a request and waits for the response, within a time.
func (c *child) exchange(r *request, limit time.Duration) (*response, error) {
	overdue := make(chan struct{})
	timer := time.AfterFunc(limit, func() {
		close(overdue)
		_ = c.cmd.Process.Kill()
	})
	defer timer.Stop()
	var out response
	err := writeFrame(c.in, r)
	if err == nil {
		err = readFrame(c.out, &out)
	}
	if err == nil {
		return &out, nil
	}
	select {
	case <-overdue:
		return nil, &scriptError{fmt.Sprintf("it ran for more than %v and was ended", limit)}
	default:
		return nil, &scriptError{"its process ended; it may have taken too much memory"}
	}
}

// kill ends the process and waits until it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

func writeFrame(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	_, err = w.Write(frame)
	return err
}

func readFrame(r io.Reader, into any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("a frame of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
