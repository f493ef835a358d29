package fake_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/webhook"
)

// A mailbox keeps the webhooks it is sent, and answers with a status.
type mailbox struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	all    []*http.Request
	bodies []string
}

func newMailbox(t *testing.T) *mailbox {
	m := &mailbox{status: 204}
	m.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.all, m.bodies = append(m.all, r), append(m.bodies, string(text))
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader(m.status)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mailbox) answer(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = status
}

// last is the newest, of which there must be n by now.
func (m *mailbox) last(t *testing.T, n int) (*http.Request, string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) != n {
		t.Fatalf("%d webhooks came; want %d", len(m.all), n)
	}
	return m.all[n-1], m.bodies[n-1]
}

// An asker makes requests of a fake.
type asker struct {
	t *testing.T
	http.Handler
	key string
}

func (a asker) do(method, path, contentType, body string, want int, into any) *httptest.ResponseRecorder {
	a.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+a.key)
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, r)
	if rec.Code != want {
		a.t.Fatalf("%s %s: %d, %s; want %d", method, path, rec.Code, rec.Body, want)
	}
	if into != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), into); err != nil {
			a.t.Fatalf("%s %s: %s: %v", method, path, rec.Body, err)
		}
	}
	return rec
}

// verified reports whether a webhook is by who knows the secret.
func verified(t *testing.T, p webhook.Profile, secret string, r *http.Request, body string) bool {
	t.Helper()
	verifier, err := p.Verifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier.VerifyRequest(r, []byte(body), time.Now())
	return err == nil
}

func TestGitHub(t *testing.T) {
	const hooks, secret = "/repos/octo/bears/hooks", "It's a Secret to Everybody"
	m, git := newMailbox(t), asker{t, fake.GitHub(nil), "ghp_x"}
	var hook struct {
		ID     int64
		Config struct{ Secret string }
	}
	git.do("POST", hooks, "application/json", fmt.Sprintf(`{"name":"web","events":["issues","push"],"config":{"url":%q,"content_type":"json","secret":%q}}`, m.URL, secret), 201, &hook)
	r, body := m.last(t, 1)
	if r.Header.Get("X-GitHub-Event") != "ping" || !strings.Contains(body, `"zen":`) || strings.Contains(body, secret) || hook.Config.Secret != "********" || !verified(t, webhook.GitHub, secret, r, body) {
		t.Errorf("pinged by %v: %s", r.Header, body)
	}
	if verified(t, webhook.GitHub, secret, r, body+" ") {
		t.Error("what is signed is not the body")
	}
	one := fmt.Sprintf("%s/%d", hooks, hook.ID)
	git.do("POST", one+"/pings", "", "", 204, nil)
	git.do("POST", one+"/tests", "", "", 204, nil)
	if r, _ = m.last(t, 3); r.Header.Get("X-GitHub-Event") != "push" {
		t.Errorf("tested by %v", r.Header)
	}

	// A delivery that fails is tried again for the asking, with the same GUID.
	m.answer(302)
	git.do("POST", "/fake/push", "", `{"repository":"octo/bears","event":"issues","payload":{"action":"opened"}}`, 200, nil)
	git.do("POST", "/fake/push", "", `{"repository":"octo/bears","event":"star"}`, 200, nil)
	first, _ := m.last(t, 4)
	var page []struct {
		ID         int64
		GUID       string
		Status     string
		StatusCode int `json:"status_code"`
		Action     string
		Redelivery bool
	}
	list := git.do("GET", one+"/deliveries?per_page=1", "", "", 200, &page)
	if len(page) != 1 || page[0].StatusCode != 302 || page[0].Status != "Invalid HTTP Response: 302" || page[0].Action != "opened" {
		t.Fatalf("%s", list.Body)
	}
	failed := page[0]
	m.answer(200)
	git.do("POST", fmt.Sprintf("%s/deliveries/%d/attempts", one, failed.ID), "", "", 202, nil)
	again, body := m.last(t, 5)
	if again.Header.Get("X-GitHub-Delivery") != first.Header.Get("X-GitHub-Delivery") || body != `{"action":"opened"}` {
		t.Errorf("delivered again as %v: %s", again.Header, body)
	}
	next := fmt.Sprintf("%s/deliveries?per_page=1&cursor=%d", one, git.newest(one)+1)
	if list = git.do("GET", next, "", "", 200, &page); !page[0].Redelivery || page[0].GUID != failed.GUID || !strings.Contains(list.Header().Get("Link"), `rel="next"`) {
		t.Errorf("%s, %s", list.Body, list.Header())
	}
	if full := git.do("GET", fmt.Sprintf("%s/deliveries/%d", one, failed.ID), "", "", 200, nil).Body.String(); !strings.Contains(full, `"payload":{"action":"opened"}`) || !strings.Contains(full, `"Location":"/elsewhere"`) {
		t.Errorf("%s", full)
	}

	// A form has the JSON in a field, and is signed as it is sent.
	git.do("POST", "/fake/push", "", fmt.Sprintf(`{"url":%q,"secret":%q,"content_type":"form","event":"issues","payload":{"a":"b c"}}`, m.URL, secret), 200, nil)
	r, body = m.last(t, 6)
	if form, err := url.ParseQuery(body); err != nil || form.Get("payload") != `{"a":"b c"}` || !verified(t, webhook.GitHub, secret, r, body) {
		t.Errorf("%s, %v", body, err)
	}

	// What it refuses.
	git.do("POST", hooks, "", `{"name":"email","config":{"url":"http://a.example"}}`, 422, nil)
	git.do("POST", hooks, "", `{"config":{"url":"a.example"}}`, 422, nil)
	git.do("GET", "/repos/nowhere/x/hooks", "", "", 404, nil)
	git.do("DELETE", one, "", "", 204, nil)
	git.do("GET", one, "", "", 404, nil)
	asker{t, git.Handler, "unknown"}.do("GET", hooks, "", "", 401, nil)
}

