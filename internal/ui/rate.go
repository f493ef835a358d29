package ui

import (
	"fmt"
	"strconv"
	"time"
)

// rateOf is how many of an endpoint's newest deliveries are looked at for that: as many as
// take a moment.
const rateOf = 1000

// A dayCount is how an endpoint's deliveries stand that were accepted in the last 24 hours.
type dayCount struct{ Success, Pending, Fail, Canceled int }

// dayAt reads that from where the API has the endpoint's statistics.
func (v *visit) dayAt(path string) (d dayCount, err error) {
	since := v.now.Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	err = v.read(&d, path, "since", since, "newest", strconv.Itoa(rateOf))
	return d, err
}

// rate says how much of what was accepted for an endpoint in a day has been delivered.
func (v *visit) rate(endpoint string) (string, error) {
	d, err := v.dayAt(v.of("endpoint", endpoint, "stats"))
	return d.words(), err
}

// words is how much of it was delivered; "" if there was nothing. What waits counts too:
// most of what fails is tried again for days.
func (d *dayCount) words() string {
	all := d.Success + d.Pending + d.Fail
	if all == 0 {
		return ""
	}
	of := count(all, "delivery", "deliveries") + " in 24 hours"
	if all+d.Canceled >= rateOf {
		of = "the newest " + count(all, "delivery", "deliveries")
	}
	text := fmt.Sprintf("%s of %s succeeded", percent(d.Success, all), of)
	if d.Pending > 0 {
		text += ", " + count(d.Pending, "waits", "wait")
	}
	return text
}

// percent rounds down, so that 100 % is all.
func percent(n, of int) string {
	tenths := n * 1000 / of
	if tenths%10 == 0 {
		return fmt.Sprintf("%d %%", tenths/10)
	}
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}
