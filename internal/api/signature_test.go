package api

import (
	"testing"

	"github.com/fanfarehq/fanfare/webhook"
)

func TestEndpointSignatures(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	const (
		all  = "/api/v1/app/acme/endpoint"
		path = all + "/ep"
	)
	w.do("POST", all, `{"url":"https://example.com/","uid":"plain"}`).want(201).has(map[string]any{"signature": "standard"})
	w.do("POST", all, `{"url":"https://example.com/","uid":"ep","signature":"stripe","secret":"whsec_but a text"}`).want(201).
		has(map[string]any{"signature": "stripe"})
	w.do("GET", path+"/secret", "").want(200).has(map[string]any{"key": "whsec_but a text"})
	w.do("PUT", path, `{"url":"https://example.com/new","uid":"ep"}`).want(200).
		has(map[string]any{"signature": "stripe"}) // what old clients do not know stays
	for _, profile := range webhook.Profiles() {
		if profile != webhook.Standard {
			w.do("PATCH", path, `{"signature":"`+string(profile)+`"}`).want(200).has(map[string]any{"signature": string(profile)})
		}
	}
	w.do("POST", path+"/secret/rotate", `{}`).want(204)
	if key, _ := w.do("GET", path+"/secret", "").want(200).object()["key"].(string); len(key) < 40 || key[:6] == "whsec_" {
		t.Errorf("the secret that was made is %q, want a text of its own kind", key)
	}
	w.do("PATCH", path, `{"signature":null}`).want(422)
	w.do("PATCH", path, `{"signature":"gitlab"}`).want(422)
	w.do("PATCH", path, `{"signature":"github","secret":"short"}`).want(422)
	w.do("PATCH", path, `{"signature":null,"secret":"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}`).want(200).
		has(map[string]any{"signature": "standard"})
}

// TestProfilesAreDocumented fails when a profile is missing from the document.
func TestProfilesAreDocumented(t *testing.T) {
	w := newWorld(t)
	components := w.do("GET", "/openapi.json", "").want(200).object()["components"].(map[string]any)
	endpoint := components["schemas"].(map[string]any)["EndpointOut"].(map[string]any)
	signature := endpoint["properties"].(map[string]any)["signature"].(map[string]any)
	documented := map[string]bool{}
	for _, name := range signature["enum"].([]any) {
		documented[name.(string)] = true
	}
	if len(documented) != len(webhook.Profiles()) {
		t.Errorf("%d profiles are documented, there are %d", len(documented), len(webhook.Profiles()))
	}
	for _, profile := range webhook.Profiles() {
		if !documented[string(profile)] {
			t.Errorf("%s is not documented", profile)
		}
	}
}
