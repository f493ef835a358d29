package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// issueActs are what can be done with an issue beyond mending it.
func issueActs() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"POST /endpoint/{endpoint}/mute":   muteIssue,
		"POST /endpoint/{endpoint}/unmute": unmuteIssue,
		"POST /endpoint/{endpoint}/notify": notifyOfIssue,
	}
}

// An issueLook is what is known beside an endpoint's attempts while its issues are
// listed.
type issueLook struct {
	root    string // what addresses begin with
	mutes   bool   // the visitor may mute
	notify  bool   // somebody is told when they have it told that an endpoint fails
	untold  bool   // they may, but nobody is told
	lanes   map[string]*laneOut
	lined   map[string]place           // by endpoint, what sends again once it is healthy
	linedAt map[string]when            // since when
	count   string                     // how many mutes there are; "": none
	muted   map[string]map[string]bool // the causes, by endpoint; nil: there are too many
}

func (v *visit) issueLook() (*issueLook, error) {
	look := &issueLook{root: v.root, mutes: v.reaches("POST /app/{app}/endpoint/{endpoint}/mute"), lanes: map[string]*laneOut{}, lined: map[string]place{}, linedAt: map[string]when{}}
	if err := v.lookAtMutes(look); err != nil {
		return nil, err
	}
	if err := v.lookAtLined(look); err != nil {
		return nil, err
	}
	if v.reaches("POST /app/{app}/endpoint/{endpoint}/notify") {
		told, err := v.operational().tells(fanfare.EndpointFailing)
		if err != nil {
			return nil, err
		}
		look.notify, look.untold = told, !told
	}
	if v.reaches("GET /lane") {
		var out struct{ Data []*laneOut }
		err := v.read(&out, "/lane")
		if told, refused := errors.AsType[*refusal](err); err != nil && (!refused || told.Status != http.StatusServiceUnavailable) {
			return nil, err // a server that delivers nothing has no lanes
		}
		for _, l := range out.Data {
			look.lanes[l.EndpointID] = l
		}
	}
	return look, nil
}

// tells reports whether any operational endpoint may be told of something of that type: where
// there are more than a page looks at, the API says if none is.
func (v *visit) tells(eventType string) (bool, error) {
	all := false
	for list, err := range v.allOperational() {
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(list.Data, func(ep endpointOut) bool {
			return !ep.Disabled && (&fanfare.Endpoint{EventTypes: ep.EventTypes}).Wants(eventType, nil)
		}) {
			return true, nil
		}
		all = list.Done
	}
	return !all, nil
}

// waits is how many deliveries wait for an endpoint that are known of; more: there are
// others.
func (look *issueLook) waits(ep string) (n int, more bool) {
	if l := look.lanes[ep]; l != nil {
		return l.Waiting, l.More
	}
	return 0, false
}

// waitsWords says how many deliveries wait; "": none that is known of.
func waitsWords(n int, more bool) string {
	switch {
	case n == 0:
		return ""
	case more:
		return "more than " + count(n, "delivery waits", "deliveries wait")
	}
	return count(n, "delivery waits", "deliveries wait")
}

// lookAtMutes reads what is muted, all at once unless that is a great deal.
func (v *visit) lookAtMutes(look *issueLook) error {
	if !v.reaches("GET /mute") {
		return nil
	}
	var list listOf[muteOut]
	if err := v.read(&list, "/mute", "limit", strconv.Itoa(fanfare.MaxPage)); err != nil {
		return err
	}
	if n := len(list.Data); n > 0 {
		look.count = orMore(n, !list.Done)
	}
	if !list.Done {
		return nil
	}
	look.muted = map[string]map[string]bool{}
	for _, m := range list.Data {
		if look.muted[m.EndpointID] == nil {
			look.muted[m.EndpointID] = map[string]bool{}
		}
		look.muted[m.EndpointID][m.Cause] = true
	}
	return nil
}

// mutedOf are the causes that are muted of an endpoint of an application.
func (look *issueLook) mutedOf(of *visit, ep string) (map[string]bool, error) {
	if look.muted != nil {
		return look.muted[ep], nil
	}
	return of.mutedOf(ep)
}

