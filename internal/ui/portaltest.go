package ui

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/inspect"
)

type testBody struct {
	*endpointHead
	Fields  []field
	Once    string
	MaySend bool
}

func endpointTest(v *visit) error { return v.showTest(http.StatusOK, nil) }

func (v *visit) showTest(status int, told *refusal) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	head, err := v.headOf(ep, "test")
	if err != nil {
		return err
	}
	types, err := v.eventTypes("false")
	if err != nil {
		return err
	}
	chosen := v.said("eventType")
	all := []option{{ping, "ping, which says nothing", chosen == ping}}
	for _, t := range types {
		if t.Name != ping {
			all = append(all, option{t.Name, t.Name, chosen == t.Name})
		}
	}
	f := field{Name: "eventType", Label: "Which example", Kind: "select", Options: all, Hint: "It is a real message, signed and sent as any other is, and is listed among the deliveries."}
	if told != nil {
		f.Problem = told.Detail
	}
	return v.showAs(status, "portal/test", "Test "+ep.Name(), testBody{head, []field{f}, once(), v.may(fanfare.CreateAttempts)})
}

// ping is the event type of the message that says nothing.
const ping = "ping"

func sendTest(v *visit) error {
	var msg messageOut
	err := v.ask(http.MethodPost, v.of("endpoint", v.r.PathValue("endpoint"), "send-example"), nil, map[string]any{"eventType": v.said("eventType")}, &msg)
	if told, ok := isRefused(err); ok && told.Status == http.StatusUnprocessableEntity {
		if told.Fields["eventType"] != "" && !v.console { // who asks cannot give it one
			told = wrongField("eventType", "There is no example of "+cut(v.said("eventType"), 80)+". Choose another.")
		}
		return v.showTest(told.Status, told)
	}
	if err != nil {
		return err
	}
	return v.to("/message/"+msg.ID+"/to/"+v.r.PathValue("endpoint"), "sent")
}

type transformBody struct {
	*endpointHead
	Fields  []field
	Trial   *trial
	MaySave bool
	Saved   bool // there is one
	Once    string
	Was     string // the mark of the script that there was when the form was opened
	Clashes []clash
}

// A trial is what a script made of a message.
type trial struct {
	Before, After *payload
	Changes       *comparedSection // nil: there is nothing to compare
	Headers       [][2]string
	Problem, Note string
	Took          string
}

// noScript is what people begin with.
const noScript = `function handler(webhook) {
  // webhook.eventType, webhook.payload, webhook.channels, webhook.tags
  return webhook;
}
`

func endpointTransform(v *visit) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	code := ep.Transformation
	if code == "" {
		code = noScript
	}
	return v.showTransform(http.StatusOK, ep, field{Value: code}, nil)
}

func (v *visit) showTransform(status int, ep *endpointOut, code field, t *trial, clashes ...clash) error {
	was := marked(ep.Transformation)
	if v.r.PostForm.Has(wasField + "code") {
		was = v.said(wasField + "code")
	}
	head, err := v.headOf(ep, "transform")
	if err != nil {
		return err
	}
	code.Name, code.Label, code.Kind, code.Rows, code.Code = "code", "Script", "textarea", 14, true
	code.Hint = "JavaScript. It is called for each message and returns what is sent: an object with payload, perhaps headers, or cancel: true for nothing to be sent."
	var list listOf[messageOut]
	if v.reaches("GET /app/{app}/msg") {
		if err := v.read(&list, v.of("msg"), "limit", "20", "with_content", "false"); err != nil {
			return err
		}
	}
	chosen := v.said("message")
	if chosen == "" {
		chosen = v.asked("message") // as from a delivery that the script failed for
	}
	var all []option
	if strings.HasPrefix(chosen, "msg_") && !slices.ContainsFunc(list.Data, func(m messageOut) bool { return m.ID == chosen }) {
		all = append(all, option{chosen, cut(chosen, 40), true})
	}
	for _, m := range list.Data {
		all = append(all, option{m.ID, m.EventType + ", " + v.when(m.Timestamp).Relative(), m.ID == chosen})
	}
	examples, err := v.exampleOptions(chosen)
	if err != nil {
		return err
	}
	if all = append(all, examples...); len(all) == 0 {
		all = options("", "", "A small payload of its own: there are no messages yet")
	}
	try := field{Name: "message", Label: "Try it on", Kind: "select", Options: all}
	return v.showAs(status, "portal/transform", "Transform "+ep.Name(), transformBody{
		head, []field{code, try}, t, v.may(fanfare.ManageTransformations), ep.Transformation != "", once(), was, clashes,
	})
}

