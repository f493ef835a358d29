package main

import (
	"encoding/json"
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestAPlanNamesWhatNoValueMeans(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"signature", "null", "standard"},
		{"format", "", "raw"},
		{"retry", "null", `{"preset":"inherit"}`},
		{"success", "null", `{"statuses":"200-299"}`},
		{"eventTypes", "null", "all"},
		{"eventTypes", "[]", "all"},
		{"eventTypes", `["a.*"]`, `["a.*"]`},
		{"channels", "null", "all"},
		{"rateLimit", "null", "no limit"},
		{"timeout", "null", "20s"},
		{"ordered", "null", "false"},
		{"description", "null", "none"},
		{"metadata", "{}", "{}"},
		{"signature", `"stripe"`, "stripe"},
		{"url", `"https://AUDIT.acme.example/hooks?x=${y}"`, "https://AUDIT.acme.example/hooks?x=${y}"},
		{"url", `"https://me:sesame@acme.example/hooks"`, fanfare.MaskURL("https://me:sesame@acme.example/hooks")},
	} {
		if got := valueText(c.name, json.RawMessage(c.value)); got != c.want {
			t.Errorf("%s: %s is shown as %q, want %q", c.name, c.value, got, c.want)
		}
	}
}
