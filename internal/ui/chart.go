package ui

import (
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A chart is 24 hours in bars, drawn here, with the same in a table.
type chart struct {
	Width, Height int
	Bars          []chartBar
	Marks         []chartMark // hours below it
	Text          string      // the same in a sentence
	Hours         []slot      // the same by the hour, the newest first; those in which nothing happened are left out
}

// A slot is how much happened in a quarter of an hour, as the API says it.
type slot struct {
	Begins                       time.Time
	Accepted, Delivered, GivenUp int64
	Failed                       int64 // attempts
}

const daySlots = int(24 * time.Hour / fanfare.TallyLasts)

// A chartBar is a quarter of an hour: deliveries that succeeded, and on top of them
// attempts that failed.
type chartBar struct {
	X, Y, Height    int
	BadY, BadHeight int
	Title           string
}

// A chartMark is an hour, so far along the width.
type chartMark struct {
	X, Anchor string
	Text      string
}

const (
	barWidth    = 7
	chartHeight = 160
)

// day is the chart of the last 24 hours.
func (v *visit) day() (*chart, error) {
	day := make([]slot, daySlots) // the oldest quarter of an hour first
	first := v.now.UTC().Truncate(fanfare.TallyLasts).Add(-fanfare.TallyLasts * time.Duration(daySlots-1))
	for i := range day {
		day[i].Begins = first.Add(fanfare.TallyLasts * time.Duration(i))
	}
	var list listOf[slot]
	if err := v.read(&list, "/stats/activity", "since", first.Format(time.RFC3339)); err != nil {
		return nil, err
	}
	for _, s := range list.Data {
		if i := int(s.Begins.Sub(first) / fanfare.TallyLasts); i < daySlots {
			day[i] = s
		}
	}
	return newChart(day), nil
}

func newChart(day []slot) *chart {
	c := &chart{Width: barWidth * len(day), Height: chartHeight}
	var most, good, bad, accepted int64
	for _, s := range day {
		most = max(most, s.Delivered+s.Failed)
		good, bad, accepted = good+s.Delivered, bad+s.Failed, accepted+s.Accepted
	}
	for i, s := range day {
		if s.Begins.Hour()%6 == 0 && s.Begins.Minute() == 0 {
			m := chartMark{along(i, len(day)), "middle", s.Begins.UTC().Format("15:04")}
			if i < len(day)/12 { // there is no room before it
				m.Anchor = "start"
			} else if i > len(day)*11/12 {
				m.Anchor = "end"
			}
			c.Marks = append(c.Marks, m)
		}
		if n := len(c.Hours); n == 0 || !c.Hours[n-1].Begins.Equal(s.Begins.Truncate(time.Hour)) {
			c.Hours = append(c.Hours, slot{Begins: s.Begins.Truncate(time.Hour)})
		}
		hour := &c.Hours[len(c.Hours)-1]
		hour.Accepted, hour.Delivered, hour.GivenUp, hour.Failed = hour.Accepted+s.Accepted, hour.Delivered+s.Delivered, hour.GivenUp+s.GivenUp, hour.Failed+s.Failed
		if s.Delivered+s.Failed == 0 {
			continue
		}
		b := chartBar{X: i * barWidth, Height: scaled(s.Delivered, most, chartHeight), BadHeight: scaled(s.Failed, most, chartHeight)}
		b.Y = chartHeight - b.Height
		b.BadY = b.Y - b.BadHeight
		b.Title = fmt.Sprintf("%s UTC: %d succeeded, %d failed", s.Begins.UTC().Format("15:04"), s.Delivered, s.Failed)
		c.Bars = append(c.Bars, b)
	}
	c.Text = fmt.Sprintf("In the last 24 hours: %s, %s that succeeded, %s that failed.",
		count(int(accepted), "message accepted", "messages accepted"), count(int(good), "delivery", "deliveries"), count(int(bad), "attempt", "attempts"))
	var hours []slot
	for i := len(c.Hours) - 1; i >= 0; i-- {
		if h := c.Hours[i]; h.Accepted+h.Delivered+h.Failed+h.GivenUp > 0 {
			hours = append(hours, h)
		}
	}
	c.Hours = hours
	return c
}

// along is how far along a width something is that is n of all.
func along(n, all int) string { return fmt.Sprintf("%.2f%%", 100*float64(n)/float64(all)) }

// scaled is how high n is where most is all of a height; what there is at all is seen.
func scaled(n, most int64, height int) int {
	if n == 0 {
		return 0
	}
	return max(2, int(n*int64(height-4)/most))
}

// Hour is such as "13:00".
func (s slot) Hour() string { return s.Begins.UTC().Format("15:04") }
