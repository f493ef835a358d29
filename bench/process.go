package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A process is one that the measurement started, and the only kind it ends.
type process struct {
	pid   int
	input io.Closer // ending it tells a sink that nobody is left
	words *tail     // what it wrote to stderr
	end   context.CancelFunc
	ended chan struct{} // closed when it is gone
	err   error         // how it ended; to be read when it has
}

// grace is how long a process may take to end when told to.
const grace = 3 * time.Second

// start starts program, with environ beside what the environment holds that is
// not fanfare's. What it writes to stdout goes to out.
func start(ctx context.Context, program string, out io.Writer, environ []string, args ...string) (*process, error) {
	ctx, end := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), ours), environ...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	p := &process{words: new(tail), end: end, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = out, p.words
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		end()
		return nil, err
	}
	p.pid, p.input = cmd.Process.Pid, input
	go func() { // stop waits for it
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// ours reports whether a variable is a setting of fanfare or of its memory, which
// a measurement leaves at its default.
func ours(variable string) bool {
	return strings.HasPrefix(variable, "FANFARE_") || strings.HasPrefix(variable, "GOGC=") || strings.HasPrefix(variable, "GOMEMLIMIT=")
}

// stop ends the process, politely at first, and returns when it is gone.
func (p *process) stop() {
	p.input.Close()
	p.end()
	<-p.ended
}

// gone makes an error of a process that ended by itself.
func (p *process) gone(what string) error {
	return fmt.Errorf("%s ended (%s): %s", what, fmt.Sprint(p.err), p.words)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > tailSize {
		t.text = t.text[len(t.text)-tailSize:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// tick is the unit in which the kernel tells processor time to programs.
const tick = 10 * time.Millisecond

// parseCPU reads the processor time of a process, its own and the kernel's for
// it, from the text of /proc/PID/stat.
func parseCPU(stat string) (time.Duration, error) {
	fields := statFields(stat)
	if len(fields) < 13 {
		return 0, fmt.Errorf("not a process's stat: %.60q", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

// statFields are the fields behind the name, which may hold anything: the state, the
// parent and so on.
func statFields(stat string) []string {
	return strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
}

// Memory is what a process holds, in MiB.
type Memory struct {
	Resident float64 `json:"residentMiB"`
	Peak     float64 `json:"peakMiB"`
}

// parseMemory reads it from the text of /proc/PID/status.
func parseMemory(status string) Memory {
	var m Memory
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			m.Resident = kib / 1024
		case "VmHWM":
			m.Peak = kib / 1024
		}
	}
	return m
}

// usage is processor time: of the processes that take part, and of the machine.
type usage struct {
	server, database, load, sink time.Duration
	busy, idle                   time.Duration
}

func (u usage) since(earlier usage) usage {
	return usage{
		u.server - earlier.server, u.database - earlier.database, u.load - earlier.load, u.sink - earlier.sink,
		u.busy - earlier.busy, u.idle - earlier.idle,
	}
}

// parseMachine reads the processor time of the whole machine from the text of
// /proc/stat. What waits for a disk is idle; what other machines on the same
// hardware took is busy.
func parseMachine(stat string) (busy, idle time.Duration) {
	line, _, _ := strings.Cut(stat, "\n")
	for i, field := range strings.Fields(line) {
		ticks, err := strconv.ParseInt(field, 10, 64)
		switch {
		case err != nil || i > 8: // what follows is counted before already
		case i == 4, i == 5:
			idle += time.Duration(ticks) * tick
		default:
			busy += time.Duration(ticks) * tick
		}
	}
	return busy, idle
}

func cpuOfMachine() (busy, idle time.Duration) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	return parseMachine(string(stat))
}

// cpuOf asks the kernel. Only Linux answers; elsewhere times are zero and what
// rests on them is not reported.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	used, err := parseCPU(string(stat))
	if err != nil {
		return 0
	}
	return used
}

func memoryOf(pid int) Memory {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}
	}
	return parseMemory(string(status))
}
