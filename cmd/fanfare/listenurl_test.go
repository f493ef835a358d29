package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// TestAListenerBehindATunnelVerifiesWhatTheSenderSigned: the tunnel's URL, which the
// request that arrives does not tell.
func TestAListenerBehindATunnelVerifiesWhatTheSenderSigned(t *testing.T) {
	const secret = "a secret of the sender's"
	for _, c := range []struct {
		public, sent string // --url, and the URL that was signed
		path         string // as it arrives
		state        string
	}{
		{"", "https://tunnel.example/hook?a=b", "/hook?a=b", "invalid"},
		{"", "http://127.0.0.1:9000/hook?a=b", "/hook?a=b", "valid"},
		{"https://tunnel.example", "https://tunnel.example/hook?a=b", "/hook?a=b", "valid"},
		{"https://tunnel.example/", "https://tunnel.example/hook?a=b", "/hook?a=b", "valid"},
		{"https://tunnel.example/hook", "https://tunnel.example/hook?a=b", "/hook?a=b", "valid"},
		{"https://tunnel.example/to/me", "https://tunnel.example/to/me/h%20k", "/h%20k", "valid"},
		{"https://tunnel.example", "https://tunnel.example/", "/", "valid"},
		{"https://tunnel.example", "https://other.example/hook", "/hook", "invalid"},
		{"https://tunnel.example", "http://tunnel.example/hook", "/hook", "invalid"},
		{"https://tunnel.example", "https://tunnel.example/hook?a=b", "/hook?a=c", "invalid"},
	} {
		for _, profile := range []webhook.Profile{webhook.Mandrill, webhook.Twilio} {
			l, all := arrivals(&listener{public: c.public})
			if err := l.verifyWith(profile, []string{secret}); err != nil {
				t.Fatal(err)
			}
			const body, form = "b=2&a=1", "application/x-www-form-urlencoded"
			signed, err := profile.Sign(&webhook.Message{ID: "msg_1", Time: time.Now(), URL: c.sent, ContentType: form, Body: []byte(body)}, secret)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9000"+c.path, strings.NewReader(body))
			r.Header.Set("Content-Type", form)
			for _, f := range signed.Header {
				r.Header.Set(f.Name, f.Value)
			}
			l.ServeHTTP(httptest.NewRecorder(), r)
			if got := (*all)[0].signature; got.State != c.state {
				t.Errorf("%s to %s, arriving at %s with --url %q: %v, want %s", profile, c.sent, c.path, c.public, got, c.state)
			}
		}
	}
	for _, public := range []string{"tunnel.example", "ftp://tunnel.example", "https://", "https://tunnel.example/?a=b"} {
		var out, said bytes.Buffer
		code := run(context.Background(), &env{args: []string{"listen", "0", "--url", public}, stdin: strings.NewReader(""), stdout: &out, stderr: &said,
			getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }})
		if code != 2 || !strings.Contains(said.String(), "is not a URL such as https://tunnel.example") {
			t.Errorf("--url %q: %d, %q", public, code, said.String())
		}
	}
}
