package connect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/connecttest"
)

type common struct {
	Retries int `json:"retries"`
}

type settings struct {
	common
	URL     string            `json:"url"`
	Text    string            `json:"text"`
	Tidy    *bool             `json:"tidy"`
	Headers map[string]string `json:"headers"`
	Inner   struct {
		Depth float64 `json:"depth"`
	} `json:"inner"`
	Private string `json:"-"`
}

func TestDecode(t *testing.T) {
	for config, want := range map[string]string{
		`{}`: "",
		`{"url":"u","tidy":true,"headers":{"a":"b"},"inner":{"depth":1.5},"retries":2}`: "",
		`{"urll":"u"}`:                 "config.urll: is not known here; there are retries, url, text, tidy, headers, inner",
		`{"URL":"u"}`:                  "config.URL: is not known here; there are retries, url, text, tidy, headers, inner",
		`{"Private":"u"}`:              "config.Private: is not known here; there are retries, url, text, tidy, headers, inner",
		`{"inner":{"width":1}}`:        "config.inner.width: is not known here",
		`{"inner":[]}`:                 "config.inner: must be an object",
		`{"inner":{"depth":"x"}}`:      "config.inner.depth: must be a number",
		`{"url":1,"tidy":"x"}`:         "config.tidy: must be true or false\nconfig.url: must be text",
		`{"retries":1.5}`:              "config.retries: must be a whole number",
		`{"headers":{"a":1}}`:          "config.headers.a: must be text",
		`{"url":"u","url":"v"}`:        "config: is not a JSON object with each member once",
		`[]`:                           "config: is not a JSON object with each member once",
		`{"secret":"hunter22hunter22"`: "config: is not a JSON object with each member once",
	} {
		s := settings{Text: "usual"}
		err := connect.Decode([]byte(config), &s)
		if text := fmt.Sprint(err); err != nil && text != want || err == nil && want != "" {
			t.Errorf("%s: %v; want %q", config, err, want)
		}
		var invalid *fanfare.InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Errorf("%s: %T", config, err)
		}
		if err == nil && s.Text != "usual" {
			t.Errorf("%s: the default is gone: %+v", config, s)
		}
	}
}

func TestURL(t *testing.T) {
	const example = "https://hooks.example.com/T0/B0/x"
	for text, want := range map[string]string{
		"https://a.example/b?c=d":     "",
		"http://127.0.0.1:8080/":      "",
		"":                            "config.url: is missing; give a URL such as " + example,
		"a.example/secret":            "config.url: is not a URL such as " + example,
		"ftp://a.example/secret":      "config.url: is not a URL such as " + example,
		"https:///secret":             "config.url: is not a URL such as " + example,
		"https://a.example/%zzsecret": "config.url: is not a URL such as " + example,
		"https://u:secret@a.example/": "config.url: has a name and password before the host, where there is no place for them",
	} {
		_, err := connect.URL("url", text, example)
		if got := fmt.Sprint(err); err != nil && got != want || err == nil && want != "" {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func TestText(t *testing.T) {
	if _, err := connect.Text("text", "{{ payload. }}"); err == nil || !strings.HasPrefix(err.Error(), "config.text: {{ payload. }}: column ") {
		t.Errorf("%v", err)
	}
	tmpl, err := connect.Text("text", "{{eventType}} of {{payload.who}} in {{channels.join('+')}}")
	if err != nil {
		t.Fatal(err)
	}
	msg := connecttest.Message("a.b", `{"who":"<me>"}`)
	msg.Channels = []string{"x", "y"}
	got, err := tmpl.Text(connect.InputOf(msg), func(s string) string { return strings.ReplaceAll(s, "<", "&lt;") })
	if err != nil || got != "a.b of &lt;me> in x+y" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDo(t *testing.T) {
	way, took := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("B", "2")
		rw.Header().Set("A", strings.Repeat("a", 2000))
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(rw, strings.Repeat("x", 70_000))
	}))
	req := request(t, t.Context(), "https://api.example/v1/secret")
	req.Header.Set("Authorization", "Bearer secret")
	req.Header.Set("X-Key", "secret")
	req.Header.Set("X-Other", "open")
	a, err := connect.Do(way, req, "x-key")
	if err != nil {
		t.Fatal(err)
	}
	reply := a.Reply(a.Class(), "moved")
	if reply.Class != fanfare.ClassRedirect || reply.Status != 302 || reply.Detail != "moved" || len(reply.ResponseBody) != 64<<10+1 {
		t.Errorf("%s %d %s with %d bytes", reply.Class, reply.Status, reply.Detail, len(reply.ResponseBody))
	}
	want := "[{Authorization ********} {User-Agent Fanfare/1} {X-Key ********} {X-Other open}]"
	if got := fmt.Sprint(reply.RequestHeader); got != want {
		t.Errorf("sent %s; want %s", got, want)
	}
	if h := reply.ResponseHeader; h[0].Name != "A" || len(h[0].Value) != 1024 || h[1] != (fanfare.Header{Name: "B", Value: "2"}) {
		t.Errorf("answered %v", h)
	}
	if all := took(); len(all) != 1 || all[0].Header.Get("X-Key") != "secret" || all[0].URL != "api.example/v1/secret" {
		t.Errorf("took %+v", all)
	}
}

// TestDoShowsNoURL fails a request, of which net/http's error has the whole URL.
func TestDoShowsNoURL(t *testing.T) {
	way, _ := connecttest.Way(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	_, err := connect.Do(way, request(t, t.Context(), "https://api.example/v1/secret"))
	if err == nil || strings.Contains(err.Error(), "secret") || !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err = connect.Do(way, request(t, ended, "https://api.example/v1/secret")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestDoOfABodyCutShort(t *testing.T) {
	way, _ := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(rw, "half")
	}))
	a, err := connect.Do(way, request(t, t.Context(), "https://api.example/"))
	if err != nil || a.Status != 200 || string(a.Body) != "half" || !errors.Is(a.Cut, io.ErrUnexpectedEOF) {
		t.Errorf("%+v, %v", a, err)
	}
}

func request(t *testing.T, ctx context.Context, url string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestClass(t *testing.T) {
	for status, want := range map[int]fanfare.Class{
		200: fanfare.ClassSuccess, 204: fanfare.ClassSuccess, 302: fanfare.ClassRedirect,
		400: fanfare.ClassRejected, 401: fanfare.ClassRejected, 404: fanfare.ClassRejected, 422: fanfare.ClassRejected,
		408: fanfare.ClassStatus, 425: fanfare.ClassStatus, 429: fanfare.ClassStatus, 410: fanfare.ClassGone,
		500: fanfare.ClassStatus, 503: fanfare.ClassStatus,
	} {
		if got := (&connect.Answer{Status: status}).Class(); got != want {
			t.Errorf("%d: %s; want %s", status, got, want)
		}
	}
}

func TestPutOff(t *testing.T) {
	a := &connect.Answer{Status: 429, Header: http.Header{}}
	a.PutOff(1.25)
	a.PutOff(9)
	if got := fmt.Sprint(a.Reply(a.Class(), "").ResponseHeader); got != "[{Retry-After 2}]" {
		t.Errorf("recorded %s", got)
	}
}
