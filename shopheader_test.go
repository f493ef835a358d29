package fanfare_test

import (
	"maps"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// TestShopifySaysWhoseAndWhichVersion is because Shopify's own library refuses a
// webhook without either.
func TestShopifySaysWhoseAndWhichVersion(t *testing.T) {
	const domain, version = "X-Shopify-Shop-Domain", "X-Shopify-Api-Version"
	for name, test := range map[string]struct {
		signature string
		own, want map[string]string
	}{
		"neither is said":  {"shopify", nil, map[string]string{domain: "acme", version: "unstable"}},
		"one is said":      {"shopify", map[string]string{"x-shopify-shop-domain": "a.example"}, map[string]string{domain: "a.example", version: "unstable"}},
		"both are said":    {"shopify", map[string]string{domain: "a.example", "X-Shopify-API-Version": "2026-10"}, map[string]string{domain: "a.example", version: "2026-10"}},
		"another's":        {"github", nil, map[string]string{domain: "", version: ""}},
		"another's, given": {"github", map[string]string{domain: "a.example"}, map[string]string{domain: "a.example", version: ""}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", nil)
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Signature: test.signature, Headers: test.own})
				w.send("orders/create", 1)
				synctest.Wait()
				header := rcv.requests()[0].header
				got := map[string]string{domain: header.Get(domain), version: header.Get(version)}
				if !maps.Equal(got, test.want) || len(header.Values(domain)) > 1 || len(header.Values(version)) > 1 {
					t.Errorf("received %v, want %v", header, test.want)
				}
			})
		})
	}
}
