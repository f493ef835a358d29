package main

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
)

// formulaText is a formula of delays and how many it makes.
var formulaText = regexp.MustCompile(`^(.*?)\s*x\s*(\d{1,4})\s*$`)

// ofFormula is a retry of a file that has a formula, as the server will show it; nil
// of others.
func ofFormula(text json.RawMessage) json.RawMessage {
	var want struct {
		Formula string
		Times   int
	}
	if json.Unmarshal(text, &want) != nil || want.Formula == "" {
		return nil
	}
	delays, err := fanfare.Retry{Formula: want.Formula, Times: want.Times}.Plan()
	if err != nil {
		return nil // the server says what is wrong with it
	}
	var made retry
	for _, d := range delays {
		made.Delays = append(made.Delays, d.Seconds())
	}
	shown, _ := json.Marshal(made) // finite numbers cannot fail
	return shown
}

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
