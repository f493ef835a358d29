package api

import (
	"net/http"
	"slices"

	"github.com/fanfarehq/fanfare"
)

type headersIn struct {
	Headers map[string]string `json:"headers"`
}

type headersPatch struct {
	Headers       map[string]*string `json:"headers,omitzero" doc:"To set; null takes one away."`
	DeleteHeaders []string           `json:"deleteHeaders,omitzero" doc:"To take away."`
}

type headersOut struct {
	Headers   map[string]string `json:"headers"`
	Sensitive []string          `json:"sensitive" doc:"Names of those that are set, but not shown."`
}

func readHeaders(c *call, _ *none) (*headersOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	out := &headersOut{Headers: map[string]string{}, Sensitive: []string{}}
	for name, value := range ep.Headers {
		if fanfare.SensitiveHeader(name) {
			out.Sensitive = append(out.Sensitive, name)
		} else {
			out.Headers[name] = value
		}
	}
	slices.Sort(out.Sensitive)
	return out, nil
}

func replaceHeaders(c *call, in *headersIn) (none, error) {
	_, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		ep.Headers = in.Headers
		return c.hub.UpdateEndpoint(c.r.Context(), ep)
	})
	return none{}, err
}

func changeHeaders(c *call, in *headersPatch) (none, error) {
	_, err := c.amendEndpoint(func(ep *fanfare.Endpoint) error {
		in.apply(ep)
		return c.hub.UpdateEndpoint(c.r.Context(), ep)
	})
	return none{}, err
}

func (in *headersPatch) apply(ep *fanfare.Endpoint) {
	for _, name := range in.DeleteHeaders {
		withoutHeader(ep, name)
	}
	for name, value := range in.Headers {
		withoutHeader(ep, name)
		if value == nil {
			continue
		}
		if ep.Headers == nil {
			ep.Headers = map[string]string{}
		}
		ep.Headers[name] = *value
	}
}

// withoutHeader takes a header away, however its name is capitalised.
func withoutHeader(ep *fanfare.Endpoint, name string) {
	for have := range ep.Headers {
		if http.CanonicalHeaderKey(have) == http.CanonicalHeaderKey(name) {
			delete(ep.Headers, have)
		}
	}
}
