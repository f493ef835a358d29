package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// operationalPages show the operator's own endpoints, by which alerts are mailed too, and
// what became of what they were told.
func operationalPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /operational":                          listOperational,
		"GET /operational/{endpoint}":               readOperational,
		"POST /operational/{endpoint}/do/{act}":     actOnOperational,
		"POST /operational/{endpoint}/resend/{msg}": resendOperational,
	}
}

// operationalPage is the page of an operational endpoint.
func operationalPage(id string) string { return "/operational/" + url.PathEscape(id) }

// ofOperational is the path of the API of operational endpoints, or of something of one.
func ofOperational(parts ...string) string {
	path := "/operational-webhook/endpoint"
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// An operationalRow is an operational endpoint in the list of them.
type operationalRow struct {
	endpointOut
	At      string // its page
	State   badge
	Rate    string // how much of what it was told in a day got through; "": it was told nothing
	Trouble string // why not all of that did, in a sentence
}

type operationalBody struct {
	Tabs  []place
	Rows  []operationalRow
	Pager pager
	Empty empty
}

func listOperational(v *visit) error {
	v.stream = false // it is looked up by the clock: news of attempts are of other endpoints
	list, err := v.operationals(v.asked("at"))
	if err != nil {
		return err
	}
	var rows []operationalRow
	for i := range list.Data {
		row, err := v.operationalRow(&list.Data[i])
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		rows = append(rows, *row)
	}
	return v.show("console/operationals", "Operational webhooks", operationalBody{
		Tabs: v.serverTabs("operational"), Rows: rows, Pager: list.pager(v, "/operational"),
		Empty: empty{"Nobody is told", "“fanfare operational create URL” makes an endpoint that is told when endpoints fail or are disabled and when messages are given up; one of the kind smtp mails that.", nil},
	})
}

// operationals are a page of operational endpoints.
func (v *visit) operationals(at string) (list listOf[endpointOut], err error) {
	err = v.read(&list, ofOperational(), "limit", fmt.Sprint(pageSize), "iterator", at)
	return list, err
}

func (v *visit) operationalRow(ep *endpointOut) (*operationalRow, error) {
	day, err := v.dayAt(ofOperational(ep.ID, "stats"))
	if err != nil {
		return nil, err
	}
	row := &operationalRow{endpointOut: *ep, At: v.root + operationalPage(ep.ID), State: ep.state(v), Rate: day.words()}
	row.Trouble, err = v.trouble(ep)
	return row, err
}

// trouble is why not all that an operational endpoint was told got through, in a sentence; "":
// it did, or waits, or nobody wants it to. What was given up has an index, so that to ask for
// it takes a moment however much got through.
func (v *visit) trouble(ep *endpointOut) (string, error) {
	switch {
	case ep.Disabled && ep.DisabledReason != "":
		return "It was disabled: " + ep.DisabledReason + ".", nil
	case ep.Disabled, ep.Paused:
		return "", nil
	case ep.Unusable+ep.Unverified != "":
		return ep.Unusable + ep.Unverified, nil
	case !ep.FailingSince.IsZero():
		return "It fails since " + ep.FailingSince.UTC().Format("2006-01-02 15:04 UTC") + ".", nil
	}
	lost, err := v.hub.Deliveries(v.r.Context(), fanfare.OperationalApplication, fanfare.DeliveryFilter{
		Endpoint: fanfare.EndpointID(ep.ID), States: []fanfare.State{fanfare.GivenUp}, Since: v.now.Add(-24 * time.Hour), Page: fanfare.Page{Limit: fanfare.MaxPage},
	})
	if err != nil || len(lost) == 0 {
		return "", err
	}
	much := count(len(lost), "message was", "messages were")
	if len(lost) == fanfare.MaxPage {
		much = "At least " + much
	}
	return much + " given up in the last 24 hours.", nil
}

// untold says for the first page which operational endpoints are not told all; nil: none of
// those that the first page of them has.
func (v *visit) untold() (*why, error) {
	list, err := v.operationals("")
	if err != nil {
		return nil, err
	}
	var w *why
	more := 0
	for i := range list.Data {
		ep := &list.Data[i]
		trouble, err := v.trouble(ep)
		switch {
		case err != nil:
			return nil, err
		case trouble == "":
		case w == nil:
			w = &why{Tone: "bad", Heading: "Operational webhooks do not all get through", What: cut(ep.Name(), 80) + ": " + trouble, Links: []place{{Text: "See why", URL: v.root + operationalPage(ep.ID)}}}
		default:
			more++
		}
	}
	if more > 0 {
		w.What += fmt.Sprintf(" So it is with %s.", planned(more, !list.Done, "more", "more"))
		w.Links[0].URL = v.root + "/operational"
	}
	if w != nil {
		w.Fix = "What your programs, and your customers by mail, are to be told of endpoints that fail may not reach them."
	}
	return w, nil
}

type operationalOne struct {
	operationalRow
	Tabs     []place
	Why      *why // nil: all gets through
	Attempts []operationalAttempt
	Pager    pager
	Empty    empty
}

// An operationalAttempt is one to tell an operational endpoint something.
type operationalAttempt struct {
	attemptOut
	At      when
	About   place  // the endpoint that it is news of
	For     string // who is mailed; "": nobody has said so
	GivenUp bool
	Next    when // when it is tried again
	Resend  *act // nil: it succeeded, there is a newer attempt, or nothing is sent at present
}

// operationalAttempts is how many a page has: each comes with what was answered.
const operationalAttempts = 20

func readOperational(v *visit) error {
	v.stream = false
	ep := &endpointOut{}
	if err := v.read(ep, ofOperational(v.r.PathValue("endpoint"))); err != nil {
		return err
	}
	row, err := v.operationalRow(ep)
	if err != nil {
		return err
	}
	var list listOf[toldOut]
	if err := v.read(&list, ofOperational(ep.ID, "attempt"), "limit", fmt.Sprint(operationalAttempts), "with_msg", "true", "iterator", v.asked("at")); err != nil {
		return err
	}
	body := operationalOne{operationalRow: *row, Tabs: v.serverTabs("operational"), Pager: list.pager(v, operationalPage(ep.ID)),
		Empty: empty{"Nothing was told yet", "As soon as something happens that this endpoint wants to hear of, the attempt to tell it is here.", nil}}
	newest := list.Data
	if v.asked("at") != "" {
		newest = nil
	}
	if body.Why, err = v.whyUntold(row, newest); err != nil {
		return err
	}
	for i := range list.Data {
		a, err := v.operationalAttempt(&list.Data[i], ep)
		if err != nil {
			return err
		}
		body.Attempts = append(body.Attempts, *a)
	}
	return v.show("console/operational", ep.Name(), body)
}

// A toldOut is an attempt with the news that it tells.
type toldOut struct {
	attemptOut
	Msg struct {
		Payload struct {
			Data struct{ AppID, EndpointID, EndpointName, AlertEmail string }
		}
	}
}

// operationalAttempt shows an attempt to tell ep something, and how its message stands if it
// failed and is the newest of that.
func (v *visit) operationalAttempt(told *toldOut, ep *endpointOut) (*operationalAttempt, error) {
	of := &told.Msg.Payload.Data
	a := &operationalAttempt{attemptOut: told.attemptOut, At: v.past(told.Timestamp), For: of.AlertEmail}
	if of.EndpointID != "" {
		a.About = place{Text: of.EndpointID, URL: v.root + "/app/" + url.PathEscape(of.AppID) + "/endpoint/" + url.PathEscape(of.EndpointID)}
		if of.EndpointName != "" {
			a.About.Text = of.EndpointName
		}
	}
	if a.Status == statusDelivered {
		return a, nil
	}
	msg, to := fanfare.MessageID(a.MsgID), fanfare.EndpointID(a.EndpointID)
	newest, err := v.hub.Attempts(v.r.Context(), fanfare.OperationalApplication, fanfare.AttemptFilter{Message: msg, Endpoint: to, Page: fanfare.Page{Limit: 1}})
	if err != nil || len(newest) == 0 || string(newest[0].ID) != a.ID {
		return a, err
	}
	ds, err := v.hub.Deliveries(v.r.Context(), fanfare.OperationalApplication, fanfare.DeliveryFilter{Message: msg, Endpoint: to, Page: fanfare.Page{Limit: 1}})
	if err != nil || len(ds) == 0 {
		return a, err
	}
	switch ds[0].State {
	case fanfare.GivenUp:
		a.GivenUp = true
	case fanfare.Waiting:
		a.Next = v.nextTry(ds[0].Due, ep, nil)
	default:
		return a, nil
	}
	if !ep.Disabled && !ep.Paused {
		a.Resend = v.act(operationalPage(a.EndpointID)+"/resend/"+url.PathEscape(a.MsgID), "Resend", "quiet")
	}
	return a, nil
}

// whyUntold says why not all that an operational endpoint is told gets through, by the newest
// attempts too, and what to do; nil: it does, or waits.
func (v *visit) whyUntold(row *operationalRow, newest []toldOut) (*why, error) {
	w := &why{Tone: "bad", Heading: strings.TrimSuffix(row.Trouble, ".")}
	switch {
	case row.Trouble == "" && row.Disabled:
		w = &why{Tone: "wait", Heading: "Disabled", What: "This endpoint is told nothing.", Fix: "Once it is enabled again, what waits is sent."}
	case row.Trouble == "":
		return nil, nil
	case len(newest) > 0 && newest[0].Status != statusDelivered:
		w.What, w.Fix = newest[0].Explanation.What, newest[0].Explanation.Fix
	}
	do := func(act, text string) { w.Acts = append(w.Acts, v.act(row.pathOf(act), text, "main")) }
	switch {
	case row.Disabled:
		do("enable", "Enable again")
	case row.Unverified != "":
		do("verify", "Ask the receiver again")
	case !row.FailingSince.IsZero():
		n, err := v.operationalWaiting(row.ID, 1)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			w.Then = "What waits is sent by itself, each message at its time."
			do("try", "Try now")
		}
	case row.Unusable == "":
		w.Then = "What was given up is among the attempts below, each with why, and can be sent again."
	}
	return w, nil
}

