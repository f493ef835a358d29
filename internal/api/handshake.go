package api

import (
	"errors"
	"net/http"

	"github.com/fanfarehq/fanfare"
)

func (s *server) handshakeRoutes() []*route {
	confirm := on("POST /app/{app}/hook-secret/{hook}", "Bring the X-Hook-Secret of a handshake that was not answered with it", confirmEndpoint).doing("endpoint.confirm")
	confirm.open = true // to whoever has the secret
	return []*route{
		on("POST /app/{app}/endpoint/{endpoint}/verify", "Ask an endpoint's receiver whether it wants messages, in the way of its handshake", verifyEndpoint).
			needs(fanfare.ScopeWriteEndpoints, fanfare.ManageEndpoint).inChannels().doing("endpoint.verify"),
		confirm,
	}
}

func verifyEndpoint(c *call, _ *none) (*endpointOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	if err := c.hub.VerifyEndpoint(c.r.Context(), ep); err != nil {
		return nil, err
	}
	return c.shownEndpoint(ep)
}

// hookSecretHeader carries what a receiver was to repeat.
const hookSecretHeader = "X-Hook-Secret"

var noHookSecret = refuse(http.StatusUnauthorized, "authentication_failed",
	"No handshake waits for this X-Hook-Secret; send the one that came with the latest handshake, in the header of that name.")

// confirmEndpoint answers whoever does not have the secret the same, whether or not
// there is such an endpoint.
func confirmEndpoint(c *call, _ *none) (none, error) {
	secret := c.r.Header.Get(hookSecretHeader)
	if secret == "" || len(secret) > maxKey {
		return none{}, noHookSecret
	}
	app, err := c.application()
	if err == nil {
		var ep *fanfare.Endpoint
		if ep, err = c.hub.Endpoint(c.r.Context(), app.ID, c.r.PathValue("hook")); err == nil {
			err = c.hub.ConfirmEndpoint(c.r.Context(), ep, secret)
		}
	}
	if errors.Is(err, fanfare.ErrNotFound) {
		err = noHookSecret
	}
	return none{}, err
}
