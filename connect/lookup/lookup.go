// Package lookup looks something up for a message and writes it back: two requests that
// are one attempt, in any service or, for the weather, in Open-Meteo.
//
// An update may be told of in turn, and must not lead to the next: it carries how many
// deliveries have led to it, where it comes from, and the condition is there for what is
// filled in already. The second request of an attempt that is repeated says the same as
// the first, as far as what is looked up does.
package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/call"
	"github.com/fanfarehq/fanfare/internal/expression"
)

// HeaderOrigin says in each update where it comes from. A service that tells of the
// update in turn passes it on: as the same header of what it sends to a source, or as a
// tag of its message, "origin:" and the value. Such a message leads to no other update.
const HeaderOrigin = "Fanfare-Origin"

// Connector looks up what another service knows, by its API.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About: "Looks something up for it and writes that back.",
		Example: json.RawMessage(`{"when":"!has(payload.abv) || payload.abv == null","find":{"url":"https://beers.example.com/v1/search?name={{payload.name}}"},"found":"has(answer.abv)",` +
			`"method":"PUT","url":"https://records.example.com/v2/records/{{payload.id}}","token":"0123456789abcdef","body":{"abv":"{{answer.abv}}"}}`),
		Hidden: append(slices.Clone(call.Hidden), "findSecretHeaders"),
		Where:  append(slices.Clone(call.Where), "find"),
		ByHTTP: true,
		New:    open,
	}
}

// A writeBack is the half of a config that says when to look something up, and what then
// to write where.
type writeBack struct {
	call.Config
	When   string `json:"when"`
	Origin string `json:"origin"`
}

type config struct {
	writeBack
	Find              find         `json:"find"`
	FindSecretHeaders call.Secrets `json:"findSecretHeaders"`
	Found             string       `json:"found"`
}

// A find is the request that looks something up.
type find struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// A sink asks one service and tells another.
type sink struct {
	*writer
	find  *call.Caller
	found *expression.Filter // nil: whatever is answered
}

// A writer writes back what was found.
type writer struct {
	*call.Caller
	when   *expression.Filter // nil: always
	origin string             // of what this writer has led to
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{writeBack: usual()}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{}
	var errs [3]error
	s.writer, errs[0] = c.open(way)
	s.find, errs[1] = call.Open(&call.Config{Method: http.MethodGet, URL: c.Find.URL, Headers: c.Find.Headers, SecretHeaders: c.FindSecretHeaders, Under: "find."}, way)
	s.found, errs[2] = call.Condition("found", c.Found)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return s, nil
}

// usual is what is not told.
func usual() writeBack {
	return writeBack{Config: call.Config{Method: http.MethodPut}, Origin: "fanfare"}
}

func (c *writeBack) open(way fanfare.Way) (*writer, error) {
	w := &writer{origin: c.Origin}
	var errs [2]error
	if c.Headers == nil {
		c.Headers = make(map[string]string)
	}
	c.Headers[HeaderOrigin] = c.Origin
	w.Caller, errs[0] = call.Open(&c.Config, way)
	w.when, errs[1] = call.Condition("when", c.When)
	writes := c.Method == http.MethodPut || c.Method == http.MethodPatch || c.Method == http.MethodPost
	return w, errors.Join(errs[0], errs[1],
		connect.Must(writes, "method", "must be one of PUT, PATCH, POST"),
		connect.Must(len(c.Body) > 0, "body", `is missing; say what to write, such as {"abv":"{{answer.abv}}"}`),
		connect.Must(c.Origin != "" && len(c.Origin) <= 100 && httpguts.ValidHeaderFieldValue(c.Origin), "origin", "has 1 to 100 characters"),
	)
}

// Close has nothing to end.
func (w *writer) Close() error { return nil }

// skips says why nothing is to be done for msg; "" if something is.
func (w *writer) skips(msg *fanfare.Message) string {
	if slices.Contains(msg.Tags, "origin:"+w.origin) || msg.Headers()[strings.ToLower(HeaderOrigin)] == w.origin {
		return "nothing to do: it is of an update by this endpoint"
	}
	if w.when == nil {
		return ""
	}
	if ok, why := w.when.Match(connect.InputOf(msg)); !ok && why != "" {
		return "nothing to do: when is not true, as " + why
	} else if !ok {
		return "nothing to do: when is not true"
	}
	return ""
}

// write tells what was found for msg.
func (w *writer) write(ctx context.Context, msg *fanfare.Message, found []byte) (fanfare.Reply, error) {
	in := connect.InputOf(msg)
	in.Answer = found
	o, err := w.Call(ctx, msg, in)
	if err != nil {
		return fanfare.Reply{}, err
	}
	return o.Reply, nil
}

// Send looks up and writes back.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	if why := s.skips(msg); why != "" {
		return fanfare.Reply{Detail: why}, nil
	}
	o, err := s.find.Call(ctx, msg, connect.InputOf(msg))
	if err != nil {
		return fanfare.Reply{}, err
	}
	if !o.Taken() {
		o.Reply.Detail = "find: " + o.Reply.Detail
		return o.Reply, nil
	}
	if !json.Valid(o.Answer) {
		o.Reply.Class, o.Reply.Detail = fanfare.ClassBody, "find: the answer is not JSON, or more than 64 KiB of it"
		return o.Reply, nil
	}
	if s.found != nil {
		in := connect.InputOf(msg)
		in.Answer = o.Answer
		if ok, why := s.found.Match(in); !ok {
			o.Reply.Detail = "nothing was found, so nothing is written"
			if why != "" {
				o.Reply.Detail += "; found: " + why
			}
			return o.Reply, nil
		}
	}
	return s.write(ctx, msg, o.Answer)
}
