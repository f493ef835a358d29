package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fanfarehq/fanfare/internal/inspect"
)

type exampleBody struct {
	Action, Back string
	ID           int
	Fields       []field
	Shown        *payload
	Problem      string
	Once         string
}

func newExample(v *visit) error { return v.showExample(http.StatusOK, nil) }

// showExample asks for which event type a request becomes an example. The catalogue is
// the operators' to change.
func (v *visit) showExample(status int, told *refusal) error {
	b, req, err := v.toBecomeExample()
	if err != nil {
		return err
	}
	types, err := v.eventTypes("false")
	if err != nil {
		return err
	}
	chosen := v.said("type")
	if chosen == "" {
		chosen = req.Type
	}
	f := field{Name: "type", Label: "Event type", Kind: "select", Hint: "Its schema has to allow the body."}
	for _, t := range types {
		f.Options = append(f.Options, option{t.Name, t.Name, t.Name == chosen})
	}
	if len(f.Options) == 0 {
		f.Problem = "There are no event types yet; make one first."
	}
	body := exampleBody{
		Action: b.at + "/request/" + strconv.Itoa(req.ID) + "/example", Back: b.at + "?request=" + strconv.Itoa(req.ID), ID: req.ID, Once: once(), Shown: newPayload("body", "Body", text(req.Body)),
		Fields: []field{f, {Name: "first", Label: "Make it the first one, which is what is sent as the example", Kind: "checkbox", Checked: v.said("first") != ""}},
	}
	if told != nil {
		body.Problem = told.Detail
	}
	return v.showAs(status, "console/binexample", fmt.Sprintf("Save request %d as an example", req.ID), body)
}

func (v *visit) toBecomeExample() (*found, *inspect.Request, error) {
	b, req, err := v.arrived()
	if err == nil && (req.Kind() != inspect.KindJSON || req.Cut) {
		err = &refusal{Status: http.StatusConflict, Detail: "The body is no JSON, or not all of it was kept: it cannot be an example."}
	}
	return b, req, err
}

// saveExample adds a request's body to the examples of an event type, if the type's
// schema allows it.
func saveExample(v *visit) error {
	_, req, err := v.toBecomeExample()
	if err != nil {
		return err
	}
	name := v.said("type")
	t := &typeFull{}
	err = v.read(t, "/event-type/"+url.PathEscape(name))
	if err == nil && len(t.Schemas) > 0 {
		if wrong := t.kept().Validate(req.Body); wrong != nil {
			err = &refusal{Status: http.StatusUnprocessableEntity, Detail: "The schema of " + cut(name, 80) + " does not allow it: " + cut(wrong.Error(), 400)}
		}
	}
	if err == nil {
		all := append([]json.RawMessage{}, t.Examples...)
		if v.said("first") != "" {
			all = append([]json.RawMessage{req.Body}, all...)
		} else {
			all = append(all, req.Body)
		}
		err = v.ask(http.MethodPatch, "/event-type/"+url.PathEscape(name), nil, examplesIn(all), nil)
	}
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusNotFound) {
		return v.showExample(http.StatusUnprocessableEntity, told)
	}
	if err != nil {
		return err
	}
	return v.to(pathOfType(name), "typesaved")
}

// examplesIn is a change of examples, each byte for byte.
func examplesIn(all []json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	b.WriteString(`{"examples":[`)
	for i, one := range all {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(one)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}