// saveTransform tries a script, keeps it, or takes it away.
func saveTransform(v *visit) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	code := v.r.PostFormValue("code")
	if v.said("do") == "try" {
		t, err := v.try(code)
		if err != nil {
			return err
		}
		return v.showTransform(http.StatusOK, ep, field{Value: code}, t)
	}
	if !v.may(fanfare.ManageTransformations) {
		return mayOnlyLook
	}
	in := map[string]any{"code": code, "enabled": true}
	if v.said("do") == "off" {
		in = map[string]any{"code": nil, "enabled": false}
	}
	var kept bool
	err = inPeace(func() error {
		kept, err = v.saveScript(ep.ID, in)
		return err
	})
	if told, ok := isRefused(err); ok && len(told.Clashes) > 0 {
		v.r.PostForm.Set(wasField+"code", marked(told.Clashes[0].Now))
		return v.showTransform(told.Status, ep, field{Value: code}, nil, told.Clashes...)
	}
	if told, ok := isRefused(err); ok && told.Status == http.StatusUnprocessableEntity {
		return v.showTransform(told.Status, ep, field{Value: code, Problem: told.Detail}, nil)
	}
	if err != nil {
		return err
	}
	if kept {
		return v.to("/endpoint/"+ep.ID+"/transform", "kept")
	}
	if v.said("do") == "off" {
		ep.Transformation = ""
		v.r.PostForm.Del(wasField + "code")
		return v.showTransform(http.StatusOK, ep, field{Value: code}, &trial{Note: "The script is not applied any more. It still stands above: save it to have it back."})
	}
	return v.to("/endpoint/"+ep.ID+"/transform", "transformation")
}

// saveScript keeps a script, or takes it away, unless somebody else has changed it meanwhile:
// then it is kept as it is there if the visitor wants that, or has changed nothing.
func (v *visit) saveScript(id string, in map[string]any) (kept bool, err error) {
	ep := &endpointOut{}
	tag, err := v.readTagged(ep, v.of("endpoint", id))
	if err != nil {
		return false, err
	}
	if v.said("do") == "keep" {
		return true, nil
	}
	code, _ := in["code"].(string)
	said, now, was := marked(code), marked(ep.Transformation), v.said(wasField+"code")
	if v.r.PostForm.Has(wasField+"code") && was != now && said != now {
		if said == was {
			return true, nil
		}
		return false, clashing([]clash{{Name: "code", Label: "Script", Now: ep.Transformation, Said: code, Do: v.said("do")}})
	}
	return false, v.amend(http.MethodPatch, v.of("endpoint", id, "transformation"), tag, in)
}

func (v *visit) try(code string) (*trial, error) {
	in := map[string]any{"code": code}
	name, payload, isExample, err := v.exampleSaid()
	switch msg := v.said("message"); {
	case err != nil:
		return nil, err
	case isExample && payload == nil:
		return &trial{Problem: "The event type " + name + " has no such example any more. Choose another, or a message."}, nil
	case isExample:
		in["eventType"], in["payload"] = name, payload
	case msg != "":
		in["message"] = msg
	default:
		in["eventType"], in["payload"] = ping, map[string]string{"hello": "world"}
	}
	var out struct {
		Before, After json.RawMessage
		Headers       map[string]string
		Cancel        bool
		Error         string
	}
	began := time.Now()
	err = v.ask(http.MethodPost, v.of("transformation", "try"), nil, in, &out)
	if told, ok := isRefused(err); ok {
		return &trial{Problem: told.Detail}, nil
	}
	if err != nil {
		return nil, err
	}
	t := &trial{Before: newPayload("before", "Before", string(out.Before)), Problem: out.Error, Took: taken(time.Since(began).Milliseconds())}
	if out.Cancel {
		t.Note = "Nothing would be sent: the script says cancel."
	} else if out.Error == "" {
		t.After = newPayload("after", "After", string(out.After))
		t.Changes = changes(out.Before, out.After)
	}
	for name, value := range out.Headers {
		t.Headers = append(t.Headers, [2]string{name, value})
	}
	return t, nil
}

// changes are in what two payloads differ.
func changes(before, after []byte) *comparedSection {
	of := func(body []byte) *inspect.Request {
		return &inspect.Request{Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
	}
	s, c := &comparedSection{Heading: "What the script changes", None: "The payload stays as it is."}, inspect.Compare(of(before), of(after))
	if c.More {
		s.Heading, s.None = "The first of what the script changes", "They differ further down than is compared here."
	}
	for _, d := range c.Body {
		s.Rows = append(s.Rows, comparedRow{d, differences[d.State]})
	}
	return s
}
