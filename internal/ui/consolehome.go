package ui

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

func homePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /{$}": showHome}
}

type homeBody struct {
	Who      *whoCard
	Now      []figure
	Chart    *chart
	Steps    []step // of the first run; none: it is done
	Curl     *copyable
	Untold   *why // which operational endpoints are not told all; nil: none
	Issues   []issueRow
	Further  bool // there are more of them
	Attempts []attemptRow
	Listed   bool // the visitor may see them
}

// A figure is one of the now-line.
type figure struct {
	Value, Text string
	Tone        string
	URL         string // where there is more of it; "": nowhere
}

// A step is one of what there is to do at the beginning.
type step struct {
	Done       bool
	State      badge
	Text, Hint string
	Link       place
}

// homeIssues and homeAttempts bound what home shows of each: of issues, at how many hosts.
// homeLooked is how many endpoints it looks at for them, as those of some may be muted.
const (
	homeIssues   = 3
	homeLooked   = 10
	homeAttempts = 8
)

// showHome shows of all this what the visitor may see elsewhere too.
func showHome(v *visit) error {
	body := homeBody{}
	var failing []*fanfare.Endpoint
	var more fanfare.EndpointID
	var err error
	if body.Who, err = v.who(); err != nil {
		return err
	}
	if v.opens(http.MethodGet, v.root+"/issue") {
		if failing, more, err = v.everyEndpoint(fanfare.EndpointFilter{Which: fanfare.FailingEndpoints, Limit: fanfare.MaxPage, Look: issuesLook}); err != nil {
			return err
		}
		if body.Issues, body.Further, err = v.worst(failing); err != nil {
			return err
		}
	}
	if v.opens(http.MethodGet, v.root+"/operational") {
		if body.Untold, err = v.operational().untold(); err != nil {
			return err
		}
	}
	if body.Listed = v.reaches("GET /attempt"); body.Listed {
		if body.Attempts, _, err = v.recent(fanfare.RecentFilter{Limit: homeAttempts, Look: homeAttempts}); err != nil {
			return err
		}
	}
	if v.opens(http.MethodGet, v.root+"/queue") {
		counted := v.hub.Counters()
		v.pace.sample(v.now, counted)
		body.Now = v.nowLine(counted, len(failing), more != "")
		if body.Chart, err = v.day(); err != nil {
			return err
		}
		if body.Steps, err = v.firstSteps(counted, body.Attempts); err != nil {
			return err
		}
	}
	if body.Steps != nil {
		body.Curl = &copyable{Label: "the command that sends a first event", Block: true, Text: v.firstCurl()}
	}
	return v.show("console/home", "Home", body)
}

// worst are the issues at the first hosts that have some which are not muted; further:
// there may be others.
func (v *visit) worst(failing []*fanfare.Endpoint) (all []issueRow, further bool, err error) {
	if len(failing) == 0 {
		return nil, false, nil
	}
	look, err := v.issueLook()
	if err != nil {
		return nil, false, err
	}
	all, last, err := v.issuesAt(sitesOf(failing, "", ""), look, homeIssues, homeLooked)
	return all, last != "", err
}

// nowLine says what happens this minute.
func (v *visit) nowLine(c fanfare.Counters, failing int, more bool) []figure {
	accepted, delivered := v.pace.rates(v.now)
	trouble := figure{Value: count(failing, "endpoint", "endpoints"), Text: "failing", Tone: "ok", URL: v.root + "/issue"}
	if failing > 0 {
		trouble.Tone = "bad"
	}
	if more {
		trouble.Value = "more than " + trouble.Value
	}
	queue := v.root + "/queue"
	oldest := figure{Value: "nothing", Text: "is overdue", Tone: "ok", URL: queue}
	switch late := v.now.Sub(c.OldestDue); {
	case c.OldestDue.IsZero():
	case late < 0:
		oldest = figure{Value: long(-late), Text: "until the next retry", Tone: "ok", URL: queue}
	default:
		oldest = figure{Value: long(late), Text: "the oldest that waits is overdue", Tone: "wait", URL: queue}
		if late < 5*time.Second {
			oldest.Tone = "ok"
		}
	}
	here := ""
	if c.Node != nil { // there may be others
		here = " on this server"
	}
	return []figure{
		{Value: perSecond(accepted), Text: "messages accepted a second" + here, URL: v.root + "/message"},
		{Value: perSecond(delivered), Text: "deliveries that succeed a second" + here, URL: v.root + "/delivery"},
		{Value: fmt.Sprint(c.InFlight), Text: "under way" + here, URL: queue},
		trouble, oldest,
	}
}

