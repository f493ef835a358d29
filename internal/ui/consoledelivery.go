package ui

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/fanfarehq/fanfare"
)

func deliveryPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /delivery": listRecent}
}

// An attemptRow is an attempt among those of all applications.
type attemptRow struct {
	ID          string
	URL         string // of its delivery
	EventType   string
	Test        bool
	Application place
	To          string // where it was sent
	Good        bool
	State       badge
	Answer      string
	At          when
	Took        string
	Number      int
}

type recentBody struct {
	Fields []field
	Rows   []attemptRow
	Pager  pager
	Empty  empty
}

// recentLook bounds how many attempts are looked at for a page of those that succeeded,
// or failed.
const recentLook = 2000

var outcomes = map[string]fanfare.OutcomeFilter{"failed": fanfare.OnlyFailures, "succeeded": fanfare.OnlySuccesses}

// listRecent shows what was tried last, of all applications. Who asks for one application
// is taken to its own log, which has more to filter by.
func listRecent(v *visit) error {
	if v.rights.Application != "" {
		return ownDeliveries(v)
	}
	chosen := v.asked("outcome")
	if app := v.asked("app"); app != "" {
		q := url.Values{}
		if status := map[string]string{"failed": "2", "succeeded": "0"}[chosen]; status != "" {
			q.Set("status", status)
		}
		http.Redirect(v.w, v.r, address(v.root+"/app/"+url.PathEscape(app)+"/log", q.Encode()), http.StatusSeeOther)
		return nil
	}
	before, err := strconv.ParseInt(v.asked("at"), 10, 64)
	if err != nil && v.asked("at") != "" || before < 0 {
		return &refusal{Status: http.StatusBadRequest, Detail: "That is no place in the list. Begin at the newest."}
	}
	f := fanfare.RecentFilter{Before: fanfare.Place(before), Outcome: outcomes[chosen], Limit: pageSize, Look: recentLook}
	rows, next, err := v.recent(f)
	if err != nil {
		return err
	}
	app, err := v.applicationField("Only of", "All applications")
	if err != nil {
		return err
	}
	body := recentBody{Rows: rows, Fields: []field{
		{Name: "outcome", Label: "Attempt", Kind: "select", Options: options(chosen, "", "Any", "failed", "Failed", "succeeded", "Succeeded")}, app,
	}}
	if next != 0 {
		body.Pager = v.pagerTo("/delivery", strconv.FormatInt(int64(next), 10))
	} else {
		body.Pager = v.pagerTo("/delivery", "")
	}
	body.Empty = empty{"Nothing was delivered yet", "As soon as a message is sent to an endpoint, the attempt is here.", []place{{Text: "See the applications", URL: v.root + "/app"}}}
	if chosen != "" || before != 0 {
		body.Empty = empty{"Nothing like that", "None of the newest attempts " + map[string]string{"failed": "failed.", "succeeded": "succeeded.", "": "is older."}[chosen], []place{{Text: "Show all", URL: v.root + "/delivery"}}}
	}
	return v.show("console/deliveries", "Deliveries", body)
}

// recent lists attempts of all applications, those stored last first.
func (v *visit) recent(f fanfare.RecentFilter) (rows []attemptRow, next fanfare.Place, err error) {
	some, next, err := v.recordedBefore(f)
	if err != nil {
		return nil, 0, err
	}
	names := v.names()
	for _, r := range some {
		at := v.root + "/app/" + string(r.Application)
		a := shownAttempt(r.Attempt)
		row := attemptRow{
			ID: string(r.ID), URL: at + "/message/" + string(r.Message) + "/to/" + string(r.Endpoint), EventType: r.EventType, Test: r.Test,
			To: a.URL, Good: a.Status == statusDelivered, State: a.Badge(), Answer: a.Answer(), At: v.when(a.Timestamp), Took: a.Took(), Number: a.Number,
			Application: place{URL: at},
		}
		if row.Application.Text, err = names(r.Application); err != nil {
			return nil, 0, err
		}
		rows = append(rows, row)
	}
	return rows, next, nil
}

// applicationField lets choose an application: from a list if there are few, or by its
// id or uid.
func (v *visit) applicationField(label, all string) (field, error) {
	f := field{Name: "app", Label: label, Kind: "select", Options: []option{{"", all, false}}}
	var list listOf[applicationOut]
	if v.reaches("GET /app") {
		if err := v.read(&list, "/app", "limit", "100"); err != nil {
			return f, err
		}
	}
	if !list.Done {
		return field{Name: "app", Label: label, Kind: "text", Placeholder: "id or uid", Code: true}, nil
	}
	for _, app := range list.Data {
		f.Options = append(f.Options, option{app.ID, app.Called(), app.ID == v.asked("app")})
	}
	return f, nil
}
