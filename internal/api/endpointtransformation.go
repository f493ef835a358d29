package api

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

type transformationOut struct {
	Code      *string   `json:"code" doc:"JavaScript; null: there is none."`
	Enabled   bool      `json:"enabled" doc:"Whether there is one: what is there is applied."`
	UpdatedAt time.Time `json:"updatedAt" doc:"When the endpoint was last changed."`
}

type transformationPatch struct {
	Code    field[string] `json:"code,omitzero" doc:"JavaScript; null takes it away."`
	Enabled field[bool]   `json:"enabled,omitzero" doc:"Of no meaning beside code; false alone is refused."`
}

// endpointTransformationRoutes are for those who may change an endpoint's script and
// nothing else of it.
func (s *server) endpointTransformationRoutes() []*route {
	return []*route{
		on("GET /app/{app}/endpoint/{endpoint}/transformation", "Read an endpoint's transformation", readTransformation).needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).inChannels(),
		on("PATCH /app/{app}/endpoint/{endpoint}/transformation", "Change an endpoint's transformation", changeTransformation).amending().needs(fanfare.ScopeWriteEndpoints, fanfare.ManageTransformations).inChannels().doing("endpoint.transformation.update"),
	}
}

func readTransformation(c *call, _ *none) (*transformationOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return &transformationOut{pointer(ep.Transformation), ep.Transformation != "", ep.UpdatedAt}, nil
}

func changeTransformation(c *call, in *transformationPatch) (none, error) {
	if in.Enabled.set && !in.Enabled.value && !in.Code.set {
		return none{}, &fanfare.InvalidError{Field: "enabled", Reason: "a script that is there is applied; send code: null to take it away"}
	}
	_, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		in.Code.into(&ep.Transformation)
		return c.hub.UpdateEndpoint(c.r.Context(), ep)
	})
	return none{}, err
}
