package fanfare_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// parrot answers with all that it was sent, as some receivers do.
func parrot(_ int, rw http.ResponseWriter, r *http.Request) {
	for name, values := range r.Header {
		rw.Header()["X-You-Sent-"+name] = values
	}
	rw.Header().Set("Location", "http://receiver.example/?with="+r.Header.Get("Authorization"))
	fmt.Fprintf(rw, "%v", r.Header)
}

func logTo(b *bytes.Buffer) *fanfare.Options {
	return &fanfare.Options{Logger: slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))}
}

// TestNothingSecretIsRecorded has receivers that answer with all they were sent,
// and looks for what is secret in all that is kept of the attempt.
func TestNothingSecretIsRecorded(t *testing.T) {
	const secret = "correct-horse-battery"
	pair := base64.StdEncoding.EncodeToString([]byte("acme:" + secret))
	tests := map[string]struct {
		ep     fanfare.Endpoint
		header string // as the receiver must get it
		want   string
	}{
		"basic":               {fanfare.Endpoint{Auth: fanfare.Auth{Basic: &fanfare.BasicAuth{Username: "acme", Password: secret}}}, "Authorization", "Basic " + pair},
		"bearer":              {fanfare.Endpoint{Auth: fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: secret}}}, "Authorization", "Bearer " + secret},
		"a header":            {fanfare.Endpoint{Headers: map[string]string{"X-Api-Key": secret}}, "X-Api-Key", secret},
		"the signature basic": {fanfare.Endpoint{Signature: "basic", Secrets: []fanfare.Secret{{Text: "acme:" + secret}}}, "Authorization", "Basic " + pair},
		"followed": {fanfare.Endpoint{Auth: fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: secret}}, Success: fanfare.Success{Redirects: "follow"}},
			"Authorization", "Bearer " + secret},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			inBubble(t, logTo(&log), func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", func(n int, rw http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, "/moved") {
						http.Redirect(rw, r, "/?to="+url.QueryEscape(r.Header.Get("Authorization")), 307)
						return
					}
					parrot(n, rw, r)
				})
				test.ep.URL = rcv.url
				if test.ep.Success.Redirects != "" {
					test.ep.URL += "moved"
				}
				w.endpoint(test.ep)
				msg := w.send("a.b", 1)
				synctest.Wait()
				got := rcv.requests()
				if len(got) == 0 || got[len(got)-1].header.Get(test.header) != test.want {
					t.Fatalf("the receiver got %+v, want %s: %s", got, test.header, test.want)
				}
				a := w.attempts(msg)[0]
				if a.Class != fanfare.ClassSuccess {
					t.Errorf("the attempt ended %q: %s", a.Class, a.Explanation())
				}
				kept := fmt.Sprintf("%+v %s %s", a, a.ResponseBody, a.Explanation())
				for _, hidden := range []string{secret, pair} {
					if strings.Contains(kept, hidden) {
						t.Errorf("%s is in what is kept: %s", hidden, kept)
					}
				}
				if !strings.Contains(kept, test.header+" Value:(not shown)") || !strings.Contains(string(a.ResponseBody), "(not shown)") {
					t.Errorf("that something is not shown is not said: %s", kept)
				}
			})
			if strings.Contains(log.String(), secret) || strings.Contains(log.String(), pair) {
				t.Errorf("the log has it: %s", log.String())
			}
		})
	}
}

// TestWhatOneHidesOthersStillShow: two endpoints share a connection, whose answers have the
// same head, and in it what is a secret of one of them.
func TestWhatOneHidesOthersStillShow(t *testing.T) {
	const text = "correct-horse-battery"
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("X-Says", text) })
		w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypes: []string{"of.one"}, Auth: fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: text}}})
		w.endpoint(fanfare.Endpoint{URL: rcv.url, EventTypes: []string{"of.other"}})
		for _, step := range []struct{ eventType, want string }{{"of.other", text}, {"of.one", "(not shown)"}, {"of.other", text}} {
			msg := w.send(step.eventType, 1)
			synctest.Wait()
			header := w.attempts(msg)[0].ResponseHeader
			if !slices.Contains(header, fanfare.Header{Name: "X-Says", Value: step.want}) {
				t.Errorf("%s: the answer's header is %v, want X-Says: %s", step.eventType, header, step.want)
			}
		}
	})
}

// TestNoTokenIsRecorded is the same for what is fetched, through failures as well.
func TestNoTokenIsRecorded(t *testing.T) {
	var log bytes.Buffer
	inBubble(t, logTo(&log), func(t *testing.T, w *world) {
		is := w.issuer("basic", nil)
		rcv := w.receiver("receiver.example", func(n int, rw http.ResponseWriter, r *http.Request) {
			if n == 1 {
				rw.WriteHeader(401)
			}
			parrot(n, rw, r)
		})
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Auth: fanfare.Auth{OAuth2: is.client()}})
		msg := w.send("a.b", 1)
		time.Sleep(time.Minute)
		as := w.attempts(msg)
		if len(as) != 2 || !strings.Contains(string(as[1].ResponseBody), "(not shown)") {
			t.Fatalf("the attempts were %+v", as)
		}
		for _, a := range as {
			kept := fmt.Sprintf("%+v %s", a, a.ResponseBody)
			for _, hidden := range []string{"access-token-", clientSecret} {
				if strings.Contains(kept, hidden) {
					t.Errorf("%s is in what is kept: %s", hidden, kept)
				}
			}
		}
	})
	if strings.Contains(log.String(), "access-token-") || strings.Contains(log.String(), clientSecret) {
		t.Errorf("the log has it: %s", log.String())
	}
}

