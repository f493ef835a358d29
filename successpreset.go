package fanfare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// SuccessPresets are the names that Success.Preset may have.
var SuccessPresets = []string{"default", "fulcrum", "slack", "apps-script", "carto"}

// A successRule is a preset: the statuses it takes, and what it knows beyond them.
type successRule struct {
	statuses string
	// judge, if there is one, returns a class, and why, where more than the
	// status decides; else "".
	judge func(status int, location string, body []byte) (Class, string)
}

// successRules are the presets but for "default".
var successRules = map[string]successRule{
	// Fulcrum's documentation: it waits for 200 to 207.
	"fulcrum": {"200-207", nil},

	"slack":       {"200", judgeSlack},
	"apps-script": {"200-299", judgeAppsScript},
	"carto":       {"200-299", judgeCarto},
}

// judgeSlack knows Slack's incoming webhooks (docs.slack.dev, "Sending messages
// using incoming webhooks"): they answer ok, or a word for what is wrong.
func judgeSlack(status int, _ string, body []byte) (Class, string) {
	said := strings.TrimSpace(string(body))
	why := fmt.Sprintf("Slack says %q", bound(said, 100))
	switch {
	case status == http.StatusOK && said == "ok":
		return ClassSuccess, ""
	case status == http.StatusOK:
		return ClassBody, why + `, not "ok"`
	case status == http.StatusBadRequest:
		return ClassRejected, why
	case status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusGone:
		return ClassGone, why
	case status >= 400:
		return ClassStatus, why
	}
	return "", ""
}

// Where a web app of Google Apps Script points when it has answered, and when it
// wants somebody to log in.
const (
	appsScriptOutput = "script.googleusercontent.com"
	googleLogin      = "accounts.google.com"
)

// judgeAppsScript knows web apps of Google Apps Script. Such an app runs doPost
// before it answers; what doPost returns is then at another address, which the
// answer points to. When the script fails, the answer is a page with status 200.
func judgeAppsScript(status int, location string, body []byte) (Class, string) {
	switch {
	case status == http.StatusFound && secureHost(location) == appsScriptOutput:
		return ClassSuccess, ""
	case status == http.StatusFound && secureHost(location) == googleLogin:
		return ClassRedirect, "the script did not run"
	case status == http.StatusOK:
		if fault := scriptFault(body); fault != "" {
			return ClassBody, fmt.Sprintf("the script says %q", bound(fault, 200))
		}
	}
	return "", ""
}

// secureHost is the host that an https URL names, else "".
func secureHost(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return strings.ToLower(u.Host)
}

// scriptDone is what Apps Script says of a script that ran to its end and returned
// nothing that can be shown.
const scriptDone = "The script completed but"

// faultText finds what a page says went wrong: an exception and its message, or
// that there is no doPost.
var faultText = regexp.MustCompile(`Script function not found[^<]*|\b\w*(?:Error|Exception): [^<]*`)

// scriptFault returns what an Apps Script page says went wrong; "" of a body that
// is no page, or that a script made itself.
func scriptFault(body []byte) string {
	page := bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
	if !page || bytes.Contains(body, []byte(scriptDone)) {
		return ""
	}
	if found := faultText.Find(body); found != nil {
		return strings.TrimSpace(html.UnescapeString(string(found)))
	}
	if bytes.Contains(body, []byte("<title>Error</title>")) {
		return "Error"
	}
	return ""
}

// judgeCarto knows CARTO's SQL API (carto.com, "SQL API": handling errors): once
// it has begun to answer with 200, only the member "error" tells that it failed.
func judgeCarto(status int, _ string, body []byte) (Class, string) {
	fault, ok := errorMember(body)
	why := fmt.Sprintf("CARTO says %s", bound(fault, 200))
	switch {
	case ok && status >= 200 && status < 300:
		return ClassBody, why
	case ok && status >= 400:
		return ClassStatus, why
	}
	return "", ""
}

// errorMember returns the member "error" of the JSON object that body is, or is
// the beginning of, as it is written there.
func errorMember(body []byte) (string, bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return "", false
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", false
		}
		var value json.RawMessage
		err = dec.Decode(&value)
		switch {
		case name == "error" && err != nil:
			return "error", true // cut off
		case name == "error":
			return string(value), true
		case err != nil:
			return "", false
		}
	}
	return "", false
}
