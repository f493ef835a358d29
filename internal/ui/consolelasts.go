package ui

import (
	"fmt"
	"time"
)

// What estimates of how long a task takes go by.
const (
	purgedAtBest = 5000 // payloads that are removed a second
	atOnce       = 128  // attempts that are under way to one endpoint, unless it says otherwise
	sentAtBest   = 2000 // deliveries a second, to a receiver that answers at once
)

// lasts says about how long a task takes that would do t.Total things: by the limits of
// the endpoint and of the application, or else by how fast the receiver has answered of
// late. "" if nothing is known of that.
func (v *visit) lasts(t *taskFull) (string, error) {
	if t.Total == 0 || t.More {
		return "", nil
	}
	if t.Task == "application.purge_content" {
		return lasting(t.Total, purgedAtBest, ""), nil
	}
	of := v.within(t.AppID)
	var app applicationOut
	if err := v.read(&app, of.of()); err != nil {
		return "", err
	}
	limit := 0
	if app.RateLimit != nil {
		limit = *app.RateLimit
	}
	if t.EndpointID == "" {
		return lasting(t.Total, limit, "as the application's limit has it"), nil
	}
	var ep endpointOut
	if err := v.read(&ep, of.of("endpoint", t.EndpointID)); err != nil {
		return "", err
	}
	if ep.RateLimit != nil && *ep.RateLimit > 0 && (limit == 0 || *ep.RateLimit < limit) {
		limit = *ep.RateLimit
	}
	if limit > 0 {
		return lasting(t.Total, limit, "as its limit has it"), nil
	}
	attempts, err := of.newest(t.EndpointID, pageSize)
	if err != nil {
		return "", err
	}
	ms, ok := medianOf(attempts)
	if !ok {
		return "", nil
	}
	rate := min(sentAtBest, atOnce*1000/int(max(1, ms)))
	if ep.Ordered {
		rate = int(1000 / max(1, ms))
	}
	return lasting(t.Total, max(1, rate), "if its receiver answers as fast as of late"), nil
}

// lasting is a sentence about n things at so many a second; "" for 0.
func lasting(n, rate int, why string) string {
	if rate <= 0 {
		return ""
	}
	text := "less than a second"
	if d := time.Duration(n) * time.Second / time.Duration(rate); d >= time.Second {
		text = "about " + long(d)
	}
	if why != "" {
		why = ", " + why
	}
	return fmt.Sprintf("That takes %s, at %d a second%s.", text, rate, why)
}
