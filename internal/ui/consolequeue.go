package ui

import (
	"cmp"
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
)

// queuePages show what waits, by lane, and what was given up.
func queuePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /queue":                            readQueue,
		"POST /queue/{app}/{endpoint}/do/{act}": actOnLane,
	}
}

type laneRow struct {
	URL, Name, App string
	AppName        string
	State          badge
	Waiting        string
	InFlight       int
	Oldest, Hold   when
	Act            *act    // nil: there is a question first
	Ask            []place // done after that
	Held           []heldRow
	Further        int // keys that are held and not listed
}

// A heldRow is an ordering key that waits for a delivery to be tried again.
type heldRow struct {
	Key, Waiting string
	Until        when
}

type queueBody struct {
	Rows     []laneRow
	InFlight int
	Total    int
	Oldest   when
	Further  int // lanes that are not listed
	Empty    empty
	Dead     []*deadRow
	Partial  bool // there are more attempts than were looked at
}

// HeldBadge is the state of an ordering key that is held.
func (queueBody) HeldBadge() badge { return badge{"wait", "Waits for another try"} }

// maxLanes is how many lanes a page shows: each is an endpoint that is read.
const maxLanes = 50

// laneOut is a lane as the API shows it.
type laneOut struct {
	AppID, EndpointID    string
	Waiting, InFlight    int
	More, Paused         bool
	Probing              bool
	FailingSince         time.Time
	OldestDue, HoldUntil time.Time
	NextProbe            time.Time
	HeldKeys             int
	Held                 []struct {
		Key     string
		Waiting int
		More    bool
		Until   time.Time
	}
}

func (l *laneOut) badge(v *visit) badge {
	switch {
	case l.Paused:
		return badge{"idle", "Paused"}
	case l.HoldUntil.After(v.now):
		return badge{"wait", "Held by its receiver"}
	case l.Probing:
		return badge{"bad", "Failing, tried one at a time"}
	case !l.FailingSince.IsZero():
		return badge{"bad", "Failing for " + long(v.now.Sub(l.FailingSince))}
	}
	return badge{"ok", "Healthy"}
}

// readQueue shows what the scheduler of this server has to do. It asks the scheduler,
// and reads no deliveries but those that were given up of late.
func readQueue(v *visit) error {
	var out struct {
		Data            []laneOut
		Total, InFlight int
		OldestDue       time.Time
	}
	v.stream = false // it is looked up by the clock, and not with each attempt
	if err := v.read(&out, "/lane"); err != nil {
		return err
	}
	body := queueBody{InFlight: out.InFlight, Total: out.Total, Oldest: v.when(out.OldestDue),
		Empty: empty{"Nothing waits", "All that was accepted has been delivered, given up or cancelled.", nil}}
	names := v.names()
	for i := range out.Data[:min(maxLanes, len(out.Data))] {
		row, err := v.laneRow(&out.Data[i])
		if err != nil {
			return err
		}
		if row.AppName == "" {
			if row.AppName, err = names(fanfare.ApplicationID(row.App)); err != nil {
				return err
			}
		}
		body.Rows = append(body.Rows, *row)
	}
	body.Further = out.Total - len(body.Rows)
	var err error
	if body.Dead, body.Partial, err = v.dead(); err != nil {
		return err
	}
	return v.show("console/queue", "Queue", body)
}

func (v *visit) laneRow(l *laneOut) (*laneRow, error) {
	part := url.PathEscape(l.AppID) + "/endpoint/" + url.PathEscape(l.EndpointID)
	row := &laneRow{URL: v.root + "/app/" + part, Name: l.EndpointID, App: l.AppID, State: l.badge(v), Waiting: orMore(l.Waiting, l.More),
		InFlight: l.InFlight, Oldest: v.when(l.OldestDue), Hold: v.when(l.HoldUntil), Further: l.HeldKeys - len(l.Held)}
	if words := l.turn().words(v.now); words != "" && !l.Paused {
		row.Hold.Instead = words
	}
	for _, k := range l.Held {
		row.Held = append(row.Held, heldRow{cmp.Or(k.Key, "(none)"), orMore(k.Waiting, k.More), v.when(k.Until)})
	}
	if l.AppID == string(fanfare.OperationalApplication) {
		return row, v.operational().operationalLane(l, row)
	}
	do, text := "pause", "Pause"
	if l.Paused {
		do, text = "resume", "Resume"
	}
	row.Act = v.act("/queue/"+url.PathEscape(l.AppID)+"/"+url.PathEscape(l.EndpointID)+"/do/"+do, text, "quiet")
	var ep endpointOut
	err := v.read(&ep, "/app/"+part)
	if _, refused := isRefused(err); err != nil && !refused { // it may be gone by now
		return nil, err
	}
	if err == nil {
		row.Name = ep.Name()
		if l.Waiting == 0 && l.More { // it was not looked for in the store yet
			n, err := v.within(l.AppID).waiting(l.EndpointID)
			if err != nil {
				return nil, err
			}
			row.Waiting = orMore(n, n == waitingCounted)
		}
		var acts []*act
		if acts, row.Ask = v.within(l.AppID).pauses(&ep, ""); len(acts) == 0 {
			row.Act = nil
		}
	}
	return row, nil
}

