package compat

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// npmLater are the methods of the JavaScript clients, of the resources that are
// there, whose routes are not, and why. A name is of one version or of both.
var npmLater = map[string]string{
	"authentication.getStreamPollerToken":    "streams are a service of its own",
	"authentication.rotateStreamPollerToken": "streams are a service of its own",
	"authentication.streamExpireAll":         "streams are a service of its own",
	"authentication.streamLogout":            "streams are a service of its own",
	"authentication.streamPortalAccess":      "streams are a service of its own",
	"endpoint.transformation.get":            "transformations come with the JavaScript sandbox",
	"endpoint.transformation.patch":          "transformations come with the JavaScript sandbox",
	"endpoint.transformationGet":             "transformations come with the JavaScript sandbox",
	"endpoint.patchTransformation":           "transformations come with the JavaScript sandbox",
	"endpoint.transformationPartialUpdate":   "transformations come with the JavaScript sandbox",
}

// TestSvixNPM is a session with the official JavaScript client of today.
func TestSvixNPM(t *testing.T) { npmSession(t, "svix") }

// TestSvixNPM1 is the same with version 1, which most programs still have.
func TestSvixNPM1(t *testing.T) { npmSession(t, "svix1") }

func npmSession(t *testing.T, name string) {
	t.Parallel()
	s := startServer(t)
	var told struct {
		Checks          []struct{ Name, Error string }
		Called, Methods []string
	}
	out := node(t, nil, "session.mjs", name, s.url, s.key)
	if err := json.Unmarshal(out, &told); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(told.Checks) == 0 || len(told.Methods) == 0 {
		t.Errorf("the session checked %d things of %d methods", len(told.Checks), len(told.Methods))
	}
	for _, check := range told.Checks {
		t.Run(strings.ReplaceAll(check.Name, " ", "_"), func(t *testing.T) {
			if check.Error != "" {
				t.Error(check.Error)
			}
		})
	}
	for _, method := range told.Methods {
		called, later := slices.Contains(told.Called, method), npmLater[method] != ""
		if called == later {
			t.Errorf("%s: called is %v, to come later is %v", method, called, later)
		}
	}
	for _, method := range told.Called {
		if !slices.Contains(told.Methods, method) {
			t.Errorf("%s was called, but is not among the methods", method)
		}
	}
}
