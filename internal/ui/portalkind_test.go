package ui_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// unposted are the fields that mean something to an endpoint whose messages a connector or a
// function takes, and httpWords are of what is sent to URLs only.
var (
	unposted  = []string{"once", "description", "events", "type", "any", "member", "relation", "value", "built", "filter", "retry", "timeout", "rateLimit", "onPause"}
	httpWords = []string{
		"URL (needed)", "Body", "Signature", "What counts as taken", "Headers", "Also set, but not shown", "How the receiver knows who comes", "Signing secret", "Show it", "Make a new one",
	}
)

// TestSettingsHaveWhatAKindUses, and whatever else is stored of an endpoint stays when they are
// saved, whatever a form says.
func TestSettingsHaveWhatAKindUses(t *testing.T) {
	slack := json.RawMessage(`{"url":"https://hooks.slack.com/services/T0/B0/x","text":"{{eventType}}"}`)
	smtp := json.RawMessage(`{"server":"smtp.example.com:587","username":"fanfare","password":"hush-hush","from":"fanfare@example.com","to":"yogi@example.com","subject":"{{eventType}}","text":"{{payload}}"}`)
	for _, c := range []struct {
		kind   string
		config json.RawMessage
		says   []string
	}{
		{"slack", slack, []string{"slack:"}},
		{"smtp", smtp, []string{"smtp:"}},
		{fanfare.KindFunction, nil, []string{"function:"}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			w := newWorld(t, nil)
			set := func(ep *fanfare.Endpoint) {
				ep.Config, ep.Description, ep.EventTypes, ep.Filter = c.config, "Team", []string{"record.*"}, "payload.n > 1"
				ep.Headers, ep.Signature, ep.Secrets = map[string]string{"X-One": "1", "X-Api-Key": "hush"}, "github", []fanfare.Secret{{Text: "a secret of enough characters"}}
				ep.Success, ep.Auth = fanfare.Success{Statuses: "204"}, fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: "hush"}}
				ep.Retry, ep.Timeout, ep.OnPause = fanfare.Retry{Delays: []time.Duration{time.Second}}, 5*time.Second, fanfare.OnPauseCancel
			}
			ep := w.ofKind(c.kind, set)
			was := *w.stored(ep)
			at := "/portal/endpoint/" + string(ep.ID)
			d := w.get(200, at+"/settings").says("Team", "record.*", "Retries", "Seconds to wait for an answer", "While it is paused", "As is usual for its kind").says(c.says...).lacks(httpWords...)
			_, f := w.fieldsOf(d, "Save")
			for name := range f {
				if !slices.Contains(unposted, strings.TrimPrefix(name, "was-")) {
					t.Errorf("it asks for %s", name)
				}
			}
			for _, more := range [][]string{
				nil, {"url", "https://example.com/other", "headers", "X-Two: 2", "signature", "slack", "format", "thin", "success", "apps-script", "auth", "none", "kind", "webhook"},
			} {
				w.submit(303, d, "Save", append(more, "description", "Crew", "timeout", "7", "rateLimit", "3")...).says("The settings are saved", "Crew")
				now, want := *w.stored(ep), was
				want.Description, want.Timeout, want.RateLimit, want.Revision, want.UpdatedAt = "Crew", 7*time.Second, 3, now.Revision, now.UpdatedAt
				if !reflect.DeepEqual(now, want) {
					t.Errorf("with %q the endpoint is\n%+v, want\n%+v", more, now, want)
				}
			}
			d = w.get(200, at+"/settings")
			w.submit(422, d, "Save", "filter", "payload.(").says("Not yet:").lacks(httpWords...)
			w.submit(200, d, "Add a condition").lacks(httpWords...)
			w.enter(fanfare.ViewBase)
			w.get(200, at+"/settings").says("Crew", "Where it goes", "Seconds to wait", "record.*").lacks(append(httpWords, "A bearer token", "Save")...)
		})
	}
}

// ofKind makes an endpoint of a kind that no form makes, and then sets something of it.
func (w *world) ofKind(kind string, set func(*fanfare.Endpoint)) *fanfare.Endpoint {
	w.t.Helper()
	if kind != fanfare.KindFunction {
		return w.endpoint(func(ep *fanfare.Endpoint) { ep.Kind, ep.URL = kind, ""; set(ep) })
	}
	ep := &fanfare.Endpoint{Application: w.app.ID, UID: "books"}
	if err := w.hub.Subscribe(w.t.Context(), ep, func(context.Context, *fanfare.Message) error { return nil }); err != nil {
		w.t.Fatal(err)
	}
	set(ep)
	if err := w.hub.UpdateEndpoint(w.t.Context(), ep); err != nil {
		w.t.Fatal(err)
	}
	return ep
}
