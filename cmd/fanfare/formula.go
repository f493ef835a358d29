package main

import (
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
)

// formulaText is a formula of delays and how many it makes.
var formulaText = regexp.MustCompile(`^(.*?)\s*x\s*(\d{1,4})\s*$`)

// formulaDelays reads a formula of delays, such as "n^4+5 x24"; nil of what is none.
func formulaDelays(text string) ([]time.Duration, error) {
	parts := formulaText.FindStringSubmatch(text)
	if parts == nil {
		return nil, nil
	}
	times, err := strconv.Atoi(parts[2])
	if err != nil {
		return nil, err
	}
	delays, err := fanfare.Retry{Formula: parts[1], Times: times}.Plan()
	var invalid *fanfare.InvalidError
	if errors.As(err, &invalid) {
		return nil, usagef("the formula %q: %s", text, invalid.Reason)
	}
	return delays, err
}
