package ui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Rights are what the API says of whose key a visit is made with, and what that opens.
type rights struct {
	Kind, ID, Name string
	Portal         bool // it is a key of a portal
	Scopes         []fanfare.Scope
	Application    fanfare.ApplicationID
	Channels       []string
	ExpiresAt      time.Time
	Routes         []struct{ Route, Refused string }

	refused map[string]string // by route, why it may not be called
}

// learn asks the API what the visitor may do.
func (v *visit) learn() error {
	r := &rights{refused: map[string]string{}}
	if err := v.read(r, "/auth/access"); err != nil {
		return err
	}
	for _, rt := range r.Routes {
		if rt.Refused != "" {
			r.refused[rt.Route] = rt.Refused
		}
	}
	v.rights = r
	return nil
}

// reaches reports whether the API lets the visitor call a route.
func (v *visit) reaches(route string) bool {
	return v.rights == nil || v.rights.refused[route] == ""
}

// opens reports whether a page can do for the visitor what it is there for. It only says
// what is worth being offered.
func (v *visit) opens(method, path string) bool {
	if v.rights == nil || len(v.rights.refused) == 0 {
		return true
	}
	u, err := url.Parse(strings.TrimPrefix(path, v.root))
	if err != nil || !strings.HasPrefix(u.Path, "/") {
		return true
	}
	_, pattern := v.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: u.Path, RawPath: u.RawPath}})
	return v.refusal(pattern, u.Path[strings.LastIndexByte(u.Path, '/')+1:]) == nil
}

// offered are those of these places that are open to the visitor.
func (v *visit) offered(all []place) (open []place) {
	for _, p := range all {
		if v.opens(http.MethodGet, p.URL) {
			open = append(open, p)
		}
	}
	return open
}

// instead is where the visitor goes from the page of an endpoint that shows deliveries,
// which they may not see: to its settings. "" for other pages.
func (v *visit) instead(path string) string {
	_, pattern := v.mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: strings.TrimPrefix(path, v.root)}})
	if to := path + "/settings"; pattern == "GET /app/{app}/endpoint/{endpoint}" && v.opens(http.MethodGet, to) {
		return to
	}
	return ""
}

// refusal is what the API would say to what a page is there for; nil: it would do it.
func (v *visit) refusal(pattern, act string) *refusal {
	needs := needsOf(pattern, act)
	if own := ownNeeds[pattern]; own != nil && v.rights.Application != "" {
		needs = own
	}
	for _, route := range needs {
		if why := v.rights.refused[route]; why != "" {
			return &refusal{Status: http.StatusForbidden, Detail: why}
		}
	}
	return nil
}

// needsOf is what consoleNeeds has for a page, and what all pages of bins have in common.
func needsOf(pattern, act string) []string {
	method, path, _ := strings.Cut(pattern, " ")
	if strings.HasPrefix(path, "/inspector") {
		return []string{ofServer}
	}
	if below, is := strings.CutPrefix(path, "/app/{app}/inbox"); is {
		return inboxNeeds(method, below)
	}
	if needs, known := consoleNeeds[strings.Replace(pattern, "{act}", act, 1)]; known {
		return needs
	}
	return consoleNeeds[pattern]
}

// everyEndpoint is the Hub's list, which the API has too; none if it refuses that.
func (v *visit) everyEndpoint(f fanfare.EndpointFilter) ([]*fanfare.Endpoint, fanfare.EndpointID, error) {
	if !v.reaches("GET /endpoint") {
		return nil, "", nil
	}
	eps, next, err := v.hub.EveryEndpoint(v.r.Context(), f)
	for _, ep := range eps {
		ep.URL = v.shownURL(ep.URL)
	}
	return eps, next, err
}

// recordedBefore is the Hub's list, which the API has too; none if it refuses that.
func (v *visit) recordedBefore(f fanfare.RecentFilter) ([]fanfare.Recent, fanfare.Place, error) {
	if !v.reaches("GET /attempt") {
		return nil, 0, nil
	}
	some, next, err := v.hub.RecordedBefore(v.r.Context(), f)
	for _, r := range some {
		r.URL = v.shownURL(r.URL)
	}
	return some, next, err
}

