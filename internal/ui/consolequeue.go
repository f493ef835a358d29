package ui

import (
	"net/url"
	"strconv"
	"time"
)

// queuePages show what waits, by lane.
func queuePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /queue": readQueue}
}

type laneRow struct {
	URL, Name, App string
	State          badge
	Waiting        string
	InFlight       int
	Oldest, Hold   when
}

type queueBody struct {
	Rows     []laneRow
	InFlight int
	Total    int
	Oldest   when
	Further  int // lanes that are not listed
	Empty    empty
}

// maxLanes is how many lanes a page shows: each is an endpoint that is read.
const maxLanes = 50

// readQueue shows what the scheduler of this server has to do. It asks the scheduler,
// and reads no deliveries.
func readQueue(v *visit) error {
	var out struct {
		Data []struct {
			AppID, EndpointID    string
			Waiting, InFlight    int
			More, Paused         bool
			Probing              bool
			FailingSince         time.Time
			OldestDue, HoldUntil time.Time
		}
		Total, InFlight int
		OldestDue       time.Time
	}
	v.stream = false // it is looked up by the clock, and not with each attempt
	if err := v.read(&out, "/lane"); err != nil {
		return err
	}
	body := queueBody{InFlight: out.InFlight, Total: out.Total, Oldest: v.when(out.OldestDue),
		Empty: empty{"Nothing waits", "All that was accepted has been delivered, given up or cancelled.", nil}}
	for i, l := range out.Data {
		if i == maxLanes {
			break
		}
		at := "/app/" + url.PathEscape(l.AppID) + "/endpoint/" + url.PathEscape(l.EndpointID)
		row := laneRow{URL: v.root + at, Name: l.EndpointID, App: l.AppID, InFlight: l.InFlight, Oldest: v.when(l.OldestDue), Hold: v.when(l.HoldUntil)}
		row.Waiting = strconv.Itoa(l.Waiting)
		if l.More {
			row.Waiting += " and more"
		}
		switch {
		case l.Paused:
			row.State = badge{"idle", "Paused"}
		case l.HoldUntil.After(v.now):
			row.State = badge{"wait", "Held by its receiver"}
		case l.Probing:
			row.State = badge{"bad", "Failing, tried one at a time"}
		case !l.FailingSince.IsZero():
			row.State = badge{"bad", "Failing for " + long(v.now.Sub(l.FailingSince))}
		default:
			row.State = badge{"ok", "Healthy"}
		}
		var ep endpointOut
		err := v.read(&ep, at)
		if _, refused := isRefused(err); err != nil && !refused { // it may be gone by now
			return err
		}
		if err == nil {
			row.Name = ep.Name()
		}
		body.Rows = append(body.Rows, row)
	}
	body.Further = out.Total - len(body.Rows)
	return v.show("console/queue", "Queue", body)
}
