package main

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/transform"
)

// runScripts, as the only argument, makes a process of this program one that runs the
// transformations of another, and does nothing else.
const runScripts = "run-scripts"

// transformer runs transformations in processes of this program; nil where it cannot
// start itself.
func transformer() fanfare.Transformer {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return transform.NewPool(2*runtime.GOMAXPROCS(0), self, runScripts)
}

// serveScripts is what such a process does. It returns its exit code.
func serveScripts(in io.Reader, out, complaints io.Writer) int {
	if err := transform.Serve(in, out); err != nil {
		fmt.Fprintln(complaints, "fanfare: running scripts:", err)
		return 1
	}
	return 0
}