// lookAtLined reads for which endpoints deliveries are sent again once they are healthy.
func (v *visit) lookAtLined(look *issueLook) error {
	if !v.reaches("GET /background-task") {
		return nil
	}
	var list listOf[taskFull]
	if err := v.read(&list, "/background-task", "status", "running", "task", "endpoint.recover", "limit", strconv.Itoa(fanfare.MaxPage)); err != nil {
		return err
	}
	for _, t := range list.Data {
		if t.Parameters.WhenHealthy {
			look.lined[t.EndpointID] = place{Text: count(t.Total, "delivery is", "deliveries are") + " sent again once it is healthy", URL: v.root + "/task/" + url.PathEscape(t.ID)}
			look.linedAt[t.EndpointID] = v.when(t.CreatedAt)
		}
	}
	return nil
}

// acts are the buttons of an issue of that cause.
func (look *issueLook) acts(of *visit, ep, cause string) (all []*act) {
	at := "/endpoint/" + ep
	if look.notify {
		all = append(all, of.act(at+"/notify", "Notify", ""))
	}
	if look.mutes {
		all = append(all, of.act(at+"/mute", "Mute", "", place{Text: "cause", URL: cause}))
	}
	return all
}

type muteOut struct {
	ID         string
	AppID      string
	EndpointID string
	Cause      string
	CreatedAt  time.Time
}

// mutedOf are the causes that are muted of an endpoint of the visit's application.
func (v *visit) mutedOf(ep string) (map[string]bool, error) {
	if !v.reaches("GET /app/{app}/endpoint/{endpoint}/mute") {
		return nil, nil
	}
	var list listOf[muteOut]
	if err := v.read(&list, v.of("endpoint", ep, "mute")); err != nil {
		return nil, err
	}
	muted := map[string]bool{}
	for _, m := range list.Data {
		muted[m.Cause] = true
	}
	return muted, nil
}

// A mutedRow is a mute in their list.
type mutedRow struct {
	ID          string
	Heading     string
	Endpoint    place
	Application place
	State       badge
	Since       when
	Unmute      *act

	mute muteOut
}

type mutedBody struct {
	Rows  []mutedRow
	All   place // to what unmutes all of them, after a page that asks; none: there are not several
	Pager pager
	Empty empty
}

func listMuted(v *visit) error {
	var list listOf[muteOut]
	if err := v.read(&list, "/mute", "limit", strconv.Itoa(pageSize), "iterator", v.asked("at")); err != nil {
		return err
	}
	body := mutedBody{Pager: list.pager(v, "/issue/muted")}
	if len(list.Data) > 1 || v.asked("at") != "" {
		body.All = place{Text: "Unmute all…", URL: v.root + "/issue/muted/confirm"}
	}
	body.Empty = empty{"Nothing is muted", "An issue that nobody need be reminded of can be muted where it is listed. When the endpoint fails for another cause, that is listed.", []place{{Text: "See the issues", URL: v.root + "/issue"}}}
	var err error
	if body.Rows, err = v.mutedRows(list.Data); err != nil {
		return err
	}
	return v.show("console/muted", "Muted issues", body)
}

// mutedRows leaves out what was muted of endpoints that are deleted.
func (v *visit) mutedRows(mutes []muteOut) (rows []mutedRow, err error) {
	names := v.names()
	for _, m := range mutes {
		of := v.within(m.AppID)
		var ep endpointOut
		err := of.read(&ep, of.of("endpoint", m.EndpointID))
		if gone(err) {
			continue // it was deleted just now
		}
		if err != nil {
			return nil, err
		}
		row := mutedRow{ID: m.ID, Heading: causeWords(m.Cause), State: ep.state(v), Since: v.when(m.CreatedAt), mute: m}
		row.Endpoint = place{Text: ep.Name(), URL: of.base + "/endpoint/" + m.EndpointID}
		row.Application.URL = of.base
		if row.Application.Text, err = names(of.app); err != nil {
			return nil, err
		}
		row.Unmute = of.act("/endpoint/"+m.EndpointID+"/unmute", "Unmute", "quiet", place{Text: "mute", URL: m.ID})
		rows = append(rows, row)
	}
	return rows, nil
}

