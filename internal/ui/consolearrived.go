package ui

import (
	"cmp"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fanfarehq/fanfare"
)

// An arrivedOut is a message that came by a source, as the API shows it.
type arrivedOut struct {
	Timestamp                          time.Time
	Outcome, MsgID, EventID, EventType string
}

// A keptRow is a message that came, and what became of it.
type keptRow struct {
	At        when
	State     badge
	EventType string
	URL       string // of the message; "": there is none known
	Went      []wentTo
	Further   bool   // to more endpoints than are shown
	Nowhere   string // why it went to none, as far as that is known
}

// A wentTo is an endpoint that wanted a message.
type wentTo struct {
	State    badge
	Endpoint place // it leads to the delivery
	Recipe   place // that made the endpoint; none: no recipe did
}

// wentShown is how many endpoints of a message that came by a source are shown.
const wentShown = 5

// keptRows are the newest messages that came by a source, each with the endpoints that
// it went to.
func (v *visit) keptRows(newest []arrivedOut) ([]keptRow, error) {
	rows := make([]keptRow, len(newest))
	var reading errgroup.Group
	reading.SetLimit(readsAtOnce)
	for i, m := range newest {
		row := &rows[i]
		*row = keptRow{At: v.when(m.Timestamp), State: badge{"ok", "Kept"}, EventType: m.EventType}
		if m.Outcome == string(fanfare.ReceivedRepeated) {
			row.State = badge{"idle", "There already"}
		}
		ref := cmp.Or(m.MsgID, m.EventID)
		if ref == "" {
			continue
		}
		row.URL = v.base + "/message/" + url.PathEscape(ref)
		if v.reaches("GET /app/{app}/msg/{msg}/endpoint") {
			reading.Go(func() error { return v.wentFrom(row, ref) })
		}
	}
	return rows, reading.Wait()
}

// wentFrom finds out where the message of a row went.
func (v *visit) wentFrom(row *keptRow, ref string) error {
	var to listOf[struct {
		endpointOut
		Status     int
		StatusText string
	}]
	err := v.read(&to, v.of("msg", ref, "endpoint"), "limit", fmt.Sprint(wentShown), "expanded_statuses", "true")
	if gone(err) {
		row.URL, row.Nowhere = "", "It is not kept any more."
		return nil
	}
	if err != nil {
		return err
	}
	if row.Further = !to.Done; len(to.Data) == 0 {
		row.Nowhere = "It was sent to no endpoint. Those that poll ask for it themselves."
	}
	for _, d := range to.Data {
		s := standing{Status: d.Status, StatusText: d.StatusText}
		went := wentTo{State: s.badge(), Endpoint: place{Text: d.Name(), URL: row.URL + "/to/" + d.ID}}
		if as := installation(d.UID); as != "" {
			went.Recipe = place{Text: as, URL: v.base + "/recipe/" + url.PathEscape(as)}
		}
		row.Went = append(row.Went, went)
	}
	return nil
}
