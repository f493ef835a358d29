package ui

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/webhook"
)

type editBody struct {
	messageOut
	Endpoint *endpointOut
	Action   string
	Back     string
	Where    field
	Sure     *field // nil: the visitor may not send to the endpoint itself
	Fields   []field
	Problem  string
	Once     string
}

// Where an edited message can be sent, beside the bins there are.
const (
	toNewInbox = ""
	toEndpoint = "endpoint"
)

// sendsAlone is the API's route by which a message goes to one endpoint alone: sessions of
// the portal have none, as messages are the provider's to send.
const sendsAlone = "POST /app/{app}/endpoint/{endpoint}/msg"

func editMessage(v *visit) error {
	if !v.may(fanfare.CreateAttempts) {
		return &refusal{Status: http.StatusForbidden, Detail: "This link does not let you send anything. Ask whoever gave it to you for one that does."}
	}
	return v.showEdit(http.StatusOK, nil)
}

func (v *visit) showEdit(status int, told *refusal) error {
	msg, err := v.message()
	if err != nil {
		return err
	}
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	back := v.base + "/message/" + msg.ID + "/to/" + ep.ID
	body := editBody{messageOut: *msg, Endpoint: ep, Action: back + "/edit", Back: back, Once: once()}
	if body.Where, err = v.whereTo(ep); err != nil {
		return err
	}
	if v.mayAlone(ep) {
		body.Sure = &field{Name: "sure", Label: "Yes, send the changed message to the endpoint itself: its receiver takes it for a real one", Kind: "checkbox"}
	}
	payload, head := inForm([]byte(msg.text())), ""
	if v.r.Method == http.MethodPost {
		payload, head = v.r.PostFormValue("payload"), v.r.PostFormValue("headers")
	}
	if len(msg.Payload) <= maxShown {
		body.Fields = append(body.Fields, field{Name: "payload", Label: "Payload", Kind: "textarea", Rows: 16, Code: true, Value: payload, Hint: "As long as it is not changed, the bytes are sent as they are."})
		if told != nil && told.Fields["anyway"] != "" || v.said("anyway") != "" {
			body.Fields = append(body.Fields, field{Name: "anyway", Label: "Send it all the same, as it stands", Kind: "checkbox", Checked: v.said("anyway") != ""})
		}
	}
	body.Fields = append(body.Fields,
		field{Name: "headers", Label: "Further headers", Kind: "textarea", Rows: 3, Code: true, Value: head, Placeholder: "X-Api-Version: 2", Hint: "One a line, to a test inbox only: beside the endpoint's, or instead of those of the same names."})
	if told != nil {
		body.Problem = told.Detail
		for i := range body.Fields {
			body.Fields[i].Problem = told.Fields[body.Fields[i].Name]
		}
	}
	return v.showAs(status, "portal/edit", "Edit and resend "+msg.EventType, body)
}

// text is the payload of a message, as it is sent.
func (m *messageOut) text() string {
	var plain string
	if json.Unmarshal(m.Payload, &plain) == nil {
		return plain // it was no JSON, or a string
	}
	return string(m.Payload)
}

// mayAlone reports whether the visitor may send messages to an endpoint alone.
func (v *visit) mayAlone(ep *endpointOut) bool {
	return v.session == nil && v.reaches(sendsAlone) && !ep.Disabled
}

// whereTo are the places that the message can be sent to.
func (v *visit) whereTo(ep *endpointOut) (field, error) {
	f := field{Name: "where", Label: "Send it to", Kind: "select", Hint: "In a test inbox it is signed with a secret of the inbox's own, and what opens doors is left out: nothing there is good for the endpoint's receiver."}
	if !v.inboxes || ep.Kind != "" && ep.Kind != kindWebhook {
		f.Hint = "Only what webhooks are sent can be sent to a test inbox."
	} else {
		s, err := v.shelf()
		if err != nil {
			return f, err
		}
		f.Options = append(f.Options, option{toNewInbox, "A new test inbox", false})
		for _, b := range v.bins.List(s.owner, v.now) {
			f.Options = append(f.Options, option{b.ID, "The test inbox of " + v.when(b.CreatedAt).Relative() + ", …" + b.Token[len(b.Token)-6:], v.said("where") == b.ID})
		}
	}
	if v.mayAlone(ep) {
		f.Options = append(f.Options, option{toEndpoint, "The endpoint itself: " + cut(ep.Name(), 60), v.said("where") == toEndpoint})
	}
	return f, nil
}

