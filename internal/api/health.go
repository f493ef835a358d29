package api

func (s *server) healthRoutes() []*route {
	alive := on("GET /health", "Whether the server serves", isAlive)
	ping := on("GET /health/ping", "The same", isAlive)
	alive.open, ping.open = true, true
	return []*route{alive, ping}
}

// isAlive says which store there is in a header: the answer has no body.
func isAlive(c *call, _ *none) (none, error) {
	if c.kind != "" {
		c.w.Header().Set("Fanfare-Store", c.kind)
	}
	return none{}, nil
}
