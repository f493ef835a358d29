package webhook_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

func TestBodyToken(t *testing.T) {
	const secret = `it's "secret"`
	const member = `"token":"it's \"secret\""}`
	for body, want := range map[string]struct{ contentType, body string }{
		`{"n":1}`:          {"application/json", `{"n":1,` + member},
		" {\n} \n":         {"application/json", `{` + member},
		`{"token":"mine"}`: {"application/json", `{"token":"mine",` + member},
		`863`:              {"application/json", `{"data":863,` + member},
		`[{}]`:             {"application/json", `{"data":[{}],` + member},
		`{"n":1`:           {"text/plain", `{"data":"{\"n\":1",` + member},
		"":                 {"text/plain", `{"data":"",` + member},
		`a=1&token=mine`:   {formType, `a=1&token=mine&token=it%27s+%22secret%22`},
	} {
		m := &webhook.Message{ContentType: want.contentType, Body: []byte(body)}
		signed, err := webhook.BodyToken.Sign(m, secret, "another")
		if err != nil || string(signed.Body) != want.body || string(m.Body) != body {
			t.Errorf("%q becomes %q, %v; want %q", body, signed.Body, err, want.body)
		}
		contentType := want.contentType
		if signed.ContentType != "" {
			contentType = signed.ContentType
		}
		if contentType != formType && !json.Valid(signed.Body) {
			t.Errorf("%s of %q is no JSON", contentType, body)
		}
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Content-Type", contentType)
		if err := verify(webhook.BodyToken, r, signed.Body, time.Time{}, secret); err != nil {
			t.Errorf("%q: %v", signed.Body, err)
		}
		if err := verify(webhook.BodyToken, r, signed.Body, time.Time{}, "mine"); !errors.Is(err, webhook.ErrNoMatch) {
			t.Errorf("%q: the payload's own token is taken for the secret: %v", signed.Body, err)
		}
	}
}

func TestBodyTokenRefuses(t *testing.T) {
	for body, want := range map[string]error{
		`{"token":1}`:    webhook.ErrMalformedHeader,
		`{"token":null}`: webhook.ErrMalformedHeader,
		`{"token":"x"}`:  webhook.ErrNoMatch,
		`{"Token":"s"}`:  webhook.ErrMissingHeader,
		`["token"]`:      webhook.ErrMissingHeader,
		``:               webhook.ErrMissingHeader,
		`token=s`:        webhook.ErrMissingHeader, // it is not said to be a form
	} {
		r := httptest.NewRequest("POST", "/", nil)
		if err := verify(webhook.BodyToken, r, []byte(body), time.Time{}, "s"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
}

func FuzzBodyToken(f *testing.F) {
	for _, body := range []string{`{"a":1}`, ` { } `, "863", `{"token":"x"}`, "{", "a=1", "\xff", `{"a":1}{}`} {
		f.Add([]byte(body), true)
		f.Add([]byte(body), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, form bool) {
		m := &webhook.Message{ContentType: "application/json", Body: body}
		if form {
			m.ContentType = formType
			if _, err := url.ParseQuery(string(body)); err != nil {
				return
			}
		}
		signed, err := webhook.BodyToken.Sign(m, "the secret")
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Content-Type", m.ContentType)
		if err := verify(webhook.BodyToken, r, signed.Body, time.Time{}, "the secret"); err != nil {
			t.Errorf("%q: %v", signed.Body, err)
		}
	})
}