func perSecond(rate float64) string {
	switch {
	case rate == 0:
		return "0"
	case rate < 10:
		return fmt.Sprintf("%.1f", rate)
	}
	return fmt.Sprintf("%.0f", rate)
}

// Prepared is the uid of an endpoint that a server may make at its first start, for who
// tries it out. It counts for nothing until something was sent there.
const Prepared = "listen"

// firstSteps are what is to be done at first, until all of it was.
func (v *visit) firstSteps(c fanfare.Counters, recent []attemptRow) ([]step, error) {
	for _, a := range recent {
		if a.Good {
			return nil, nil
		}
	}
	good, _, err := v.recordedBefore(fanfare.RecentFilter{Outcome: fanfare.OnlySuccesses, Limit: 1, Look: fanfare.MaxPage})
	if err != nil || len(good) > 0 {
		return nil, err
	}
	eps, _, err := v.everyEndpoint(fanfare.EndpointFilter{Limit: 10, Look: fanfare.MaxPage})
	if err != nil {
		return nil, err
	}
	if len(recent) == 0 {
		eps = slices.DeleteFunc(eps, func(ep *fanfare.Endpoint) bool { return ep.UID == Prepared })
	}
	app, err := v.newestApplication()
	if err != nil {
		return nil, err
	}
	sent, at := c.Accepted > 0 || len(recent) > 0, v.root+"/app/new"
	if app != nil {
		at = v.root + "/app/" + app.ID
		if !sent {
			if sent, err = v.within(app.ID).sent(); err != nil {
				return nil, err
			}
		}
	}
	steps := []step{
		{Done: sent, Text: "Send an event", Hint: "Run the command below, with your key in the environment variable FANFARE_KEY. It makes an application too."},
		{Done: len(eps) > 0, Text: "Add an endpoint", Hint: "A URL that is told of events; the application's page adds one.", Link: place{Text: "Add an application", URL: at}},
		{Text: "See a delivery", Hint: "Send another event: it is delivered to the endpoint, and is listed here."},
	}
	if app != nil {
		steps[1].Link = place{Text: "Add an endpoint", URL: at + "/endpoint/new"}
	}
	if len(eps) > 0 {
		steps[2].Link = place{Text: "Send an event from here", URL: v.root + "/app/" + string(eps[0].Application) + "/send"}
	}
	for i := range steps {
		steps[i].State = badge{"wait", "To do"}
		if steps[i].Done {
			steps[i].State, steps[i].Link = badge{"ok", "Done"}, place{}
		}
	}
	return steps, nil
}

// newestApplication is nil if there is none.
func (v *visit) newestApplication() (*applicationOut, error) {
	var list listOf[applicationOut]
	if err := v.read(&list, "/app", "limit", "1"); err != nil || len(list.Data) == 0 {
		return nil, err
	}
	return &list.Data[0], nil
}

// sent reports whether the application has a message.
func (v *visit) sent() (bool, error) {
	var list listOf[messageOut]
	err := v.read(&list, v.of("msg"), "limit", "1", "with_content", "false")
	return len(list.Data) > 0, err
}

// firstCurl is a command that sends a first event, and makes the application for it.
func (v *visit) firstCurl() string {
	return "curl " + v.site + "/api/v1/app/first/msg \\\n" +
		"  -H \"Authorization: Bearer $FANFARE_KEY\" -H 'Content-Type: application/json' \\\n" +
		`  -d '{"application":{"name":"First"},"eventType":"hello.world","payload":{"hello":"world"}}'`
}

// within is the visit as far as it is about one application.
func (v *visit) within(app string) *visit {
	of := *v
	of.app, of.base = fanfare.ApplicationID(app), v.root+"/app/"+app
	return &of
}

// gone reports whether something that a list named is not there any more.
func gone(err error) bool {
	told, ok := errors.AsType[*refusal](err)
	return ok && told.Status == http.StatusNotFound
}
