package api

import "github.com/fanfarehq/fanfare"

type unsentListOut struct {
	Data []unsentOut `json:"data" doc:"The oldest of the endpoints that the message was not sent to, 20 at most."`
	More int         `json:"more" doc:"How many others there are."`
}

type unsentOut struct {
	ID          fanfare.EndpointID `json:"id"`
	UID         *string            `json:"uid"`
	URL         string             `json:"url"`
	Description string             `json:"description"`
	Why         string             `json:"why" doc:"Why not, as the endpoint is now: a sentence without its end."`
}

func listUnsent(c *call, _ *none) (*unsentListOut, error) {
	msg, err := c.message()
	if err != nil {
		return nil, err
	}
	all, more, err := c.hub.Unsent(c.r.Context(), msg, c.who.channels())
	if err != nil {
		return nil, err
	}
	out := &unsentListOut{Data: make([]unsentOut, len(all)), More: more}
	for i, u := range all {
		out.Data[i] = unsentOut{u.Endpoint.ID, pointer(u.Endpoint.UID), c.showURL(u.Endpoint.URL), u.Endpoint.Description, asText(u.Why)}
	}
	return out, nil
}
