package fake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Stripe is the part of the API that is about events and webhook endpoints
// (https://docs.stripe.com/api/events), and sends events: to its endpoints, or to any
// URL, when POST /fake/push tells it to, as
//
//	{"type": "charge.succeeded", "object": {…}, "previous_attributes": {…}, "url": "…", "secret": "whsec_…"}
//
// of which only the type must be there; the answer tells what came of each. It tries
// once; what failed is in GET /v1/events?delivery_success=false, and is sent again by
// POST /v1/events/{id}/retry. Every key is good but none, "sk_unknown" and
// "sk_limited", which is answered 429. It sends by client; nil: to this machine alone.
func Stripe(client *http.Client) http.Handler {
	s := &stripe{courier: courierWith(client, 20*time.Second)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/events", s.knows(s.list))
	mux.HandleFunc("GET /v1/events/{event}", s.knows(s.one))
	mux.HandleFunc("POST /v1/events/{event}/retry", s.knows(s.retry))
	mux.HandleFunc("POST /v1/webhook_endpoints", s.knows(s.create))
	mux.HandleFunc("GET /v1/webhook_endpoints", s.knows(s.endpoints))
	mux.HandleFunc("DELETE /v1/webhook_endpoints/{endpoint}", s.knows(s.remove))
	mux.HandleFunc("POST /fake/push", s.push)
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		stripeRefuses(rw, 404, "invalid_request_error", fmt.Sprintf("Unrecognized request URL (%s: %s).", r.Method, r.URL.Path))
	})
	return s.taken.shownBy(mux)
}

type stripe struct {
	courier
	taken taken // what was sent

	mu     sync.Mutex
	events []*stripeEvent // newest last, at most maxTaken
	hooks  []*stripeHook  // at most maxStripeHooks
}

// maxStripeHooks is how many endpoints an account may have.
const maxStripeHooks = 16

type stripeEvent struct {
	ID         string `json:"id"`
	Object     string `json:"object"`
	APIVersion string `json:"api_version"`
	Created    int64  `json:"created"`
	Data       struct {
		Object   json.RawMessage `json:"object"`
		Previous json.RawMessage `json:"previous_attributes,omitempty"`
	} `json:"data"`
	Live    bool `json:"livemode"`
	Pending int  `json:"pending_webhooks"`
	Request struct {
		ID  *string `json:"id"`
		Key *string `json:"idempotency_key"`
	} `json:"request"`
	Type string `json:"type"`

	failed []*stripeHook // those that have not taken it
}

type stripeHook struct {
	ID     string   `json:"id"`
	Object string   `json:"object"`
	Status string   `json:"status"`
	URL    string   `json:"url"`
	Events []string `json:"enabled_events"`
	Secret string   `json:"secret,omitempty"`
}

// A stripeSending is an event that was sent.
type stripeSending struct {
	Event     string `json:"event"`
	Type      string `json:"type"`
	URL       string `json:"url"`
	Signature string `json:"signature"`
	Status    int    `json:"status"`
	Fault     string `json:"fault,omitempty"`
}

func (s *stripe) knows(handle http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		key, _, _ := r.BasicAuth()
		if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			key = bearer
		}
		switch key {
		case "":
			stripeRefuses(rw, 401, "invalid_request_error", "You did not provide an API key.")
		case "sk_unknown":
			stripeRefuses(rw, 401, "invalid_request_error", "Invalid API Key provided: sk_unknown")
		case "sk_limited":
			stripeRefuses(rw, 429, "invalid_request_error", "Request rate limit exceeded.")
		default:
			handle(rw, r)
		}
	}
}

func stripeRefuses(rw http.ResponseWriter, status int, kind, message string) {
	answer(rw, status, map[string]any{"error": map[string]string{"type": kind, "message": message}})
}

func (s *stripe) create(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
	err := r.ParseForm()
	u, bad := url.Parse(r.Form.Get("url"))
	events := r.Form["enabled_events[]"]
	for i := 0; r.Form.Has(fmt.Sprintf("enabled_events[%d]", i)); i++ {
		events = append(events, r.Form.Get(fmt.Sprintf("enabled_events[%d]", i)))
	}
	switch {
	case err != nil || bad != nil || u.Host == "":
		stripeRefuses(rw, 400, "invalid_request_error", "Invalid URL: An explicit scheme (such as https) must be provided.")
		return
	case len(events) == 0:
		stripeRefuses(rw, 400, "invalid_request_error", "Missing required param: enabled_events.")
		return
	}
	h := &stripeHook{ID: "we_" + randomHex(12), Object: "webhook_endpoint", Status: "enabled", URL: u.String(), Events: events, Secret: "whsec_" + randomHex(16)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hooks) >= maxStripeHooks {
		stripeRefuses(rw, 400, "invalid_request_error", "You have reached the maximum of 16 test webhook endpoints.")
		return
	}
	s.hooks = append(s.hooks, h)
	answer(rw, http.StatusOK, h)
}

func (s *stripe) endpoints(rw http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []stripeHook{}
	for _, h := range s.hooks {
		shown := *h
		shown.Secret = "" // it is shown once
		all = append(all, shown)
	}
	answer(rw, http.StatusOK, map[string]any{"object": "list", "data": all, "has_more": false, "url": "/v1/webhook_endpoints"})
}

func (s *stripe) remove(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("endpoint")
	s.hooks = slices.DeleteFunc(s.hooks, func(h *stripeHook) bool { return h.ID == id })
	answer(rw, http.StatusOK, map[string]any{"id": id, "object": "webhook_endpoint", "deleted": true})
}

