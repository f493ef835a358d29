package ui

import (
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fanfarehq/fanfare"
)

// operationalPages show the operator's own endpoints, by which alerts are mailed too, and
// what became of what they were told. They are made and changed on the pages that endpoints
// of applications have.
func operationalPages() map[string]func(*visit) error {
	all := map[string]func(*visit) error{}
	for pattern, serve := range map[string]func(*visit) error{
		"GET ":                                   listOperational,
		"GET /endpoint/new":                      newEndpoint,
		"POST /endpoint/new":                     addEndpoint,
		"GET /endpoint/{endpoint}":               readOperational,
		"GET /endpoint/{endpoint}/welcome":       welcomeEndpoint,
		"GET /endpoint/{endpoint}/settings":      endpointSettings,
		"POST /endpoint/{endpoint}/settings":     saveSettings,
		"POST /endpoint/{endpoint}/secret":       revealSecret,
		"GET /endpoint/{endpoint}/confirm/{act}": operationalAct(confirmAct),
		"POST /endpoint/{endpoint}/do/{act}":     operationalAct(doAct),
		"POST /endpoint/{endpoint}/resend/{msg}": resendOperational,
	} {
		method, below, _ := strings.Cut(pattern, " ")
		all[method+" /operational"+below] = func(v *visit) error { return serve(v.operational()) }
	}
	return all
}

// operational is the visit as far as it is about the operator's own endpoints. They are
// looked up by the clock: news of attempts are of other endpoints.
func (v *visit) operational() *visit {
	of := *v
	of.own, of.base, of.stream = true, v.root+"/operational", false
	return &of
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
	list, err := v.operationals(v.asked("at"), pageSize)
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
		Tabs: v.serverTabs("operational"), Rows: rows, Pager: list.pager(v, ""),
		Empty: empty{"Nobody is told", "An endpoint of your own is told when endpoints fail or are disabled and when messages are given up. One that mails is made by “fanfare operational create --kind smtp”.", []place{{Text: "Add endpoint", URL: v.base + "/endpoint/new"}}},
	})
}

// operationals are a page of operational endpoints, of so many at most.
func (v *visit) operationals(at string, most int) (list listOf[endpointOut], err error) {
	err = v.read(&list, v.of("endpoint"), "limit", fmt.Sprint(most), "iterator", at)
	return list, err
}

func (v *visit) operationalRow(ep *endpointOut) (*operationalRow, error) {
	day, err := v.dayAt(v.of("endpoint", ep.ID, "stats"))
	if err != nil {
		return nil, err
	}
	row := &operationalRow{endpointOut: *ep, At: v.base + "/endpoint/" + ep.ID, State: ep.state(v), Rate: day.words()}
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

// operationalLists bounds how many operational endpoints a page looks at, in lists of
// fanfare.MaxPage: at all there are, up to a thousand.
const operationalLists = 4

// allOperational are the operational endpoints, as far as a page looks at them, a list at a
// time. The last one is not Done if there may be others.
func (v *visit) allOperational() iter.Seq2[*listOf[endpointOut], error] {
	return func(yield func(*listOf[endpointOut], error) bool) {
		at := ""
		for range operationalLists {
			list, err := v.operationals(at, fanfare.MaxPage)
			at = list.Iterator
			if !yield(&list, err) || err != nil || list.Done || at == "" {
				return
			}
		}
	}
}

// untold says for the first page which operational endpoints are not told all; nil: none of
// those that it looks at. Of each that is well it asks for what was given up, in a moment,
// readsAtOnce of them beside each other.
func (v *visit) untold() (*why, error) {
	var first *endpointOut
	var its string // what is the matter with the first
	more, all := 0, false
	for list, err := range v.allOperational() {
		if err != nil {
			return nil, err
		}
		troubles, err := v.troubles(list.Data)
		if err != nil {
			return nil, err
		}
		for i, trouble := range troubles {
			switch {
			case trouble == "":
			case first == nil:
				first, its = &list.Data[i], trouble
			default:
				more++
			}
		}
		all = list.Done
	}
	if first == nil {
		return nil, nil
	}
	w := &why{
		Tone: "bad", Heading: "Operational webhooks do not all get through", What: cut(first.Name(), 80) + ": " + its,
		Fix:   "What your programs, and your customers by mail, are to be told of endpoints that fail may not reach them.",
		Links: []place{{Text: "See why", URL: v.base + "/endpoint/" + first.ID}},
	}
	if more > 0 {
		w.What += fmt.Sprintf(" So it is with %s.", planned(more, !all, "more", "more"))
		w.Links[0].URL = v.base
	}
	return w, nil
}

// troubles are those of endpoints, one by one.
func (v *visit) troubles(eps []endpointOut) ([]string, error) {
	all := make([]string, len(eps))
	var reading errgroup.Group
	reading.SetLimit(readsAtOnce)
	for i := range eps {
		reading.Go(func() (err error) {
			all[i], err = v.trouble(&eps[i])
			return err
		})
	}
	return all, reading.Wait()
}

type operationalOne struct {
	operationalRow
	Tabs     []place
	Ask      []place // done after another question
	Why      *why    // nil: all gets through
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
	ep := &endpointOut{}
	if err := v.read(ep, v.of("endpoint", v.r.PathValue("endpoint"))); err != nil {
		return err
	}
	row, err := v.operationalRow(ep)
	if err != nil {
		return err
	}
	var list listOf[toldOut]
	if err := v.read(&list, v.of("endpoint", ep.ID, "attempt"), "limit", fmt.Sprint(operationalAttempts), "with_msg", "true", "iterator", v.asked("at")); err != nil {
		return err
	}
	body := operationalOne{operationalRow: *row, Tabs: v.operationalTabs(ep, "attempts"), Ask: v.operationalAsk(ep), Pager: list.pager(v, "/endpoint/"+ep.ID),
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
		a.Resend = v.act("/endpoint/"+a.EndpointID+"/resend/"+url.PathEscape(a.MsgID), "Resend", "quiet")
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
	case row.Trouble == "" && row.Paused:
		w = paused(&row.endpointOut)
	case row.Trouble == "":
		return nil, nil
	case len(newest) > 0 && newest[0].Status != statusDelivered:
		w.What, w.Fix = newest[0].Explanation.What, newest[0].Explanation.Fix
	}
	do := func(act, text string) { w.Acts = append(w.Acts, v.act("/endpoint/"+row.ID+"/do/"+act, text, "main")) }
	switch {
	case row.Disabled:
		do("enable", "Enable again")
	case row.Paused:
		do("resume", "Resume")
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

func resendOperational(v *visit) error {
	ep := v.r.PathValue("endpoint")
	err := v.ask(http.MethodPost, v.of("endpoint", ep, "msg", v.r.PathValue("msg"), "resend"), nil, struct{}{}, nil)
	return v.after(err, "/endpoint/"+ep, "resent")
}

// operationalWaiting is how much waits for an operational endpoint: so much, or most and
// perhaps more.
func (v *visit) operationalWaiting(ep string, most int) (int, error) {
	var n struct{ Pending int }
	err := v.read(&n, v.of("endpoint", ep, "stats"), "waiting", fmt.Sprint(most))
	return n.Pending, err
}

// operationalLane has a row of the queue lead to an operational endpoint, which nobody pauses
// there.
func (v *visit) operationalLane(l *laneOut, row *laneRow) error {
	row.URL, row.AppName = v.base+"/endpoint/"+l.EndpointID, "Operational webhooks"
	var ep endpointOut
	err := v.read(&ep, v.of("endpoint", l.EndpointID))
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