// newestOf are the newest attempts of several endpoints, each of which the API has too; none
// if it refuses those of all applications.
func (v *visit) newestOf(eps []fanfare.EndpointID, n int) (map[fanfare.EndpointID][]*fanfare.Attempt, error) {
	if !v.reaches("GET /attempt") {
		return nil, nil
	}
	of, err := v.hub.NewestAttempts(v.r.Context(), eps, n)
	for _, some := range of {
		for _, a := range some {
			a.URL = v.shownURL(a.URL)
		}
	}
	return of, err
}

// shownURL is a URL of an endpoint as the API would show it to the visitor.
func (v *visit) shownURL(url string) string {
	if v.reaches(routeOf[fanfare.ViewEndpointSecret]) {
		return url
	}
	return fanfare.MaskURL(url)
}

// routeOf is what capabilities of portal sessions stand for where a key is asked with.
var routeOf = map[fanfare.Capability]string{
	fanfare.ManageEndpoint:        "PATCH /app/{app}/endpoint/{endpoint}",
	fanfare.ManageEndpointSecret:  "POST /app/{app}/endpoint/{endpoint}/secret/rotate",
	fanfare.ViewEndpointSecret:    "GET /app/{app}/endpoint/{endpoint}/secret",
	fanfare.ManageTransformations: "PATCH /app/{app}/endpoint/{endpoint}/transformation",
	fanfare.CreateAttempts:        "POST /app/{app}/msg/{msg}/endpoint/{endpoint}/resend",
}

// ofServer is what those may who see to the server itself. Bins are theirs too: the API
// knows nothing of them.
const ofServer = "GET /nodes"

var editsMessage = []string{"GET /app/{app}", "GET /app/{app}/msg/{msg}", "GET /app/{app}/endpoint/{endpoint}", routeOf[fanfare.CreateAttempts]}

