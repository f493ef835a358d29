package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A param is a parameter of the query that a route reads.
type param struct {
	name, kind string // kind: integer, boolean, string, time, list
	doc        string
	enum       []string
	view       bool // changes how things are shown, not which: cursors do not depend on it
}

var (
	limitParam    = param{name: "limit", kind: "integer", doc: "How many at most, 1 to 250; 50 unless told.", view: true}
	iteratorParam = param{name: "iterator", kind: "string", doc: "Where to go on: the iterator or prevIterator of an earlier page of the same list.", view: true}
	orderParam    = param{name: "order", kind: "string", doc: "By age, or by name where things have no age.", enum: []string{"ascending", "descending"}}
	beforeParam   = param{name: "before", kind: "time", doc: "Only from before this time."}
	afterParam    = param{name: "after", kind: "time", doc: "Only from after this time."}
	typesParam    = param{name: "event_types", kind: "list", doc: "Only of these event types, exact names and groups such as record.*: repeated, or divided by commas."}
	channelParam  = param{name: "channel", kind: "string", doc: "Only of this channel."}
	tagParam      = param{name: "tag", kind: "string", doc: "Only with this tag."}
	contentParam  = param{name: "with_content", kind: "boolean", doc: "Whether to show payloads and responses; true unless told.", view: true}
	statusParam   = param{name: "status", kind: "integer", doc: "Only with this status: 0 Success, 1 Pending, 2 Fail, 3 Sending, 4 Canceled.", enum: []string{"0", "1", "2", "3", "4"}}
	expandedParam = param{name: "expanded_statuses", kind: "boolean", doc: "Whether what was cancelled has the status 4 rather than 2; false unless told.", view: true}
	sinceParam    = param{name: "since", kind: "time", doc: "Only messages accepted at this time or later."}
	untilParam    = param{name: "until", kind: "time", doc: "Only messages accepted before this time."}
)

// params are the list's own and further ones.
func params(more ...param) []param {
	return append([]param{limitParam, iteratorParam, orderParam}, more...)
}

// filters are what lists of messages, deliveries and attempts have in common.
func filters(more ...param) []param {
	return append(params(beforeParam, afterParam, typesParam, channelParam, tagParam, contentParam), more...)
}

// get returns a parameter's values. It panics if there is a query and the route
// does not say that it reads the parameter, as then the document would lie.
func (c *call) get(name string) []string {
	if c.r.URL.RawQuery == "" {
		return nil
	}
	if !c.route.reads(name) {
		panic("api: " + c.route.path + " does not declare the parameter " + name)
	}
	return c.query()[name]
}

// query is all parameters, known or not.
func (c *call) query() url.Values {
	if c.values == nil {
		values, err := url.ParseQuery(c.r.URL.RawQuery)
		if err != nil {
			c.mistake("", "is not a valid query; escape what is special in it")
		}
		c.values = values
	}
	return c.values
}

// strays tells the client which of its parameters mean nothing here: one that is
// misspelt would otherwise show more than was asked for, without a word.
func (c *call) strays() {
	if c.r.URL.RawQuery == "" {
		return
	}
	var names []string
	for name := range c.query() {
		if !c.route.reads(name) {
			names = append(names, "?"+name)
		}
	}
	slices.Sort(names)
	c.ignored(names)
}

// reads says whether the route has a parameter of that name.
func (rt *route) reads(name string) bool {
	for i := range rt.query { // by place: a param is large
		if rt.query[i].name == name {
			return true
		}
	}
	return false
}

func (c *call) mistake(name, msg string) {
	loc := []string{"query"}
	if name != "" {
		loc = append(loc, name)
	}
	c.wrong = append(c.wrong, fieldError{loc, msg, "value_error"})
}

// mistakes are what is wrong with the parameters read so far.
func (c *call) mistakes() error {
	if c.wrong == nil {
		return nil
	}
	return invalid(c.wrong...)
}

// one returns a parameter that may be there once, "" if it is not there.
func (c *call) one(name string) string {
	values := c.get(name)
	if len(values) > 1 {
		c.mistake(name, "must be given once")
	}
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

func (c *call) integer(name string, low, high, unset int) int {
	if c.get(name) == nil {
		return unset
	}
	n, err := strconv.Atoi(c.one(name))
	if err != nil || n < low || n > high {
		c.mistake(name, "must be a whole number from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
		return unset
	}
	return n
}

func (c *call) boolean(name string, unset bool) bool {
	if c.r.URL.RawQuery == "" || c.get(name) == nil {
		return unset
	}
	switch c.one(name) {
	case "true":
		return true
	case "false":
		return false
	}
	c.mistake(name, "must be true or false")
	return unset
}

func (c *call) time(name string) time.Time {
	text := c.one(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		c.mistake(name, "must be a time such as 2026-01-02T15:04:05Z")
		return time.Time{}
	}
	return t.UTC()
}

func (c *call) text(name string) string {
	text := c.one(name)
	if len(text) > maxRef {
		c.mistake(name, "has at most 256 bytes")
		return ""
	}
	return text
}

// maxListed bounds the event types of one filter.
const maxListed = 100

func (c *call) list(name string) []string {
	var all []string
	for _, value := range c.get(name) {
		for part := range strings.SplitSeq(value, ",") {
			if part != "" {
				all = append(all, part)
			}
		}
	}
	if len(all) > maxListed {
		c.mistake(name, "has at most 100 entries")
		return nil
	}
	return all
}

// choice returns one of the words a parameter may be.
func (c *call) choice(name, unset string, words ...string) string {
	if c.get(name) == nil {
		return unset
	}
	if text := c.one(name); slices.Contains(words, text) {
		return text
	}
	c.mistake(name, "must be one of "+strings.Join(words, ", "))
	return unset
}

// span returns the bounds that before and after set on times, which the store
// keeps to the microsecond.
func (c *call) span() (since, until time.Time) {
	since, until = c.time("after"), c.time("before")
	if !since.IsZero() {
		since = since.Add(time.Microsecond)
	}
	return since, until
}

// messageFilter is what the query says of which messages.
func (c *call) messageFilter() fanfare.MessageFilter {
	since, until := c.span()
	return fanfare.MessageFilter{
		Since: since, Until: until,
		EventTypes: c.list("event_types"), Channel: c.text("channel"), Tag: c.text("tag"),
	}
}
