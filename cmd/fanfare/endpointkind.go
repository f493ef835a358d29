package main

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// poller is the kind of endpoint that is sent nothing: its messages are polled.
const poller = "poller"

// to is where an endpoint's messages go, in a word: tables are shown around, so what
// may be a secret of it is left to --json.
func (ep *endpoint) to() string {
	if ep.Kind == poller {
		return "(polled)"
	}
	return fanfare.MaskURL(ep.URL)
}

// showPoller is show for an endpoint that is sent nothing.
func (ep *endpoint) showPoller(r *request) error {
	return fields(r.out, "id", ep.ID, "uid", ep.UID, "kind", ep.Kind, "description", ep.Description, "state", ep.state(),
		"poll it with", r.inApp("poll", "--endpoint", cmp.Or(ep.UID, ep.ID)), "event types", ep.wants(), "pinned versions", pinned(ep.TypeVersions), "channels", strings.Join(ep.Channels, ", "), "created", stamp(ep.CreatedAt))
}

// target is the url of an endpoint to be made. One that is polled has none.
func (s *endpointSettings) target(r *request, example string) (string, error) {
	if s.kind == poller && len(r.args) == 0 && s.url == "" {
		return "", nil
	}
	to, err := r.named("url", s.url, example)
	if err != nil {
		return "", err
	}
	return to, checkTarget(to)
}

// checkTarget tells who left out the scheme of a URL what to put there.
func checkTarget(to string) error {
	u, err := url.Parse("http://" + to)
	if err != nil || to == "" || strings.Contains(to, "://") || strings.Contains(u.Hostname(), "@") {
		return nil // the server says what is wrong with it, if anything is
	}
	scheme := "https://"
	switch host := u.Hostname(); {
	case host == "localhost", strings.HasPrefix(host, "127."), host == "::1":
		scheme = "http://"
	case u.Port() == "" && !strings.Contains(host, "."):
		return nil
	}
	return usagef("%q is not a URL; put %s before it: %s%s", to, scheme, scheme, to)
}

func (s *endpointSettings) secretFlag(flags *pflag.FlagSet, otherwise string) {
	flags.StringVar(&s.secret, "secret", "", "secret to sign with: whsec_… or whsk_… for the standard signature, any text for others; "+otherwise)
}

// explain says what to do where a new signature cannot use the old secret.
func (s *endpointSettings) explain(r *request, err error) error {
	var refused *apiError
	if !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity ||
		!strings.HasPrefix(refused.Detail, "secret: ") || !r.given("signature") || r.given("secret") {
		return err
	}
	return usagef("the secret that the endpoint has cannot sign in the way of %q (%s); give it another with --secret: %s",
		s.signature, strings.TrimPrefix(refused.Detail, "secret: "), secretFor(webhook.Profile(s.signature)))
}
