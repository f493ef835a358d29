package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestSchedulesOfTheUser(t *testing.T) {
	for text, want := range map[string]string{
		"standard":     `{"preset":"standard"}`,
		"none":         `{"preset":"none"}`,
		"5s,5m, 1h":    `{"delays":[5,300,3600]}`,
		"1m30s,1500ms": `{"delays":[90,1.5]}`,
		"n^4+5 x3":     `{"delays":[6,21,86]}`,
	} {
		r, err := readRetry(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(r); string(got) != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
	for _, bad := range []string{"", "5", "5s,", "-5s", "0s", "Standard", "n^4+5", "n^4+5 x0", "x24"} {
		var usage usageError
		if _, err := readRetry(bad); !errors.As(err, &usage) {
			t.Errorf("%q gives %v, want an error of usage", bad, err)
		}
	}
}

func TestWhatBecomesOfTheOtherConditions(t *testing.T) {
	tests := []struct{ before, flag, want string }{
		{`{"statuses":"200-299","contains":"ok","lacks":"error"}`, "204", `{"statuses":"204","contains":"ok","lacks":"error"}`},
		{`{"statuses":"200-299","contains":"ok"}`, "slack", `{"preset":"slack"}`},
		{`{"preset":"slack"}`, "204", `{"statuses":"204"}`},
		{`{"preset":"slack"}`, "carto", `{"preset":"carto"}`},
	}
	for _, test := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"success":` + test.before + `}`))
		}))
		defer server.Close()
		r := &request{
			client: &client{base: server.URL, key: "k", http: server.Client()},
			given:  func(flag string) bool { return flag == "success" },
		}
		s := &endpointSettings{retry: "standard", success: test.flag}
		body, err := s.body(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.keepSuccess(t.Context(), r, "/x", body); err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(body)
		if want := `{"success":` + test.want + `}`; string(text) != want {
			t.Errorf("--success %s after %s asks for %s, want %s", test.flag, test.before, text, want)
		}
	}
}

func TestSpansAreShownAsTheyAreGiven(t *testing.T) {
	for seconds, want := range map[float64]string{5: "5s", 300: "5m", 3600: "1h", 90: "1m30s", 5400: "1h30m", 1.5: "1.5s", 600: "10m"} {
		if got := span(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
}
