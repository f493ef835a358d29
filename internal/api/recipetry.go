package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
)

type recipeTrialIn struct {
	recipeRef
	Last      int               `json:"last,omitzero" doc:"Try it on so many of the newest messages of the application, 100 at most, instead of the recipe's examples."`
	Message   string            `json:"message,omitzero" doc:"Try it on the message with this id."`
	EventType string            `json:"eventType,omitzero" doc:"Of the payload."`
	Payload   jsontext.Value    `json:"payload,omitzero" doc:"Try it on this, any JSON value."`
	Headers   map[string]string `json:"headers,omitzero" doc:"That a source would have kept with the payload."`
}

type recipeTrialOut struct {
	Data []recipeTrial `json:"data" doc:"For each message, in the order of the endpoints, what would become of it there."`
	Cut  bool          `json:"cut" doc:"Whether there is more than can be shown at once; try it on fewer messages."`
}

type recipeTrial struct {
	Message   *fanfare.MessageID `json:"message" doc:"null: it is no message that was sent."`
	Example   *string            `json:"example" doc:"What the recipe says of its example."`
	EventType string             `json:"eventType"`
	Endpoint  string             `json:"endpoint" doc:"As the recipe calls it."`
	Wanted    bool               `json:"wanted" doc:"By the endpoint's event types, channels and filter."`
	Note      string             `json:"note,omitzero" doc:"Why it is not wanted, what went wrong, or what cannot be shown."`
	Payload   jsontext.Value     `json:"payload,omitzero" doc:"As the transformation makes it, if there is one."`
	Cancel    bool               `json:"cancel,omitzero" doc:"Whether the transformation says that it is not to be sent."`
	Previews  []recipePreview    `json:"previews" doc:"What would be sent, without secrets."`
	Missing   []string           `json:"missing,omitzero" doc:"What the recipe's example says would stand in it, and does not."`
}

type recipePreview struct {
	To     string      `json:"to" doc:"Where and how."`
	Header [][2]string `json:"header" doc:"Names and values."`
	Body   string      `json:"body" doc:"The beginning of it, as text."`
}

// Bounds of a trial.
const (
	maxTried     = 100
	maxTrialTime = 20 * time.Second
	maxTrialText = 2 << 20  // bytes that are shown in all
	maxTrialPart = 16 << 10 // and of one
)

// A sample is a message that a recipe is tried on.
type sample struct {
	msg     *fanfare.Message
	example *manifest.Example // nil: it is none
}

func tryRecipe(c *call, in *recipeTrialIn) (*recipeTrialOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	r, err := c.recipe(&in.recipeRef, true)
	if err != nil {
		return nil, err
	}
	for _, item := range r.Sources {
		src, err := c.recipeSource(app, item, "")
		if err == nil {
			err = c.hub.CheckSource(src)
		}
		if err != nil {
			return nil, inItem(item, err)
		}
	}
	eps := make([]*fanfare.Endpoint, len(r.Endpoints))
	for i, item := range r.Endpoints {
		if eps[i], err = c.recipeEndpoint(app, item, ""); err != nil {
			return nil, err
		}
	}
	samples, err := c.samples(app, in, r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), maxTrialTime)
	defer cancel()
	out, room := &recipeTrialOut{Data: []recipeTrial{}}, maxTrialText
	for _, s := range samples {
		for i, item := range r.Endpoints {
			d, err := c.hub.DryRun(ctx, app, eps[i], s.msg)
			switch {
			case ctx.Err() != nil && c.r.Context().Err() == nil, room < 0:
				out.Cut = true
				return out, nil
			case err != nil:
				return nil, inItem(item, err)
			}
			trial := s.trial(item, d)
			room -= trial.size()
			out.Data = append(out.Data, trial)
		}
		if s.example != nil {
			s.wants(out.Data[len(out.Data)-len(r.Endpoints):])
		}
	}
	return out, nil
}

