package api

import (
	"net/netip"

	"github.com/fanfarehq/fanfare"
)

func (s *server) metaRoutes() []*route {
	return []*route{on("GET /meta", "Read what consumers need to know of this server", readMeta).needs(fanfare.ScopeReadEndpoints, fanfare.ViewBase).toAll()}
}

type metaOut struct {
	Egress []string `json:"egress" doc:"Addresses and networks that deliveries come from, for firewalls to let in; none if the operator has not named any."`
}

func readMeta(c *call, _ *none) (*metaOut, error) {
	return &metaOut{c.egress}, nil
}

// addresses writes networks as firewalls take them: a single address without the
// length of its prefix.
func addresses(networks []netip.Prefix) []string {
	list := make([]string, len(networks))
	for i, n := range networks {
		list[i] = n.String()
		if n.IsSingleIP() {
			list[i] = n.Addr().String()
		}
	}
	return list
}
