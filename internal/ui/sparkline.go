package ui

import (
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A sparkline is how many attempts at an endpoint were begun in each of the last 24 hours,
// drawn without a scale.
type sparkline struct {
	Width, Height int
	Bars          []chartBar // of the hours in which there were any, the oldest first
	Text          string     // the same in words
}

// An hour is how much an endpoint was sent in it, as the API says it.
type hour struct {
	Begins            time.Time
	Succeeded, Failed int64 // attempts
}

const (
	sparkHours  = 24
	sparkStep   = 5
	sparkHeight = 18
)

// sparkline is that of an endpoint; nil: it is sent nothing, or its activity is not for the
// visitor to know.
func (ep *endpointOut) sparkline(now time.Time) *sparkline {
	if ep.Activity == nil || ep.Kind == fanfare.KindPoller {
		return nil
	}
	s := &sparkline{Width: sparkHours * sparkStep, Height: sparkHeight, Text: "Nothing in 24 hours"}
	var most, good, bad int64
	for _, h := range ep.Activity {
		most = max(most, h.Succeeded+h.Failed)
		good, bad = good+h.Succeeded, bad+h.Failed
	}
	if most == 0 {
		return s
	}
	first := now.UTC().Truncate(time.Hour).Add(-(sparkHours - 1) * time.Hour)
	for _, h := range ep.Activity {
		b := chartBar{X: int(h.Begins.Sub(first)/time.Hour) * sparkStep, Height: scaled(h.Succeeded, most, sparkHeight), BadHeight: scaled(h.Failed, most, sparkHeight)}
		b.Y = sparkHeight - b.Height
		b.BadY = b.Y - b.BadHeight
		b.Title = fmt.Sprintf("%s UTC: %d succeeded, %d failed", h.Begins.UTC().Format("15:04"), h.Succeeded, h.Failed)
		s.Bars = append(s.Bars, b)
	}
	s.Text = count(int(good+bad), "attempt", "attempts") + " in 24 hours, "
	if bad == 0 {
		s.Text += "none failed"
	} else {
		s.Text += thousands(int(bad)) + " failed"
	}
	return s
}
