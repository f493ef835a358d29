package fanfare

import (
	"fmt"
	"strings"
	"time"
)

// formatAbout and successAbout explain the words of [Formats] and [SuccessPresets].
var (
	formatAbout = map[string]string{
		"raw":                "the payload as it came in",
		"envelope":           `{"id","created","type","data"}; created is in Unix seconds`,
		"event":              `{"id","event","data"}`,
		"fulcrum":            `{"id","type","owner_id","data"}, as Fulcrum sends it`,
		"thin":               `{"id","type","created","resource_url"}: where the API has the message`,
		"form":               "payload=…, URL-encoded, as GitHub's",
		"mandrill":           "mandrill_events=…, URL-encoded, as Mandrill's: an array of the payload, or the payload if it is one",
		"cloudevents":        "CloudEvents 1.0, the whole event in one JSON document",
		"cloudevents-binary": "CloudEvents 1.0, the payload as it came in and the rest in the header",
	}
	successAbout = map[string]string{
		"default":     "200 to 299",
		"fulcrum":     "200 to 207",
		"slack":       `200 with the body "ok", as incoming webhooks of Slack answer`,
		"apps-script": "a web app of Google Apps Script: 2xx, or the redirect to its output, unless the page says that it failed",
		"carto":       `the SQL API of CARTO: 2xx without the member "error"`,
	}
)

// AboutFormat says in a line what a format makes of a message; "" if there is none
// of that name.
func AboutFormat(name string) string { return formatAbout[name] }

// AboutSuccess says in a line which answers a success preset takes; "" if there is
// none of that name.
func AboutSuccess(name string) string { return successAbout[name] }

// AboutRetry says in a line how often, and over how long, a retry preset tries; ""
// if there is none of that name.
func AboutRetry(name string) string {
	delays, err := Retry{Preset: name}.Plan()
	switch {
	case name == "" || err != nil:
		return ""
	case len(delays) == 0:
		return "1 attempt"
	}
	var sum time.Duration
	for _, d := range delays {
		sum += d
	}
	return fmt.Sprintf("%d attempts over %s, the second after %s", len(delays)+1, roundly(sum), roundly(delays[0]))
}

// roundly is a time in the largest unit that it has at least two of, or is a whole
// number of.
func roundly(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= 2*unit.size || d >= unit.size && d%unit.size == 0 {
			return strings.TrimSuffix(fmt.Sprintf("%d %ss", d.Round(unit.size)/unit.size, unit.name), onlyOne(d, unit.size))
		}
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}

// onlyOne is the ending that one of a unit does not have.
func onlyOne(d, unit time.Duration) string {
	if d.Round(unit) == unit {
		return "s"
	}
	return ""
}

// oneOf says which words a field may have.
func oneOf[T ~string](words []T) string { return "must be one of " + commas(words) }
