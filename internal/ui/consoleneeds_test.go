package ui_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// consoleTakes is what it takes to be let to each page of the console, by its pattern: the
// scopes of a key; "" for nothing but a login. Where acts differ they stand by themselves.
var consoleTakes = map[string]string{
	"GET /{$}": "", "GET /go": "", "GET /help": "", "POST /theme": "", "POST /keys": "",
	"GET /stream":      "messages:read",
	"GET /issue":       "endpoints:read messages:read",
	"GET /issue/muted": "admin",

	"GET /issue/muted/confirm": "admin",

	"GET /issue/of/{app}/{endpoint}":  "endpoints:read messages:read",
	"GET /issue/group":                "endpoints:read messages:read",
	"GET /issue/group/confirm/pause":  "endpoints:read messages:read endpoints:write",
	"GET /issue/group/confirm/mute":   "admin",
	"GET /issue/group/confirm/retry":  "endpoints:read messages:read messages:write",
	"GET /issue/group/confirm/notify": "admin",
	"POST /issue/group/do/pause":      "endpoints:write",
	"POST /issue/group/do/resume":     "endpoints:write",
	"POST /issue/group/do/enable":     "endpoints:write",
	"POST /issue/group/do/unmute":     "admin",
	"POST /issue/group/do/notify":     "admin",
	"POST /issue/group/do/mute":       "admin",
	"POST /issue/group/do/retry":      "messages:write",

	"GET /app":      "applications:read",
	"GET /app/new":  "applications:write",
	"POST /app/new": "applications:write",
	"GET /message":  "messages:read",
	"GET /delivery": "messages:read",
	"GET /endpoint": "endpoints:read",

	"GET /endpoint/confirm/resume": "endpoints:read endpoints:write",
	"GET /endpoint/confirm/enable": "endpoints:read endpoints:write",

	"GET /catalogue":                         "event-types:read",
	"GET /catalogue/new":                     "event-types:write",
	"POST /catalogue/new":                    "event-types:write",
	"GET /catalogue/import":                  "event-types:write",
	"POST /catalogue/import":                 "event-types:write",
	"GET /catalogue/type/{name}":             "event-types:read",
	"POST /catalogue/type/{name}":            "event-types:read event-types:write",
	"POST /catalogue/type/{name}/do/archive": "event-types:write",
	"GET /catalogue/type/{name}/compare":     "event-types:read",
	"GET /catalogue/type/{name}/confirm":     "event-types:read event-types:write",
	"POST /catalogue/type/{name}/confirmed":  "event-types:write",

	"GET /task":                             "messages:read",
	"GET /task/new":                         "messages:write",
	"POST /task/new":                        "messages:write",
	"GET /task/{task}":                      "messages:read",
	"POST /task/{task}/cancel":              "messages:write",
	"GET /queue":                            "admin",
	"POST /queue/{app}/{endpoint}/do/pause": "admin",
	"GET /source":                           "applications:read messages:write",
	"POST /source":                          "applications:read messages:write",
	"GET /recipe":                           "endpoints:read",
	"GET /recipe/{recipe}":                  "endpoints:read",
	"POST /recipe/{recipe}":                 "endpoints:read messages:read",
	"GET /recipe/new":                       "endpoints:read",
	"POST /recipe/new":                      "endpoints:read messages:read",
	"GET /setting":                          "admin",
	"GET /key":                              "admin",
	"POST /key":                             "admin",
	"GET /key/{key}/revoke":                 "admin",
	"POST /key/{key}/revoked":               "admin",
	"GET /audit":                            "admin",

	"GET /operational":                                     "admin",
	"GET /operational/endpoint/new":                        "admin",
	"POST /operational/endpoint/new":                       "admin",
	"GET /operational/endpoint/{endpoint}":                 "admin",
	"GET /operational/endpoint/{endpoint}/welcome":         "admin",
	"GET /operational/endpoint/{endpoint}/settings":        "admin",
	"POST /operational/endpoint/{endpoint}/settings":       "admin",
	"POST /operational/endpoint/{endpoint}/secret":         "admin",
	"GET /operational/endpoint/{endpoint}/confirm/delete":  "admin",
	"GET /operational/endpoint/{endpoint}/confirm/disable": "admin",
	"GET /operational/endpoint/{endpoint}/confirm/rotate":  "admin",
	"GET /operational/endpoint/{endpoint}/confirm/recover": "admin",
	"POST /operational/endpoint/{endpoint}/do/try":         "admin",
	"POST /operational/endpoint/{endpoint}/do/enable":      "admin",
	"POST /operational/endpoint/{endpoint}/do/disable":     "admin",
	"POST /operational/endpoint/{endpoint}/do/resume":      "admin",
	"POST /operational/endpoint/{endpoint}/do/rotate":      "admin",
	"POST /operational/endpoint/{endpoint}/do/verify":      "admin",
	"POST /operational/endpoint/{endpoint}/do/recover":     "admin",
	"POST /operational/endpoint/{endpoint}/do/delete":      "admin",
	"POST /operational/endpoint/{endpoint}/resend/{msg}":   "admin",

	"GET /app/{app}":                         "applications:read",
	"GET /app/{app}/settings":                "applications:read applications:write",
	"POST /app/{app}/settings":               "applications:read applications:write",
	"GET /app/{app}/delete":                  "applications:read applications:write",
	"POST /app/{app}/delete":                 "applications:read applications:write",
	"POST /app/{app}/portal":                 "portal",
	"POST /app/{app}/link":                   "applications:read portal",
	"GET /app/{app}/link":                    "applications:read portal",
	"POST /app/{app}/link/{session}/end":     "portal",
	"GET /app/{app}/expire":                  "applications:read portal",
	"POST /app/{app}/expire":                 "portal",
	"GET /app/{app}/send":                    "applications:read messages:write",
	"POST /app/{app}/send":                   "messages:write",
	"GET /app/{app}/recover":                 "applications:read messages:write",
	"POST /app/{app}/recover":                "messages:write",
	"POST /app/{app}/usage":                  "applications:read messages:read",
	"GET /app/{app}/settings/export":         "messages:read",
	"GET /app/{app}/recipe/{recipe}":         "applications:read endpoints:read",
	"GET /app/{app}/recipe/{recipe}/remove":  "admin",
	"POST /app/{app}/recipe/{recipe}/remove": "admin",

	"GET /app/{app}/stream":                              "messages:read",
	"GET /app/{app}/log":                                 "messages:read",
	"GET /app/{app}/message/{msg}":                       "messages:read",
	"POST /app/{app}/message/{msg}/cancel":               "messages:write",
	"GET /app/{app}/message/{msg}/to/{endpoint}":         "messages:read",
	"POST /app/{app}/message/{msg}/to/{endpoint}/resend": "messages:write",
	"GET /app/{app}/message/{msg}/to/{endpoint}/edit":    "applications:read endpoints:read messages:read messages:write",
	"POST /app/{app}/message/{msg}/to/{endpoint}/edit":   "applications:read endpoints:read messages:read messages:write",
	"GET /app/{app}/catalogue":                           "event-types:read",
	"GET /app/{app}/catalogue/{name}":                    "event-types:read",
	"POST /app/{app}/catalogue/{name}/send":              "messages:write",

	"GET /app/{app}/endpoint/new":                        "endpoints:write",
	"POST /app/{app}/endpoint/new":                       "endpoints:write",
	"GET /app/{app}/endpoint/{endpoint}":                 "endpoints:read messages:read",
	"GET /app/{app}/endpoint/{endpoint}/welcome":         "endpoints:read",
	"GET /app/{app}/endpoint/{endpoint}/settings":        "endpoints:read",
	"POST /app/{app}/endpoint/{endpoint}/settings":       "endpoints:read endpoints:write",
	"GET /app/{app}/endpoint/{endpoint}/test":            "endpoints:read messages:write",
	"POST /app/{app}/endpoint/{endpoint}/test":           "messages:write",
	"GET /app/{app}/endpoint/{endpoint}/transform":       "endpoints:read",
	"POST /app/{app}/endpoint/{endpoint}/transform":      "endpoints:read",
	"POST /app/{app}/endpoint/{endpoint}/secret":         "endpoints:read endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/mute":           "admin",
	"POST /app/{app}/endpoint/{endpoint}/unmute":         "admin",
	"POST /app/{app}/endpoint/{endpoint}/notify":         "admin",
	"POST /app/{app}/endpoint/{endpoint}/do/pause":       "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/resume":      "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/try":         "messages:write",
	"POST /app/{app}/endpoint/{endpoint}/do/verify":      "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/rotate":      "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/enable":      "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/disable":     "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/url":         "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/recover":     "messages:write",
	"POST /app/{app}/endpoint/{endpoint}/do/retry":       "endpoints:read messages:write",
	"POST /app/{app}/endpoint/{endpoint}/do/cancel":      "endpoints:write",
	"POST /app/{app}/endpoint/{endpoint}/do/replay":      "messages:write",
	"POST /app/{app}/endpoint/{endpoint}/do/delete":      "endpoints:write",
	"GET /app/{app}/endpoint/{endpoint}/confirm/delete":  "endpoints:read endpoints:write",
	"GET /app/{app}/endpoint/{endpoint}/confirm/disable": "endpoints:read endpoints:write",
	"GET /app/{app}/endpoint/{endpoint}/confirm/rotate":  "endpoints:read endpoints:write",
	"GET /app/{app}/endpoint/{endpoint}/confirm/recover": "endpoints:read messages:write",
	"GET /app/{app}/endpoint/{endpoint}/confirm/retry":   "endpoints:read messages:write",
	"GET /app/{app}/endpoint/{endpoint}/confirm/cancel":  "endpoints:read endpoints:write",
	"GET /app/{app}/endpoint/{endpoint}/confirm/replay":  "endpoints:read messages:write",

	"GET /app/{app}/source":                      "applications:read messages:write",
	"GET /app/{app}/source/new":                  "applications:read messages:write",
	"POST /app/{app}/source/new":                 "applications:read messages:write",
	"GET /app/{app}/source/{source}":             "applications:read messages:read messages:write",
	"POST /app/{app}/source/{source}/secret":     "applications:read messages:read messages:write",
	"GET /app/{app}/source/{source}/delete":      "messages:write",
	"GET /app/{app}/source/{source}/edit":        "applications:read messages:write",
	"POST /app/{app}/source/{source}/edit":       "applications:read messages:write",
	"POST /app/{app}/source/{source}/do/disable": "messages:write",
	"POST /app/{app}/source/{source}/do/rotate":  "messages:write",
	"POST /app/{app}/source/{source}/do/delete":  "messages:write",
}

