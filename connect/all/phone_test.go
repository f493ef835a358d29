package all_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/fake"
)

// TestATextIsSentOnce has no answer come, over days of what would be retries, after
// Twilio took a text.
func TestATextIsSentOnce(t *testing.T) {
	for name, c := range map[string]struct {
		to, more string
		state    fanfare.State
		class    fanfare.Class
		detail   string
		texts    int
	}{
		"silent":             {"+15005550408", "", fanfare.GivenUp, fanfare.ClassRejected, "it may have been sent: the request was, but no answer came", 1},
		"the line is cut":    {"+15005550499", "", fanfare.GivenUp, fanfare.ClassRejected, "it may have been sent: the request was, but no answer came", 1},
		"silent, and told":   {"+15005550408", `,"whenUnsure":"retry"`, fanfare.Waiting, fanfare.ClassTimeout, "it may have been sent, as the request was, and is tried again", 2},
		"not taken at first": {"+15005550503", "", fanfare.Waiting, fanfare.ClassStatus, "20503: Service Unavailable", 0},
		"all is well":        {"+15005550010", "", fanfare.Delivered, fanfare.ClassSuccess, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub, app := newHub(t)
				service := fake.Twilio()
				hub.Serve("twilio.test", service)
				ep := &fanfare.Endpoint{Application: app.ID, Kind: "twilio", Retry: fanfare.Retry{Delays: []time.Duration{time.Hour, 48 * time.Hour}}, Config: json.RawMessage(
					`{"accountSid":"AC0123456789abcdef0123456789abcdef","authToken":"t","from":"+15005550006","to":"` + c.to + `","url":"http://twilio.test"` + c.more + `}`)}
				if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
					t.Fatal(err)
				}
				msg, err := hub.Send(t.Context(), "acme", "record.created", 863)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				attempts, err := hub.Attempts(t.Context(), app.ID, fanfare.AttemptFilter{Message: msg.ID, Page: fanfare.Page{Limit: 10}})
				if err != nil || len(attempts) == 0 {
					t.Fatalf("%d attempts, %v", len(attempts), err)
				}
				if a := attempts[0]; a.State != c.state || a.Class != c.class || !strings.HasPrefix(a.Detail, c.detail) {
					t.Errorf("%s, %s: %s; want %s, %s: %s", a.State, a.Class, a.Detail, c.state, c.class, c.detail)
				}
				list := httptest.NewRecorder()
				service.ServeHTTP(list, httptest.NewRequest(http.MethodGet, "/fake/taken", nil))
				var texts []any
				if err := json.Unmarshal(list.Body.Bytes(), &texts); err != nil || len(texts) != c.texts {
					t.Errorf("%d texts, %v; want %d", len(texts), err, c.texts)
				}
			})
		})
	}
}
