package fanfare_test

import (
	"testing"

	"github.com/fanfarehq/fanfare"
)

func TestMaskURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://example.com":                                                    "https://example.com",
		"https://example.com/":                                                   "https://example.com/",
		"https://example.com:8443/hooks/fulcrum":                                 "https://example.com:8443/hooks/fulcrum",
		"https://example.com/fulcrum-record-updates/v2/":                         "https://example.com/fulcrum-record-updates/v2/",
		"https://user:pass@example.com/":                                         "https://***@example.com/",
		"https://example.com/hooks/6f1c2f2e-6a52-4c58-8f3e-0c6b1b0c7d11/in":      "https://example.com/hooks/***/in",
		"https://example.com/h/aBcDeFgHiJkLmNoPq":                                "https://example.com/h/***",
		"https://example.com/a%2Fb":                                              "https://example.com/a%2Fb",
		"https://example.com/in?token=s3cr3t&page=2":                             "https://example.com/in?token=***&page=2",
		"https://example.com/in?deadbeefdeadbeef00":                              "https://example.com/in?***",
		"https://example.com/in?q=0123456789abcdef&X-Api-KEY=1&x=${y}":           "https://example.com/in?q=***&X-Api-KEY=***&x=${y}",
		"https://example.com/in?":                                                "https://example.com/in",
		"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXX": "https://hooks.slack.com/***",
		"https://HOOKS.slack.com/services/x":                                     "https://HOOKS.slack.com/***",
		"https://hooks.zapier.com/hooks/catch/12345/abcde/":                      "https://hooks.zapier.com/***",
		"https://acme.webhook.office.com/x":                                      "https://acme.webhook.office.com/***",
		"https://hook.eu2.make.com/x":                                            "https://hook.eu2.make.com/***",
		"https://hooks.slack.com?x":                                              "https://hooks.slack.com/***",
		"https://hooks.slack.com/":                                               "https://hooks.slack.com",
		"https://nothooks.slack.community/services/x":                            "https://nothooks.slack.community/services/x",
		"http://[::1]:80/x":                                                      "http://[::1]:80/x",
		"":                                                                       "",
		"slack:hooks.slack.com":                                                  "slack:hooks.slack.com",
		"sql-mirror:orders at db.example":                                        "sql-mirror:orders at db.example",
		"http:aBcDeFgHiJkLmNoPq0123":                                             "http://",
		"localhost:9000/aBcDeFgHiJkLm123":                                        "localhost://",
		"/macros/echo?user_content_key=0123456789abcdef":                         "/macros/echo?user_content_key=***",
		"//example.com/x":                                                        "//example.com/x",
		"http://a b/":                                                            "***",
	} {
		if got := fanfare.MaskURL(text); got != want {
			t.Errorf("MaskURL(%q) = %q, want %q", text, got, want)
		}
	}
}
