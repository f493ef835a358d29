package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A cursor is a place in a list: behind an item, onwards or back. Its text also
// carries a mark of the list and its filters, so that it fits no other.
type cursor struct {
	back bool
	mark [markBytes]byte
	id   string
}

const (
	markBytes = 8
	onward    = 'n'
	backward  = 'p'
)

func (c cursor) String() string {
	raw := make([]byte, 0, 1+markBytes+len(c.id))
	if c.back {
		raw = append(raw, backward)
	} else {
		raw = append(raw, onward)
	}
	raw = append(raw, c.mark[:]...)
	raw = append(raw, c.id...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseCursor reads what String writes.
func parseCursor(text string) (c cursor, ok bool) {
	if len(text) > 512 {
		return c, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= 1+markBytes || raw[0] != onward && raw[0] != backward {
		return c, false
	}
	c.back = raw[0] == backward
	copy(c.mark[:], raw[1:])
	c.id = string(raw[1+markBytes:])
	return c, true
}

// mark is of the list, whose it is, and the filters on it.
func (c *call) mark(scope []string, order string) (m [markBytes]byte) {
	key := url.Values{"route": {c.route.method + c.route.path}, "scope": scope, "order": {order}}
	if apart := c.who.apart(); apart != "" {
		key["channels"] = []string{apart}
	}
	for _, p := range c.route.query {
		if !p.view && p.name != "order" {
			key["q."+p.name] = c.get(p.name)
		}
	}
	sum := sha256.Sum256([]byte(key.Encode()))
	copy(m[:], sum[:])
	return m
}

// A list is a page of one.
type list[T any] struct {
	Data         []T     `json:"data"`
	Iterator     *string `json:"iterator" doc:"Goes on behind the last item."`
	PrevIterator *string `json:"prevIterator" doc:"Goes back before the first item."`
	Done         bool    `json:"done" doc:"Whether there is nothing further in the direction gone. With filters a page is looked for about 20 ms, and may be short, or empty, before that."`
}

// appendJSON implements appender, as the items may be.
func (l *list[T]) appendJSON(b []byte) ([]byte, error) {
	b = append(b, `{"data":[`...)
	for i, item := range l.Data {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, item); err != nil {
			return nil, err
		}
	}
	b = appendOptional(append(b, `],"iterator":`...), l.Iterator)
	b = appendOptional(append(b, `,"prevIterator":`...), l.PrevIterator)
	if l.Done {
		return append(b, `,"done":true}`...), nil
	}
	return append(b, `,"done":false}`...), nil
}

// A listing says how to read a list: whose it is, in what order unless the
// query says, and what its items are called.
type listing[T any] struct {
	scope      []string
	descending bool
	id         func(T) string
	fetch      func(fanfare.Page) ([]T, error)
	load       func(page []T) error // reads what is shown with the items, all at once; nil: there is nothing

	// looks is whether fetch may find little in much, and heeds the page's Look: a page is
	// then looked for as long as it may take, and may be short, or empty, before the list
	// is done.
	looks bool
}

// narrowed reports whether the list has only some of what there is.
func (c *call) narrowed() bool {
	filters := []string{"before", "after", "event_types", "channel", "tag", "status", "delivered", "status_code_class"}
	return len(c.who.channels()) > 0 || slices.ContainsFunc(filters, func(name string) bool { return c.route.reads(name) && c.get(name) != nil })
}

// Bounds on how long a page is looked for.
const (
	listTime  = 20 * time.Millisecond
	listPiece = 500
)

// look reads a page. last is how far it looked; "": as far as there is, or until it was full.
func (l *listing[T]) look(p fanfare.Page) (items []T, last string, err error) {
	if !l.looks {
		items, err = l.fetch(p)
		return items, "", err
	}
	limit, begun := p.Limit, time.Now()
	for {
		p.Limit, p.Look = limit-len(items), &fanfare.Look{Most: listPiece}
		some, err := l.fetch(p)
		if err != nil {
			return nil, "", err
		}
		if items = append(items, some...); len(items) == limit || p.Look.Last == "" {
			return items, "", nil
		}
		if p.After = p.Look.Last; time.Since(begun) >= listTime {
			return items, p.After, nil
		}
	}
}

// paged reads the page that the query asks for, and shows its items.
func paged[T, Out any](c *call, l listing[T], show func(T) (Out, error)) (*list[Out], error) {
	limit := c.integer("limit", 1, fanfare.MaxPage, 50)
	usual := "ascending"
	if l.descending {
		usual = "descending"
	}
	order := c.choice("order", usual, "ascending", "descending")
	text := c.one("iterator")
	mark := c.mark(l.scope, order)
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	if err := c.cursors.ready(c.r.Context(), c.hub); err != nil {
		return nil, err
	}
	from := cursor{mark: mark}
	if text != "" {
		plain, ok := c.cursors.open(text)
		if ok {
			from, ok = parseCursor(plain)
		}
		if !ok || from.mark != mark {
			return nil, badRequest("This iterator is not of this list with these filters; begin again without one.")
		}
	}
	page := fanfare.Page{Limit: limit, After: from.id, Ascending: (order == "ascending") != from.back}
	items, last, err := l.look(page)
	if err != nil {
		return nil, err
	}
	out := &list[Out]{Data: make([]Out, 0, len(items)), Done: last == ""}
	c.idle = len(items) == 0 && out.Done
	if len(items) == limit {
		further, last, err := l.look(fanfare.Page{Limit: 1, After: l.id(items[limit-1]), Ascending: page.Ascending})
		if err != nil {
			return nil, err
		}
		out.Done = len(further) == 0 && last == ""
	}
	if from.back {
		slices.Reverse(items)
	}
	if l.load != nil {
		if err := l.load(items); err != nil {
			return nil, err
		}
	}
	for _, item := range items {
		shown, err := show(item)
		if err != nil {
			return nil, err
		}
		out.Data = append(out.Data, shown)
	}
	outer := ids(items, l.id)
	switch {
	case last == "":
	case outer == nil:
		outer = []string{last, last}
	case from.back:
		outer[0] = last
	default:
		outer[1] = last
	}
	out.Iterator, out.PrevIterator = c.ends(outer, from, mark)
	return out, nil
}

// ids are those of the first and the last item of a page; none of an empty one.
func ids[T any](items []T, id func(T) string) []string {
	if len(items) == 0 {
		return nil
	}
	return []string{id(items[0]), id(items[len(items)-1])}
}

// ends are the cursors of a page between two items. An empty page keeps the one
// that led to it, so that one can ask again later.
func (c *call) ends(outer []string, from cursor, mark [markBytes]byte) (next, prev *string) {
	sealed := func(to cursor) *string {
		text := c.cursors.seal(to.String())
		return &text
	}
	switch {
	case len(outer) > 0:
		return sealed(cursor{false, mark, outer[1]}), sealed(cursor{true, mark, outer[0]})
	case from.id == "":
		return nil, nil
	case from.back:
		return nil, sealed(from)
	}
	return sealed(from), nil
}
