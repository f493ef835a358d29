package storetest

import (
	"testing"

	"github.com/fanfarehq/fanfare"
)

// RunReopened is [Run] without the tests that never open their store again: for an
// Opener that gives back another store than was closed, with all that it held.
func RunReopened(t *testing.T, open Opener) {
	run(t, open, groups, reopens)
}

// reopens finds out on a [Model] whether a test opens its store again.
func reopens(t *testing.T, test test) bool {
	model, opened := NewModel(), 0
	test.run(newWorld(t, func(testing.TB, string) fanfare.Store { opened++; return model }, "model"))
	return opened > 1
}