// newest is the id of the newest delivery of a hook.
func (a asker) newest(hook string) int64 {
	a.t.Helper()
	var page []struct{ ID int64 }
	a.do("GET", hook+"/deliveries", "", "", 200, &page)
	return page[0].ID
}

func TestGitHubHasTwentyHooksForAnEvent(t *testing.T) {
	m, git := newMailbox(t), asker{t, fake.GitHub(nil), "ghp_x"}
	for n := range 21 {
		want := 201
		if n == 20 {
			want = 422
		}
		git.do("POST", "/repos/octo/bears/hooks", "", fmt.Sprintf(`{"events":["push"],"config":{"url":%q}}`, m.URL), want, nil)
	}
}

// TestNothingLeaves has fakes send to an address of nobody, and to a name that cannot be.
func TestNothingLeaves(t *testing.T) {
	for to, want := range map[string]string{"http://192.0.2.1/": "a fake sends to this machine only, not to 192.0.2.1", "http://[2001:db8::1]/": "this machine only"} {
		git := asker{t, fake.GitHub(nil), "ghp_x"}
		if said := git.do("POST", "/fake/push", "", fmt.Sprintf(`{"url":%q}`, to), 200, nil).Body.String(); !strings.Contains(said, want) {
			t.Errorf("%s: %s", to, said)
		}
	}
}

func TestStripe(t *testing.T) {
	m, stripe := newMailbox(t), asker{t, fake.Stripe(nil), "sk_test_x"}
	var hook struct{ ID, Secret string }
	stripe.do("POST", "/v1/webhook_endpoints", "application/x-www-form-urlencoded", url.Values{"url": {m.URL}, "enabled_events[]": {"charge.*"}}.Encode(), 200, &hook)
	stripe.do("POST", "/fake/push", "", `{"type":"charge.updated","object":{"id":"ch_1","amount":863},"previous_attributes":{"amount":1}}`, 200, nil)
	r, body := m.last(t, 1)
	if !verified(t, webhook.Stripe, hook.Secret, r, body) || verified(t, webhook.Stripe, hook.Secret, r, strings.Replace(body, "863", "864", 1)) {
		t.Errorf("signed as %v: %s", r.Header, body)
	}
	var e struct {
		ID, Object, Type string
		Data             struct {
			Object   struct{ Amount int }
			Previous struct{ Amount int } `json:"previous_attributes"`
		}
		Pending int `json:"pending_webhooks"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Object != "event" || e.Type != "charge.updated" || e.Data.Object.Amount != 863 || e.Data.Previous.Amount != 1 || e.Pending != 1 {
		t.Errorf("%+v, %v", e, err)
	}

	// What failed is in a list, until it is sent again.
	m.answer(302)
	stripe.do("POST", "/fake/push", "", `{"type":"charge.succeeded"}`, 200, nil)
	stripe.do("POST", "/fake/push", "", `{"type":"customer.created"}`, 200, nil)
	m.last(t, 2)
	events := func(query string) (ids []string, more bool) {
		t.Helper()
		var list struct {
			Data []struct{ ID, Type string }
			More bool `json:"has_more"`
		}
		stripe.do("GET", "/v1/events?"+query, "", "", 200, &list)
		for _, e := range list.Data {
			ids = append(ids, e.Type)
		}
		return ids, list.More
	}
	for query, want := range map[string]string{
		"":                              "[customer.created charge.succeeded charge.updated] false",
		"limit=1":                       "[customer.created] true",
		"types[]=charge.*":              "[charge.succeeded charge.updated] false",
		"type=charge.updated":           "[charge.updated] false",
		"delivery_success=false":        "[charge.succeeded] false",
		"ending_before=" + e.ID:         "[customer.created charge.succeeded] false",
		"limit=1&ending_before=" + e.ID: "[charge.succeeded] true",
		"starting_after=" + e.ID:        "[] false",
	} {
		if ids, more := events(query); fmt.Sprint(ids, more) != want {
			t.Errorf("%s: %v %v; want %s", query, ids, more, want)
		}
	}
	var failed struct{ Data []struct{ ID string } }
	stripe.do("GET", "/v1/events?delivery_success=false", "", "", 200, &failed)
	m.answer(200)
	stripe.do("POST", "/v1/events/"+failed.Data[0].ID+"/retry", "", "", 200, nil)
	if r, body = m.last(t, 3); !strings.Contains(body, failed.Data[0].ID) || !verified(t, webhook.Stripe, hook.Secret, r, body) {
		t.Errorf("sent again as %s", body)
	}
	if ids, _ := events("delivery_success=false"); len(ids) != 0 {
		t.Errorf("%v failed still", ids)
	}
	stripe.do("GET", "/v1/events/evt_none", "", "", 404, nil)
	stripe.do("GET", "/v1/events?limit=101", "", "", 400, nil)
	for key, status := range map[string]int{"": 401, "sk_unknown": 401, "sk_limited": 429} {
		asker{t, stripe.Handler, key}.do("GET", "/v1/events", "", "", status, nil)
	}
}
