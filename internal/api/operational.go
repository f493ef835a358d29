package api

import (
	"net/http"

	"github.com/fanfarehq/fanfare"
)

// operationalRoutes are those of the operator's own endpoints. They are served by
// what serves all other endpoints; only whose they are is settled here.
func (s *server) operationalRoutes() []*route {
	const all, one = "/operational-webhook/endpoint", "/operational-webhook/endpoint/{endpoint}"
	routes := []*route{
		on("GET "+all, "List the endpoints that are told of endpoints and deliveries", listEndpoints, params(fareParam, activityParam)...),
		on("POST "+all, "Create an endpoint that is told of endpoints and deliveries", createEndpoint).answering(http.StatusCreated).doing("operational-endpoint.create"),
		on("GET "+one, "Read an operational endpoint", readEndpoint, activityParam),
		on("PUT "+one, "Replace an operational endpoint, or create it under this uid", replaceEndpoint).amending().doing("operational-endpoint.replace"),
		on("PATCH "+one, "Change an operational endpoint", changeEndpoint).amending().doing("operational-endpoint.update"),
		on("DELETE "+one, "Delete an operational endpoint", deleteEndpoint).amending().doing("operational-endpoint.delete"),
		on("GET "+one+"/secret", "Read an operational endpoint's signing secret", readSecret).doing("operational-endpoint.secret.read"),
		on("POST "+one+"/secret/rotate", "Change an operational endpoint's signing secret", rotateSecret).amending().doing("operational-endpoint.secret.rotate"),
		on("GET "+one+"/headers", "Read the headers sent to an operational endpoint", readHeaders),
		on("PUT "+one+"/headers", "Replace the headers sent to an operational endpoint", replaceHeaders).amending().doing("operational-endpoint.headers.replace"),
		on("PATCH "+one+"/headers", "Change some of the headers sent to an operational endpoint", changeHeaders).amending().doing("operational-endpoint.headers.update"),
		on("GET "+one+"/stats", "Count an operational endpoint's deliveries", endpointStats, sinceParam, untilParam, newestParam, waitingParam),
		on("POST "+one+"/recover", "Make an operational endpoint's deliveries that were given up wait again", recoverEndpoint, planParams...).answering(http.StatusAccepted).exactly().doing("operational-endpoint.recover"),
		on("POST "+one+"/verify", "Ask an operational endpoint's receiver whether it wants messages", verifyEndpoint).doing("operational-endpoint.verify"),
		on("GET "+one+"/attempt", "List the attempts to an operational endpoint", listAttempts, attemptFilters()...),
		on("POST "+one+"/try-now", "Try what waits for an operational endpoint at once; 503 with the code not_here if another server sends to it", tryNow).answering(http.StatusAccepted).doing("operational-endpoint.try-now"),
		on("POST "+one+"/msg/{msg}/resend", "Send an operational message to its endpoint again", resendMessage).answering(http.StatusAccepted).doing("operational-endpoint.resend"),
	}
	for _, rt := range routes {
		rt.operational = true
		rt.known.withhold(operationalUnknown...)
	}
	return routes
}

// operationalUnknown are members of endpoints that strict clients do not know of
// operational ones.
var operationalUnknown = []string{"version", "channels"}

// withhold makes members unknown to strict clients that are known elsewhere.
func (k *known) withhold(names ...string) {
	for _, name := range names {
		k.newer[name] = true
	}
	for _, inner := range k.inner {
		inner.withhold(names...)
	}
}

// operational is the application whose routes these are. It is made when there is
// something to be put into it.
func (c *call) operational() (*fanfare.Application, error) {
	if c.r.Method == http.MethodPost || c.r.Method == http.MethodPut {
		return c.hub.Operational(c.r.Context(), true)
	}
	return &fanfare.Application{ID: fanfare.OperationalApplication}, nil
}