// confirmUnmute says how many issues are listed again if all that is muted no longer is.
func confirmUnmute(v *visit) error {
	a := actNamed(unmuteAll)
	var list listOf[muteOut]
	if err := v.read(&list, "/mute", "limit", strconv.Itoa(groupMost)); err != nil {
		return err
	}
	rows, err := v.mutedRows(list.Data)
	if err != nil {
		return err
	}
	body := groupBody{Heading: a.heading, Back: v.root + "/issue/muted"}
	if len(rows) == 0 {
		body.Heading, body.Text = "Nothing is muted", "There is nothing to unmute."
		return v.show("console/groupask", body.Heading, body)
	}
	of, hidden := map[string]bool{}, []place{}
	for _, row := range rows {
		of[row.mute.EndpointID] = true
		body.Endpoints = append(body.Endpoints, place{Text: row.Heading + ": " + row.Endpoint.Text + " of " + row.Application.Text, URL: row.Endpoint.URL})
		hidden = append(hidden, place{Text: "endpoint", URL: row.mute.AppID + " " + row.mute.EndpointID + " " + row.mute.ID})
	}
	body.Text = a.count(len(rows)) + " of " + count(len(of), "endpoint", "endpoints") + ": each is listed again as long as its endpoint fails for it. Nothing else changes."
	if !list.Done {
		body.Text += fmt.Sprintf(" These are the %d that were muted last; do it again for those that are left.", groupMost)
	}
	body.Do = v.act("/issue/group/do/"+a.name, a.button+" "+a.count(len(rows)), "main", hidden...)
	return v.show("console/groupask", body.Heading, body)
}

// cause names why an attempt failed.
func (a *attemptOut) cause() string {
	return fanfare.CauseOf(fanfare.Class(a.ErrorClass), a.ResponseStatusCode)
}

// causesSaid are the causes for which their own word is not enough.
var causesSaid = map[fanfare.Class]string{
	fanfare.ClassDNS: "The name does not resolve", fanfare.ClassTLS: "No trusted TLS connection", fanfare.ClassTimeout: "No answer in time",
	fanfare.ClassRefused: "Connection refused", fanfare.ClassReset: "Connection lost", fanfare.ClassDenied: "Address not allowed", fanfare.ClassNetwork: "Not reached",
	fanfare.ClassToken: "No access token", fanfare.ClassTransformation: "The script failed", fanfare.ClassBadResponse: "No HTTP answer",
}

// causeWords is a cause for people.
func causeWords(cause string) string {
	class, status := cause, 0
	if i := strings.LastIndexByte(cause, '-'); i >= 0 {
		if n, err := strconv.Atoi(cause[i+1:]); err == nil {
			class, status = cause[:i], n
		}
	}
	a := attemptOut{ErrorClass: class, ResponseStatusCode: status}
	words := a.Answer()
	if said := causesSaid[fanfare.Class(class)]; said != "" {
		return said
	}
	if class == string(fanfare.ClassBody) {
		words += ", but not the body that means success"
	}
	if words == "" {
		return cause
	}
	return capital(words)
}

func muteIssue(v *visit) error {
	err := v.ask(http.MethodPost, v.of("endpoint", v.r.PathValue("endpoint"), "mute"), nil, map[string]any{"cause": v.said("cause")}, nil)
	if told, ok := isRefused(err); err != nil && (!ok || told.Status != http.StatusConflict) {
		return err // of two who mute it the other was first
	}
	return v.backFromIssue("muted")
}

func unmuteIssue(v *visit) error {
	err := v.ask(http.MethodDelete, v.of("endpoint", v.r.PathValue("endpoint"), "mute", v.said("mute")), nil, nil, nil)
	if err != nil && !gone(err) {
		return err
	}
	return v.backFromIssue("unmuted")
}

func notifyOfIssue(v *visit) error {
	if err := v.ask(http.MethodPost, v.of("endpoint", v.r.PathValue("endpoint"), "notify"), nil, struct{}{}, nil); err != nil {
		return err
	}
	return v.backFromIssue("notified")
}

// backFromIssue goes back to the list that the button was in.
func (v *visit) backFromIssue(done string) error {
	v.base = v.root
	path, query, _ := strings.Cut(v.back(), "?")
	values, err := url.ParseQuery(query)
	if path == "" || err != nil {
		path, values = "/issue", nil
	}
	values.Del("done")
	return v.to(address(path, values.Encode()), done)
}
