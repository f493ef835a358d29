package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// revisable are the things whose changes take an If-Match, and the ways to change
// each without deleting it.
var revisable = map[string][]string{
	"/app/acme": {`PUT  {"name":"Acme","uid":"acme"}`, `PATCH  {"rateLimit":3}`},
	"/app/acme/endpoint/in": {
		`PUT  {"url":"https://example.com/in","uid":"in"}`, `PATCH  {"description":"new"}`, `PATCH  {"secret":"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`,
		`PUT /headers {"headers":{"X-A":"1"}}`, `PATCH /headers {"headers":{"X-B":"1"}}`,
		`POST /secret/rotate {}`, `POST /pause {}`, `POST /resume `,
	},
	"/operational-webhook/endpoint/ours": {
		`PUT  {"url":"https://example.com/in","uid":"ours"}`, `PATCH  {"description":"new"}`,
		`PUT /headers {"headers":{"X-A":"1"}}`, `PATCH /headers {"headers":{"X-B":"1"}}`, `POST /secret/rotate {}`,
	},
	"/event-type/a.b": {`PUT  {"description":"A"}`, `PATCH  {"groupName":"new"}`},
}

func revisableWorld(t *testing.T) *world {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "in")
	w.do("POST", "/api/v1/operational-webhook/endpoint", `{"url":"https://example.com/in","uid":"ours"}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"a.b","description":""}`).want(201)
	return w
}

func TestWhatWasChangedSinceItWasReadStays(t *testing.T) {
	const strict = "User-Agent: svix-libs/1.44.0/go"
	for path, ways := range revisable {
		for i, way := range append(ways, "DELETE  ") {
			for _, agent := range []string{"User-Agent: curl", strict} {
				t.Run(strings.Join([]string{path, fmt.Sprint(i), agent}, " "), func(t *testing.T) {
					w := revisableWorld(t)
					at := "/api/v1" + path
					method, rest, _ := strings.Cut(way, " ")
					sub, body, _ := strings.Cut(rest, " ")
					old := w.do("GET", at, "", agent).want(200).header.Get("ETag")
					other := map[bool]string{true: `{"metadata":{"a":"b"}}`, false: `{"description":"of somebody else"}`}[!strings.HasPrefix(path, "/event-type")]
					w.do("PATCH", at, other).want(200)
					now := w.do("GET", at, "", agent).want(200)
					tag := now.header.Get("ETag")
					for _, wrong := range []string{old, `"x"`, "W/" + tag, old + `, "x"`, strings.Trim(tag, `"`), "x", ""} {
						a := w.do(method, at+sub, body, "If-Match: "+wrong, agent).want(412)
						if got := w.do("GET", at, "", agent).want(200); string(got.body) != string(now.body) || !strings.Contains(string(a.body), `"precondition_failed"`) {
							t.Fatalf("after If-Match %s it is %s, was %s; %s", wrong, got.body, now.body, a.body)
						}
					}
					if a := w.do(method, at+sub, body, `If-Match: "x", `+tag, agent); a.status >= 300 {
						t.Errorf("with its present tag: %d %s", a.status, a.body)
					}
					if method != "DELETE" {
						if a := w.do(method, at+sub, body, "If-Match: *", agent); a.status >= 300 {
							t.Errorf("with *: %d %s", a.status, a.body)
						}
					}
				})
			}
		}
	}
}

func TestWhatIsNotThereIsNotMadeForWhoHasSeenIt(t *testing.T) {
	w := revisableWorld(t)
	for path, body := range map[string]string{
		"/app/other": `{"name":"O"}`, "/app/acme/endpoint/other": `{"url":"https://example.com/"}`,
		"/operational-webhook/endpoint/other": `{"url":"https://example.com/"}`, "/event-type/other": `{"description":""}`,
	} {
		for _, tag := range []string{"*", `"x"`} {
			w.do("PUT", "/api/v1"+path, body, "If-Match: "+tag).want(412)
			w.do("PATCH", "/api/v1"+path, `{}`, "If-Match: "+tag).want(404)
			w.do("DELETE", "/api/v1"+path, "", "If-Match: "+tag).want(404)
			w.do("GET", "/api/v1"+path, "").want(404)
		}
		w.do("PUT", "/api/v1"+path, body).want(201)
	}
}