func (row *operationalRow) pathOf(act string) string { return operationalPage(row.ID) + "/do/" + act }

func actOnOperational(v *visit) error {
	ep := v.r.PathValue("endpoint")
	page := operationalPage(ep)
	switch v.r.PathValue("act") {
	case "try":
		var out struct{ Waits bool }
		err := v.ask(http.MethodPost, ofOperational(ep, "try-now"), nil, struct{}{}, &out)
		if told, refused := errors.AsType[*refusal](err); refused && told.Status == http.StatusServiceUnavailable {
			return v.to(page, "elsewhere")
		}
		if err == nil && !out.Waits {
			return v.to(page, "nothingwaits")
		}
		return v.after(err, page, "tried")
	case "enable":
		return v.after(v.ask(http.MethodPatch, ofOperational(ep), nil, map[string]any{"disabled": false}, nil), page, "enabled")
	case "verify":
		return v.after(v.ask(http.MethodPost, ofOperational(ep, "verify"), nil, struct{}{}, nil), page, "verified")
	}
	return noPage(v)
}

func resendOperational(v *visit) error {
	ep := v.r.PathValue("endpoint")
	err := v.ask(http.MethodPost, ofOperational(ep, "msg", v.r.PathValue("msg"), "resend"), nil, struct{}{}, nil)
	return v.after(err, operationalPage(ep), "resent")
}

// operationalWaiting is how much waits for an operational endpoint: so much, or most and
// perhaps more.
func (v *visit) operationalWaiting(ep string, most int) (int, error) {
	var n struct{ Pending int }
	err := v.read(&n, ofOperational(ep, "stats"), "waiting", fmt.Sprint(most))
	return n.Pending, err
}

// operationalLane has a row of the queue lead to an operational endpoint, which nobody pauses
// there.
func (v *visit) operationalLane(l *laneOut, row *laneRow) error {
	row.URL, row.AppName = v.root+operationalPage(l.EndpointID), "Operational webhooks"
	var ep endpointOut
	err := v.read(&ep, ofOperational(l.EndpointID))
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	row.Name = ep.Name()
	if l.Waiting > 0 || !l.More {
		return nil
	}
	n, err := v.operationalWaiting(ep.ID, waitingCounted) // it was not looked for in the store yet
	if gone(err) {
		return nil
	}
	row.Waiting = orMore(n, n == waitingCounted)
	return err
}
