package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

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
	if !v.reaches("GET /event-type/{name}") {
		return "", nil
	}
	var t eventTypeOut
	err := v.read(&t, "/event-type/"+url.PathEscape(name))
	if gone(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := t.kept().Example(0)
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
		return v.showCompose(http.StatusUnprocessableEntity, &refusal{Fields: map[string]string{"payload": "The payload is no JSON, " + jsonFault(payload)}})
	}
	in := map[string]any{"eventType": v.said("eventType")}
	for _, name := range []string{"channels", "tags"} {
		if all := split(v.said(name)); all != nil {
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

// jsonFault says what keeps a text from being JSON, and where.
func jsonFault(text []byte) string {
	var any json.RawMessage
	err := json.Unmarshal(text, &any)
	at, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return ""
	}
	before := text[:min(max(at.Offset-1, 0), int64(len(text)))]
	if strings.HasPrefix(err.Error(), "unexpected end") {
		return "at its end: it is not complete"
	}
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return fmt.Sprintf("at line %d, column %d: %v", bytes.Count(before, []byte("\n"))+1, utf8.RuneCount(line)+1, err)
}
