//go:build !linux

package transform

import "os/exec"

// confine does nothing here: the limits of the script have to do.
func confine() error { return nil }

// isolate does nothing here: a child ends when its input does.
func isolate(*exec.Cmd) {}
