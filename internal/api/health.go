package api

func (s *server) healthRoutes() []*route {
	alive := on("GET /health", "Whether the server serves", isAlive)
	ping := on("GET /health/ping", "The same", isAlive)
	alive.open, ping.open = true, true
	return []*route{alive, ping}
}

func isAlive(*call, *none) (none, error) {
	return none{}, nil
}