// sendEditedMessage sends a changed copy of a message: to a bin, as the endpoint would be
// sent it, or, for those who may and say so, to the endpoint as a new message.
func sendEditedMessage(v *visit) error {
	if !v.may(fanfare.CreateAttempts) {
		return editMessage(v)
	}
	msg, err := v.message()
	if err != nil {
		return err
	}
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	if told := v.brokenPayload(msg); told != nil {
		return v.showEdit(told.Status, told)
	}
	if v.said("where") == toEndpoint {
		return v.sendAlone(msg, ep)
	}
	lines, told := headers(v.r.PostFormValue("headers"))
	if told != nil {
		return v.showEdit(told.Status, told)
	}
	in := map[string]any{}
	if len(lines) > 0 {
		in["headers"] = lines
	}
	v.payloadInto(in, msg)
	return v.rehearse(msg, ep, in)
}

// brokenPayload refuses what was made no JSON of a message that was, unless the form says
// that it is meant.
func (v *visit) brokenPayload(msg *messageOut) *refusal {
	in := map[string]any{}
	if v.said("anyway") != "" || !json.Valid([]byte(msg.text())) || !v.payloadInto(in, msg) {
		return nil
	}
	fault := jsonFault([]byte(v.r.PostFormValue("payload")))
	if fault == "" {
		return nil
	}
	return &refusal{Status: http.StatusUnprocessableEntity, Fields: map[string]string{"payload": "The payload is no JSON, " + fault + ".", "anyway": "Say so here if it is meant."}}
}

// payloadInto notes the payload of the form, if it is another than the message's own,
// which is sent byte for byte.
func (v *visit) payloadInto(in map[string]any, msg *messageOut) (changed bool) {
	form := v.r.PostFormValue("payload")
	if !v.r.PostForm.Has("payload") || oneLine(form) == oneLine(inForm([]byte(msg.text()))) {
		return false
	}
	in["rawPayload"] = oneLine(form)
	return true
}

// rehearse sends a copy to the bin that the form names, or to a new one, and shows it.
func (v *visit) rehearse(msg *messageOut, ep *endpointOut, in map[string]any) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	var b inspect.Bin
	made := v.said("where") == toNewInbox
	if made {
		b = v.bins.Create(s.owner, v.now)
	} else if b, err = v.bins.Read(s.owner, v.said("where"), v.now); err != nil {
		return v.notThere(err)
	}
	profile := webhook.Profile(ep.Signature)
	if profile == "" {
		profile = webhook.Standard
	}
	in["url"] = v.site + inspect.Path + b.Token
	out := &triedOut{}
	if in["secret"], err = v.bins.Sign(s.owner, b.ID, profile); err == nil {
		if profile == webhook.None {
			in["secret"] = "no secret signs this"
		}
		err = v.ask(http.MethodPost, v.of("msg", msg.ID, "endpoint", ep.ID, "rehearse"), nil, in, out)
	}
	if err == nil && out.Status == nil { // its script failed, or says that nothing is to be sent
		err = &refusal{Status: http.StatusUnprocessableEntity, Detail: strings.TrimSpace(out.Explanation.What + " " + out.Explanation.Fix)}
	}
	if err != nil && made {
		_ = v.bins.Delete(s.owner, b.ID) // nobody knows of it
	}
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusTooManyRequests) {
		return v.showEdit(told.Status, told)
	}
	if err != nil {
		return err
	}
	return v.to(s.at+"/"+b.ID, "rehearsed")
}

// sendAlone sends a changed copy to the endpoint itself, as a message of its own.
func (v *visit) sendAlone(msg *messageOut, ep *endpointOut) error {
	if !v.mayAlone(ep) {
		return &refusal{Status: http.StatusForbidden, Detail: "Changed messages go to a test inbox: to the endpoint itself only the provider sends."}
	}
	if v.said("sure") == "" {
		return v.showEdit(http.StatusUnprocessableEntity, &refusal{Detail: "Say below that the changed message is to go to the endpoint itself, or choose a test inbox."})
	}
	in := map[string]any{"eventType": msg.EventType}
	if !v.payloadInto(in, msg) {
		in["rawPayload"] = msg.text()
	}
	var sent messageOut
	err := v.ask(http.MethodPost, v.of("endpoint", ep.ID, "msg"), nil, in, &sent)
	if told, ok := isRefused(err); ok && told.Status == http.StatusUnprocessableEntity {
		return v.showEdit(told.Status, told)
	}
	if err != nil {
		return err
	}
	return v.to("/message/"+sent.ID+"/to/"+ep.ID, "sentalone")
}
