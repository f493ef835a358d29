package ui

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A fanOut is a message and where it went, in time.
type fanOut struct {
	messageOut
	App       place
	At, Later when
	Payload   *payload
	Rows      []fanRow
	Unsent    *unsent
	Line      *timeline
	Attempts  []fanAttempt // the oldest first
	Further   bool         // there are more
	Cancel    *act         // nil: nothing waits
	Copy      string       // where the form is that sends it anew
}

type fanRow struct {
	ID, URL, Endpoint string
	State             badge
	Next              when
}

type fanAttempt struct {
	attemptOut
	At       when
	After    string // the message was accepted
	Endpoint string
	URL      string
}

// fanLooked is how many attempts of a message are shown, the newest.
const fanLooked = 100

// readFanOut shows a message, where it went, and every attempt in the order of time.
func readFanOut(v *visit) error {
	msg, err := v.message()
	if err != nil {
		return err
	}
	app := &applicationOut{ID: string(v.app)}
	if v.reaches("GET /app/{app}") {
		if app, err = v.application(); err != nil {
			return err
		}
	}
	var to listOf[struct {
		endpointOut
		Status      int
		StatusText  string
		NextAttempt time.Time
	}]
	if err := v.read(&to, v.of("msg", msg.ID, "endpoint"), "limit", fmt.Sprint(fanfare.MaxPage), "expanded_statuses", "true"); err != nil {
		return err
	}
	var attempts listOf[attemptOut]
	if err := v.read(&attempts, v.of("attempt", "msg", msg.ID), "limit", fmt.Sprint(fanLooked), "with_content", "false"); err != nil {
		return err
	}
	body := fanOut{messageOut: *msg, App: place{Text: app.Called(), URL: v.base}, At: v.when(msg.Timestamp), Later: v.when(msg.DeliverAt), Payload: msg.payload(),
		Further: !attempts.Done, Copy: v.base + "/send?copy=" + msg.ID}
	names := map[string]string{}
	for _, d := range to.Data {
		s := standing{Status: d.Status, StatusText: d.StatusText}
		names[d.ID] = d.Name()
		body.Rows = append(body.Rows, fanRow{ID: d.ID, URL: v.base + "/message/" + msg.ID + "/to/" + d.ID, Endpoint: d.Name(), State: s.badge(), Next: v.nextTry(d.NextAttempt, &d.endpointOut, nil)})
		if s.badge().Tone == "wait" {
			body.Cancel = v.act("/message/"+msg.ID+"/cancel", "Cancel what waits", "danger")
		}
	}
	for _, a := range slices.Backward(attempts.Data) {
		name := names[a.EndpointID]
		if name == "" {
			name = a.EndpointID
		}
		body.Attempts = append(body.Attempts, fanAttempt{a, v.when(a.Timestamp), "+" + lag(a.Timestamp.Sub(msg.Timestamp)), name, v.base + "/message/" + msg.ID + "/to/" + a.EndpointID})
	}
	if body.Unsent, err = v.unsent(msg.ID, len(body.Rows) > 0); err != nil {
		return err
	}
	body.Line = newTimeline(msg.Timestamp, body.Attempts)
	return v.show("console/message", msg.EventType, body)
}

// lag is how long after something else happened.
func lag(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return long(d)
}

func cancelMessage(v *visit) error {
	msg := v.r.PathValue("msg")
	if err := v.ask(http.MethodDelete, v.of("msg", msg, "pending"), nil, nil, nil); err != nil {
		return err
	}
	return v.to("/message/"+msg, "cancelled-message")
}

// A timeline is the attempts at a message, drawn: a line for each endpoint, and a mark
// for each attempt where it was made. What it shows stands in a table too.
type timeline struct {
	Height int
	Lines  []timeLine
	Text   string
}

type timeLine struct {
	Y, Label int // of the line, and of its name
	Name     string
	Marks    []timeMark
}

type timeMark struct {
	X     string // along the line
	Y     int
	Tone  string
	Title string
}

const (
	lineHeight = 34 // that of its name above it included
	mostLines  = 20
)

// newTimeline draws attempts, the oldest first; nil: there are none.
func newTimeline(from time.Time, attempts []fanAttempt) *timeline {
	if len(attempts) == 0 {
		return nil
	}
	whole := max(time.Millisecond, attempts[len(attempts)-1].Timestamp.Sub(from))
	t := &timeline{}
	at := map[string]int{}
	for i := range attempts {
		a := &attempts[i]
		n, known := at[a.EndpointID]
		if !known {
			if len(t.Lines) == mostLines {
				continue
			}
			n = len(t.Lines)
			at[a.EndpointID] = n
			t.Lines = append(t.Lines, timeLine{Y: n*lineHeight + 24, Label: n*lineHeight + 12, Name: cut(a.Endpoint, 36)})
		}
		line := &t.Lines[n]
		x := along(30+int(940*float64(max(0, a.Timestamp.Sub(from)))/float64(whole)), 1000) // with room for a mark at each end
		line.Marks = append(line.Marks, timeMark{x, line.Y, a.Badge().Tone, a.After + ": " + a.Answer()})
	}
	t.Height = len(t.Lines) * lineHeight
	t.Text = fmt.Sprintf("%s within %s, at %s.", count(len(attempts), "attempt", "attempts"), lag(whole), count(len(at), "endpoint", "endpoints"))
	return t
}
