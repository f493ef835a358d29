package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// What the API shows, as far as pages need it.

type listOf[T any] struct {
	Data     []T
	Iterator string
	Done     bool
}

func (*listOf[T]) isList() {}

// pager is that of a list at an address that has its filters; at is where it was begun.
func (l *listOf[T]) pager(v *visit, at string) pager {
	var p pager
	q := v.r.URL.Query()
	q.Del("done")
	if q.Get("at") != "" {
		q.Del("at")
		p.First = address(v.base+at, q.Encode())
	}
	if !l.Done && l.Iterator != "" {
		q.Set("at", l.Iterator)
		p.Next = address(v.base+at, q.Encode())
	}
	return p
}

func address(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}

type endpointOut struct {
	ID             string
	UID            string
	Kind           string
	URL            string
	Description    string
	Disabled       bool
	Paused         bool
	EventTypes     []string
	Channels       []string
	RateLimit      *int
	Format         string
	Signature      string
	Retry          retryOut
	Filter         string
	Transformation string
	Timeout        *float64
	Success        successOut
	Ordered        bool
	Handshake      string
	Auth           authOut
	OnPause        string
	Unverified     string
	Unusable       string
	FailingSince   time.Time
	DisabledReason string
	Activity       []hour // of the last 24, where it was asked for
	CreatedAt      time.Time
}

// A retryOut is when to try again: by a preset, or after delays in seconds.
type retryOut struct {
	Preset string
	Delays []float64
}

// A successOut is what counts as success.
type successOut struct{ Preset, Statuses, Contains, Lacks, Redirects string }

// ownOf stands in forms for something that was set and no form can say.
func ownOf(set any) string {
	text, err := json.Marshal(set)
	if err != nil {
		panic(err) // it was JSON
	}
	return "own-" + marked(string(text))
}

// isOwn says whether what a form says is that.
func isOwn(said string) bool { return strings.HasPrefix(said, "own-") }

// inForm is what a form says of it: a preset, "" for the usual, or what no form can say.
func (s successOut) inForm() string {
	switch s {
	case successOut{}, successOut{Preset: "default"}, successOut{Statuses: "200-299"}:
		return ""
	case successOut{Preset: s.Preset}:
		return s.Preset
	}
	return ownOf(s)
}

// Name is what people call it by.
func (ep endpointOut) Name() string {
	switch {
	case ep.Description != "":
		return ep.Description
	case ep.URL != "":
		return ep.URL
	}
	return ep.Kind + " " + ep.ID
}

// Events says in a few words what it wants.
func (ep endpointOut) Events() string {
	if len(ep.EventTypes) == 0 {
		return "Everything"
	}
	return words(3, ep.EventTypes)
}

// state is how it fares, in a word.
func (ep *endpointOut) state(v *visit) badge {
	switch {
	case ep.Disabled:
		return badge{"idle", "Disabled"}
	case ep.Paused:
		return badge{"idle", "Paused"}
	case ep.Unverified != "" || ep.Unusable != "":
		return badge{"wait", "Waiting"}
	case !ep.FailingSince.IsZero():
		return badge{"bad", "Failing for " + long(v.now.Sub(ep.FailingSince))}
	}
	return badge{"ok", "Healthy"}
}

type messageOut struct {
	ID        string
	EventID   string
	EventType string
	Payload   json.RawMessage
	Channels  []string
	Tags      []string
	Timestamp time.Time
	DeliverAt time.Time
}

// IsTest reports whether nothing has happened, and somebody tries an endpoint out.
func (m messageOut) IsTest() bool { return slices.Contains(m.Tags, fanfare.TestTag) }

// standing is where a delivery stands.
type standing struct {
	EndpointID  string
	Status      int
	StatusText  string
	Attempts    int
	NextAttempt time.Time
}

// The numbers of the API.
const (
	statusDelivered = 0
	statusWaiting   = 1
	statusGivenUp   = 2
	statusCancelled = 4
)

// states are those of deliveries, for a filter.
func states(chosen string) []option {
	return options(chosen, "", "Any", "0", "Delivered", "1", "Waiting", "2", "Given up", "4", "Cancelled")
}

func (s *standing) badge() badge {
	switch {
	case s.StatusText == "canceled":
		return badge{"idle", "Cancelled"}
	case s.Status == statusDelivered:
		return badge{"ok", "Delivered"}
	case s.Status == statusGivenUp:
		return badge{"bad", "Given up"}
	}
	return badge{"wait", "Waiting"}
}

type attemptOut struct {
	ID                 string
	MsgID              string
	EndpointID         string
	EventType          string
	URL                string
	Timestamp          time.Time
	Status             int
	TriggerType        int
	Number             int
	RequestHeaders     [][2]string
	ResponseStatusCode int
	ResponseHeaders    [][2]string
	Response           string
	Truncated          bool
	DurationMs         int64 `json:"responseDurationMs"`
	ErrorClass         string
	Detail             string
	Explanation        struct{ What, Fix string }
	NextAttempt        time.Time
}

