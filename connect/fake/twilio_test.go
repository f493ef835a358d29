package fake_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/connect/fake"
)

// TestTwilio texts without what Twilio asks for, and with it.
func TestTwilio(t *testing.T) {
	const account = "AC0123456789abcdef0123456789abcdef"
	refused := func(status, code, text string) string {
		return `{"code":` + code + `,"message":"` + text + `","more_info":"https://www.twilio.com/docs/errors/` + code + `","status":` + status + `}`
	}
	for name, c := range map[string]struct {
		user, form, want string
		status           int
	}{
		"nobody":        {"", "", refused("401", "20003", "Authenticate"), 401},
		"somebody else": {"AC00000000000000000000000000000001", "", refused("401", "20003", "Authenticate"), 401},
		"to nobody":     {account, "From=%2B15005550006&Body=hi", refused("400", "21604", "A 'To' phone number is required."), 400},
		"from nobody":   {account, "To=%2B15005550010&Body=hi", refused("400", "21603", "A 'From' phone number is required."), 400},
		"nothing":       {account, "From=%2B15005550006&To=%2B15005550010", refused("400", "21602", "Message body is required."), 400},
		"too long": {account, "From=%2B15005550006&To=%2B15005550010&Body=" + url.QueryEscape(strings.Repeat("é", 1601)),
			refused("400", "21617", "The concatenated message body exceeds the 1600 character limit."), 400},
		"limited": {account, "From=%2B15005550006&To=%2B15005550429&Body=hi", refused("429", "20429", "Too Many Requests"), 429},
		"longest": {account, "From=%2B15005550006&To=%2B15005550010&Body=" + url.QueryEscape(strings.Repeat("é", 1600)), "", 201},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest(http.MethodPost, "/2010-04-01/Accounts/"+account+"/Messages.json", strings.NewReader(c.form))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if c.user != "" {
				req.SetBasicAuth(c.user, "token")
			}
			service, rec := fake.Twilio(), httptest.NewRecorder()
			service.ServeHTTP(rec, req)
			if rec.Code != c.status || c.want != "" && strings.TrimSpace(rec.Body.String()) != c.want {
				t.Errorf("%d %s; want %d %s", rec.Code, rec.Body, c.status, c.want)
			}
			list := httptest.NewRecorder()
			service.ServeHTTP(list, httptest.NewRequest(http.MethodGet, "/fake/taken", nil))
			var taken []struct{ SID, Status, Body string }
			if err := json.Unmarshal(list.Body.Bytes(), &taken); err != nil {
				t.Fatal(err)
			}
			if c.status != 201 {
				if len(taken) != 0 {
					t.Errorf("it was taken: %+v", taken)
				}
				return
			}
			if len(taken) != 1 || taken[0].Status != "queued" || len(taken[0].SID) != 34 || !strings.HasPrefix(taken[0].SID, "SM") {
				t.Errorf("taken: %+v", taken)
			}
		})
	}
}
