package api

import "time"

// nodeRoutes are for admins alone.
func (s *server) nodeRoutes() []*route {
	return []*route{
		on("GET /nodes", "List the servers that work on this store together; none if it is for one alone", listNodes),
	}
}

type nodeOut struct {
	ID        string    `json:"id"`
	Name      string    `json:"name" doc:"The machine's, unless it was given another."`
	Shards    int       `json:"shards" doc:"How many of the 257 parts of the work it does."`
	StartedAt time.Time `json:"startedAt" doc:"When it joined the others."`
	ExpiresAt time.Time `json:"expiresAt" doc:"When others take over what it does, unless it is heard of before."`
}

func listNodes(c *call, _ *none) (*list[nodeOut], error) {
	nodes, err := c.hub.Nodes(c.r.Context())
	if err != nil {
		return nil, err
	}
	out := &list[nodeOut]{Data: []nodeOut{}, Done: true}
	for _, n := range nodes {
		out.Data = append(out.Data, nodeOut{n.ID, n.Name, n.Shards, n.StartedAt, n.ExpiresAt})
	}
	return out, nil
}
