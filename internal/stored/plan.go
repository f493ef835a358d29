package stored

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

// Plan writes a plan as JSON; "" if it says nothing.
func Plan(r fanfare.Retry) string {
	if r.IsZero() {
		return ""
	}
	text, _ := json.Marshal(planOf(r)) // nothing in it can fail
	return string(text)
}

// ReadPlan reads what Plan wrote.
func ReadPlan(text string) (fanfare.Retry, error) {
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

// A selection is how the database keeps a [fanfare.Selection].
type selection struct {
	Since       int64               `json:"since,omitempty"`
	Until       int64               `json:"until,omitempty"`
	EventTypes  []string            `json:"eventTypes,omitempty"`
	Channel     string              `json:"channel,omitempty"`
	Tag         string              `json:"tag,omitempty"`
	States      []fanfare.State     `json:"states,omitempty"`
	StatusClass int                 `json:"statusClass,omitempty"`
	Messages    []fanfare.MessageID `json:"messages,omitempty"`
	Attempts    bool                `json:"attempts,omitempty"`
	Within      []string            `json:"within,omitempty"`
	WhenHealthy bool                `json:"whenHealthy,omitempty"`
}

// Selection writes a selection as JSON.
func Selection(s *fanfare.Selection) string {
	text, _ := json.Marshal(selection{ // none of this can fail
		Micros(s.Since), Micros(s.Until), s.EventTypes, s.Channel, s.Tag, s.States, s.StatusClass, s.Messages, s.Attempts, s.Within, s.WhenHealthy,
	})
	return string(text)
}

// ReadSelection reads what Selection wrote.
func ReadSelection(text string) (fanfare.Selection, error) {
	var s selection
	err := json.Unmarshal([]byte(text), &s)
	return fanfare.Selection{
		Since: Instant(s.Since), Until: Instant(s.Until), EventTypes: s.EventTypes,
		Channel: s.Channel, Tag: s.Tag, States: s.States, StatusClass: s.StatusClass, Messages: s.Messages,
		Attempts: s.Attempts, Within: s.Within, WhenHealthy: s.WhenHealthy,
	}, err
}
