package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// goPages lead to wherever is asked for, and tell which keys there are.
func goPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /go": showWays, "GET /help": showHelp}
}

type goBody struct {
	Query   string
	Ways    []place
	Instead place // where else to look; none: nowhere
}

// showWays lists where a few words lead: to what has that id, to pages of that name, or
// to something to be done.
func showWays(v *visit) error {
	query := cut(v.asked("q"), 500)
	ways, err := v.ways(query)
	if err != nil {
		return err
	}
	if len(ways) == 1 && v.asked("go") != "" {
		http.Redirect(v.w, v.r, ways[0].URL, http.StatusSeeOther)
		return nil
	}
	body := goBody{Query: query, Ways: ways}
	if len(ways) == 0 && v.opens(http.MethodGet, v.root+"/message") {
		body.Instead = place{Text: "Look for messages that contain it", URL: v.root + "/message?text=" + url.QueryEscape(query)}
	}
	return v.show("console/go", "Go to", body)
}

// morePlaces can be gone to beside those of the navigation.
var morePlaces = []place{
	{Text: "New application", URL: "/app/new"}, {Text: "New event type", URL: "/catalogue/new"}, {Text: "Import OpenAPI or AsyncAPI", URL: "/catalogue/import"},
	{Text: "New bulk operation", URL: "/task/new"}, {Text: "API keys", URL: "/key"}, {Text: "Operational webhooks", URL: "/operational"}, {Text: "Audit log", URL: "/audit"}, {Text: "Keyboard", URL: "/help"},
}

func (v *visit) ways(query string) (ways []place, err error) {
	add := func(text, path string) { ways = append(ways, place{Text: text, URL: v.root + path}) }
	lower := strings.ToLower(query)
	if text, path := v.command(lower); path != "" {
		add(text, path)
	}
	if query != "" && !strings.ContainsAny(query, " /?#") {
		if err := v.named(query, add); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") {
		add("Endpoints with this URL", "/endpoint?search="+url.QueryEscape(query))
	}
	if err := v.findCalled(lower, add); err != nil {
		return nil, err
	}
	if err := v.findEndpoints(lower, add); err != nil {
		return nil, err
	}
	for _, p := range append(append([]place{}, consolePlaces...), morePlaces...) {
		if strings.Contains(strings.ToLower(p.Text), lower) {
			add(p.Text, p.URL)
		}
	}
	return ways, nil
}

// command reads something to be done, such as "replay failed since 2h acme".
func (v *visit) command(query string) (text, path string) {
	words := strings.Fields(query)
	if len(words) < 2 {
		return "", ""
	}
	kinds := map[string]string{"recover": "recover", "replay": "missing", "resend": "again"}
	kind := kinds[words[0]]
	if kind == "" {
		return "", ""
	}
	to := url.Values{"since": {"24h"}}
	for _, w := range words[1:] {
		switch _, isTime := v.momentOf(v.asIs(w)); {
		case w == "failed":
			kind = "recover"
		case w == "missing":
			kind = "missing"
		case isTime:
			to.Set("since", v.asIs(w))
		case strings.HasPrefix(w, "ep_"):
			to.Set("endpoint", v.asIs(w))
		case w != "since" && w != "of" && w != "to":
			to.Set("app", v.asIs(w))
		}
	}
	to.Set("kind", kind)
	text = "Bulk operation"
	for _, f := range taskForms {
		if f.kind == kind {
			text = f.text
		}
	}
	text += ", since " + to.Get("since")
	if app := to.Get("app"); kind == "recover" && app != "" && to.Get("endpoint") == "" { // to all of its endpoints
		return text, "/app/" + url.PathEscape(app) + "/recover?since=" + url.QueryEscape(to.Get("since"))
	}
	return text, "/task/new?" + to.Encode()
}

// asIs is a word as it was written, before it was put into small letters.
func (v *visit) asIs(word string) string {
	for w := range strings.FieldsSeq(v.asked("q")) {
		if strings.EqualFold(w, word) {
			return w
		}
	}
	return word
}

// named adds what has a name or an id.
func (v *visit) named(name string, add func(text, path string)) error {
	at := url.PathEscape(name)
	kind, _, _ := strings.Cut(name, "_")
	switch kind {
	case "msg", "ep", "src", "atmpt":
		return v.findID(name, add)
	}
	for _, try := range []struct{ text, api, path string }{
		{"Application " + name, "/app/" + at, "/app/" + at},
		{"Event type " + name, "/event-type/" + at, pathOfType(name)},
		{"Bulk operation " + name, "/background-task/" + at, "/task/" + at},
		{"Key " + name, "/api-key/" + at, "/audit?actor=" + url.QueryEscape(name)},
	} {
		err := v.read(nil, try.api)
		if _, refused := isRefused(err); err != nil && !refused {
			return err
		}
		if err == nil {
			add(try.text, try.path)
		}
	}
	return v.findMessage(name, add) // by its event id
}

type helpBody struct{ Keys []place }

// keysOfLists are the keys of console and portal alike.
var keysOfLists = []place{
	{Text: "j, k", URL: "The next or the one before of a list"}, {Text: "Enter", URL: "Open it"}, {Text: "Esc", URL: "Close what was opened, and be back where you were"},
	{Text: "/", URL: "To the filter"}, {Text: "n, p", URL: "Older, or back to the newest"}, {Text: "r", URL: "Resend, on the page of a delivery"}, {Text: "c", URL: "Copy the request as curl"},
}

func showHelp(v *visit) error {
	return v.tellKeys(append([]place{{Text: "Ctrl K, or ⌘ K", URL: "Go to a page, or to whatever has an id"}}, keysOfLists...),
		place{Text: "g h", URL: "Home"}, place{Text: "g i", URL: "Issues"}, place{Text: "g a", URL: "Applications"}, place{Text: "g m", URL: "Messages"}, place{Text: "g d", URL: "Deliveries"},
		place{Text: "g e", URL: "Endpoints"}, place{Text: "g t", URL: "Event types"}, place{Text: "g s", URL: "Sources"}, place{Text: "g r", URL: "Recipes"}, place{Text: "g q", URL: "Queue"},
		place{Text: "g b", URL: "Bulk operations"}, place{Text: "g x", URL: "Inspector"}, place{Text: "g p", URL: "Settings"})
}

func showPortalHelp(v *visit) error {
	ways := []place{{Text: "g e", URL: "Endpoints"}, {Text: "g d", URL: "Deliveries"}, {Text: "g t", URL: "Event types"}}
	if v.inboxes {
		ways = append(ways, place{Text: "g i", URL: "Test inboxes"})
	}
	return v.tellKeys(keysOfLists, append(ways, place{Text: "g p", URL: "Settings"})...)
}

// tellKeys lists keys, and after them those that lead somewhere.
func (v *visit) tellKeys(keys []place, ways ...place) error {
	return v.show("console/help", "Keyboard", helpBody{slices.Concat(keys, ways, []place{{Text: "?", URL: "This page"}})})
}
