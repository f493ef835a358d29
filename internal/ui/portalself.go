package ui

import (
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// selfPages are about the visitor of the portal: what their link may do, and what they can
// take with them. The console has others in their place.
func selfPages() map[string]func(*visit) error {
	all := portalKeyPages()
	maps.Copy(all, map[string]func(*visit) error{
		"GET /settings":        readSelf,
		"GET /settings/key":    readSelf, // as a form's answer leads back there
		"GET /settings/alert":  readSelf,
		"POST /settings/alert": saveAlert,
		"GET /settings/export": exportLog,
		"GET /settings/end":    confirmEnd,
		"POST /settings/end":   endSelf,
	})
	return all
}

type selfBody struct {
	Ends   when
	May    []string
	Within []string // channels that the link is for; none: all
	Egress []string
	Export []field
	Looks  []lookChoice
	Alerts *alerts  // nil: they are not the visitor's
	Keys   *ownKeys // likewise
}

// selfSaid is what came of a form of the page.
type selfSaid struct {
	alert, key *refusal // what was wrong
	made       string   // the secret of a key
}

// A lookChoice is a choice of colours.
type lookChoice struct {
	Value, Text string
	Chosen      bool
}

// allows says what capabilities let one do.
var allows = []struct {
	capability fanfare.Capability
	text       string
}{
	{fanfare.ViewBase, "See endpoints, messages, deliveries and event types"},
	{fanfare.ManageEndpoint, "Add, change, pause and delete endpoints"},
	{fanfare.ViewEndpointSecret, "See signing secrets"},
	{fanfare.ManageEndpointSecret, "Make new signing secrets"},
	{fanfare.ManageTransformations, "Write transformations"},
	{fanfare.CreateAttempts, "Send again, and send examples"},
	{fanfare.ManageKeys, "Make and revoke API keys"},
}

func readSelf(v *visit) error { return v.showSelf(http.StatusOK, selfSaid{}) }

func (v *visit) showSelf(status int, said selfSaid) (err error) {
	var meta struct{ Egress []string }
	if err := v.read(&meta, "/meta"); err != nil {
		return err
	}
	body := selfBody{Ends: v.when(v.session.ExpiresAt), Within: v.session.Channels, Egress: meta.Egress}
	for _, a := range allows {
		if v.may(a.capability) {
			body.May = append(body.May, a.text)
		}
	}
	chosen := v.theme()
	for _, c := range []lookChoice{{"", "As the system", false}, {"light", "Light", false}, {"dark", "Dark", false}} {
		c.Chosen = c.Value == chosen
		body.Looks = append(body.Looks, c)
	}
	body.Export = []field{
		{Name: "span", Label: "Accepted", Kind: "select", Options: options("24h", "24h", "In the last 24 hours", "7d", "In the last 7 days", "", "At any time")},
		{Name: "type", Label: "Event type", Kind: "text", Code: true, Placeholder: "record.*"},
	}
	if v.mayAlert() {
		if body.Alerts, err = v.alertsOwned(said.alert); err != nil {
			return err
		}
	}
	if v.may(fanfare.ManageKeys) {
		if body.Keys, err = v.keysOwned(said.key, said.made); err != nil {
			return err
		}
	}
	return v.showAs(status, "portal/self", "Settings", body)
}

// A confirmation is a page that asks before something is done that nobody can undo.
type confirmation struct {
	Heading, Text string
	Do            *act
	Back          string // for those who would rather not
}

func confirmEnd(v *visit) error {
	text := "Whoever has it, you too, is let in no more, at once. That cannot be undone: ask whoever gave it to you for another."
	if v.may(fanfare.ManageKeys) {
		text += " API keys that were made with it stay good: revoke them first, if it is in the wrong hands."
	}
	return v.show("ask", "End this link?", confirmation{
		Heading: "End this link?", Text: text,
		Do: v.act("/settings/end", "End this link", "danger"), Back: v.base + "/settings",
	})
}

// exportLimit is how many messages of an export are read at a time. What one has is as
// much as payloads are.
const exportLimit = 20

// exportLog writes messages down as they are read, the newest first: a line is a message,
// with its payload and what became of it. One that is broken off ends without its last
// bytes, so that whoever reads it notices.
func exportLog(v *visit) error {
	query := []string{"limit", fmt.Sprint(exportLimit), "event_types", v.asked("type")}
	if d, ok := spans[v.asked("span")]; ok {
		query = append(query, "after", v.now.Add(-d).UTC().Format(time.RFC3339))
	}
	out := http.NewResponseController(v.w)
	for at, begun := "", false; ; begun = true {
		var list listOf[rawLine]
		if err := v.read(&list, v.of("log"), append(query, "iterator", at)...); err != nil {
			return v.brokenOff(begun, err)
		}
		if !begun {
			h := v.w.Header()
			h.Set("Content-Type", "application/x-ndjson")
			h.Set("Content-Disposition", `attachment; filename="messages-`+v.now.UTC().Format("2006-01-02")+`.ndjson"`)
		}
		out.SetWriteDeadline(time.Now().Add(exportPatience)) // not all writers have one
		for _, line := range list.Data {
			if _, err := v.w.Write(append(line, '\n')); err != nil {
				return nil // the visitor is gone
			}
		}
		if at = list.Iterator; list.Done || at == "" {
			return nil
		}
	}
}

// exportPatience is how long a visitor may take to read some messages.
const exportPatience = time.Minute

// brokenOff is what becomes of an export that cannot go on.
func (v *visit) brokenOff(begun bool, err error) error {
	if !begun {
		return err
	}
	if v.r.Context().Err() == nil {
		v.log.ErrorContext(v.r.Context(), "an export is broken off", "error", err)
	}
	panic(http.ErrAbortHandler)
}

// A rawLine is JSON in one line, otherwise as it was.
type rawLine []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (l *rawLine) UnmarshalJSON(text []byte) error {
	*l = append((*l)[:0], text...)
	for i, b := range *l {
		if b == '\n' || b == '\r' { // in a payload, between its tokens
			(*l)[i] = ' '
		}
	}
	return nil
}