// ofBins is what it takes to be let to a page of bins: the operators' own, or test inboxes
// of an application, in which are messages. "" for others.
func ofBins(pattern string) string {
	switch method, path, _ := strings.Cut(pattern, " "); {
	case strings.HasPrefix(path, "/inspector"):
		return "admin"
	case !strings.HasPrefix(path, "/app/{app}/inbox"):
		return ""
	case strings.HasSuffix(path, "/start"):
		return "applications:read endpoints:write"
	case method == "GET" && !strings.HasSuffix(path, "/send") && !strings.Contains(path, "/confirm/"):
		return "applications:read messages:read"
	}
	return "applications:read messages:read messages:write"
}

// takes is what a pattern takes, that of its acts where these differ.
func takes(pattern string) (paths []string) {
	if ofBins(pattern) != "" {
		return []string{pattern}
	}
	before, _, acts := strings.Cut(pattern, "{act}")
	for p := range consoleTakes {
		if p == pattern || acts && strings.HasPrefix(p, before) {
			paths = append(paths, p)
		}
	}
	return paths
}

// visitor is logged in with a key of these scopes.
func (w *world) visitor(with func(*fanfare.Key), scopes ...fanfare.Scope) {
	w.t.Helper()
	k := &fanfare.Key{Name: "Console: the admin key", Scopes: scopes, ExpiresAt: time.Now().Add(time.Hour)}
	if len(scopes) == 0 {
		k.Scopes = []fanfare.Scope{fanfare.ScopePortal}
	}
	if with != nil {
		with(k)
	}
	secret, err := w.hub.CreateKey(w.t.Context(), k)
	if err != nil {
		w.t.Fatal(err)
	}
	w.cookie = "fanfare_console=" + secret
}