// shownAttempt is one that was read from the Hub, as the API shows it, without bodies and
// headers but for where it points.
func shownAttempt(a *fanfare.Attempt) attemptOut {
	out := attemptOut{
		ID: string(a.ID), MsgID: string(a.Message), EndpointID: string(a.Endpoint), EventType: a.EventType, URL: a.URL, Timestamp: a.StartedAt, Number: a.Number,
		Status: statusGivenUp, ResponseStatusCode: a.Status, DurationMs: a.Duration.Milliseconds(), ErrorClass: string(a.Class), Detail: asText(a.Detail), NextAttempt: a.NextAt,
	}
	if a.Class == fanfare.ClassSuccess {
		out.Status, out.ErrorClass = statusDelivered, ""
	}
	for _, h := range a.ResponseHeader {
		if http.CanonicalHeaderKey(h.Name) == "Location" {
			out.ResponseHeaders = append(out.ResponseHeaders, [2]string{h.Name, asText(h.Value)})
		}
	}
	out.Explanation.What, out.Explanation.Fix = a.Explain()
	out.Explanation.What = asText(out.Explanation.What)
	return out
}

// asText makes what a receiver sent fit for a page.
func asText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (a attemptOut) Badge() badge {
	if a.Status == statusDelivered {
		return badge{"ok", "Succeeded"}
	}
	return badge{"bad", "Failed"}
}

// Answer is what came back, in a word or two.
func (a attemptOut) Answer() string {
	if a.ResponseStatusCode == 0 {
		return strings.ReplaceAll(a.ErrorClass, "_", " ")
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.ResponseStatusCode, http.StatusText(a.ResponseStatusCode)))
}

func (a attemptOut) Took() string {
	return taken(a.DurationMs)
}

// taken writes how long something took.
func taken(ms int64) string {
	if ms < 1 {
		return "under 1 ms"
	}
	if ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return fmt.Sprintf("%.1f s", float64(ms)/1000)
}

// location is where a redirect pointed.
func (a *attemptOut) location() string {
	for _, h := range a.ResponseHeaders {
		if http.CanonicalHeaderKey(h[0]) == "Location" {
			return h[1]
		}
	}
	return ""
}

type eventTypeOut struct {
	Name        string
	Description string
	GroupName   string
	Schemas     map[string]json.RawMessage
	Examples    []json.RawMessage
	Deprecated  bool

	CurrentVersion *int // of its schemas; nil: the newest
}

// kept is the event type as the Hub has it, as far as its examples go.
func (t *eventTypeOut) kept() *fanfare.EventType {
	of := &fanfare.EventType{Name: t.Name, Schemas: rawOf(t.Schemas), Examples: rawOf(t.Examples)}
	if t.CurrentVersion != nil {
		of.CurrentVersion = *t.CurrentVersion
	}
	return of
}

// Group is what it is listed under: the provider's name for it, or else what stands
// before the last point of its own.
func (t eventTypeOut) Group() string {
	if t.GroupName != "" {
		return t.GroupName
	}
	if i := strings.LastIndexByte(t.Name, '.'); i > 0 {
		return t.Name[:i]
	}
	return "Other"
}

type taskOut struct {
	ID     string
	Status string
	State  string
	Total  int
	More   bool // of a plan: that is not all
	Done   int
}

// endpoints reads the application's endpoints, the newest first, 250 at most; none if the
// visitor may not see them.
func (v *visit) endpoints() ([]endpointOut, error) {
	if !v.reaches("GET /app/{app}/endpoint") {
		return nil, nil
	}
	var list listOf[endpointOut]
	err := v.read(&list, v.of("endpoint"), "limit", fmt.Sprint(fanfare.MaxPage))
	return list.Data, err
}

// endpoint reads the one that the path names.
func (v *visit) endpoint() (*endpointOut, error) {
	ep := &endpointOut{}
	return ep, v.read(ep, v.of("endpoint", v.r.PathValue("endpoint")), "with_activity", "true")
}

// endpointOrID is the one that the path names, with no more than its id if the visitor
// may not see it.
func (v *visit) endpointOrID() (*endpointOut, error) {
	if !v.reaches("GET /app/{app}/endpoint/{endpoint}") {
		id := v.r.PathValue("endpoint")
		return &endpointOut{ID: id, Description: id}, nil
	}
	return v.endpoint()
}

// eventTypes reads the catalogue as the visitor may see it, 1000 at most; of what operational
// endpoints are told there is no catalogue.
func (v *visit) eventTypes(content string) (all []eventTypeOut, err error) {
	if v.own {
		return newsTypes(), nil
	}
	if !v.reaches("GET /event-type") {
		return nil, nil
	}
	var at string
	for range 4 {
		var list listOf[eventTypeOut]
		if err := v.read(&list, "/event-type", "limit", fmt.Sprint(fanfare.MaxPage), "with_content", content, "iterator", at); err != nil {
			return nil, err
		}
		all = append(all, list.Data...)
		if at = list.Iterator; list.Done || at == "" {
			break
		}
	}
	return all, nil
}
