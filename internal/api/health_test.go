package api

import "testing"

// TestAServerThatLeavesSaysSo asks after the health of a server that is about to stop.
func TestAServerThatLeavesSaysSo(t *testing.T) {
	w := newWorld(t)
	leaving := make(chan struct{})
	w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey), Leaving: leaving})
	w.do("GET", "/api/v1/health", "").want(204)
	close(leaving)
	for _, path := range []string{"/api/v1/health", "/api/v1/health/ping"} {
		w.do("GET", path, "").want(503)
	}
	w.do("GET", "/api/v1/app", "").want(200)
}