// TestWhatPagesTake opens each page and asks for each act of the console with a key that
// has just the scopes that it takes, and with keys that have all but one of them: these
// are told which, and nothing has changed.
func TestWhatPagesTake(t *testing.T) {
	for _, pattern := range ui.ConsolePatterns() {
		paths := takes(pattern)
		if len(paths) == 0 {
			t.Errorf("%s is not in the table of what pages take", pattern)
		}
		for _, p := range paths {
			t.Run(p, func(t *testing.T) {
				t.Parallel()
				checkTakes(t, p)
			})
		}
	}
}

func checkTakes(t *testing.T, pattern string) {
	w := newWorld(t, nil)
	if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "record.created", Schemas: []byte(`{"1":{},"2":{}}`)}); err != nil {
		t.Fatal(err)
	}
	ep := w.endpoint()
	msg := w.message(1, `{"a":1}`)
	s := &fanfare.Source{Application: w.app.ID, Name: "crm", Profile: "none"}
	if err := w.hub.CreateSource(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	_, key := w.key(fanfare.ScopePortal)
	method, path, _ := strings.Cut(pattern, " ")
	path = strings.NewReplacer("{app}", "acme", "{endpoint}", string(ep.ID), "{msg}", string(msg.ID), "{source}", string(s.ID), "{name}", "record.created",
		"{key}", string(key.ID), "{recipe}", "github-to-slack", "{$}", "", "{bin}", "x", "{n}", "1", "{session}", "session_0").Replace(path)
	needs := strings.Fields(consoleTakes[pattern])
	if bins := ofBins(pattern); bins != "" {
		needs = strings.Fields(bins)
	}
	var given []fanfare.Scope
	for _, n := range needs {
		given = append(given, fanfare.Scope(n))
	}
	for _, n := range needs {
		w.visitor(nil, slices.DeleteFunc(fanfare.Scopes(), func(s fanfare.Scope) bool { return string(s) == n || s == fanfare.ScopeAdmin })...)
		before := w.state()
		a := w.request(method, path)
		if d := w.parse(a, pattern); a.Code != http.StatusForbidden || !strings.Contains(d.words(), `"`+n+`"`) {
			t.Errorf("without %s it is answered %d: %s", n, a.Code, d.words())
		}
		if after := w.state(); after != before {
			t.Errorf("without %s something changed:\n%s\n%s", n, before, after)
		}
	}
	w.visitor(nil, given...)
	if strings.HasSuffix(path, "/stream") {
		return // which does not end
	}
	if a := w.request(method, path); a.Code == http.StatusForbidden || a.Code >= 500 || a.Code == http.StatusUnauthorized {
		t.Errorf("with %v it is answered %d: %s", given, a.Code, w.parse(a, pattern).words())
	}
}

