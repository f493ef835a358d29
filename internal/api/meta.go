package api

import (
	"net/http"
	"net/netip"
)

func (s *server) metaRoutes() []*route {
	meta := on("GET /meta", "Read what consumers need to know of this server", readMeta)
	meta.open = true // those whose firewalls it is for have no key
	kinds := on("GET /kind", "List the kinds of endpoints there are beside webhooks", listKinds)
	kinds.open = true
	return []*route{meta, kinds}
}

// metaOut is shown to everyone: nothing belongs here that not everyone may know.
type metaOut struct {
	Egress []string `json:"egress" doc:"Addresses and networks that deliveries come from, for firewalls to let in; none if the operator has not named any."`
}

func readMeta(c *call, _ *none) (*metaOut, error) {
	return &metaOut{c.egress}, nil
}

// serveAddresses is GET /meta where programs look for it that know no more of a
// sender than its name.
func (s *server) serveAddresses(w http.ResponseWriter, _ *http.Request) {
	body, err := appendJSON(nil, &metaOut{s.egress})
	if err != nil {
		internal.write(w)
		return
	}
	writeJSON(w, http.StatusOK, body)
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
