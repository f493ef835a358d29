package ui

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

type logBody struct {
	Fields []field
	Rows   []deliveryRow
	Pager  pager
	Empty  empty
}

// listLog is the log of all endpoints: the newest messages, each with its deliveries.
func listLog(v *visit) error {
	eps, err := v.endpoints()
	if err != nil {
		return err
	}
	names, known := map[string]string{}, map[string]*endpointOut{}
	for i, ep := range eps {
		names[ep.ID], known[ep.ID] = ep.Name(), &eps[i]
	}
	var list listOf[struct {
		messageOut
		Deliveries []standing
	}]
	fields, query := v.filter()
	query = append(query, "limit", fmt.Sprint(pageSize), "with_content", "false", "iterator", v.asked("at"))
	if err := v.read(&list, v.of("log"), query...); err != nil {
		return err
	}
	body := logBody{Fields: fields, Pager: list.pager(v, "/log")}
	body.Pager.Further = !list.Done && len(list.Data) < pageSize
	status := v.asked("status")
	for _, m := range list.Data {
		at := v.base + "/message/" + m.ID
		if len(m.Deliveries) == 0 {
			body.Rows = append(body.Rows, deliveryRow{ID: m.ID, URL: at, EventType: m.EventType, Test: m.IsTest(), Endpoint: "No endpoint wanted it", State: badge{"idle", "Not sent"}, At: v.when(m.Timestamp)})
		}
		for _, d := range m.Deliveries {
			if status != "" && status != fmt.Sprint(d.Status) {
				continue
			}
			name, ep := names[d.EndpointID], known[d.EndpointID]
			if ep == nil {
				name, ep = d.EndpointID, &endpointOut{}
			}
			body.Rows = append(body.Rows, deliveryRow{
				ID: m.ID + "-" + d.EndpointID, URL: at + "/to/" + d.EndpointID, EventType: m.EventType, Test: m.IsTest(), Endpoint: name,
				State: d.badge(), Attempts: fmt.Sprint(d.Attempts), At: v.when(m.Timestamp), Next: v.nextTry(d.NextAttempt, ep, nil),
			})
		}
	}
	body.Empty = empty{"Nothing has happened yet", "Every event that is sent to you is listed here, with what became of it at each endpoint.", []place{{Text: "See the event types", URL: v.base + "/catalogue"}}}
	if status+v.asked("type")+v.asked("span") != "" {
		body.Empty = empty{"Nothing like that", body.Pager.none("No delivery is as the filters say"), []place{{Text: "Show all", URL: v.base + "/log"}}}
	}
	return v.show("portal/log", "Deliveries", body)
}

type messageBody struct {
	messageOut
	At, Later when
	Payload   *payload
	Rows      []deliveryRow
	Unsent    *unsent
}

// readMessage shows a message and where it went.
func readMessage(v *visit) error {
	msg, err := v.message()
	if err != nil {
		return err
	}
	var list listOf[struct {
		endpointOut
		Status      int
		StatusText  string
		NextAttempt time.Time
	}]
	if err := v.read(&list, v.of("msg", msg.ID, "endpoint"), "limit", fmt.Sprint(fanfare.MaxPage), "expanded_statuses", "true"); err != nil {
		return err
	}
	body := messageBody{messageOut: *msg, At: v.when(msg.Timestamp), Later: v.when(msg.DeliverAt), Payload: msg.payload()}
	for _, d := range list.Data {
		s := standing{Status: d.Status, StatusText: d.StatusText}
		body.Rows = append(body.Rows, deliveryRow{ID: d.ID, URL: v.base + "/message/" + msg.ID + "/to/" + d.ID, Endpoint: d.Name(), State: s.badge(), Next: v.nextTry(d.NextAttempt, &d.endpointOut, nil)})
	}
	if body.Unsent, err = v.unsent(msg.ID, len(body.Rows) > 0); err != nil {
		return err
	}
	return v.show("portal/message", msg.EventType, body)
}

func (v *visit) message() (*messageOut, error) {
	msg := &messageOut{}
	return msg, v.read(msg, v.of("msg", v.r.PathValue("msg")))
}

// payload is a message's, as people read it.
func (m *messageOut) payload() *payload {
	return newPayload("payload", "Payload", m.text())
}

type deliveryBody struct {
	messageOut
	Endpoint *endpointOut
	State    badge
	At, Next when
	Test     bool
	Payload  *payload
	Why      *why
	Resend   *act
	Edit     string   // where it can be changed and sent to a test inbox; "": nowhere
	Recover  string   // address of the question whether to send again all that failed since
	Sent     *payload // the body that the endpoint is sent; nil: the payload itself, or there is no telling
	Script   string   // where the script is that makes the body; "": there is none
	Curl     *copyable
	CurlHint string // "": there is nothing to copy
	Attempts []attemptBody
	Further  bool // there are more attempts
}

// An attemptBody is an attempt in full.
type attemptBody struct {
	attemptOut
	At       when
	Response *payload
}

