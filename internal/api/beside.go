package api

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// beside are the messages of a page of deliveries or attempts, which are read all at
// once. One that was removed meanwhile is shown with what is known without it: what
// became of it is there.
type beside struct {
	msgs map[fanfare.MessageID]*fanfare.Message
}

// want notes a message, and its event type if that is known.
func (b *beside) want(id fanfare.MessageID, eventType string) {
	if b.msgs == nil {
		b.msgs = make(map[fanfare.MessageID]*fanfare.Message)
	}
	b.msgs[id] = &fanfare.Message{ID: id, EventType: eventType, CreatedAt: madeAt(id)}
}

// read reads those that are wanted.
func (b *beside) read(c *call, app fanfare.ApplicationID) error {
	if len(b.msgs) == 0 {
		return nil
	}
	msgs, err := c.hub.NamedMessages(c.r.Context(), app, slices.Collect(maps.Keys(b.msgs)))
	for _, msg := range msgs {
		b.msgs[msg.ID] = msg
	}
	return err
}

func (b *beside) of(id fanfare.MessageID) *fanfare.Message { return b.msgs[id] }

// madeAt is when an id was made: it begins with that, in milliseconds.
func madeAt(id fanfare.MessageID) time.Time {
	raw, _ := fanfare.DecodeID("msg_", string(id))
	return time.UnixMilli(int64(binary.BigEndian.Uint64(raw[:8]) >> 16)).UTC()
}
