package api

import (
	"time"

	"github.com/fanfarehq/fanfare"
)

type reachIn struct {
	URL string `json:"url" doc:"That may become an endpoint's."`
}

type reachOut struct {
	URL         string         `json:"url" doc:"As an endpoint would have it."`
	Reachable   bool           `json:"reachable" doc:"Whether anything answered, whatever it was."`
	Connected   bool           `json:"connected" doc:"Whether its name resolves to an address that may be sent to, and something listens there."`
	Secure      bool           `json:"secure" doc:"Whether it was reached over TLS, by a certificate that is trusted."`
	Expires     *time.Time     `json:"certificateExpires" doc:"When that certificate is valid no more."`
	Status      *int           `json:"status" doc:"Of the answer to a HEAD request."`
	Location    *string        `json:"location" doc:"Where it redirects to."`
	DurationMs  int64          `json:"durationMs" doc:"How long that took."`
	ErrorClass  *fanfare.Class `json:"errorClass" doc:"The kind of failure, as of attempts."`
	Detail      string         `json:"detail" doc:"What the machine said."`
	Explanation explanation    `json:"explanation"`
}

func (s *server) reachRoutes() []*route {
	return []*route{on("POST /app/{app}/url/check", "Look whether a URL can be reached, before it is an endpoint's", checkURL).needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().exactly().unaudited()}
}

func checkURL(c *call, in *reachIn) (*reachOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	r, err := c.hub.Reach(c.r.Context(), app.ID, in.URL)
	if err != nil {
		return nil, err
	}
	out := &reachOut{
		URL: r.URL, Reachable: r.Class == fanfare.ClassSuccess, Connected: r.Connected, Secure: r.Secure, Expires: pointer(r.Expires),
		Status: pointer(r.Status), Location: pointer(asText(r.Location)), DurationMs: r.Took.Milliseconds(), Detail: asText(r.Detail),
	}
	if !out.Reachable {
		out.ErrorClass = &r.Class
	}
	out.Explanation.What, out.Explanation.Fix = r.Explain()
	out.Explanation.What = asText(out.Explanation.What)
	return out, nil
}