// samples are what in wants the recipe tried on.
func (c *call) samples(app *fanfare.Application, in *recipeTrialIn, r *filledRecipe) (all []sample, err error) {
	ctx := c.r.Context()
	switch {
	case in.Last < 0 || in.Last > maxTried:
		return nil, invalid(fieldError{[]string{"body", "last"}, "1 to 100", "value_error"})
	case in.Last > 0:
		msgs, err := c.hub.Messages(ctx, app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: in.Last}, Bytes: 4 << 20})
		for _, msg := range msgs {
			if msg.Payload != nil {
				all = append(all, sample{msg: msg})
			}
		}
		return all, err
	case in.Message != "":
		msg, err := c.hub.Message(ctx, app.ID, in.Message)
		switch {
		case errors.Is(err, fanfare.ErrNotFound):
			return nil, missing(err, "message", in.Message, c.within())
		case err != nil:
			return nil, err
		case msg.Payload == nil:
			return nil, invalid(fieldError{[]string{"body", "message"}, "its payload is no more; give another message, or a payload", "value_error"})
		}
		return []sample{{msg: msg}}, nil
	case len(in.Payload) > 0:
		msg := madeUp(app, in.EventType, in.Payload, in.Headers, nil)
		return []sample{{msg: msg}}, msg.Check()
	case len(r.Examples) == 0:
		return nil, invalid(fieldError{[]string{"body", "last"}, "is missing: the recipe has no examples; say on how many messages to try it, or give a payload", "value_error.missing"})
	}
	for _, e := range r.Examples {
		msg := madeUp(app, e.EventType, e.Payload, e.Headers, e.Channels)
		if err := msg.Check(); err != nil {
			return nil, recipeProblem(manifest.Problems{{Line: 1, Text: "an example is no message: " + err.Error()}})
		}
		all = append(all, sample{msg, e})
	}
	return all, nil
}

// madeUp is a message that was never sent.
func madeUp(app *fanfare.Application, eventType string, payload []byte, headers map[string]string, channels []string) *fanfare.Message {
	msg := &fanfare.Message{ID: "msg_dry_run", Application: app.ID, EventType: eventType, Payload: payload, Channels: channels, CreatedAt: time.Now().UTC()}
	if len(headers) > 0 {
		kept := make(http.Header, len(headers))
		for name, value := range headers {
			kept.Set(name, value)
		}
		msg.KeepHeaders(kept)
	}
	return msg
}

func (s *sample) trial(item *manifest.Item, d *fanfare.DryRun) recipeTrial {
	t := recipeTrial{EventType: s.msg.EventType, Endpoint: item.Name, Wanted: d.Wanted, Note: d.Note, Previews: []recipePreview{}}
	if s.msg.ID != "msg_dry_run" {
		t.Message = &s.msg.ID
	}
	if s.example != nil {
		t.Example = &s.example.About
	}
	if d.Transformed != nil {
		t.Cancel = d.Transformed.Cancel
		if len(d.Transformed.Payload) <= maxTrialPart {
			t.Payload = d.Transformed.Payload
		}
	}
	for _, p := range d.Previews {
		one := recipePreview{To: p.To, Header: [][2]string{}, Body: readable(p.Body)}
		for _, h := range p.Header {
			one.Header = append(one.Header, [2]string{h.Name, strings.ToValidUTF8(h.Value, "\ufffd")})
		}
		t.Previews = append(t.Previews, one)
	}
	return t
}

// readable is the beginning of a body as text.
func readable(body []byte) string {
	if len(body) <= maxTrialPart {
		return strings.ToValidUTF8(string(body), "\ufffd")
	}
	end := maxTrialPart
	for end > 0 && !utf8.RuneStart(body[end]) {
		end--
	}
	return strings.ToValidUTF8(string(body[:end]), "\ufffd") + "…"
}

func (t *recipeTrial) size() int {
	n := len(t.Payload) + 200
	for _, p := range t.Previews {
		n += len(p.To) + len(p.Body)
		for _, h := range p.Header {
			n += len(h[0]) + len(h[1])
		}
	}
	return n
}

// wants notes in the last of an example's trials what it wants and none of them has.
func (s *sample) wants(trials []recipeTrial) {
	var all strings.Builder
	for _, t := range trials {
		for _, p := range t.Previews {
			all.WriteString(p.To + "\n")
			for _, h := range p.Header {
				all.WriteString(h[0] + ": " + h[1] + "\n")
			}
			all.WriteString(p.Body + "\n")
		}
	}
	last := &trials[len(trials)-1]
	for _, want := range s.example.Want {
		if !strings.Contains(all.String(), want) {
			last.Missing = append(last.Missing, want)
		}
	}
	if len(s.example.Want) == 0 && all.Len() > 0 {
		last.Missing = append(last.Missing, "nothing at all")
	}
}
