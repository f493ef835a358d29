package api

import "github.com/fanfarehq/fanfare"

// showURL is a URL as the caller may see it: whole for those who may read an
// endpoint's secret, since it may be one.
func (c *call) showURL(url string) string {
	if c.who.may(access{scope: fanfare.ScopeWriteEndpoints, capability: fanfare.ViewEndpointSecret}) == nil {
		return url
	}
	return fanfare.MaskURL(url)
}

// showEndpoint is for those who may only read; whoever may write is shown all.
func (c *call) showEndpoint(ep *fanfare.Endpoint) (*endpointOut, error) {
	out, err := c.shownEndpoint(ep)
	if err == nil {
		out.URL = c.showURL(out.URL)
	}
	return out, err
}