func TestAuthIsChecked(t *testing.T) {
	oauth := func(change func(o *fanfare.OAuth2)) fanfare.Auth {
		o := &fanfare.OAuth2{TokenURL: "https://auth.example/token", ClientID: "c", ClientSecret: "s"}
		change(o)
		return fanfare.Auth{OAuth2: o}
	}
	basic := func(name, password string) fanfare.Auth {
		return fanfare.Auth{Basic: &fanfare.BasicAuth{Username: name, Password: password}}
	}
	bearer := func(token string) fanfare.Auth { return fanfare.Auth{Bearer: &fanfare.BearerAuth{Token: token}} }
	two := basic("a", "b")
	two.Bearer = &fanfare.BearerAuth{Token: "t"}
	long := strings.Repeat("x", 20<<10)
	tests := map[string]struct {
		ep    fanfare.Endpoint
		field string // of the error; "" for none
	}{
		"basic":                    {fanfare.Endpoint{Auth: basic("ü", "a:b")}, ""},
		"basic without a password": {fanfare.Endpoint{Auth: basic("sk_1", "")}, ""},
		"basic of nothing":         {fanfare.Endpoint{Auth: basic("", "")}, "auth.basic"},
		"a colon in the name":      {fanfare.Endpoint{Auth: basic("a:b", "c")}, "auth.basic.username"},
		"a line in the name":       {fanfare.Endpoint{Auth: basic("a\r\nb", "c")}, "auth.basic.username"},
		"a line in the password":   {fanfare.Endpoint{Auth: basic("a", "b\n")}, "auth.basic.password"},
		"a long password":          {fanfare.Endpoint{Auth: basic("a", long)}, "auth.basic.password"},
		"bytes in the password":    {fanfare.Endpoint{Auth: basic("a", "\xff")}, "auth.basic.password"},
		"bearer":                   {fanfare.Endpoint{Auth: bearer("a.b-c_d~e+f/g==")}, ""},
		"no token":                 {fanfare.Endpoint{Auth: bearer("")}, "auth.bearer.token"},
		"a token with a line":      {fanfare.Endpoint{Auth: bearer("a\r\nX: y")}, "auth.bearer.token"},
		"a token with a space":     {fanfare.Endpoint{Auth: bearer("a b")}, "auth.bearer.token"},
		"a long token":             {fanfare.Endpoint{Auth: bearer(long)}, "auth.bearer.token"},
		"two at once":              {fanfare.Endpoint{Auth: two}, "auth"},
		"the header too":           {fanfare.Endpoint{Auth: bearer("t"), Headers: map[string]string{"authorization": "x"}}, "headers"},
		"the signature too":        {fanfare.Endpoint{Auth: bearer("t"), Signature: "basic"}, "auth.bearer"},
		"another header":           {fanfare.Endpoint{Auth: bearer("t"), Headers: map[string]string{"X-Api-Key": "x"}}, ""},
		"oauth2":                   {fanfare.Endpoint{Auth: oauth(func(*fanfare.OAuth2) {})}, ""},
		"no client":                {fanfare.Endpoint{Auth: oauth(func(o *fanfare.OAuth2) { o.ClientID = "" })}, "auth.oauth2.clientId"},
		"no client secret":         {fanfare.Endpoint{Auth: oauth(func(o *fanfare.OAuth2) { o.ClientSecret = "" })}, "auth.oauth2.clientSecret"},
		"a long client secret":     {fanfare.Endpoint{Auth: oauth(func(o *fanfare.OAuth2) { o.ClientSecret = long })}, "auth.oauth2.clientSecret"},
		"two scopes in one":        {fanfare.Endpoint{Auth: oauth(func(o *fanfare.OAuth2) { o.Scopes = []string{"a b"} })}, "auth.oauth2.scopes"},
		"many scopes":              {fanfare.Endpoint{Auth: oauth(func(o *fanfare.OAuth2) { o.Scopes = strings.Fields(strings.Repeat("s ", 51)) })}, "auth.oauth2.scopes"},
		"an odd audience":          {fanfare.Endpoint{Auth: oauth(func(o *fanfare.OAuth2) { o.Audience = "\n" })}, "auth.oauth2.audience"},
		"another style":            {fanfare.Endpoint{Auth: oauth(func(o *fanfare.OAuth2) { o.Style = "jwt" })}, "auth.oauth2.style"},
		"another redirect":         {fanfare.Endpoint{Success: fanfare.Success{Redirects: "always"}}, "success.redirects"},
		"a preset with redirects":  {fanfare.Endpoint{Success: fanfare.Success{Preset: "apps-script", Redirects: "follow"}}, ""},
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		for name, test := range tests {
			test.ep.Application, test.ep.URL = w.app.ID, "https://receiver.example/"
			err := w.hub.CreateEndpoint(t.Context(), &test.ep)
			var invalid *fanfare.InvalidError
			if errors.As(err, &invalid); invalid == nil && (err != nil || test.field != "") || invalid != nil && invalid.Field != test.field {
				t.Errorf("%s: %v; want an error of %q", name, err, test.field)
			}
			if err != nil && (strings.Contains(err.Error(), long) || strings.Contains(err.Error(), "X: y")) {
				t.Errorf("%s: the error repeats what is secret: %v", name, err)
			}
		}
	})
}
