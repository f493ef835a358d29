package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A recoverBody asks whether to send again all that was given up of an application.
type recoverBody struct {
	applicationOut
	Text  string
	Do    *act // nil: there is nothing
	Spans []place
}

// confirmRecoverAll says how much was given up of the application, from a time on.
func confirmRecoverAll(v *visit) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	since := v.asked("since")
	from, ok := v.momentOf(since)
	if !ok {
		since, from = "24h", v.now.Add(-spans["24h"])
	}
	body := recoverBody{applicationOut: *app}
	for _, s := range []place{{Text: "The last hour", URL: "1h"}, {Text: "The last 24 hours", URL: "24h"}, {Text: "The last 7 days", URL: "7d"}} {
		body.Spans = append(body.Spans, place{s.Text, v.base + "/recover?since=" + s.URL, s.URL == since})
	}
	text := from.UTC().Format(time.RFC3339Nano)
	var plan taskFull
	if err := v.plan(v.of("msg", "bulk-replay"), givenUpSince(text), planTime, &plan); err != nil {
		return err
	}
	accepted := "messages accepted since " + from.UTC().Format("2006-01-02 15:04:05 UTC")
	body.Text = "Of " + accepted + " no delivery is given up."
	if plan.Total > 0 || plan.More {
		body.Text = fmt.Sprintf("Of %s, %s given up. They are sent again to the endpoints they were for, which see the same message ids as before.",
			accepted, planned(plan.Total, plan.More, "delivery is", "deliveries are"))
		lasts, err := v.lasts(&plan)
		if err != nil {
			return err
		}
		body.Text += strings.TrimRight(" "+lasts, " ")
		body.Do = v.act("/recover", "Send "+them(plan.Total, plan.More, "delivery", "deliveries")+" again", "main", place{Text: "since", URL: text})
	}
	return v.show("console/recover", "Send again what failed?", body)
}

// givenUpSince picks the deliveries that were given up of messages since a time.
func givenUpSince(text string) map[string]any {
	return map[string]any{"since": text, "status": statusGivenUp}
}

// recoverAll has sent again what was given up, and leads to how far that is.
func recoverAll(v *visit) error {
	var task taskOut
	if err := v.ask(http.MethodPost, v.of("msg", "bulk-replay"), nil, givenUpSince(v.said("since")), &task); err != nil {
		return err
	}
	v.base = v.root
	return v.to("/task/"+url.PathEscape(task.ID), "recovering")
}