// TestOneOfManyWithOneETagGetsItsWay and the others learn that they did not.
func TestOneOfManyWithOneETagGetsItsWay(t *testing.T) {
	w := revisableWorld(t)
	for path := range revisable {
		tag := w.do("GET", "/api/v1"+path, "").want(200).header.Get("ETag")
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				body := fmt.Sprintf(`{"metadata":{"n":"%d"}}`, i)
				if strings.HasPrefix(path, "/event-type") {
					body = fmt.Sprintf(`{"description":"%d"}`, i)
				}
				switch a := w.do("PATCH", "/api/v1"+path, body, "If-Match: "+tag); a.status {
				case 200:
					won.Add(1)
				case 412:
					lost.Add(1)
				default:
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 7 {
			t.Errorf("%s: %d changed it, %d did not", path, won.Load(), lost.Load())
		}
	}
}

// TestChangesOfDifferentFieldsAllStay while they are made at the same time.
func TestChangesOfDifferentFieldsAllStay(t *testing.T) {
	w := revisableWorld(t)
	const at = "/api/v1/app/acme/endpoint/in"
	changes := []string{
		`PATCH  {"description":"d"}`, `PATCH  {"rateLimit":5}`, `PATCH  {"metadata":{"a":"b"}}`, `PATCH  {"channels":["c"]}`, `PATCH  {"timeout":7}`,
		`PATCH  {"maxInFlight":9}`, `PATCH  {"format":"envelope"}`, `PATCH  {"eventTypes":["a.b"]}`, `POST /pause {}`, `POST /secret/rotate {"key":"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`,
	}
	for i := range 20 {
		changes = append(changes, fmt.Sprintf(`PATCH /headers {"headers":{"X-%d":"v"}}`, i))
	}
	var wg sync.WaitGroup
	for _, change := range changes {
		wg.Go(func() {
			method, rest, _ := strings.Cut(change, " ")
			sub, body, _ := strings.Cut(rest, " ")
			if a := w.do(method, at+sub, body); a.status >= 300 {
				t.Errorf("%s: %d %s", change, a.status, a.body)
			}
		})
	}
	wg.Wait()
	got := w.do("GET", at, "").want(200).object()
	want := map[string]any{"description": "d", "rateLimit": 5.0, "timeout": 7.0, "maxInFlight": 9.0, "format": "envelope", "paused": true}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	lists, _ := json.Marshal([]any{got["metadata"], got["channels"], got["eventTypes"]})
	if string(lists) != `[{"a":"b"},["c"],["a.b"]]` {
		t.Errorf("metadata, channels and event types are %s", lists)
	}
	if headers := w.do("GET", at+"/headers", "").want(200).object()["headers"].(map[string]any); len(headers) != 20 {
		t.Errorf("of 20 headers %d are there: %v", len(headers), headers)
	}
	if key := w.do("GET", at+"/secret", "").want(200).object()["key"]; key != "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" {
		t.Errorf("the secret is %v", key)
	}
}

// A meddler is a store in which somebody changes the endpoint's description right
// before each of the next changes to it, and each event type's flags once.
type meddler struct {
	fanfare.Store
	times int // of endpoints
	types bool
}

func (m *meddler) UpdateEndpoint(ctx context.Context, ep *fanfare.Endpoint) error {
	if m.times > 0 {
		m.times--
		other, err := m.Store.Endpoint(ctx, ep.Application, string(ep.ID))
		if err != nil {
			return err
		}
		other.Description = fmt.Sprintf("meddled, %d to go", m.times)
		if err := m.Store.UpdateEndpoint(ctx, other); err != nil {
			return err
		}
	}
	return m.Store.UpdateEndpoint(ctx, ep)
}

func (m *meddler) UpdateEventType(ctx context.Context, t *fanfare.EventType) error {
	other, err := m.Store.EventType(ctx, t.Name)
	if err != nil {
		return err
	}
	if m.types && other.FeatureFlags == nil {
		other.FeatureFlags = []string{"meddled"}
		if err := m.Store.UpdateEventType(ctx, other); err != nil {
			return err
		}
	}
	return m.Store.UpdateEventType(ctx, t)
}

func TestAChangeBeginsAnewOnWhatOthersLeft(t *testing.T) {
	m := &meddler{Store: storetest.NewModel()}
	w := worldOn(t, m, &fanfare.Options{})
	w.app("acme")
	w.endpoint("acme", "in")
	const at = "/api/v1/app/acme/endpoint/in"
	patch := func(times, status int, header ...string) {
		t.Helper()
		m.times = times
		w.do("PATCH", at, fmt.Sprintf(`{"rateLimit":%d}`, times+1), header...).want(status)
		got := w.do("GET", at, "").want(200).object()
		if changed := got["rateLimit"] == float64(times+1); changed != (status == http.StatusOK) || !strings.HasPrefix(got["description"].(string), "meddled") {
			t.Errorf("after %d others, and status %d, it is %v, %q", times, status, got["rateLimit"], got["description"])
		}
	}
	patch(1, 200)
	patch(5, 200)
	patch(fanfare.MaxAmends-1, 200)
	patch(fanfare.MaxAmends, 409)
	patch(2, 412, "If-Match: "+w.do("GET", at, "").want(200).header.Get("ETag"))

	m.times = 0
	w.do("POST", "/api/v1/event-type", `{"name":"a","description":"old"}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"b","description":"old"}`).want(201)
	m.types = true
	w.do("POST", "/api/v1/event-type/import/openapi", `{"replaceAll":true,"spec":{"openapi":"3.1.0","info":{"title":"","version":""},"webhooks":{"a":{"post":{"description":"new"}}}}}`).want(200)
	for name, want := range map[string]string{"a": `"description":"new"`, "b": `"archived":true`} {
		if got := w.do("GET", "/api/v1/event-type/"+name, "").want(200); !strings.Contains(string(got.body), want) || !strings.Contains(string(got.body), `["meddled"]`) {
			t.Errorf("after the import it is %s", got.body)
		}
	}
}
