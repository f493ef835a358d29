package ui

import (
	"fmt"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// An endpointHead is what all pages of an endpoint begin with.
type endpointHead struct {
	endpointOut
	State  badge
	Tabs   []place
	Acts   []*act  // done at once
	Ask    []place // done after another question
	Banner *why    // what keeps it from being sent to; nil: nothing
	Took   string  // half of the newest answers came within; "": there are none
	Rate   string  // how much of a day's deliveries succeeded; "": there are none
	Spark  *sparkline

	turn *turn // nil: it does not fail, or that is not known
}

// headOf reads what pages of an endpoint begin with.
func (v *visit) headOf(ep *endpointOut, tab string) (*endpointHead, error) {
	at := "/endpoint/" + ep.ID
	head := &endpointHead{endpointOut: *ep, State: ep.state(v), Spark: ep.sparkline(v.now)}
	head.Tabs = []place{{"Deliveries", v.base + at, tab == "deliveries"}, {"Settings", v.base + at + "/settings", tab == "settings"}}
	if v.own {
		head.Tabs = v.operationalTabs(ep, tab)
		return head, nil
	}
	if ep.Kind == fanfare.KindPoller { // it is sent nothing, wherever its URL leads
		head.URL, head.Tabs[0].Text = "", "Poll"
		head.Tabs = v.offered(head.Tabs)
		switch {
		case !v.may(fanfare.ManageEndpoint):
		case ep.Disabled:
			head.Acts = []*act{v.act(at+"/do/enable", "Enable again", "main")}
		case ep.Paused:
			head.Acts = []*act{v.act(at+"/do/resume", "Resume", "")}
		}
		return head, nil
	}
	if v.may(fanfare.CreateAttempts) {
		head.Tabs = append(head.Tabs, place{"Test", v.base + at + "/test", tab == "test"})
	}
	head.Tabs = v.offered(append(head.Tabs, place{"Transform", v.base + at + "/transform", tab == "transform"}))
	inbox, err := v.inboxOf(ep)
	if err != nil {
		return nil, err
	}
	if inbox != "" {
		head.Tabs = append(head.Tabs, place{"Test inbox", inbox, false})
	}
	attempts, err := v.newest(ep.ID, pageSize)
	if err != nil {
		return nil, err
	}
	head.Took = median(attempts)
	if head.Rate, err = v.rate(ep.ID); err != nil {
		return nil, err
	}
	if v.may(fanfare.ManageEndpoint) && !ep.Disabled {
		head.Acts, head.Ask = v.pauses(ep, "")
	}
	if v.may(fanfare.CreateAttempts) {
		head.Ask = append(head.Ask, place{Text: "Recover failed…", URL: v.base + at + "/confirm/recover"}, place{Text: "Replay missing…", URL: v.base + at + "/confirm/replay"})
	}
	head.Banner = v.banner(ep, attempts)
	if head.turn, err = v.turnOf(ep); err != nil {
		return nil, err
	}
	if head.Banner != nil {
		v.sayTurn(head.Banner, ep, head.turn)
	}
	return head, v.sayLined(head.Banner, ep)
}

func median(attempts []attemptOut) string {
	ms, ok := medianOf(attempts)
	if !ok {
		return ""
	}
	return taken(ms)
}

// medianOf is the time within which half of the answers came; false if none did.
func medianOf(attempts []attemptOut) (ms int64, ok bool) {
	var took []int64
	for _, a := range attempts {
		if a.ResponseStatusCode > 0 {
			took = append(took, a.DurationMs)
		}
	}
	if len(took) == 0 {
		return 0, false
	}
	slices.Sort(took)
	return took[len(took)/2], true
}

type deliveriesBody struct {
	*endpointHead
	Fields []field
	Rows   []deliveryRow
	Pager  pager
	Empty  empty
}

// A deliveryRow is a delivery in a list.
type deliveryRow struct {
	ID        string // of its row
	URL       string
	EventType string
	Test      bool
	Endpoint  string
	State     badge
	Attempts  string
	At, Next  when
}

func endpointDeliveries(v *visit) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	if ep.Kind == fanfare.KindPoller {
		return v.showPoller(ep)
	}
	head, err := v.headOf(ep, "deliveries")
	if err != nil {
		return err
	}
	var list listOf[struct {
		messageOut
		standing
	}]
	fields, query := v.filter()
	query = append(query, "limit", fmt.Sprint(pageSize), "with_content", "false", "expanded_statuses", "true", "iterator", v.asked("at"))
	if err := v.read(&list, v.of("endpoint", ep.ID, "msg"), query...); err != nil {
		return err
	}
	body := deliveriesBody{endpointHead: head, Fields: fields, Pager: list.pager(v, "/endpoint/"+ep.ID)}
	body.Pager.Further = !list.Done && len(list.Data) < pageSize
	for _, d := range list.Data {
		body.Rows = append(body.Rows, deliveryRow{
			ID: d.ID, URL: v.base + "/message/" + d.ID + "/to/" + ep.ID, EventType: d.EventType, Test: d.IsTest(),
			State: d.badge(), At: v.when(d.Timestamp), Next: v.nextTry(d.NextAttempt, ep, head.turn),
		})
	}
	body.Empty = empty{"No deliveries yet", "As soon as something happens that this endpoint wants to hear of, it is here.", nil}
	if v.may(fanfare.CreateAttempts) {
		body.Empty.Links = []place{{Text: "Send an example", URL: v.base + "/endpoint/" + ep.ID + "/test"}}
	}
	if v.asked("status")+v.asked("type")+v.asked("span") != "" {
		body.Empty = empty{"Nothing like that", body.Pager.none("No delivery is as the filters say"), []place{{Text: "Show all", URL: v.base + "/endpoint/" + ep.ID}}}
	}
	return v.show("portal/deliveries", ep.Name(), body)
}

// filter reads the filters of a list of deliveries from the address: as fields, and as
// the API is asked.
func (v *visit) filter() (fields []field, query []string) {
	span := v.asked("span")
	after := ""
	if d, ok := spans[span]; ok {
		after = v.now.Add(-d).UTC().Format(time.RFC3339)
		if v.asked("at") != "" { // pages after the first are of the same list
			after = v.asked("after")
		}
		q := v.r.URL.Query()
		q.Set("after", after)
		v.r.URL.RawQuery = q.Encode()
	}
	fields = []field{
		{Name: "status", Label: "State", Kind: "select", Options: states(v.asked("status"))},
		{Name: "type", Label: "Event type", Kind: "text", Value: v.asked("type"), Placeholder: "record.*", Code: true},
		{Name: "span", Label: "Accepted", Kind: "select", Options: options(span, "", "At any time", "1h", "In the last hour", "24h", "In the last 24 hours", "7d", "In the last 7 days")},
	}
	return fields, []string{"status", v.asked("status"), "event_types", v.asked("type"), "after", after}
}

var spans = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour}
