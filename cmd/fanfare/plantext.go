package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
)

// secretive are fields of endpoints, beside secrets, that are not shown, wherever they come from.
var secretive = []string{"headers", "auth", "config"}

// created are the fields of what is to be made.
func created(item *manifest.Item) []fieldChange {
	var fields []fieldChange
	for _, f := range item.Fields {
		c := fieldChange{Name: f.Name, Hidden: f.Hidden || f.Name == "secret" || item.Kind == manifest.Endpoint && slices.Contains(secretive, f.Name)}
		if !f.Hidden {
			c.To = f.Value
		}
		fields = append(fields, c)
	}
	return fields
}

// text shows a change the way diff does.
func (c *change) text(p paint) string {
	name := printable(title(c.Kind, c.Name, c.App))
	switch {
	case c.Action == "create":
		return p.green("+ "+name) + c.target() + "\n"
	case c.Action == "delete" && c.Kind == manifest.Application.String():
		return p.red("- "+name+", with its endpoints and messages") + "\n"
	case c.Action == "delete":
		return p.red("- "+name) + "\n"
	}
	var b strings.Builder
	b.WriteString(p.yellow("~ "+name) + "\n")
	for _, f := range c.Fields {
		what := "(hidden)"
		if !f.Hidden {
			what = valueText(f.Name, f.From) + " → " + valueText(f.Name, f.To)
		}
		fmt.Fprintf(&b, "    %s %s: %s\n", p.yellow("~"), printable(f.Name), what)
	}
	return b.String()
}

// target says of an endpoint to be made where it leads and what it wants.
func (c *change) target() string {
	if c.Kind != manifest.Endpoint.String() {
		return ""
	}
	value := func(name string) (json.RawMessage, bool) {
		i := slices.IndexFunc(c.Fields, func(f fieldChange) bool { return f.Name == name })
		if i < 0 {
			return nil, false
		}
		return c.Fields[i].To, c.Fields[i].Hidden
	}
	url, hidden := value("url")
	to := valueText("url", url)
	kind, _ := value("kind")
	switch name := valueText("kind", kind); {
	case name != webhookKind && name != poller:
		to = name
	case hidden:
		to = "a hidden url"
	case unset("url", url):
		to = "polled"
	}
	types, _ := value("eventTypes")
	var names []string
	if json.Unmarshal(types, &names) != nil || len(names) == 0 {
		return ": " + to + ", " + usualText["eventTypes"]
	}
	return ": " + to + ", " + printable(cut(strings.Join(names, " "), 200))
}

// usualText names what a field without a value means, where that is not nothing.
var usualText = map[string]string{
	"eventTypes": "all", "channels": "all", "rateLimit": "no limit", "timeout": "20s", "maxInFlight": "the server's",
	"ordered": "false", "disabled": "false", "paused": "false", "deprecated": "false", "archived": "false",
}

// valueText shows a value: text without quotes, and no value as what that means.
func valueText(name string, value json.RawMessage) string {
	if empty := len(value) == 0 || string(value) == "null" || string(value) == "[]"; empty && usualText[name] != "" {
		return usualText[name]
	} else if empty && usual[name] != "" {
		value = json.RawMessage(usual[name])
	}
	var text string
	switch {
	case len(value) == 0 || string(value) == "null":
		return "none"
	case json.Unmarshal(value, &text) == nil && name == "url" && text != "":
		return printable(cut(fanfare.MaskURL(text), 200)) // plans are shown around
	case json.Unmarshal(value, &text) == nil:
		return printable(cut(text, 200))
	}
	return cut(string(printableJSON(value)), 200)
}
