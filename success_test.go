package fanfare

import (
	"errors"
	"strings"
	"testing"
)

const (
	scriptOutput = "https://script.googleusercontent.com/macros/echo?user_content_key=k&lib=l"
	scriptLogin  = "https://accounts.google.com/ServiceLogin?continue=https://script.google.com/macros/s/x/exec"
)

func TestEverySuccessPresetJudges(t *testing.T) {
	page := func(text string) string {
		return "<!DOCTYPE html><html><head><title>Error</title></head><body><div>" + text + "</div></body></html>"
	}
	type answer struct {
		status   int
		location string
		body     string
		class    Class
		why      string
	}
	tests := map[string][]answer{
		"": {
			{200, "", "", ClassSuccess, ""}, {299, "", "no_service", ClassSuccess, ""}, {302, scriptOutput, "", ClassRedirect, ""},
			{304, "", "", ClassRedirect, ""}, {199, "", "", ClassStatus, ""}, {400, "", "", ClassStatus, ""}, {404, "", "", ClassStatus, ""},
		},
		"default": {
			{200, "", `{"error":"x"}`, ClassSuccess, ""}, {299, "", "", ClassSuccess, ""}, {302, scriptOutput, "", ClassRedirect, ""},
			{400, "", "", ClassStatus, ""}, {410, "", "", ClassStatus, ""}, {500, "", "", ClassStatus, ""},
		},
		"fulcrum": {
			{200, "", "", ClassSuccess, ""}, {207, "", `{"error":"x"}`, ClassSuccess, ""},
			{208, "", "", ClassStatus, "fulcrum takes 200-207"}, {199, "", "", ClassStatus, "fulcrum takes 200-207"},
			{226, "", "", ClassStatus, "fulcrum takes 200-207"}, {302, scriptOutput, "", ClassRedirect, "fulcrum takes 200-207"},
			{500, "", "", ClassStatus, "fulcrum takes 200-207"},
		},
		"slack": {
			{200, "", "ok", ClassSuccess, ""}, {200, "", " ok\n", ClassSuccess, ""},
			{200, "", "", ClassBody, `Slack says "", not "ok"`}, {200, "", "okay", ClassBody, `Slack says "okay", not "ok"`},
			{200, "", "OK", ClassBody, `Slack says "OK", not "ok"`}, {200, "", "\xff", ClassBody, `Slack says "\xff", not "ok"`},
			{201, "", "ok", ClassStatus, "slack takes 200"}, {204, "", "", ClassStatus, "slack takes 200"},
			{302, "https://slack.com/", "", ClassRedirect, "slack takes 200"},
			{400, "", "invalid_payload", ClassRejected, `Slack says "invalid_payload"`},
			{400, "", "user_not_found", ClassRejected, `Slack says "user_not_found"`},
			{403, "", "action_prohibited", ClassGone, `Slack says "action_prohibited"`},
			{404, "", "channel_not_found", ClassGone, `Slack says "channel_not_found"`},
			{410, "", "channel_is_archived", ClassGone, `Slack says "channel_is_archived"`},
			{401, "", "", ClassStatus, `Slack says ""`}, {429, "", "rate_limited", ClassStatus, `Slack says "rate_limited"`},
			{500, "", "rollup_error", ClassStatus, `Slack says "rollup_error"`},
			{500, "", strings.Repeat("x", 101), ClassStatus, `Slack says "` + strings.Repeat("x", 100) + `…"`},
		},
		"apps-script": {
			{302, scriptOutput, "", ClassSuccess, ""}, {302, "https://SCRIPT.googleusercontent.com/macros/echo", "", ClassSuccess, ""},
			{302, scriptLogin, "", ClassRedirect, "the script did not run"},
			{302, "http://script.googleusercontent.com/", "", ClassRedirect, "apps-script takes 200-299"},
			{302, "https://script.googleusercontent.com:8443/", "", ClassRedirect, "apps-script takes 200-299"},
			{302, "https://script.googleusercontent.com.example/", "", ClassRedirect, "apps-script takes 200-299"},
			{302, "https://script.googleusercontent.com@example.com/", "", ClassRedirect, "apps-script takes 200-299"},
			{302, "https://example.com/?u=" + scriptOutput, "", ClassRedirect, "apps-script takes 200-299"},
			{302, "/macros/echo", "", ClassRedirect, "apps-script takes 200-299"}, {302, "", "", ClassRedirect, "apps-script takes 200-299"},
			{302, "https://%zz", "", ClassRedirect, "apps-script takes 200-299"},
			{301, scriptOutput, "", ClassRedirect, "apps-script takes 200-299"}, {307, scriptOutput, "", ClassRedirect, "apps-script takes 200-299"},
			{200, "", `{"ok":true}`, ClassSuccess, ""}, {200, "", "", ClassSuccess, ""}, {200, "", "TypeError: in a text is no page", ClassSuccess, ""},
			{200, "", "<html><body>Thank you, Error or not</body></html>", ClassSuccess, ""},
			{200, "", page("The script completed but did not return anything."), ClassSuccess, ""},
			{200, "", page("Script function not found: doPost"), ClassBody, `the script says "Script function not found: doPost"`},
			{200, "", "\n" + page("TypeError: Cannot read properties of undefined (line 3, file &quot;Code&quot;)"), ClassBody,
				`the script says "TypeError: Cannot read properties of undefined (line 3, file \"Code\")"`},
			{200, "", page("Exception: Service invoked too many times"), ClassBody, `the script says "Exception: Service invoked too many times"`},
			{200, "", page("Es ist etwas schiefgelaufen."), ClassBody, `the script says "Error"`},
			{404, "", "", ClassStatus, "apps-script takes 200-299"}, {500, "", page("TypeError: x"), ClassStatus, "apps-script takes 200-299"},
		},
		"carto": {
			{200, "", `{"rows":[],"time":0.007,"total_rows":1}`, ClassSuccess, ""}, {201, "", "", ClassSuccess, ""}, {200, "", "[1]", ClassSuccess, ""},
			{200, "", `{"rows":[{"error":1}],"errors":[]}`, ClassSuccess, ""}, {200, "", `{"rows":[1,`, ClassSuccess, ""},
			{200, "", `{"rows"`, ClassSuccess, ""}, {200, "", `"error"`, ClassSuccess, ""}, {200, "", `{"a":"error"}`, ClassSuccess, ""},
			{200, "", `{"error":["syntax error at or near \"x\""]}`, ClassBody, `CARTO says ["syntax error at or near \"x\""]`},
			{200, "", ` {"rows":[{"a":{}}], "error" : ["timeout"], "time":1}`, ClassBody, `CARTO says ["timeout"]`},
			{200, "", `{"rows":[],"error":["cut o`, ClassBody, `CARTO says error`}, {299, "", `{"error":null}`, ClassBody, `CARTO says null`},
			{400, "", `{"error":["no"]}`, ClassStatus, `CARTO says ["no"]`}, {429, "", "", ClassStatus, "carto takes 200-299"},
			{302, "https://carto.com/", `{"error":["no"]}`, ClassRedirect, "carto takes 200-299"},
		},
	}
	for _, name := range SuccessPresets {
		if len(tests[name]) == 0 {
			t.Errorf("%s is not tested", name)
		}
	}
	for name, answers := range tests {
		for _, a := range answers {
			class, why := Success{Preset: name}.Judge(a.status, a.location, []byte(a.body))
			if class != a.class || why != a.why {
				t.Errorf("%q makes of %d to %q with %q: %q, %s; want %q, %s", name, a.status, a.location, a.body, class, why, a.class, a.why)
			}
		}
	}
}

