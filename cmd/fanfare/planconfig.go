package main

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
)

// The server shows an endpoint's config with what is secret in it masked. The functions
// of this file compare and write what is shown.

// partlyShown are the fields of endpoints in which something is hidden, and how each
// differs from the server's; see authDifference.
var partlyShown = map[string]func(f *manifest.Field, have json.RawMessage, sendHidden bool) (*fieldChange, bool){
	"auth": authDifference, "config": configDifference,
}

// connected reports whether an endpoint's config says where it leads, and not its url.
func connected(item *manifest.Item) bool {
	kind := item.EndpointKind()
	return kind != webhookKind && kind != poller
}

// masked is what stands for a secret.
const masked = `"` + fanfare.Masked + `"`

// configDifference is how a file's config differs from the server's, nil if not as far
// as can be seen. blind tells whether there was something that cannot be seen.
func configDifference(f *manifest.Field, have json.RawMessage, sendHidden bool) (change *fieldChange, blind bool) {
	change = &fieldChange{Name: f.Name, Hidden: true, value: f.Value}
	var want, is map[string]json.RawMessage
	if json.Unmarshal(f.Value, &want) != nil || have != nil && json.Unmarshal(have, &is) != nil {
		return change, false
	}
	for name, w := range want {
		h, shown := is[name]
		switch {
		case string(h) == masked:
			blind = true
		case !shown, !same(w, h):
			return change, false
		}
	}
	for name := range is {
		if _, there := want[name]; !there {
			return change, false
		}
	}
	if blind && sendHidden {
		return change, false
	}
	return nil, blind
}

// config writes an endpoint's config as a file has it: variables of the environment
// stand for what is not shown, and its url, which follows from it, is left out.
func (x *exporter) config(ep *manifest.Item) error {
	if !connected(ep) {
		return nil
	}
	ep.Fields = slices.DeleteFunc(ep.Fields, func(f manifest.Field) bool { return f.Name == "url" })
	f := ep.Field("config")
	if f == nil {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(f.Value, &members); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if string(members[name]) != masked {
			members[name] = json.RawMessage(manifest.Literal(string(members[name])))
			continue
		}
		variable := variableFor(ep.App, ep.Name, name)
		x.say("config.%s of endpoint %s (app %s) is not shown by the server; set %s when you apply the file.", name, ep.Name, ep.App, variable)
		members[name] = json.RawMessage(`"${` + variable + `}"`)
	}
	text, err := json.Marshal(members)
	f.Value = text
	return err
}
