package api

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

type kindOut struct {
	Kind    string         `json:"kind"`
	About   string         `json:"about" doc:"What becomes of a message, in a line."`
	Config  jsontext.Value `json:"config" doc:"An example of the endpoint's config."`
	Secrets []string       `json:"secrets" doc:"Members of the config that are shown masked."`
}

type kindsOut struct {
	Data []kindOut `json:"data"`
}

// listKinds tells what endpoints there can be beside webhooks.
func listKinds(c *call, _ *none) (*kindsOut, error) {
	out := &kindsOut{Data: []kindOut{}}
	all := c.hub.Connectors()
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		out.Data = append(out.Data, kindOut{kind, all[kind].About, exampleOf(all[kind]), append([]string{}, all[kind].Hidden...)})
	}
	return out, nil
}

func exampleOf(c fanfare.Connector) jsontext.Value {
	if len(c.Example) == 0 {
		return jsontext.Value("{}")
	}
	return jsontext.Value(c.Example)
}
