package api

import "net/http"

func (s *server) healthRoutes() []*route {
	alive := on("GET /health", "Whether the server serves, and goes on to (else 503)", isAlive)
	ping := on("GET /health/ping", "The same", isAlive)
	alive.open, ping.open = true, true
	return []*route{alive, ping}
}

// isAlive says which store there is in a header: the answer has no body. While the
// server takes its leave it is refused, and while it is no node that should be one.
func isAlive(c *call, _ *none) (none, error) {
	if c.kind != "" {
		c.w.Header().Set("Fanfare-Store", c.kind)
	}
	select {
	case <-c.leaving:
		return none{}, refuse(http.StatusServiceUnavailable, "stopping", "The server is about to stop, and still answers; send requests to another one.")
	default:
	}
	if c.hub.OutOfTouch() {
		p := refuse(http.StatusServiceUnavailable, "unavailable", "The server has been out of touch with its database for so long that others do its work; send requests to another one.")
		p.retryAfter = "1"
		return none{}, p
	}
	return none{}, nil
}
