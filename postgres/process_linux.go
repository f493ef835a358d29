package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ownProcess is this one; nil where it cannot be told from others.
var ownProcess = self()

func self() *process {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil
	}
	pid := os.Getpid()
	if seen, err := os.Readlink("/proc/self"); err != nil || seen != strconv.Itoa(pid) {
		return nil // it is of other processes than our numbers are
	}
	_, start, err := stat(pid)
	place := strings.TrimSpace(string(boot)) + " " + space
	if err != nil || strings.Count(place, " ") != 1 {
		return nil
	}
	return &process{place, pid, start}
}

// stat reads a process's state and when it was started (proc_pid_stat(5)).
func stat(pid int) (state byte, start uint64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The name, in parentheses, may have any bytes in it.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return 0, 0, errors.New("too few fields")
	}
	start, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return fields[0][0], start, err
}

// ended reports whether a process of this place runs no more, for certain.
func (p *process) ended() bool {
	if errors.Is(syscall.Kill(p.pid, 0), syscall.ESRCH) {
		return true
	}
	state, start, err := stat(p.pid)
	return err == nil && (start != p.start || state == 'Z' || state == 'X')
}