// consoleNeeds are the routes of the API without which a page of the console has nothing
// to show or to do, by the page's pattern; {act} is the act itself where acts differ.
// Where the API refuses the visitor one of them, the page is not offered, and who asks for
// it all the same is told what the API says.
var consoleNeeds = map[string][]string{
	"GET /{$}":                        nil,
	"GET /go":                         nil,
	"GET /help":                       nil,
	"POST /theme":                     nil,
	"POST /keys":                      nil,
	"POST /leave":                     nil,
	"GET /app/":                       nil,
	"GET /stream":                     {"GET /events/stream"},
	"GET /issue":                      {"GET /endpoint", "GET /attempt"},
	"GET /issue/muted":                {"GET /mute"},
	"GET /issue/of/{app}/{endpoint}":  {"GET /app/{app}/endpoint/{endpoint}", "GET /app/{app}/attempt/endpoint/{endpoint}"},
	"GET /issue/group":                {"GET /endpoint", "GET /attempt"},
	"GET /issue/group/confirm/{act}":  {"GET /endpoint", "GET /attempt"},
	"GET /issue/group/confirm/pause":  {"GET /endpoint", "GET /attempt", "POST /app/{app}/endpoint/{endpoint}/pause"},
	"GET /issue/group/confirm/mute":   {"GET /endpoint", "GET /attempt", "POST /app/{app}/endpoint/{endpoint}/mute"},
	"GET /issue/group/confirm/retry":  {"GET /endpoint", "GET /attempt", "POST /app/{app}/endpoint/{endpoint}/recover"},
	"GET /issue/group/confirm/notify": {"GET /endpoint", "GET /attempt", "POST /app/{app}/endpoint/{endpoint}/notify"},
	"GET /issue/muted/confirm":        {"GET /mute", "DELETE /app/{app}/endpoint/{endpoint}/mute/{mute}"},
	"POST /issue/group/do/{act}":      nil,
	"POST /issue/group/do/notify":     {"POST /app/{app}/endpoint/{endpoint}/notify"},
	"POST /issue/group/do/resume":     {"POST /app/{app}/endpoint/{endpoint}/resume"},
	"POST /issue/group/do/enable":     {"PATCH /app/{app}/endpoint/{endpoint}"},
	"POST /issue/group/do/unmute":     {"DELETE /app/{app}/endpoint/{endpoint}/mute/{mute}"},
	"POST /issue/group/do/pause":      {"POST /app/{app}/endpoint/{endpoint}/pause"},
	"POST /issue/group/do/mute":       {"POST /app/{app}/endpoint/{endpoint}/mute"},
	"POST /issue/group/do/retry":      {"POST /app/{app}/endpoint/{endpoint}/recover"},
	"GET /app":                        {"GET /app"},
	"GET /app/new":                    {"POST /app"}, "POST /app/new": {"POST /app"},
	"GET /message":  {"GET /message"},
	"GET /delivery": {"GET /attempt"},
	"GET /endpoint": {"GET /endpoint"},

	"GET /endpoint/confirm/{act}":  {"GET /endpoint"},
	"GET /endpoint/confirm/resume": {"GET /endpoint", "POST /app/{app}/endpoint/{endpoint}/resume"},
	"GET /endpoint/confirm/enable": {"GET /endpoint", "PATCH /app/{app}/endpoint/{endpoint}"},

	"GET /catalogue":     {"GET /event-type"},
	"GET /catalogue/new": {"POST /event-type"}, "POST /catalogue/new": {"POST /event-type"},
	"GET /catalogue/import": {"POST /event-type/import/openapi"}, "POST /catalogue/import": {"POST /event-type/import/openapi"},
	"GET /catalogue/type/{name}":            {"GET /event-type/{name}"},
	"POST /catalogue/type/{name}":           {"GET /event-type/{name}", "PATCH /event-type/{name}"},
	"POST /catalogue/type/{name}/do/{act}":  {"PATCH /event-type/{name}"},
	"GET /catalogue/type/{name}/compare":    {"GET /event-type/{name}", "GET /event-type/{name}/diff"},
	"GET /catalogue/type/{name}/confirm":    {"GET /event-type/{name}", "DELETE /event-type/{name}"},
	"POST /catalogue/type/{name}/confirmed": {"DELETE /event-type/{name}"},

	"GET /task":     {"GET /background-task"},
	"GET /task/new": {"POST /app/{app}/msg/bulk-replay"}, "POST /task/new": {"POST /app/{app}/msg/bulk-replay"},
	"GET /task/{task}": {"GET /background-task/{task}"}, "POST /task/{task}/cancel": {"POST /background-task/{task}/cancel"},

	"GET /queue":                            {"GET /lane"},
	"POST /queue/{app}/{endpoint}/do/{act}": {"GET /lane", "POST /app/{app}/endpoint/{endpoint}/pause"},
	"GET /source":                           {"GET /app", "GET /app/{app}/source"}, "POST /source": {"GET /app/{app}", "POST /app/{app}/source"},
	"GET /recipe": {"GET /recipe"}, "GET /recipe/{recipe}": {"GET /recipe/{recipe}"},
	"POST /recipe/{recipe}": {"GET /recipe/{recipe}", "POST /app/{app}/recipe/try"},
	"GET /recipe/new":       {"GET /recipe/{recipe}"}, "POST /recipe/new": {"GET /recipe/{recipe}", "POST /app/{app}/recipe/try"},

	"GET /setting": {ofServer},
	"GET /key":     {"GET /api-key"}, "POST /key": {"GET /api-key", "POST /api-key"},
	"GET /key/{key}/revoke": {"GET /api-key/{key}", "DELETE /api-key/{key}"}, "POST /key/{key}/revoked": {"DELETE /api-key/{key}"},
	"GET /audit": {"GET /audit"},

	"GET /operational":               {"GET /operational-webhook/endpoint"},
	"GET /operational/endpoint/new":  {"POST /operational-webhook/endpoint"},
	"POST /operational/endpoint/new": {"POST /operational-webhook/endpoint"},
	"GET /operational/endpoint/{endpoint}": {
		"GET /operational-webhook/endpoint/{endpoint}", "GET /operational-webhook/endpoint/{endpoint}/attempt"},
	"GET /operational/endpoint/{endpoint}/welcome":  {"GET /operational-webhook/endpoint/{endpoint}"},
	"GET /operational/endpoint/{endpoint}/settings": {"GET /operational-webhook/endpoint/{endpoint}"},
	"POST /operational/endpoint/{endpoint}/settings": {
		"GET /operational-webhook/endpoint/{endpoint}", "PATCH /operational-webhook/endpoint/{endpoint}"},
	"POST /operational/endpoint/{endpoint}/secret": {
		"GET /operational-webhook/endpoint/{endpoint}", "GET /operational-webhook/endpoint/{endpoint}/secret"},
	"GET /operational/endpoint/{endpoint}/confirm/{act}": {"GET /operational-webhook/endpoint/{endpoint}"},
	"GET /operational/endpoint/{endpoint}/confirm/delete": {
		"GET /operational-webhook/endpoint/{endpoint}", "DELETE /operational-webhook/endpoint/{endpoint}"},
	"GET /operational/endpoint/{endpoint}/confirm/disable": {
		"GET /operational-webhook/endpoint/{endpoint}", "PATCH /operational-webhook/endpoint/{endpoint}"},
	"GET /operational/endpoint/{endpoint}/confirm/rotate": {
		"GET /operational-webhook/endpoint/{endpoint}", "POST /operational-webhook/endpoint/{endpoint}/secret/rotate"},
	"GET /operational/endpoint/{endpoint}/confirm/recover": {
		"GET /operational-webhook/endpoint/{endpoint}", "POST /operational-webhook/endpoint/{endpoint}/recover"},
	"POST /operational/endpoint/{endpoint}/do/{act}":     nil,
	"POST /operational/endpoint/{endpoint}/do/try":       {"POST /operational-webhook/endpoint/{endpoint}/try-now"},
	"POST /operational/endpoint/{endpoint}/do/enable":    {"PATCH /operational-webhook/endpoint/{endpoint}"},
	"POST /operational/endpoint/{endpoint}/do/disable":   {"PATCH /operational-webhook/endpoint/{endpoint}"},
	"POST /operational/endpoint/{endpoint}/do/resume":    {"PATCH /operational-webhook/endpoint/{endpoint}"},
	"POST /operational/endpoint/{endpoint}/do/rotate":    {"POST /operational-webhook/endpoint/{endpoint}/secret/rotate"},
	"POST /operational/endpoint/{endpoint}/do/verify":    {"POST /operational-webhook/endpoint/{endpoint}/verify"},
	"POST /operational/endpoint/{endpoint}/do/recover":   {"POST /operational-webhook/endpoint/{endpoint}/recover"},
	"POST /operational/endpoint/{endpoint}/do/delete":    {"DELETE /operational-webhook/endpoint/{endpoint}"},
	"POST /operational/endpoint/{endpoint}/resend/{msg}": {"POST /operational-webhook/endpoint/{endpoint}/msg/{msg}/resend"},

	"GET /app/{app}":          {"GET /app/{app}"},
	"GET /app/{app}/settings": {"GET /app/{app}", "PATCH /app/{app}"}, "POST /app/{app}/settings": {"GET /app/{app}", "PATCH /app/{app}"},
	"GET /app/{app}/delete": {"GET /app/{app}", "DELETE /app/{app}"}, "POST /app/{app}/delete": {"GET /app/{app}", "DELETE /app/{app}"},
	"POST /app/{app}/portal":             {"POST /auth/app-portal-access/{app}"},
	"POST /app/{app}/link":               {"GET /app/{app}", "POST /auth/app-portal-access/{app}"},
	"GET /app/{app}/link":                {"GET /app/{app}", "GET /auth/app/{app}/session"},
	"POST /app/{app}/link/{session}/end": {"DELETE /auth/app/{app}/session/{session}"},
	"GET /app/{app}/expire":              {"GET /app/{app}", "POST /auth/app/{app}/expire-all"}, "POST /app/{app}/expire": {"POST /auth/app/{app}/expire-all"},
	"GET /app/{app}/recover": {"GET /app/{app}", "POST /app/{app}/msg/bulk-replay"}, "POST /app/{app}/recover": {"POST /app/{app}/msg/bulk-replay"},
	"POST /app/{app}/usage":                      {"GET /app/{app}", "POST /stats/usage/app"},
	"GET /app/{app}/settings/export":             {"GET /app/{app}/log"},
	"GET /app/{app}/recipe/{recipe}":             {"GET /app/{app}", "GET /app/{app}/endpoint"},
	"GET /app/{app}/recipe/{recipe}/remove":      {"GET /app/{app}", "DELETE /app/{app}/recipe/{recipe}"},
	"POST /app/{app}/recipe/{recipe}/remove":     {"DELETE /app/{app}/recipe/{recipe}"},
	"POST /app/{app}/endpoint/{endpoint}/mute":   {"POST /app/{app}/endpoint/{endpoint}/mute"},
	"POST /app/{app}/endpoint/{endpoint}/unmute": {"DELETE /app/{app}/endpoint/{endpoint}/mute/{mute}"},
	"POST /app/{app}/endpoint/{endpoint}/notify": {"POST /app/{app}/endpoint/{endpoint}/notify"},
	"GET /app/{app}/send":                        {"GET /app/{app}", "POST /app/{app}/msg"}, "POST /app/{app}/send": {"POST /app/{app}/msg"},

	"GET /app/{app}/stream": {"GET /app/{app}/events/stream"},
	"GET /app/{app}/log":    {"GET /app/{app}/log"},
	"GET /app/{app}/message/{msg}": {
		"GET /app/{app}/msg/{msg}", "GET /app/{app}/msg/{msg}/endpoint", "GET /app/{app}/attempt/msg/{msg}"},
	"POST /app/{app}/message/{msg}/cancel":               {"DELETE /app/{app}/msg/{msg}/pending"},
	"GET /app/{app}/message/{msg}/to/{endpoint}":         {"GET /app/{app}/msg/{msg}", "GET /app/{app}/msg/{msg}/endpoint/{endpoint}/attempt"},
	"GET /app/{app}/message/{msg}/to/{endpoint}/edit":    editsMessage,
	"POST /app/{app}/message/{msg}/to/{endpoint}/edit":   editsMessage,
	"POST /app/{app}/message/{msg}/to/{endpoint}/resend": {"POST /app/{app}/msg/{msg}/endpoint/{endpoint}/resend"},
	"GET /app/{app}/catalogue":                           {"GET /event-type"},
	"GET /app/{app}/catalogue/{name}":                    {"GET /event-type/{name}"},
	"POST /app/{app}/catalogue/{name}/send":              {"POST /app/{app}/endpoint/{endpoint}/send-example"},

	"GET /app/{app}/endpoint/new":                 {"POST /app/{app}/endpoint"},
	"POST /app/{app}/endpoint/new":                {"POST /app/{app}/endpoint"},
	"GET /app/{app}/endpoint/{endpoint}":          {"GET /app/{app}/endpoint/{endpoint}", "GET /app/{app}/endpoint/{endpoint}/msg"},
	"GET /app/{app}/endpoint/{endpoint}/welcome":  {"GET /app/{app}/endpoint/{endpoint}"},
	"GET /app/{app}/endpoint/{endpoint}/settings": {"GET /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/settings": {
		"GET /app/{app}/endpoint/{endpoint}", "PATCH /app/{app}/endpoint/{endpoint}"},
	"GET /app/{app}/endpoint/{endpoint}/test":        {"GET /app/{app}/endpoint/{endpoint}", "POST /app/{app}/endpoint/{endpoint}/send-example"},
	"POST /app/{app}/endpoint/{endpoint}/test":       {"POST /app/{app}/endpoint/{endpoint}/send-example"},
	"GET /app/{app}/endpoint/{endpoint}/transform":   {"GET /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/transform":  {"GET /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/secret":     {"GET /app/{app}/endpoint/{endpoint}", "GET /app/{app}/endpoint/{endpoint}/secret"},
	"POST /app/{app}/endpoint/{endpoint}/do/pause":   {"POST /app/{app}/endpoint/{endpoint}/pause"},
	"POST /app/{app}/endpoint/{endpoint}/do/resume":  {"POST /app/{app}/endpoint/{endpoint}/resume"},
	"POST /app/{app}/endpoint/{endpoint}/do/try":     {"POST /app/{app}/endpoint/{endpoint}/try-now"},
	"POST /app/{app}/endpoint/{endpoint}/do/verify":  {"POST /app/{app}/endpoint/{endpoint}/verify"},
	"POST /app/{app}/endpoint/{endpoint}/do/rotate":  {"POST /app/{app}/endpoint/{endpoint}/secret/rotate"},
	"POST /app/{app}/endpoint/{endpoint}/do/enable":  {"PATCH /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/do/disable": {"PATCH /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/do/url":     {"PATCH /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/do/timeout": {"PATCH /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/do/success": {"PATCH /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/do/recover": {"POST /app/{app}/endpoint/{endpoint}/recover"},
	"POST /app/{app}/endpoint/{endpoint}/do/retry":   {"GET /app/{app}/endpoint/{endpoint}", "POST /app/{app}/endpoint/{endpoint}/recover"},
	"POST /app/{app}/endpoint/{endpoint}/do/cancel":  {"POST /app/{app}/endpoint/{endpoint}/pause"},
	"POST /app/{app}/endpoint/{endpoint}/do/replay":  {"POST /app/{app}/endpoint/{endpoint}/replay-missing"},
	"POST /app/{app}/endpoint/{endpoint}/do/delete":  {"DELETE /app/{app}/endpoint/{endpoint}"},
	"POST /app/{app}/endpoint/{endpoint}/do/{act}":   nil,
	"GET /app/{app}/endpoint/{endpoint}/confirm/delete": {
		"GET /app/{app}/endpoint/{endpoint}", "DELETE /app/{app}/endpoint/{endpoint}"},
	"GET /app/{app}/endpoint/{endpoint}/confirm/disable": {
		"GET /app/{app}/endpoint/{endpoint}", "PATCH /app/{app}/endpoint/{endpoint}"},
	"GET /app/{app}/endpoint/{endpoint}/confirm/rotate": {
		"GET /app/{app}/endpoint/{endpoint}", "POST /app/{app}/endpoint/{endpoint}/secret/rotate"},
	"GET /app/{app}/endpoint/{endpoint}/confirm/recover": {
		"GET /app/{app}/endpoint/{endpoint}", "POST /app/{app}/endpoint/{endpoint}/recover"},
	"GET /app/{app}/endpoint/{endpoint}/confirm/retry": {
		"GET /app/{app}/endpoint/{endpoint}", "POST /app/{app}/endpoint/{endpoint}/recover"},
	"GET /app/{app}/endpoint/{endpoint}/confirm/cancel": {
		"GET /app/{app}/endpoint/{endpoint}", "GET /app/{app}/endpoint/{endpoint}/stats", "POST /app/{app}/endpoint/{endpoint}/pause"},
	"GET /app/{app}/endpoint/{endpoint}/confirm/replay": {
		"GET /app/{app}/endpoint/{endpoint}", "POST /app/{app}/endpoint/{endpoint}/replay-missing"},
	"GET /app/{app}/endpoint/{endpoint}/confirm/{act}": {"GET /app/{app}/endpoint/{endpoint}"},

	"GET /app/{app}/source":                    {"GET /app/{app}", "GET /app/{app}/source"},
	"GET /app/{app}/source/new":                {"GET /app/{app}", "POST /app/{app}/source"},
	"POST /app/{app}/source/new":               {"GET /app/{app}", "POST /app/{app}/source"},
	"GET /app/{app}/source/{source}":           {"GET /app/{app}", "GET /app/{app}/source/{source}", "GET /app/{app}/source/{source}/activity"},
	"POST /app/{app}/source/{source}/secret":   {"GET /app/{app}", "GET /app/{app}/source/{source}/activity", "POST /app/{app}/source/{source}/secret"},
	"GET /app/{app}/source/{source}/delete":    {"GET /app/{app}/source/{source}", "DELETE /app/{app}/source/{source}"},
	"GET /app/{app}/source/{source}/edit":      {"GET /app/{app}", "GET /app/{app}/source/{source}", "PATCH /app/{app}/source/{source}"},
	"POST /app/{app}/source/{source}/edit":     {"GET /app/{app}", "GET /app/{app}/source/{source}", "PATCH /app/{app}/source/{source}"},
	"POST /app/{app}/source/{source}/do/{act}": {"PATCH /app/{app}/source/{source}"},
}
