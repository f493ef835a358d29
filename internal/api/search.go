package api

import (
	"errors"
	"time"

	"github.com/fanfarehq/fanfare"
)

// searchRoutes are open to those who are let into one application only, or some channels:
// they find what is there.
func (s *server) searchRoutes() []*route {
	app := param{name: "app", kind: "string", doc: "Only of this application, by id or uid."}
	id := param{name: "id", kind: "string", doc: "Only those of this id or event id; it goes with app and with none of the other filters."}
	text := param{name: "text", kind: "string", doc: "Only those whose payload contains this, byte for byte: 256 bytes at most."}
	return []*route{
		on("GET /message", "Search the messages of all applications, those stored last first, each with its deliveries and without its payload; a page looks for about 20 ms, says how far it came, and may be short of what was asked for before the list is done",
			searchMessages, limitParam, iteratorParam, app, id, beforeParam, afterParam, typesParam, channelParam, tagParam, text, stateParam, deliveredParam).
			needs(fanfare.ScopeReadMessages, noSession).toAll().inChannels(),
	}
}

// foundMessage is a message, whose it is, and what has become of it.
type foundMessage struct {
	logOut
	ofApplication
}

type ofApplication struct {
	AppID fanfare.ApplicationID `json:"appId"`
}

// appendJSON implements appender.
func (out *foundMessage) appendJSON(b []byte) ([]byte, error) {
	b, err := out.logOut.appendJSON(b)
	if err != nil {
		return nil, err
	}
	return splice(b, &out.ofApplication)
}

// foundMessages is a page of a search, and how far it looked.
type foundMessages struct {
	list[*foundMessage]
	lookedOut
}

type lookedOut struct {
	Looked     int        `json:"looked" doc:"How many messages were looked at for this page; 0 when they were looked up by id, and for those who are let into some channels only."`
	LookedBack *time.Time `json:"lookedBack" doc:"When the oldest of them was accepted; null: there was none, or that is not said."`
}

// appendJSON implements appender.
func (out *foundMessages) appendJSON(b []byte) ([]byte, error) {
	b, err := out.list.appendJSON(b)
	if err != nil {
		return nil, err
	}
	return splice(b, &out.lookedOut)
}

func searchMessages(c *call, _ *none) (*foundMessages, error) {
	limit := c.integer("limit", 1, fanfare.MaxPage, 50)
	filter, ref := c.messageFilter(), c.text("id")
	search := fanfare.MessageSearch{MessageLook: fanfare.MessageLook{
		Since: filter.Since, Until: filter.Until, EventTypes: filter.EventTypes, Channel: filter.Channel, Tag: filter.Tag,
		Within: c.who.channels(), Text: []byte(c.text("text")), Limit: limit,
	}, States: c.statesAsked()}
	if ref != "" {
		for _, name := range []string{"before", "after", "event_types", "channel", "tag", "text", "status", "delivered"} {
			if c.get(name) != nil {
				c.mistake(name, "does not go with id; leave one of the two out")
			}
		}
	}
	before, mark, err := c.onwards()
	if err != nil {
		return nil, err
	}
	if search.Application, err = c.applicationAsked(); err != nil {
		return nil, err
	}
	search.Before = before
	var found *fanfare.MessageFinding
	switch {
	case ref == "":
		found, err = c.hub.SearchMessages(c.r.Context(), search)
	case search.Application == "":
		found, err = c.hub.FindMessages(c.r.Context(), ref, fanfare.ApplicationID(before), search.Within, limit)
	default:
		found, err = c.findMessage(search.Application, ref)
	}
	if err != nil {
		return nil, err
	}
	if len(search.Within) > 0 { // how much there is in other channels is not theirs to know
		found.Count, found.Back = 0, time.Time{}
	}
	out := &foundMessages{list[*foundMessage]{Data: []*foundMessage{}, Iterator: c.further(found.Next, mark), Done: found.Next == ""}, lookedOut{found.Count, pointer(found.Back)}}
	for _, msg := range found.Messages {
		shown := &foundMessage{logOut{*c.showMessage(msg, withheld), became{[]logDelivery{}}}, ofApplication{msg.Application}}
		for _, d := range found.Deliveries[msg.ID] {
			s := standingOf(d, true)
			shown.Deliveries = append(shown.Deliveries, logDelivery{d.Endpoint, s.Status, s.StatusText, d.Attempts, s.NextAttempt})
		}
		out.Data = append(out.Data, shown)
	}
	return out, nil
}

// applicationAsked is the one that the query names, or the only one that the caller is
// let into; "": all.
func (c *call) applicationAsked() (fanfare.ApplicationID, error) {
	ref, own := c.one("app"), c.who.application()
	if ref == "" {
		return own, nil
	}
	app, err := c.hub.Application(c.r.Context(), ref)
	if err == nil && own != "" && app.ID != own {
		err = fanfare.ErrNotFound
	}
	if err != nil {
		return "", missing(err, "application", ref, here)
	}
	return app.ID, nil
}

// findMessage finds a message of an application by id or event id, or none.
func (c *call) findMessage(app fanfare.ApplicationID, ref string) (*fanfare.MessageFinding, error) {
	found := &fanfare.MessageFinding{}
	msg, err := c.messageOf(app, ref)
	if errors.Is(err, fanfare.ErrNotFound) {
		return found, nil
	}
	if err != nil && !errors.Is(err, fanfare.ErrDamaged) {
		return nil, err
	}
	found.Messages = []*fanfare.Message{msg}
	found.Deliveries, err = c.hub.DeliveriesOf(c.r.Context(), app, []fanfare.MessageID{msg.ID}, c.who.channels())
	return found, err
}
