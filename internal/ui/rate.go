package ui

import (
	"fmt"
	"strconv"
	"time"
)

// rateOf is how many of an endpoint's newest deliveries are looked at for that: as many as
// take a moment.
const rateOf = 1000

// rate says how much of what was accepted for an endpoint in a day has been delivered; "" if
// there was nothing. What waits counts too: most of what fails is tried again for days.
func (v *visit) rate(endpoint string) (string, error) {
	var out struct{ Success, Pending, Fail, Canceled int }
	since := v.now.Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	if err := v.read(&out, v.of("endpoint", endpoint, "stats"), "since", since, "newest", strconv.Itoa(rateOf)); err != nil {
		return "", err
	}
	all := out.Success + out.Pending + out.Fail
	if all == 0 {
		return "", nil
	}
	of := count(all, "delivery", "deliveries") + " in 24 hours"
	if all+out.Canceled >= rateOf {
		of = "the newest " + count(all, "delivery", "deliveries")
	}
	text := fmt.Sprintf("%s of %s succeeded", percent(out.Success, all), of)
	if out.Pending > 0 {
		text += ", " + count(out.Pending, "waits", "wait")
	}
	return text, nil
}

// percent rounds down, so that 100 % is all.
func percent(n, of int) string {
	tenths := n * 1000 / of
	if tenths%10 == 0 {
		return fmt.Sprintf("%d %%", tenths/10)
	}
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}
