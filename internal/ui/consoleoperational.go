package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

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
	Trouble string // why not all of that did, in a sentence; "": it did, or waits, or nobody wants it to
}

type operationalBody struct {
	Tabs  []place
	Rows  []operationalRow
	Pager pager
	Empty empty
}

func listOperational(v *visit) error {
	v.stream = false // it is looked up by the clock: news of attempts are of other endpoints
	rows, list, err := v.operationalRows(v.asked("at"))
	if err != nil {
		return err
	}
	return v.show("console/operationals", "Operational webhooks", operationalBody{
		Tabs: v.serverTabs("operational"), Rows: rows, Pager: list.pager(v, "/operational"),
		Empty: empty{"Nobody is told", "“fanfare operational create URL” makes an endpoint that is told when endpoints fail or are disabled and when messages are given up; one of the kind smtp mails that.", nil},
	})
}

// operationalRows are a page of operational endpoints, and how they fare.
func (v *visit) operationalRows(at string) (rows []operationalRow, list listOf[endpointOut], err error) {
	if err := v.read(&list, ofOperational(), "limit", fmt.Sprint(pageSize), "iterator", at); err != nil {
		return nil, list, err
	}
	for i := range list.Data {
		row, err := v.operationalRow(&list.Data[i])
		if err != nil {
			return nil, list, err
		}
		rows = append(rows, *row)
	}
	return rows, list, nil
}

func (v *visit) operationalRow(ep *endpointOut) (*operationalRow, error) {
	day, err := v.dayAt(ofOperational(ep.ID, "stats"))
	if err != nil {
		return nil, err
	}
	row := &operationalRow{endpointOut: *ep, At: v.root + operationalPage(ep.ID), State: ep.state(v), Rate: day.words()}
	switch {
	case ep.Disabled && ep.DisabledReason != "":
		row.Trouble = "It was disabled: " + ep.DisabledReason + "."
	case ep.Disabled, ep.Paused:
	case ep.Unusable+ep.Unverified != "":
		row.Trouble = ep.Unusable + ep.Unverified
	case !ep.FailingSince.IsZero():
		row.Trouble = "It fails since " + ep.FailingSince.UTC().Format("2006-01-02 15:04 UTC") + "."
	case day.Fail > 0:
		row.Trouble = count(day.Fail, "message was", "messages were") + " given up in the last 24 hours."
	}
	return row, nil
}

// untold says for the first page which operational endpoints are not told all; nil: none.
func (v *visit) untold() (*why, error) {
	rows, _, err := v.operationalRows("")
	if err != nil {
		return nil, err
	}
	var w *why
	more := 0
	for _, row := range rows {
		switch {
		case row.Trouble == "":
		case w == nil:
			w = &why{Tone: "bad", Heading: "Operational webhooks do not all get through", What: cut(row.Name(), 80) + ": " + row.Trouble, Links: []place{{Text: "See why", URL: row.At}}}
		default:
			more++
		}
	}
	if more > 0 {
		w.What += fmt.Sprintf(" So it is with %d more.", more)
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
	Resend  *act // nil: it succeeded, or there is a newer attempt
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
	if body.Why, err = v.whyUntold(row, list.Data); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range list.Data {
		a, err := v.operationalAttempt(&list.Data[i], seen)
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

// operationalAttempt shows an attempt, and how its message stands if it is the newest of
// those that were seen, which failed.
func (v *visit) operationalAttempt(told *toldOut, seen map[string]bool) (*operationalAttempt, error) {
	of := &told.Msg.Payload.Data
	a := &operationalAttempt{attemptOut: told.attemptOut, At: v.past(told.Timestamp), For: of.AlertEmail}
	if of.EndpointID != "" {
		a.About = place{Text: of.EndpointID, URL: v.root + "/app/" + url.PathEscape(of.AppID) + "/endpoint/" + url.PathEscape(of.EndpointID)}
		if of.EndpointName != "" {
			a.About.Text = of.EndpointName
		}
	}
	if seen[a.MsgID] || a.Status == statusDelivered {
		seen[a.MsgID] = true
		return a, nil
	}
	seen[a.MsgID] = true
	ds, err := v.hub.Deliveries(v.r.Context(), fanfare.OperationalApplication, fanfare.DeliveryFilter{
		Message: fanfare.MessageID(a.MsgID), Endpoint: fanfare.EndpointID(a.EndpointID), Page: fanfare.Page{Limit: 1},
	})
	if err != nil || len(ds) == 0 {
		return a, err
	}
	switch ds[0].State {
	case fanfare.GivenUp:
		a.GivenUp = true
	case fanfare.Waiting:
		a.Next = v.when(ds[0].Due)
	default:
		return a, nil
	}
	a.Resend = v.act(operationalPage(a.EndpointID)+"/resend/"+url.PathEscape(a.MsgID), "Resend", "quiet")
	return a, nil
}

// whyUntold says why not all that an operational endpoint is told gets through, and what to
// do; nil: it does.
func (v *visit) whyUntold(row *operationalRow, attempts []toldOut) (*why, error) {
	if row.Trouble == "" {
		return nil, nil
	}
	w := &why{Tone: "bad", Heading: strings.TrimSuffix(row.Trouble, ".")}
	if len(attempts) > 0 && attempts[0].Status != statusDelivered {
		w.What, w.Fix = attempts[0].Explanation.What, attempts[0].Explanation.Fix
	}
	do := func(act, text string) { w.Acts = append(w.Acts, v.act(row.pathOf(act), text, "main")) }
	switch {
	case row.Disabled:
		do("enable", "Enable again")
	case row.Unverified != "":
		do("verify", "Ask the receiver again")
	case !row.FailingSince.IsZero():
		var waits struct{ Pending int }
		if err := v.read(&waits, ofOperational(row.ID, "stats"), "waiting", "1"); err != nil {
			return nil, err
		}
		if waits.Pending > 0 {
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

// operationalLane has a row of the queue lead to an operational endpoint, which nobody pauses
// there.
func (v *visit) operationalLane(row *laneRow) error {
	id := row.Name
	row.URL, row.AppName = v.root+operationalPage(id), "Operational webhooks"
	var ep endpointOut
	err := v.read(&ep, ofOperational(id))
	if _, refused := isRefused(err); refused { // it is gone by now
		return nil
	}
	row.Name = ep.Name()
	return err
}
