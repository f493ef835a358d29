package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// poller is the kind of endpoint that is sent nothing: its messages are polled.
const poller = "poller"

// webhookKind is the kind of endpoint that is sent its messages at a URL.
const webhookKind = "webhook"

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
		"poll it with", r.inApp("poll", "--endpoint", cmp.Or(ep.UID, ep.ID)), "event types", ep.wants(), "pinned versions", pinned(ep.TypeVersions), "channels", strings.Join(ep.Channels, ", "), "filter", ep.Filter, "created", stamp(ep.CreatedAt))
}

// showConnected is show for an endpoint whose messages go where its config says.
func (ep *endpoint) showConnected(r *request) error {
	ordered, timeout, inFlight := "", "", ""
	if ep.Ordered {
		ordered = "yes"
	}
	if ep.Timeout > 0 {
		timeout = span(ep.Timeout)
	}
	if ep.MaxInFlight > 0 {
		inFlight = fmt.Sprintf("%d at most", ep.MaxInFlight)
	}
	return fields(r.out, "id", ep.ID, "uid", ep.UID, "kind", ep.Kind, "goes to", ep.to(), "config", string(ep.Config), "description", ep.Description,
		"state", ep.state(), "why", ep.why(r), "event types", ep.wants(), "pinned versions", pinned(ep.TypeVersions), "channels", strings.Join(ep.Channels, ", "), "filter", ep.Filter,
		"ordered", ordered, "ordering key", ep.OrderingKey, "retry", ep.Retry.String(), "timeout", timeout, "rate limit", perSecond(ep.RateLimit), "in flight", inFlight, "created", stamp(ep.CreatedAt))
}

// maxConfig bounds what is read of a config or a script, in bytes; the server takes
// less.
const maxConfig = 1 << 20

// orFile is what a flag says, or what is in the file that it names behind an @.
func (e *env) orFile(value string) ([]byte, error) {
	if file, ok := strings.CutPrefix(value, "@"); ok {
		return e.readFile(file, maxConfig)
	}
	return []byte(value), nil
}

// tell puts into body what the endpoint's kind is told, and its script.
func (s *endpointSettings) tell(e *env, r *request, body map[string]any) error {
	if r.given("transformation") {
		script, err := e.orFile(s.script)
		if err != nil {
			return err
		}
		body["transformation"] = orNull(string(script))
	}
	if !r.given("config") {
		return nil
	}
	text, err := e.orFile(s.config)
	if err != nil {
		return err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(text, &config); err != nil {
		return usagef("--config is no JSON object, such as {\"url\":\"https://…\"}, nor @ and the name of a file with one: %w", err)
	}
	body["config"] = json.RawMessage(text)
	return nil
}

// target is the url of an endpoint to be made. One that is polled has none.
func (s *endpointSettings) target(r *request, example string) (string, error) {
	if s.kind != webhookKind && len(r.args) == 0 && s.url == "" {
		return "", nil
	}
	if s.kind != webhookKind && s.kind != poller {
		return "", usagef("an endpoint of kind %s has no url; say in --config where it goes", s.kind)
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
