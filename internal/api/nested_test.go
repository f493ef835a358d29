package api

import (
	"strings"
	"testing"
)

// TestUnknownNestedMembersAreRefused: a slip in retry or success would change
// what is delivered and when, without a word.
func TestUnknownNestedMembersAreRefused(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	for member, want := range map[string]string{
		`"retry":{"delay":[1]}`:                             `["body","retry","delay"]`,
		`"retry":{"preset":"none","Preset":"none"}`:         `["body","retry","Preset"]`,
		`"success":{"status":"200"}`:                        `["body","success","status"]`,
		`"success":{"contains":"x","a/b~\u00e9":{}}`:        `["body","success","a/b~é"]`,
		`"success":{"` + strings.Repeat("n", 5000) + `":1}`: `["body","success","` + strings.Repeat("n", maxLoc) + `…"]`,
	} {
		for op, path := range map[string]string{"POST": "", "PUT": "/ep", "PATCH": "/ep"} {
			a := w.do(op, "/api/v1/app/acme/endpoint"+path, `{"url":"https://example.com/in",`+member+`}`).want(422)
			if got := string(a.body); !strings.Contains(got, `"loc":`+want) || !strings.Contains(got, `"msg":"is not known here`) {
				t.Errorf("%s %.80s: %s, want %s", op, member, got, want)
			}
		}
	}
	a := w.do("PATCH", "/api/v1/app/acme/endpoint/ep", `{"colour":{"x":1},"retry":{"preset":"none"},"success":{"statuses":"200"}}`).want(200)
	if got := a.header.Get("Fanfare-Ignored-Fields"); got != "colour" {
		t.Errorf("ignored %q", got)
	}
}
