package fanfare_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestAnEndpointThatCannotBeUsedHoldsUpNoOther has one in the store that this program
// cannot make sense of.
func TestAnEndpointThatCannotBeUsedHoldsUpNoOther(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(ep *fanfare.Endpoint)
		why   string
	}{
		"format":      {func(ep *fanfare.Endpoint) { ep.Format = "telex" }, `format: "telex" is not known here`},
		"certificate": {func(ep *fanfare.Endpoint) { ep.Auth.Certificate = "none" }, "certificate: "},
		"secret":      {func(ep *fanfare.Endpoint) { ep.Secrets[0].Text = "sesame" }, "secrets: "},
		"token URL":   {func(ep *fanfare.Endpoint) { ep.Auth.OAuth2 = &fanfare.OAuth2{TokenURL: "http://["} }, "token URL: "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				good, bad := w.receiver("good.example", nil), w.receiver("bad.example", nil)
				w.endpoint(fanfare.Endpoint{URL: good.url})
				ep := w.endpoint(fanfare.Endpoint{URL: bad.url})
				if got := ep.Unusable(time.Now()); got != "" {
					t.Errorf("before it is spoilt it says %q", got)
				}
				w.close()
				spoilt := *ep
				spoilt.Secrets = []fanfare.Secret{ep.Secrets[0]}
				test.spoil(&spoilt)
				if err := w.store.UpdateEndpoint(t.Context(), &spoilt); err != nil {
					t.Fatal(err)
				}
				w.run(nil)
				w.send("a.b", 1)
				time.Sleep(time.Hour)
				if n, m := len(good.requests()), len(bad.requests()); n != 1 || m != 0 {
					t.Errorf("%d and %d requests, want 1 and none", n, m)
				}
				now := w.reload(ep)
				if got := now.Unusable(time.Now()); !strings.Contains(got, test.why) || now.Disabled || !now.FailingSince.IsZero() {
					t.Errorf("it says %q, disabled %v, failing since %v", got, now.Disabled, now.FailingSince)
				}
				now.Format, now.Auth, now.Secrets = ep.Format, ep.Auth, ep.Secrets
				if err := w.hub.UpdateEndpoint(t.Context(), now); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if n := len(bad.requests()); n != 1 {
					t.Errorf("once it is put right there are %d requests, want 1", n)
				}
			})
		})
	}
}