// request opens a page, or sends a form that has a little of everything.
func (w *world) request(method, path string) *httptest.ResponseRecorder {
	if method == http.MethodGet {
		return w.send(httptest.NewRequest(method, path, nil))
	}
	return w.form(path, "name", "x", "app", "acme", "kind", "again", "since", "1h", "eventType", "ping", "url", "http://127.0.0.1:9/x", "payload", "{}", "endpoint", "x",
		"do", "try", "code", "x", "secret", "a secret of some length", "profile", "none", "expiry", "3600", "confirm", "Acme", "scope", "portal", "cause", "x", "mute", "x")
}

// ofTheHub is what files ask the Hub for, past the API, which has settled before that the
// visitor may have it.
var ofTheHub = map[string]string{
	"console.go":         "Identify",
	"consoleendpoint.go": "Application",
	"consolefind.go":     "FindAttempt",
	"consolehome.go":     "Counters",
	"consolelogin.go":    "Audit CreateKey Identify Key Keys RevokeKey",
	"consoleneeds.go":    "EveryEndpoint NewestAttempts RecordedBefore",
	"consolequeue.go":    "Deliveries",

	"consoleoperational.go": "Attempts Deliveries",

	"consolesettings.go": "Identify",
	"consolewho.go":      "Key", // the visitor's own
	"keynames.go":        "Key", // for the audit log, which only those see who see all keys
	"oidclogin.go":       "Audit StoredKey",
	"pace.go":            "Counters",
	"portalsent.go":      "Application Endpoint Message RequestBody",
	"session.go":         "Identify",
}

// TestPagesAskTheAPI finds what is asked of the Hub itself, where nobody settles who may
// have it.
func TestPagesAskTheAPI(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bhub\.([A-Z]\w*)\(`).FindAllSubmatch(text, -1) {
			if name := string(m[1]); !slices.Contains(strings.Fields(ofTheHub[file]), name) {
				t.Errorf("%s asks the Hub for %s: ask the API, or see to it that only those come there who may, and say so here", file, name)
			}
		}
	}
}