func orMore(n int, more bool) string {
	if more {
		return strconv.Itoa(n) + " and more"
	}
	return strconv.Itoa(n)
}

// actOnLane holds an endpoint's deliveries, or lets them go, and leads back to the queue.
func actOnLane(v *visit) error {
	done := map[string]string{"pause": "paused", "resume": "resumed"}[v.r.PathValue("act")]
	if done == "" {
		return noPage(v)
	}
	of := v.within(v.r.PathValue("app"))
	return v.after(v.ask(http.MethodPost, of.of("endpoint", v.r.PathValue("endpoint"), v.r.PathValue("act")), nil, struct{}{}, nil), "/queue", done)
}

// A deadRow is an endpoint to which deliveries were given up of late.
type deadRow struct {
	URL, Name, App, AppURL string
	Count                  int
	Newest                 when
	Delivery, Answer       string // of the newest
	Recover                string

	app      fanfare.ApplicationID
	endpoint fanfare.EndpointID
	oldest   time.Time
}

// deadLook bounds how many attempts are looked at for what was given up, and deadMost how
// many of those that failed.
const (
	deadLook = 2000
	deadMost = fanfare.MaxPage
)

// dead are the endpoints to which deliveries were given up, by the newest attempts: those
// with the most first. What was sent again since does not count. partial reports whether
// there may be others, before these.
func (v *visit) dead() (rows []*deadRow, partial bool, err error) {
	some, next, err := v.recordedBefore(fanfare.RecentFilter{Outcome: fanfare.OnlyFailures, Limit: deadMost, Look: deadLook})
	if err != nil {
		return nil, false, err
	}
	type delivery struct {
		message  fanfare.MessageID
		endpoint fanfare.EndpointID
	}
	at, seen := map[fanfare.EndpointID]*deadRow{}, map[delivery]bool{}
	for i := range some {
		r := &some[i]
		d := delivery{r.Message, r.Endpoint}
		if r.State != fanfare.GivenUp || seen[d] {
			continue
		}
		seen[d] = true
		ds, err := v.hub.Deliveries(v.r.Context(), r.Application, fanfare.DeliveryFilter{Message: r.Message, Endpoint: r.Endpoint, Page: fanfare.Page{Limit: 1}})
		if err != nil {
			return nil, false, err
		}
		if len(ds) == 0 || ds[0].State != fanfare.GivenUp {
			continue
		}
		row := at[r.Endpoint]
		if row == nil {
			row = v.newDeadRow(r)
			at[r.Endpoint], rows = row, append(rows, row)
		}
		row.Count, row.oldest = row.Count+1, acceptedAt(r.Message)
	}
	if err := v.nameDead(rows); err != nil {
		return nil, false, err
	}
	slices.SortStableFunc(rows, func(a, b *deadRow) int { return cmp.Compare(b.Count, a.Count) })
	return rows, next != 0, nil
}

func (v *visit) newDeadRow(r *fanfare.Recent) *deadRow {
	at := v.root + "/app/" + url.PathEscape(string(r.Application))
	a := shownAttempt(r.Attempt)
	return &deadRow{
		URL: at + "/endpoint/" + url.PathEscape(string(r.Endpoint)), Name: string(r.Endpoint), App: string(r.Application), AppURL: at,
		Newest: v.when(r.StartedAt), Delivery: at + "/message/" + url.PathEscape(string(r.Message)) + "/to/" + url.PathEscape(string(r.Endpoint)), Answer: a.Answer(),
		app: r.Application, endpoint: r.Endpoint,
	}
}

// nameDead finds what endpoints and applications are called, and from when on to send
// again.
func (v *visit) nameDead(rows []*deadRow) error {
	names := v.names()
	for _, row := range rows {
		var ep endpointOut
		of := v.within(string(row.app))
		err := v.read(&ep, of.of("endpoint", string(row.endpoint)))
		if _, refused := isRefused(err); err != nil && !refused {
			return err
		}
		if err == nil {
			row.Name = ep.Name()
			row.Recover = row.URL + "/confirm/recover?since=" + url.QueryEscape(row.oldest.Add(-lateBy).UTC().Format(time.RFC3339Nano))
		}
		if row.App, err = names(row.app); err != nil {
			return err
		}
	}
	return nil
}

// acceptedAt is when a message was accepted, to the millisecond or so: its id says it.
func acceptedAt(id fanfare.MessageID) time.Time {
	raw, _ := fanfare.DecodeID("msg_", string(id)) // the Hub's own
	return time.UnixMilli(int64(binary.BigEndian.Uint64(raw[:]) >> 16))
}
