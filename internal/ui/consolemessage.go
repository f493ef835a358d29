package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

func messagePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /message": listMessages}
}

type messagesBody struct {
	App    *applicationOut // whose they are; nil: there is none yet
	Fields []field
	Rows   []messageRow
	Pager  pager
	Empty  empty
}

// listMessages shows the messages of one application: of the newest unless another is
// asked for. What is looked for is found by its id or event id, or by its type.
func listMessages(v *visit) error {
	body := messagesBody{Empty: empty{"No messages yet", "A message says that something happened. It belongs to an application: add one, and send it an event.", []place{{Text: "Add an application", URL: v.root + "/app/new"}}}}
	app, err := v.chosenApplication()
	if err != nil {
		return err
	}
	if app == nil {
		return v.show("console/messages", "Messages", body)
	}
	body.App = app
	of := v.within(app.ID)
	if ref := v.asked("id"); ref != "" {
		var msg messageOut
		err := of.read(&msg, of.of("msg", ref), "with_content", "false")
		if err == nil {
			http.Redirect(v.w, v.r, of.base+"/message/"+msg.ID, http.StatusSeeOther)
			return nil
		}
		if _, refused := isRefused(err); !refused {
			return err
		}
	}
	choose, err := v.applicationField("Application", "The newest")
	if err != nil {
		return err
	}
	if choose.Kind == "text" {
		choose.Value = v.asked("app")
	}
	fields, query := v.filter()
	body.Fields = append([]field{choose, {Name: "id", Label: "Id or event id", Kind: "text", Value: v.asked("id"), Code: true}}, fields...)
	var list listOf[loggedOut]
	if body.Rows, list, err = of.messageRows(append(query, "limit", fmt.Sprint(pageSize), "iterator", v.asked("at"))...); err != nil {
		return err
	}
	body.Pager = list.pager(v, "/message")
	body.Empty = empty{"No messages yet", app.Called() + " was not sent anything.", []place{{Text: "Send a message", URL: of.base + "/send"}}}
	switch {
	case v.asked("id") != "":
		body.Rows, body.Pager = nil, pager{}
		body.Empty = empty{"Nothing like that", "No message of " + app.Called() + " has this id or event id.", []place{{Text: "Show all", URL: v.root + "/message?app=" + url.QueryEscape(app.ID)}}}
	case v.asked("status")+v.asked("type")+v.asked("span") != "":
		body.Empty = empty{"Nothing like that", "No message is as the filters say.", []place{{Text: "Show all", URL: v.root + "/message?app=" + url.QueryEscape(app.ID)}}}
	}
	return v.show("console/messages", "Messages", body)
}

// chosenApplication is the one that the address names, or the newest; nil if there is
// none at all.
func (v *visit) chosenApplication() (*applicationOut, error) {
	ref := v.asked("app")
	if ref == "" {
		return v.newestApplication()
	}
	app := &applicationOut{}
	return app, v.read(app, "/app/"+url.PathEscape(ref))
}

type composeBody struct {
	applicationOut
	Fields   []field
	Problems string
	Once     string
}

func composeMessage(v *visit) error { return v.showCompose(http.StatusOK, nil) }

// showCompose shows the form for a message: as it was sent, or with the payload of
// another message, or with the example of an event type.
func (v *visit) showCompose(status int, told *refusal) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	said := map[string]string{"eventType": v.asked("type"), "payload": "{\n  \"hello\": \"world\"\n}"}
	switch ref := v.asked("copy"); {
	case told != nil:
		for _, name := range []string{"eventType", "payload", "channels", "tags", "eventId"} {
			said[name] = v.said(name)
		}
	case ref != "":
		var msg messageOut
		if err := v.read(&msg, v.of("msg", ref)); err != nil {
			return err
		}
		said["eventType"], said["payload"] = msg.EventType, string(msg.Payload)
		said["channels"], said["tags"] = strings.Join(msg.Channels, ", "), strings.Join(msg.Tags, ", ")
	case said["eventType"] != "":
		if example, err := v.exampleOf(said["eventType"]); err != nil {
			return err
		} else if example != "" {
			said["payload"] = example
		}
	}
	if text := pretty([]byte(said["payload"])); told == nil && text != "" {
		said["payload"] = text
	}
	body := composeBody{applicationOut: *app, Once: once(), Fields: []field{
		{Name: "eventType", Label: "Event type", Kind: "text", Value: said["eventType"], Required: true, Code: true, Placeholder: "order.created"},
		{Name: "payload", Label: "Payload", Kind: "textarea", Rows: 12, Value: said["payload"], Code: true, Hint: "JSON. It is sent as you write it."},
		{Name: "channels", Label: "Channels", Kind: "text", Value: said["channels"], Hint: "With commas between them. Endpoints that have channels get it only if they share one."},
		{Name: "tags", Label: "Tags", Kind: "text", Value: said["tags"], Hint: "With commas between them, to find it by."},
		{Name: "eventId", Label: "Event id", Kind: "text", Value: said["eventId"], Code: true, Hint: "Of two with the same one only the first is taken."},
	}}
	if told != nil {
		body.Problems = placed(body.Fields, told)
	}
	return v.showAs(status, "console/send", "Send a message", body)
}

// exampleOf is an event type's; "" if it has none, or there is no such type.
func (v *visit) exampleOf(name string) (string, error) {
	var t eventTypeOut
	err := v.read(&t, "/event-type/"+url.PathEscape(name))
	if gone(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	kept := fanfare.EventType{Name: t.Name, Schemas: rawOf(t.Schemas), Examples: rawOf(t.Examples)}
	text, err := kept.Example(0)
	if err != nil {
		return "", nil // it has no schema to make one of
	}
	return string(text), nil
}

// sendMessage sends what the form says. The payload goes as it was written: it is only
// looked at for being JSON.
func sendMessage(v *visit) error {
	payload := []byte(v.r.PostFormValue("payload"))
	if !json.Valid(payload) {
		return v.showCompose(http.StatusUnprocessableEntity, &refusal{Fields: map[string]string{"payload": "is no JSON: " + jsonFault(payload)}})
	}
	in := map[string]any{"eventType": v.said("eventType")}
	for _, name := range []string{"channels", "tags"} {
		if all := parted(v.said(name)); all != nil {
			in[name] = all
		}
	}
	if id := v.said("eventId"); id != "" {
		in["eventId"] = id
	}
	head, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var msg messageOut
	err = v.ask(http.MethodPost, v.of("msg"), nil, json.RawMessage(slices.Concat(head[:len(head)-1], []byte(`,"payload":`), payload, []byte("}"))), &msg)
	if told, ok := isRefused(err); ok && (isWrong(told) || told.Status == http.StatusRequestEntityTooLarge) {
		return v.showCompose(told.Status, told)
	}
	if err != nil {
		return err
	}
	return v.to("/message/"+msg.ID, "accepted")
}

// jsonFault says what keeps a text from being JSON.
func jsonFault(text []byte) string {
	var any json.RawMessage
	if err := json.Unmarshal(text, &any); err != nil {
		return err.Error()
	}
	return ""
}

// parted are words with commas between them; nil: there are none.
func parted(text string) (all []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
