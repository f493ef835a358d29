package fanfare

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Retry says when a delivery that failed is tried again: a preset by name, or a
// list of delays of one's own. The zero value is the preset "standard".
type Retry struct {
	Preset string          // "standard", "stripe-2017", "fulcrum", "none"; "" with Delays: custom
	Delays []time.Duration // between the end of one attempt and the start of the next
}

// standardDelays follow the schedule that the Standard Webhooks specification
// gives as its example: ten attempts over 75 hours and 35 minutes.
var standardDelays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// RetryPresets are the names that Retry.Preset may have.
var RetryPresets = []string{"standard", "stripe-2017", "fulcrum", "none"}

const (
	maxDelays = 100
	maxDelay  = 30 * 24 * time.Hour
	jitter    = 0.2
)

// After returns how long to wait after the attempt made of a delivery, counted
// from 1, has failed, and false when there is to be no other. r, in [0, 1), moves
// the delay by up to a fifth either way; 0.5 leaves it exact.
func (s Retry) After(made int, r float64) (time.Duration, bool) {
	delay, ok := s.delay(made)
	if !ok {
		return 0, false
	}
	return time.Duration(float64(delay) * (1 + jitter*(2*r-1))), true
}

func (s Retry) delay(made int) (time.Duration, bool) {
	if len(s.Delays) > 0 {
		return nth(s.Delays, made)
	}
	switch s.Preset {
	case "stripe-2017": // hourly for three days
		return time.Hour, made <= 72
	case "fulcrum": // n⁴+5 s: 25 attempts over 20.4 days
		n := math.Pow(float64(made), 4)
		return time.Duration(n+5) * time.Second, made < 25
	case "none":
		return 0, false
	}
	return nth(standardDelays, made)
}

func nth(delays []time.Duration, made int) (time.Duration, bool) {
	if made < 1 || made > len(delays) {
		return 0, false
	}
	return delays[made-1], true
}

func (s Retry) check() error {
	switch {
	case s.Preset != "" && len(s.Delays) > 0:
		return &InvalidError{"retry", "give either a preset or a list of delays"}
	case s.Preset != "" && !slices.Contains(RetryPresets, s.Preset):
		return &InvalidError{"retry.preset", fmt.Sprintf("must be one of %q", RetryPresets)}
	case len(s.Delays) > maxDelays:
		return &InvalidError{"retry.delays", fmt.Sprintf("at most %d", maxDelays)}
	}
	for _, d := range s.Delays {
		if d < time.Second || d > maxDelay {
			return &InvalidError{"retry.delays", "each must be between 1 second and 30 days"}
		}
	}
	return nil
}
