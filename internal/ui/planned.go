package ui

import (
	"fmt"
	"net/url"
)

// planTime is how long a page lets be counted what it asks about.
const planTime = 18 // milliseconds

// plan asks how much there is to do, which is counted for so many milliseconds.
func (v *visit) plan(path string, in map[string]any, ms int, plan any) error {
	return v.ask("POST", path, url.Values{"plan": {"true"}, "planTime": {fmt.Sprint(ms)}}, in, plan)
}

// planned is count of what there may be more of than was counted.
func planned(n int, more bool, one, many string) string {
	switch {
	case !more:
		return count(n, one, many)
	case n == 0:
		return "an unknown number of " + many
	}
	return "at least " + count(n, one, many)
}

// them is planned as what a button does something with.
func them(n int, more bool, one, many string) string {
	if more {
		return "them"
	}
	return count(n, one, many)
}
