package fanfare

import (
	"fmt"
	"slices"
	"time"
)

// Retry says when a delivery that failed is tried again: a preset by name, a
// list of delays of one's own, or a formula that makes one. The zero value is the preset "standard".
type Retry struct {
	Preset string          // one of RetryPresets; "" with Delays: custom
	Delays []time.Duration // between the end of one attempt and the start of the next, none shorter than the one before

	// Formula, if there is one, makes the first Times Delays: their seconds by n, the
	// number of the attempt that has failed, such as "n^4+5". It may have + - * / ^ and
	// parentheses. Whoever stores a Retry keeps what it comes to, and not the formula.
	Formula string
	Times   int
}

// RetryPresets are the names that Retry.Preset may have.
var RetryPresets = []string{"standard", "stripe-2017", "fulcrum", "resthooks", "wufoo", "shopify", "dropbox", "github", "none"}

// presetDelays are the delays of each preset.
var presetDelays = map[string][]time.Duration{
	// The example of the Standard Webhooks specification: over 75 hours and 35
	// minutes.
	"standard": {
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	},

	// Every hour for three days, as Stripe's documentation had it in 2017.
	"stripe-2017": slices.Repeat([]time.Duration{time.Hour}, 72),

	// Fulcrum's documentation says 25 attempts over roughly 20 days; these are
	// the delays that Delayed::Job makes of it.
	"fulcrum": fulcrumDelays(),

	// resthooks.org says 5 s, 30 s, 5 min, an hour "and so on", up to a day: from
	// the hour on they double.
	"resthooks": {
		5 * time.Second, 30 * time.Second, 5 * time.Minute, time.Hour, 2 * time.Hour,
		4 * time.Hour, 8 * time.Hour, 16 * time.Hour, 24 * time.Hour,
	},

	// Wufoo's profile on resthooks.org: three more, after roughly 5, 10 and 15 min.
	"wufoo": {5 * time.Minute, 10 * time.Minute, 15 * time.Minute},

	// Shopify's profile on resthooks.org: 19 more over 48 hours. It does
	// not say how they are spread; here, half of them come in the first four.
	"shopify": {
		time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 15 * time.Minute, 20 * time.Minute, time.Hour, 2 * time.Hour,
		3 * time.Hour, 3 * time.Hour, 4 * time.Hour, 4 * time.Hour, 6 * time.Hour,
		6 * time.Hour, 6 * time.Hour, 6 * time.Hour, 6 * time.Hour,
	},

	// Dropbox's documentation: exponential backoff for about ten minutes. It does
	// not say from which delay; here, from 10 s.
	"dropbox": {
		10 * time.Second, 20 * time.Second, 40 * time.Second,
		80 * time.Second, 160 * time.Second, 320 * time.Second,
	},

	// GitHub's documentation: what fails is only sent again by hand.
	"github": nil,

	"none": nil,
}

// fulcrumDelays are n⁴+5 s after the n-th of 25 attempts.
func fulcrumDelays() []time.Duration {
	delays := make([]time.Duration, 24)
	for i := range delays {
		n := time.Duration(i + 1)
		delays[i] = (n*n*n*n + 5) * time.Second
	}
	return delays
}

const (
	maxDelays = 100
	maxDelay  = 30 * 24 * time.Hour
	jitter    = 0.2
)

// Plan returns the delays between attempts, before chance moves them: there is
// one attempt more than delays. It fails with an InvalidError when s is not one
// that an endpoint may have.
func (s Retry) Plan() ([]time.Duration, error) {
	if err := s.settle(); err != nil {
		return nil, err
	}
	return slices.Clone(s.delays()), nil
}

// After returns how long to wait after the attempt made of a delivery, counted
// from 1, has failed, and false when there is to be no other. r, in [0, 1), moves
// the delay by up to a fifth either way; 0.5 leaves it exact.
func (s Retry) After(made int, r float64) (time.Duration, bool) {
	delays := s.delays()
	if made < 1 || made > len(delays) {
		return 0, false
	}
	return time.Duration(float64(delays[made-1]) * (1 + jitter*(2*r-1))), true
}

// longest is how long after its first attempt a delivery may have its last, with
// what chance adds, and the last delay once more for what began a little later or
// was put off by a Retry-After.
func (s Retry) longest() time.Duration {
	delays := s.delays()
	if len(delays) == 0 {
		return 0
	}
	sum := time.Duration(0)
	for _, d := range delays {
		sum += d
	}
	return time.Duration(float64(sum)*(1+jitter)) + delays[len(delays)-1]
}

func (s Retry) delays() []time.Duration {
	if len(s.Delays) > 0 {
		return s.Delays
	}
	if delays, ok := presetDelays[s.Preset]; ok {
		return delays
	}
	return presetDelays["standard"]
}

func (s Retry) check() error {
	switch {
	case s.Preset != "" && len(s.Delays) > 0:
		return &InvalidError{"retry", "give either a preset or a list of delays"}
	case s.Preset != "" && !slices.Contains(RetryPresets, s.Preset):
		return &InvalidError{"retry.preset", oneOf(RetryPresets)}
	case s.Preset == "" && s.Delays != nil && len(s.Delays) == 0:
		return &InvalidError{"retry.delays", `an empty list; for no retries give the preset "none"`}
	case len(s.Delays) > maxDelays:
		return &InvalidError{"retry.delays", fmt.Sprintf("at most %d", maxDelays)}
	}
	for i, d := range s.Delays {
		if d < time.Second || d > maxDelay {
			return &InvalidError{"retry.delays", "each must be between 1 second and 30 days"}
		}
		if i > 0 && d < s.Delays[i-1] {
			return &InvalidError{"retry.delays", "each must be as long as the one before it, or longer"}
		}
	}
	return nil
}