// readDelivery shows a message on its way to an endpoint: how it stands and why, every
// attempt, and what can be done.
func readDelivery(v *visit) error {
	msg, err := v.message()
	if err != nil {
		return err
	}
	ep, err := v.endpointOrID()
	if err != nil {
		return err
	}
	var attempts listOf[attemptOut]
	if err := v.read(&attempts, v.of("msg", msg.ID, "endpoint", ep.ID, "attempt"), "limit", "20"); err != nil {
		return err
	}
	standing, err := v.standing(msg.ID, ep.ID)
	if err != nil {
		return err
	}
	turn, err := v.turnOf(ep)
	if err != nil {
		return err
	}
	body := deliveryBody{
		messageOut: *msg, Endpoint: ep, State: standing.badge(), At: v.when(msg.Timestamp), Next: v.nextTry(standing.NextAttempt, ep, turn),
		Test: msg.IsTest(), Payload: msg.payload(), Further: !attempts.Done,
	}
	if body.Why = v.whyStands(ep, standing, attempts.Data); standing.Status == statusWaiting {
		v.sayTurn(body.Why, ep, turn)
	}
	if v.may(fanfare.CreateAttempts) {
		path := "/message/" + msg.ID + "/to/" + ep.ID + "/resend"
		body.Resend = v.act(path, "Resend", "main")
		if v.inboxes || v.mayAlone(ep) {
			body.Edit = v.base + "/message/" + msg.ID + "/to/" + ep.ID + "/edit"
		}
		if standing.Status != statusDelivered {
			body.Recover = v.base + "/endpoint/" + ep.ID + "/confirm/recover?since=" + msg.Timestamp.UTC().Format("2006-01-02T15:04:05.999999999Z")
		}
	}
	for i, a := range attempts.Data {
		shown := attemptBody{attemptOut: a, At: v.when(a.Timestamp), Response: newPayload(fmt.Sprintf("response-%d", i), "Response body", a.Response)}
		if a.Truncated {
			shown.Response.Note = "This is the beginning of it."
		}
		body.Attempts = append(body.Attempts, shown)
	}
	if len(attempts.Data) > 0 && ep.Kind == kindWebhook {
		if err := v.requestOf(&body, &attempts.Data[0]); err != nil {
			return err
		}
	}
	return v.show("portal/delivery", msg.EventType, body)
}

// standing is where the delivery of a message to an endpoint stands.
func (v *visit) standing(msg, endpoint string) (*standing, error) {
	var at string
	for range 20 {
		var list listOf[struct {
			ID          string
			Status      int
			StatusText  string
			NextAttempt time.Time
		}]
		if err := v.read(&list, v.of("msg", msg, "endpoint"), "limit", fmt.Sprint(fanfare.MaxPage), "expanded_statuses", "true", "iterator", at); err != nil {
			return nil, err
		}
		for _, d := range list.Data {
			if d.ID == endpoint {
				return &standing{EndpointID: endpoint, Status: d.Status, StatusText: d.StatusText, NextAttempt: d.NextAttempt}, nil
			}
		}
		if at = list.Iterator; list.Done || at == "" {
			break
		}
	}
	return nil, &refusal{Status: http.StatusNotFound, Detail: "This message was not for this endpoint. See where it went on the message's own page."}
}

// whyStands says why a delivery stands as it does.
func (v *visit) whyStands(ep *endpointOut, s *standing, attempts []attemptOut) *why {
	var last *attemptOut
	if len(attempts) > 0 {
		last = &attempts[0]
	}
	switch {
	case s.StatusText == "canceled":
		return &why{Tone: "idle", Heading: "Cancelled", What: "Somebody cancelled this delivery before it had succeeded."}
	case s.Status == statusDelivered && last != nil:
		return &why{Tone: "ok", Heading: "Delivered", What: last.Explanation.What, Fix: last.Explanation.Fix}
	case s.Status == statusDelivered:
		return &why{Tone: "ok", Heading: "Delivered", What: "The endpoint has it."}
	}
	if w := v.banner(ep, nil); w != nil && s.Status == statusWaiting {
		if ep.Paused && !ep.Disabled && v.may(fanfare.ManageEndpoint) {
			w.Acts = append(w.Acts, v.act("/endpoint/"+ep.ID+"/do/resume", "Resume the endpoint", "main"))
		}
		return w
	}
	if last == nil || last.Status == statusDelivered {
		return &why{Tone: "wait", Heading: "Waiting", What: "It has not been tried yet; its turn comes."}
	}
	w := v.whyFailed(ep, last)
	if s.Status == statusGivenUp {
		w.Heading = "Given up, because of the last attempt"
	} else {
		w.Tone, w.Heading = "wait", "Waiting to be tried again, because of the last attempt"
	}
	if ep.Disabled && v.may(fanfare.ManageEndpoint) {
		w.Acts = append(w.Acts, v.act("/endpoint/"+ep.ID+"/do/enable", "Enable the endpoint again", ""))
	}
	return w
}

func resend(v *visit) error {
	msg, ep := v.r.PathValue("msg"), v.r.PathValue("endpoint")
	if err := v.ask(http.MethodPost, v.of("msg", msg, "endpoint", ep, "resend"), nil, struct{}{}, nil); err != nil {
		return err
	}
	return v.to("/message/"+msg+"/to/"+ep, "resent")
}

// isRefused reports whether the API said no, rather than failed.
func isRefused(err error) (*refusal, bool) {
	p, ok := errors.AsType[*refusal](err)
	return p, ok && p.Status < 500
}
