package transform

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// room is how much a child may take beside what it has when it starts, in bytes: the
// script's memory, several times over, and that of what runs it.
const room = 256 << 20

// confine bounds the memory of this process.
func confine() error {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return nil // there is no such file system: the limit of the script has to do
	}
	var pages uint64
	if _, err := fmt.Sscan(string(text), &pages); err != nil {
		return err
	}
	limit := pages*uint64(os.Getpagesize()) + room
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit})
}

// isolate keeps the terminal's signals from the child, which ends when its input does.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
