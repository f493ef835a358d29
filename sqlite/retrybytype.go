package sqlite

import (
	"encoding/json"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A plan is a retry plan as the database keeps it: delays are in microseconds.
type plan struct {
	Preset string  `json:"preset,omitempty"`
	Delays []int64 `json:"delays,omitempty"`
}

func planOf(r fanfare.Retry) plan {
	p := plan{Preset: r.Preset}
	for _, d := range r.Delays {
		p.Delays = append(p.Delays, d.Microseconds())
	}
	return p
}

func (p plan) retry() fanfare.Retry {
	r := fanfare.Retry{Preset: p.Preset}
	for _, d := range p.Delays {
		r.Delays = append(r.Delays, time.Duration(d)*time.Microsecond)
	}
	return r
}

// planText writes a plan as JSON; "" if it says nothing.
func planText(r fanfare.Retry) string {
	if r.IsZero() {
		return ""
	}
	text, _ := json.Marshal(planOf(r)) // nothing in it can fail
	return string(text)
}

// readPlan reads what planText wrote.
func readPlan(text string) (fanfare.Retry, error) {
	var p plan
	if text == "" {
		return fanfare.Retry{}, nil
	}
	err := json.Unmarshal([]byte(text), &p)
	return p.retry(), err
}

func plansByType(all map[string]fanfare.Retry) map[string]plan {
	if len(all) == 0 {
		return nil
	}
	plans := make(map[string]plan, len(all))
	for pattern, r := range all {
		plans[pattern] = planOf(r)
	}
	return plans
}

func retriesByType(plans map[string]plan) map[string]fanfare.Retry {
	if len(plans) == 0 {
		return nil
	}
	all := make(map[string]fanfare.Retry, len(plans))
	for pattern, p := range plans {
		all[pattern] = p.retry()
	}
	return all
}
