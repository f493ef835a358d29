package compat

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestSourcesTakeWhatLibrariesSign has the libraries of GitHub, Shopify, Stripe, Twilio
// and Standard Webhooks sign what is then sent to sources of a server.
func TestSourcesTakeWhatLibrariesSign(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.call(t, "POST", "/app", `{"uid":"acme","name":"Acme"}`, http.StatusCreated, nil)
	const address = "https://receiver.example/hook"
	const jsonBody, formBody = `{"id":"evt_1",  "type":"text.sent","text":"ä + €","n":863}`, "b=%C3%A4+%2B+%E2%82%AC&n=863&a=2&a=1&a=2&empty="
	var all []*foreign
	for _, f := range []struct{ profile, secret, body string }{
		{"github", "a secret of github", jsonBody},
		{"github", "a secret of github", formBody},
		{"shopify", "a secret of shopify", jsonBody},
		{"stripe", "whsec_the text of another", jsonBody},
		{"standard", oldSecret, jsonBody},
		{"twilio form", "a secret of twilio", formBody},
		{"twilio JSON", "a secret of twilio", jsonBody},
	} {
		all = append(all, &foreign{Profile: f.profile, Secret: f.secret, URL: address + "?team=a%20b", Body: []byte(f.body)})
	}
	for i, signed := range byLibraries(t, all) {
		f := all[i]
		if err := json.Unmarshal([]byte(signed), f); err != nil {
			t.Errorf("the library of %s says %s", f.Profile, signed)
			continue
		}
		profile, kind, _ := strings.Cut(f.Profile, " ")
		made, err := json.Marshal(map[string]string{"profile": profile, "secret": f.Secret, "publicUrl": address})
		if err != nil {
			t.Fatal(err)
		}
		var src struct{ URL string }
		s.call(t, "POST", "/app/acme/source", string(made), http.StatusCreated, &src)
		_, query, _ := strings.Cut(f.URL, "?")
		post := func(body []byte) (int, string) {
			r, err := http.NewRequestWithContext(t.Context(), "POST", src.URL+"?"+query, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if kind == "form" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			for name, value := range f.Headers {
				r.Header.Set(name, value)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, string(text)
		}
		if status, text := post(bytes.Replace(f.Body, []byte("863"), []byte("864"), 1)); status != http.StatusUnauthorized {
			t.Errorf("%s, altered: %d %s", f.Profile, status, text)
		}
		if status, text := post(f.Body); status < 200 || status > 299 {
			t.Errorf("%s: %d %s", f.Profile, status, text)
		}
	}
	var page struct{ Data []struct{ ID string } }
	s.call(t, "GET", "/app/acme/msg", "", http.StatusOK, &page)
	if len(page.Data) != len(all) {
		t.Errorf("%d messages were made of %d requests", len(page.Data), len(all))
	}
}
