package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A filterPart is where a form says which messages are wanted: rows that can be put
// together, and the expression they make, which can be written as well.
type filterPart struct {
	Poller  bool // what is wanted is offered to who asks for it, and not sent
	Text    field
	Built   string // what the rows say, as an expression: if it comes back unchanged, they count
	ByHand  bool   // the expression says more than rows can
	Any     bool
	Rows    []conditionRow
	Members []option
	Tried   *filterTried // nil: it was not tried
	Full    bool         // there can be no more rows
	Blind   bool         // there is nothing to try it on
}

type conditionRow struct {
	N         int // from 1 on
	Member    string
	Relations []option
	Value     string
}

// A filterTried says what the filter would have done to messages that were sent.
type filterTried struct {
	State        badge
	Text         string
	Since        when
	Misses       []missRow
	MissesMatter bool // some were not let through for want of what it asks for
}

type missRow struct {
	URL, EventType, Why string
}

// filterHint says what an expression may be about, and ends with what becomes of messages.
const filterHint = "It is over eventType, payload, channels and tags, in CEL. Without one, every message of the events above is "

// passed is what becomes of messages that are for the endpoint of the form, in a word.
func (v *visit) passed() string {
	if v.polled() {
		return "offered"
	}
	return "sent"
}

// changedRows are the rows of the form, if they count: what is written is still what they
// made, and they have changed since.
func (v *visit) changedRows() (rows conditions, changed bool) {
	rows = v.saidConditions()
	was, _ := parseConditions(v.said("built"))
	same := slices.Equal(rows.Rows, was.Rows) && (rows.Any == was.Any || len(rows.Rows) < 2)
	return rows, !same && v.said("filter") == v.said("built")
}

// writeFilter has the rows of the form write its expression, where they count. problem
// says what is wrong with them. Kinds are asked for only then.
func (v *visit) writeFilter(kinds func() (map[string]string, error)) (problem string, err error) {
	rows, changed := v.changedRows()
	if !changed {
		return "", nil
	}
	known, err := kinds()
	if err != nil {
		return "", err
	}
	text, problem := rows.expression(known)
	if problem == "" {
		v.r.PostForm.Set("filter", text)
	}
	return problem, nil
}

// settleFilter is writeFilter for a form that is to be saved.
func (v *visit) settleFilter() (*refusal, error) {
	problem, err := v.writeFilter(func() (map[string]string, error) {
		seen, err := v.members(v.chosenTypes())
		return seen.kinds(), err
	})
	if err != nil || problem == "" {
		return nil, err
	}
	return &refusal{Status: http.StatusUnprocessableEntity, Fields: map[string]string{"filter": problem}}, nil
}

// saidConditions are the rows of the form that say something.
func (v *visit) saidConditions() (c conditions) {
	c.Any = v.said("any") == "any"
	form := v.r.PostForm
	dropped := strings.TrimPrefix(v.said("do"), "drop-")
	for i, name := range form["member"] {
		row := condition{Member: strings.TrimSpace(name)}
		if i < len(form["relation"]) && i < len(form["value"]) {
			row.Relation, row.Value = form["relation"][i], strings.TrimSpace(form["value"][i])
		}
		if row.Member+row.Value != "" && strconv.Itoa(i+1) != dropped && len(c.Rows) < maxConditions {
			c.Rows = append(c.Rows, row)
		}
	}
	return c
}

// filterActs reports whether a form came from a button of its filter, and not to be saved.
func (v *visit) filterActs() bool {
	do := v.said("do")
	return do == "row" || do == "try" || strings.HasPrefix(do, "drop-")
}

// filterPart is that of the form, which has a filter already or not. It is tried if its
// buttons were pressed.
func (v *visit) filterPart() (*filterPart, error) {
	types := v.chosenTypes()
	seen, err := v.members(types)
	if err != nil {
		return nil, err
	}
	problem, err := v.writeFilter(func() (map[string]string, error) { return seen.kinds(), nil })
	if err != nil {
		return nil, err
	}
	text := v.said("filter")
	rows, fits := parseConditions(text)
	p := &filterPart{Poller: v.polled(), Members: seen.options(), ByHand: !fits && text != "", Blind: v.own}
	p.Text = field{Name: "filter", Label: "The same as an expression", Kind: "text", Value: text, Code: true, Placeholder: "payload.amount > 100", Hint: filterHint + v.passed() + ".", Problem: problem}
	if strings.Contains(text, "\n") {
		p.Text.Kind, p.Text.Rows = "textarea", 3
	}
	if !p.ByHand {
		p.Built = text
	}
	if problem != "" {
		rows = v.saidConditions()
	}
	p.list(rows, v.said("do") == "row")
	if v.filterActs() && text != "" && problem == "" && !p.Blind {
		p.Tried, p.Text.Problem, err = v.tryFilter(text, types)
	}
	return p, err
}

// list shows rows, and an empty one if it is asked for or there are none.
func (p *filterPart) list(c conditions, another bool) {
	p.Any, p.Full = c.Any, len(c.Rows) >= maxConditions
	rows := c.Rows
	if (another || len(rows) == 0) && !p.Full {
		rows = append(slices.Clip(rows), condition{Relation: relations[0]})
	}
	for i, row := range rows {
		p.Rows = append(p.Rows, conditionRow{i + 1, row.Member, options(row.Relation, relations...), row.Value})
	}
}

// tryFilter says what a filter would have done to messages of these types, or what is
// wrong with it.
func (v *visit) tryFilter(text string, types []string) (t *filterTried, problem string, err error) {
	var out struct {
		Looked, Matched int
		Since           time.Time
		Misses          []struct{ ID, EventType, Why string }
	}
	in := map[string]any{"filter": text}
	if len(types) > 0 {
		in["eventTypes"] = types
	}
	err = v.ask(http.MethodPost, v.of("filter", "try"), nil, in, &out)
	told, refused := isRefused(err)
	switch {
	case refused && told.Fields["filter"] != "":
		return nil, told.Fields["filter"], nil
	case refused && told.Status == http.StatusForbidden:
		return &filterTried{State: badge{"idle", "Not tried"}, Text: "This link is for some channels only, with which filters cannot be tried."}, "", nil
	case refused:
		return nil, told.Detail, nil
	case err != nil:
		return nil, "", err
	case out.Looked == 0:
		return &filterTried{State: badge{"idle", "Not tried"}, Text: "There are no messages yet to try it on."}, "", nil
	}
	t = &filterTried{State: badge{"ok", fmt.Sprintf("%d of %d", out.Matched, out.Looked)}, Text: "messages that came would have been " + v.passed() + ".", Since: v.when(out.Since)}
	if out.Looked >= fanfare.TrialMessages {
		t.Text = "of the newest messages would have been " + v.passed() + "."
	}
	if out.Matched == 0 {
		t.State.Tone = "wait"
	}
	for _, m := range out.Misses {
		t.MissesMatter = t.MissesMatter || m.Why != ""
		t.Misses = append(t.Misses, missRow{v.base + "/message/" + url.PathEscape(m.ID), m.EventType, m.Why})
	}
	return t, "", nil
}