func TestASuccessIsChecked(t *testing.T) {
	tests := []struct {
		success Success
		field   string // of the error; "" for none
	}{
		{Success{}, ""},
		{Success{Statuses: "200-207", Contains: "a", Lacks: "b"}, ""},
		{Success{Preset: "Slack"}, "success.preset"},
		{Success{Preset: "custom"}, "success.preset"},
		{Success{Preset: "slack", Statuses: "200"}, "success"},
		{Success{Preset: "slack", Contains: "ok"}, "success"},
		{Success{Preset: "default", Lacks: "no"}, "success"},
		{Success{Statuses: "20"}, "success.statuses"},
	}
	for _, name := range SuccessPresets {
		tests = append(tests, struct {
			success Success
			field   string
		}{Success{Preset: name}, ""})
	}
	for _, test := range tests {
		var invalid *InvalidError
		err := test.success.Check()
		if errors.As(err, &invalid); invalid == nil && (test.field != "" || err != nil) || invalid != nil && invalid.Field != test.field {
			t.Errorf("%+v: %v; want an error of %q", test.success, err, test.field)
		}
	}
}

// TestWhatAPresetRefusesIsExplained reads what a person is told.
func TestWhatAPresetRefusesIsExplained(t *testing.T) {
	tests := map[string]struct {
		preset   string
		status   int
		location string
		body     string
		want     string
	}{
		"status": {"fulcrum", 208, "", "",
			"The endpoint answered 208 Already Reported, which is not among the statuses that mean success. (fulcrum takes 200-207) Look at the response body for the receiver's reason."},
		"body": {"slack", 200, "", "no_text",
			`The endpoint answered 200 OK, but the body does not meet the endpoint's condition. (Slack says "no_text", not "ok") Look at the response body: the receiver reports a problem in it, or the condition under "success" is wrong.`},
		"rejected": {"slack", 400, "", "invalid_payload",
			`The endpoint answered 400 Bad Request, by which it says that it will never take this message. (Slack says "invalid_payload") Send what the receiver understands, in a new message: to send this one again cannot help.`},
		"gone": {"slack", 404, "", "channel_not_found",
			`The endpoint answered 404 Not Found, by which it says that it takes nothing any more. (Slack says "channel_not_found") Put right what the receiver names, or give the endpoint a new URL; then enable it again if it was disabled.`},
		"login": {"apps-script", 302, scriptLogin, "",
			"The endpoint answered 302 Found and points to " + scriptLogin + `, which was not followed. (the script did not run) That is a login: deploy the script's web app so that "Anyone" has access, and make its URL, which ends in /exec, the endpoint's.`},
		"script without its preset": {"", 302, scriptOutput, "",
			"The endpoint answered 302 Found and points to " + scriptOutput + `, which was not followed. That is where Google Apps Script puts what a script returns once it has run: give the endpoint the success preset "apps-script".`},
		"elsewhere": {"", 301, "https://example.com/in", "",
			"The endpoint answered 301 Moved Permanently and points to https://example.com/in, which was not followed. If that is where messages belong, make it the endpoint's URL."},
		"script": {"apps-script", 302, scriptOutput, "",
			"The endpoint answered 302 Found in 0s. It points to " + scriptOutput + ", which was not followed: the answer itself counts as success."},
		"carto": {"carto", 200, "", `{"error":["x"]}`,
			`The endpoint answered 200 OK, but the body does not meet the endpoint's condition. (CARTO says ["x"]) Look at the response body: the receiver reports a problem in it, or the condition under "success" is wrong.`},
		"success": {"default", 200, "https://example.com/created", "", "The endpoint answered 200 OK in 0s."},
	}
	for name, test := range tests {
		a := &Attempt{Status: test.status}
		if test.location != "" {
			a.ResponseHeader = []Header{{Name: "Location", Value: test.location}}
		}
		a.Class, a.Detail = Success{Preset: test.preset}.Judge(test.status, test.location, []byte(test.body))
		if got := a.Explanation(); got != test.want {
			t.Errorf("%s: %s\nwant: %s", name, got, test.want)
		}
	}
}
