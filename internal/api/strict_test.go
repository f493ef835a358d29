package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// names are the members of an object, sorted.
func names(object any) string {
	var all []string
	for name := range object.(map[string]any) {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestStrictClientsAreShownWhatTheyKnow holds the answers to the members that
// version 1.44 of the Go client has, as it refuses any other.
func TestStrictClientsAreShownWhatTheyKnow(t *testing.T) {
	const agent = "User-Agent: svix-libs/1.44.0/go"
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in","uid":"ep"}`).want(201)
		id := w.message("acme", `{"eventType":"x","eventId":"e","payload":{"orderingKey": 1,"a":2,"a":3}}`)
		w.do("POST", "/api/v1/event-type", `{"name":"t"}`).want(201)
		synctest.Wait()
		attempt := fmt.Sprint(w.do("GET", "/api/v1/app/acme/attempt/msg/e", "").items()[0]["id"])
		const (
			endpoint = "channels createdAt description disabled filterTypes id %srateLimit uid updatedAt url version"
			message  = "channels eventId eventType id %spayload %stags timestamp"
			tried    = "endpointId id %smsgId response responseDurationMs responseStatusCode status timestamp triggerType url"
		)
		for path, want := range map[string]string{
			"/app/acme":                          "createdAt id metadata name rateLimit uid updatedAt",
			"/app/acme/endpoint/ep":              fmt.Sprintf(endpoint, "metadata "),
			"/app/acme/endpoint/ep/stats":        "fail pending sending success",
			"/app/acme/msg/e":                    fmt.Sprintf(message, "", ""),
			"/app/acme/msg/e/attempt/" + attempt: fmt.Sprintf(tried, ""),
			"/event-type/t":                      "archived createdAt deprecated description featureFlag groupName name schemas updatedAt",
			"/app":                               "data done iterator prevIterator",
		} {
			if got := names(w.do("GET", "/api/v1"+path, "", agent).want(200).object()); got != want {
				t.Errorf("%s has %q, want %q", path, got, want)
			}
			for _, loose := range []string{"svix-libs/2.5.0/javascript", "svix-libs/1.99.1/go", "svix-libs/1.44.0/javascript", "curl/8", ""} {
				if got := names(w.do("GET", "/api/v1"+path, "", "User-Agent: "+loose).want(200).object()); path != "/app" && got == want {
					t.Errorf("%s is shown to %q as to strict clients", path, loose)
				}
			}
		}
		for path, want := range map[string]string{
			"/app":                                        "createdAt id metadata name rateLimit uid updatedAt",
			"/app/acme/endpoint/ep/msg":                   fmt.Sprintf(message, "nextAttempt ", "status "),
			"/app/acme/msg/e/endpoint":                    strings.Replace(fmt.Sprintf(endpoint, "nextAttempt "), "uid", "status uid", 1),
			"/app/acme/attempt/msg/e":                     fmt.Sprintf(tried, ""),
			"/app/acme/attempt/endpoint/ep?with_msg=true": fmt.Sprintf(tried, "msg "),
		} {
			a := w.do("GET", "/api/v1"+path, "", agent)
			item := a.items()[0]
			if got := names(item); got != want {
				t.Errorf("%s lists %q, want %q", path, got, want)
			}
			if item["msg"] != nil && names(item["msg"]) != fmt.Sprintf(message, "", "") {
				t.Errorf("%s lists messages with %q", path, names(item["msg"]))
			}
		}
		if a := w.do("GET", "/api/v1/app/acme/msg/"+id, "", agent); !strings.Contains(string(a.body), `"payload":{"orderingKey": 1,"a":2,"a":3},`) {
			t.Errorf("the payload is touched: %s", a.body)
		}
		task := w.do("POST", "/api/v1/app/acme/endpoint/ep/recover", `{"since":"2000-01-01T00:00:00Z"}`, agent).want(202)
		if got := names(task.object()); got != "id status task" {
			t.Errorf("recover has %q", got)
		}
	})
}