// list is newest first, from behind starting_after or before ending_before.
func (s *stripe) list(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if q.Get("limit") == "" {
		limit, err = 10, nil
	}
	if err != nil || limit < 1 || limit > 100 {
		stripeRefuses(rw, 400, "invalid_request_error", "Invalid limit: must be from 1 to 100")
		return
	}
	types := append(q["types[]"], q["type"]...)
	s.mu.Lock()
	defer s.mu.Unlock()
	fits := []*stripeEvent{}
	begun := q.Get("starting_after") == ""
	for _, e := range slices.Backward(s.events) {
		if e.ID == q.Get("ending_before") {
			break
		}
		wanted := len(types) == 0 || slices.ContainsFunc(types, func(want string) bool { return stripeWants(want, e.Type) })
		if success := q.Get("delivery_success"); success != "" {
			wanted = wanted && (success == "true") == (len(e.failed) == 0)
		}
		if begun && wanted {
			fits = append(fits, e)
		}
		begun = begun || e.ID == q.Get("starting_after")
	}
	page := fits[:min(limit, len(fits))]
	if q.Get("ending_before") != "" { // of those before it the nearest
		page = fits[max(0, len(fits)-limit):]
	}
	answer(rw, http.StatusOK, map[string]any{"object": "list", "data": page, "has_more": len(page) < len(fits), "url": "/v1/events"})
}

// stripeWants reports whether a pattern such as charge.* is for an event type.
func stripeWants(pattern, eventType string) bool {
	group, all := strings.CutSuffix(pattern, "*")
	return pattern == eventType || all && strings.HasPrefix(eventType, group)
}

func (s *stripe) find(id string) *stripeEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.ID == id {
			return e
		}
	}
	return nil
}

func (s *stripe) one(rw http.ResponseWriter, r *http.Request) {
	e := s.find(r.PathValue("event"))
	if e == nil {
		stripeRefuses(rw, 404, "invalid_request_error", "No such event: '"+r.PathValue("event")+"'")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(rw, http.StatusOK, e)
}

// retry sends an event again, to one endpoint, or to all that have not taken it.
func (s *stripe) retry(rw http.ResponseWriter, r *http.Request) {
	e := s.find(r.PathValue("event"))
	if e == nil {
		stripeRefuses(rw, 404, "invalid_request_error", "No such event: '"+r.PathValue("event")+"'")
		return
	}
	only := r.FormValue("webhook_endpoint")
	s.mu.Lock()
	to := slices.Clone(e.failed)
	if only != "" {
		to = slices.DeleteFunc(slices.Clone(s.hooks), func(h *stripeHook) bool { return h.ID != only })
	}
	s.mu.Unlock()
	for _, h := range to {
		s.deliver(r.Context(), e, h)
	}
	s.one(rw, r)
}

// push makes an event and sends it.
func (s *stripe) push(rw http.ResponseWriter, r *http.Request) {
	asked := struct {
		Type, URL, Secret string
		Object            json.RawMessage
		Previous          json.RawMessage `json:"previous_attributes"`
	}{Object: json.RawMessage(`{"id":"ch_` + randomHex(12) + `","object":"charge","amount":863}`)}
	text, err := body(r)
	if err != nil || json.Unmarshal(text, &asked) != nil || asked.Type == "" {
		answer(rw, http.StatusBadRequest, map[string]string{"error": `give {"type": "charge.succeeded", "object": {}}, and url and secret to send it elsewhere than to the endpoints`})
		return
	}
	e := &stripeEvent{ID: "evt_" + randomHex(12), Object: "event", APIVersion: "2024-06-20", Created: time.Now().Unix(), Type: asked.Type}
	e.Data.Object, e.Data.Previous = asked.Object, asked.Previous
	to := []*stripeHook{{URL: asked.URL, Secret: asked.Secret}}
	s.mu.Lock()
	if asked.URL == "" {
		to = slices.DeleteFunc(slices.Clone(s.hooks), func(h *stripeHook) bool {
			return !slices.ContainsFunc(h.Events, func(want string) bool { return stripeWants(want, asked.Type) })
		})
	}
	e.failed, e.Pending = slices.Clone(to), len(to)
	s.events = append(s.events, e)
	s.events = s.events[max(0, len(s.events)-maxTaken):]
	s.mu.Unlock()
	sent := []*stripeSending{}
	for _, h := range to {
		sent = append(sent, s.deliver(r.Context(), e, h))
	}
	answer(rw, http.StatusOK, sent)
}

// deliver sends an event, signed for now, and notes what came of it.
func (s *stripe) deliver(ctx context.Context, e *stripeEvent, h *stripeHook) *stripeSending {
	s.mu.Lock()
	text, _ := json.Marshal(e) // of what was JSON before
	s.mu.Unlock()
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(h.Secret))
	mac.Write([]byte(at + "."))
	mac.Write(text)
	sending := &stripeSending{Event: e.ID, Type: e.Type, URL: h.URL, Signature: "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))}
	p := s.send(ctx, h.URL, http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "Stripe-Signature": {sending.Signature},
		"User-Agent": {"Stripe/1.0 (+https://stripe.com/docs/webhooks)"}, "Accept": {"*/*; q=0.5, application/xml"},
	}, text)
	sending.Status, sending.Fault = p.status, p.fault
	s.taken.add(sending)
	if p.delivered() {
		s.mu.Lock()
		e.failed = slices.DeleteFunc(e.failed, func(one *stripeHook) bool { return one == h })
		e.Pending = len(e.failed)
		s.mu.Unlock()
	}
	return sending
}
