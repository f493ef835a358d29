package fanfare

import (
	"context"
	"encoding/binary"
	"time"
)

// Counts says how much a walk would find.
type Counts interface {
	// CountDeliveries is how many WalkDeliveries finds among the next Look rows. It
	// does not heed Limit.
	CountDeliveries(ctx context.Context, app ApplicationID, ep EndpointID, w Walk) (n int, next MessageID, err error)
	// CountMessages is how many messages of the selection there are among the next
	// Look rows, and how many of them have no payload any more. It heeds neither Limit
	// nor what the selection says of deliveries.
	CountMessages(ctx context.Context, app ApplicationID, w Walk) (n, expunged int, next MessageID, err error)
}

// A counting is a count under way.
type counting struct {
	look  int       // rows at once
	until time.Time // not much longer; zero: to the end
	reads int
	total int
	more  bool // it was not counted to the end
}

// fewReads are made however long they take: what is little is counted to the end.
const fewReads = 5

// over reports, after each read, whether there is no time left where there is more to count.
func (c *counting) over() bool {
	c.reads++
	c.more = c.reads >= fewReads && !c.until.IsZero() && time.Now().After(c.until)
	return c.more
}

// count counts how much there is to do for a task.
func (h *Hub) count(ctx context.Context, t *Task, c *counting) error {
	if t.Kind == TaskPurge || t.Kind == TaskExport {
		return h.countMessages(ctx, t, c)
	}
	for at := (TaskPlace{}); ; {
		p, err := h.piece(ctx, t, at, 0, c.look)
		if err != nil {
			return err
		}
		c.total += p.size()
		if p.last || c.over() {
			return nil
		}
		at = p.next
	}
}

// countMessages counts without a look at when messages were accepted as far as their
// ids say that: an id is never older than its message.
func (h *Hub) countMessages(ctx context.Context, t *Task, c *counting) error {
	all := Walk{Selection: t.Selection, Look: c.look, After: lastBefore(t.Selection.Since)}
	walks := []Walk{all}
	if sure := lastBefore(all.Until); all.Since.IsZero() && sure != "" {
		early := all
		early.Until, early.To = time.Time{}, sure
		all.After = sure
		walks = []Walk{early, all}
	}
	for _, w := range walks {
		for {
			n, expunged, next, err := h.store.CountMessages(ctx, t.Application, w)
			if err != nil {
				return err
			}
			if c.total += n; t.Kind == TaskPurge {
				c.total -= expunged
			}
			if next == "" {
				break
			}
			if c.over() {
				return nil
			}
			w.After = next
		}
	}
	return nil
}

// lastBefore is an identifier behind which all messages are that were accepted
// at t or later, so that older ones need not be looked at: identifiers are never
// older than what they stand for. "": all are.
func lastBefore(t time.Time) MessageID {
	if t.UnixMilli() <= 0 {
		return ""
	}
	var raw [16]byte
	for i := range raw {
		raw[i] = 0xff
	}
	binary.BigEndian.PutUint64(raw[:8], uint64(t.UnixMilli()-1)<<16|0xffff)
	return MessageID(EncodeID("msg_", raw))
}
