package ui

import "slices"

// posted reports whether the endpoint's messages are sent to its URL. Those of others are asked
// for, or a connector or a function takes them.
func (ep *endpointOut) posted() bool { return ep.Kind == "" || ep.Kind == kindWebhook }

// forAll are the optional fields that mean something to every endpoint that is not polled.
var forAll = []string{"description", "retry", "timeout", "rateLimit", "onPause"}

// taken leaves of a form what means something to an endpoint whose messages a connector or a
// function takes.
func (b *addBody) taken() { b.URL, b.Auth, b.Options = field{}, nil, ofTaken(b.Options) }

// ofTaken are those of the optional fields that mean something to such an endpoint.
func ofTaken(all []field) (options []field) {
	for _, f := range all {
		if f.Name == "rateLimit" {
			f.Hint = "As is usual for its kind, unless you say so."
		}
		if slices.Contains(forAll, f.Name) {
			options = append(options, f)
		}
	}
	return options
}
