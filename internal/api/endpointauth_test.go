package api

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

const authPath = "/api/v1/app/acme/endpoint/ep"

// auth is what the endpoint is shown to have.
func (w *world) auth() any { return w.do("GET", authPath, "").want(200).object()["auth"] }

// held is what the endpoint has.
func (w *world) held() fanfare.Auth {
	w.t.Helper()
	app, err := w.hub.Application(w.t.Context(), "acme")
	if err != nil {
		w.t.Fatal(err)
	}
	ep, err := w.hub.Endpoint(w.t.Context(), app.ID, "ep")
	if err != nil {
		w.t.Fatal(err)
	}
	return ep.Auth
}

func inJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// aPair is some certificate and its key.
func aPair(t *testing.T) (certificate, key string) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pair := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return inPEM("CERTIFICATE", pair.Certificate[0]), inPEM("PRIVATE KEY", der)
}

func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// TestAuthIsChangedPartByPart walks through an endpoint's life. After each step it
// looks at what is shown and at what is held.
func TestAuthIsChangedPartByPart(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	certificate, key := aPair(t)
	const oauth = `{"oauth2":{"tokenUrl":"https://auth.example.com/token","clientId":"c","clientSecret":"s3cret-four","scopes":["a"]}}`
	shownOAuth := map[string]any{"oauth2": map[string]any{
		"tokenUrl": "https://auth.example.com/token", "clientId": "c", "hasClientSecret": true, "scopes": []any{"a"}, "audience": "", "style": "basic",
	}}
	heldOAuth := &fanfare.OAuth2{TokenURL: "https://auth.example.com/token", ClientID: "c", ClientSecret: "s3cret-four", Scopes: []string{"a"}}
	steps := []struct {
		auth  string
		shown any
		held  fanfare.Auth
	}{
		{`{"basic":{"username":"u","password":"s3cret-one"}}`, map[string]any{"basic": map[string]any{"username": "u", "hasPassword": true}},
			fanfare.Auth{Basic: &fanfare.BasicAuth{Username: "u", Password: "s3cret-one"}}},
		{`{"basic":{"username":"v"}}`, map[string]any{"basic": map[string]any{"username": "v", "hasPassword": true}},
			fanfare.Auth{Basic: &fanfare.BasicAuth{Username: "v", Password: "s3cret-one"}}},
		{`{"basic":{"password":"s3cret-two"}}`, map[string]any{"basic": map[string]any{"username": "v", "hasPassword": true}},
			fanfare.Auth{Basic: &fanfare.BasicAuth{Username: "v", Password: "s3cret-two"}}},
		{`{"basic":{"password":null}}`, map[string]any{"basic": map[string]any{"username": "v", "hasPassword": false}},
			fanfare.Auth{Basic: &fanfare.BasicAuth{Username: "v"}}},
		{`{"bearer":{"token":"s3cret-three"}}`, map[string]any{"bearer": map[string]any{"hasToken": true}},
			fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: "s3cret-three"}}},
		{`{}`, map[string]any{"bearer": map[string]any{"hasToken": true}}, fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: "s3cret-three"}}},
		{`{"ca":` + inJSON(certificate) + `}`, map[string]any{"bearer": map[string]any{"hasToken": true}, "ca": certificate},
			fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: "s3cret-three"}, CA: certificate}},
		{`{"mtls":` + inJSON(map[string]string{"certificate": certificate, "key": key}) + `}`,
			map[string]any{"bearer": map[string]any{"hasToken": true}, "ca": certificate, "mtls": map[string]any{"certificate": certificate, "hasKey": true}},
			fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: "s3cret-three"}, CA: certificate, Certificate: certificate, Key: key}},
		{`{"mtls":{"certificate":` + inJSON(certificate) + `},"ca":null,"bearer":null}`, map[string]any{"mtls": map[string]any{"certificate": certificate, "hasKey": true}},
			fanfare.Auth{Certificate: certificate, Key: key}},
		{`{"mtls":null}`, nil, fanfare.Auth{}},
		{oauth, shownOAuth, fanfare.Auth{OAuth2: heldOAuth}},
		{inJSON(shownOAuth), shownOAuth, fanfare.Auth{OAuth2: &fanfare.OAuth2{
			TokenURL: heldOAuth.TokenURL, ClientID: "c", ClientSecret: "s3cret-four", Scopes: []string{"a"}, Style: "basic"}}},
		{`null`, nil, fanfare.Auth{}},
	}
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"ep"}`).want(201).has(map[string]any{"auth": nil})
	var answers bytes.Buffer
	for _, step := range steps {
		for _, method := range []string{"PATCH", "PUT"} { // once more, which must change nothing
			a := w.do(method, authPath, `{"url":"https://example.com/in","uid":"ep","auth":`+step.auth+`}`).want(200)
			answers.Write(a.body)
			if got := a.object()["auth"]; !reflect.DeepEqual(got, step.shown) {
				t.Errorf("%s %s answers %v, want %v", method, step.auth, got, step.shown)
			}
			if got := w.auth(); !reflect.DeepEqual(got, step.shown) {
				t.Errorf("%s %s: %v is shown, want %v", method, step.auth, got, step.shown)
			}
			if got := w.held(); !reflect.DeepEqual(got, step.held) {
				t.Errorf("%s %s: %s is held, want %s", method, step.auth, inJSON(got), inJSON(step.held))
			}
			answers.Write(w.do("GET", "/api/v1/app/acme/endpoint", "").want(200).body)
		}
		was := w.held()
		answers.Write(w.do("PUT", authPath, string(w.do("GET", authPath, "").want(200).body)).want(200).body)
		if got := w.held(); inJSON(got.Basic) != inJSON(was.Basic) || inJSON(got.Bearer) != inJSON(was.Bearer) || got.Key != was.Key || got.CA != was.CA {
			t.Errorf("what was read and put back makes %s of %s", inJSON(got), inJSON(was))
		}
		w.do("PUT", authPath, `{"url":"https://example.com/in","uid":"ep"}`).want(200) // an old client
		if got := w.held(); inJSON(got.Basic) != inJSON(was.Basic) || inJSON(got.Bearer) != inJSON(was.Bearer) || got.Key != was.Key || got.CA != was.CA {
			t.Errorf("a client that does not know of it makes %s of %s", inJSON(got), inJSON(was))
		}
	}
	said := answers.String() + w.log.String()
	for _, hidden := range []string{"s3cret", "PRIVATE KEY"} {
		if strings.Contains(said, hidden) {
			t.Errorf("an answer or the log has %s in it", hidden)
		}
	}
}

func TestWrongAuthIsRefused(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	certificate, _ := aPair(t)
	for auth, loc := range map[string][]any{
		`{"basic":{"username":"a:b","password":"s3cret"}}`: {"body", "auth", "basic", "username"},
		`{"basic":{}}`:                    {"body", "auth", "basic"},
		`{"basic":{"user":"u"}}`:          {"body", "auth", "basic", "user"},
		`{"bearer":{}}`:                   {"body", "auth", "bearer", "token"},
		`{"bearer":{"token":"s3cret x"}}`: {"body", "auth", "bearer", "token"},
		`{"bearer":"s3cret"}`:             {"body", "auth", "bearer"},
		`{"token":"s3cret"}`:              {"body", "auth", "token"},
		`{"basic":{"username":"u"},"bearer":{"token":"s3cret"}}`:                                          {"body", "auth"},
		`{"oauth2":{"tokenUrl":"http://10.0.0.1/","clientId":"c","clientSecret":"s3cret"}}`:               {"body", "auth", "oauth2", "tokenUrl"},
		`{"oauth2":{"tokenUrl":"https://auth.example.com/","clientId":"c"}}`:                              {"body", "auth", "oauth2", "clientSecret"},
		`{"oauth2":{"tokenUrl":"https://a.example/","clientId":"c","clientSecret":"s3cret","style":"x"}}`: {"body", "auth", "oauth2", "style"},
		`{"mtls":{"certificate":` + inJSON(certificate) + `}}`:                                            {"body", "auth", "mtls", "key"},
		`{"ca":"s3cret"}`: {"body", "auth", "ca"},
	} {
		var got struct{ Detail []struct{ Loc []any } }
		a := w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","auth":`+auth+`}`).want(422)
		a.decode(&got)
		if len(got.Detail) != 1 || !reflect.DeepEqual(got.Detail[0].Loc, loc) {
			t.Errorf("%s: refused for %v, want %v", auth, got.Detail, loc)
		}
		if strings.Contains(string(a.body), "s3cret") {
			t.Errorf("%s: the refusal repeats what is secret: %s", auth, a.body)
		}
	}
}

func TestRedirectPolicies(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	for _, policy := range fanfare.Redirects {
		w.do("PATCH", authPath, `{"success":{"preset":"apps-script","redirects":"`+policy+`"}}`).want(200).
			has(map[string]any{"success": map[string]any{"preset": "apps-script", "redirects": policy}})
	}
	w.do("PATCH", authPath, `{"success":{"redirects":"always"}}`).want(422)
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	w.send(httptest.NewRequest("GET", "/openapi.json", nil)).want(200).decode(&doc)
	if got := doc.Components.Schemas["SuccessIn"].Properties["redirects"].Enum; !reflect.DeepEqual(got, fanfare.Redirects) {
		t.Errorf("redirects are documented as %q, want %q", got, fanfare.Redirects)
	}
	if got := doc.Components.Schemas["Oauth2Out"].Properties["style"].Enum; !reflect.DeepEqual(got, fanfare.OAuth2Styles) {
		t.Errorf("styles are documented as %q, want %q", got, fanfare.OAuth2Styles)
	}
}
