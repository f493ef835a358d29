package fanfare_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestFitEventType(t *testing.T) {
	for text, want := range map[string]string{
		"orders/create": "orders/create", "a.b:c/d-e_f9": "a.b:c/d-e_f9", "": "", "..": "", "/a/": "a", "a..b": "a.b", "a./b": "a.b",
		"hello world": "hello_world", "é": "_", "a\x00\xffb": "a__b", "{{x}}": "__x__", "a.é.b": "a._.b",
	} {
		if got := fanfare.FitEventType(text); got != want {
			t.Errorf("%q becomes %q; want %q", text, got, want)
		}
	}
	long := fanfare.FitEventType(strings.Repeat("abc.", 500))
	if err := (&fanfare.Message{EventType: long, Payload: []byte{}}).Check(); err != nil {
		t.Errorf("a long one: %v", err)
	}
}

func FuzzFitEventType(f *testing.F) {
	f.Add("github.issues.opened")
	f.Add("//é..")
	f.Fuzz(func(t *testing.T, text string) {
		fit := fanfare.FitEventType(text)
		if fit == "" {
			return
		}
		if err := (&fanfare.Message{EventType: fit, Payload: []byte{}}).Check(); err != nil {
			t.Errorf("%q becomes %q: %v", text, fit, err)
		}
		if again := fanfare.FitEventType(fit); again != fit {
			t.Errorf("%q becomes %q, and that %q", text, fit, again)
		}
	})
}

func TestViewOfForms(t *testing.T) {
	for _, c := range []struct{ contentType, payload, want string }{
		{"", `{"a":1}`, `{"a":1}`},
		{"application/json", `a=1`, `a=1`},
		{"application/x-www-form-urlencoded", `a=1&b=2&b=%22&c`, `{"a":"1","b":["2","\""],"c":""}`},
		{"application/x-www-form-urlencoded; charset=utf-8", ``, `{}`},
		{"application/x-www-form-urlencoded", `a=%zz`, `a=%zz`},
	} {
		msg := &fanfare.Message{ContentType: c.contentType, Payload: []byte(c.payload)}
		if got := string(msg.View()); got != c.want {
			t.Errorf("%s of %q is seen as %s; want %s", c.payload, c.contentType, got, c.want)
		}
	}
}

func TestHeaderTagsAreBounded(t *testing.T) {
	msg := &fanfare.Message{EventType: "a", Payload: []byte("1"), Tags: []string{"vip"}}
	msg.KeepHeaders(http.Header{"X-A": {"1", "2"}, "X-B": {"é"}, "Authorization": {"x"}})
	if h := msg.Headers(); len(h) != 1 || h["x-a"] != "1, 2" {
		t.Errorf("kept are %v", h)
	}
	if err := msg.Check(); err != nil {
		t.Error(err)
	}
	for _, tags := range [][]string{
		{"fanfare-header:x: " + strings.Repeat("a", 600)}, {"fanfare-header:x: é"}, strings.Split(strings.Repeat("fanfare-header:x: 1,", 25), ",")[:25],
	} {
		var wrong *fanfare.InvalidError
		if err := (&fanfare.Message{EventType: "a", Payload: []byte("1"), Tags: tags}).Check(); !errors.As(err, &wrong) || wrong.Field != "tags" {
			t.Errorf("%.60q: %v", tags, err)
		}
	}
}

func TestSourceSecretsOverlap(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		src := &fanfare.Source{Application: w.app.ID, Name: "n", Profile: "github", Secrets: []fanfare.Secret{{Text: "the first one"}}}
		if err := w.hub.CreateSource(t.Context(), src); err != nil {
			t.Fatal(err)
		}
		if err := w.hub.AddSourceSecret(t.Context(), src, "the second one", time.Hour); err != nil {
			t.Fatal(err)
		}
		if in := src.InForce(time.Now()); len(in) != 2 || in[0] != "the second one" {
			t.Errorf("in force are %q", in)
		}
		time.Sleep(time.Hour)
		if in := src.InForce(time.Now()); len(in) != 1 || in[0] != "the second one" {
			t.Errorf("an hour later in force are %q", in)
		}
		stale := *src
		if err := w.hub.UpdateSource(t.Context(), src); err != nil || len(src.Secrets) != 1 {
			t.Errorf("%d are left, %v", len(src.Secrets), err)
		}
		if err := w.hub.UpdateSource(t.Context(), &stale); !errors.Is(err, fanfare.ErrConflict) {
			t.Errorf("a stale one: %v", err)
		}
		for range 12 {
			if err := w.hub.AddSourceSecret(t.Context(), src, "another "+src.UpdatedAt.String()[:20], time.Hour); err != nil {
				t.Fatal(err)
			}
			time.Sleep(15 * time.Minute)
		}
		if err := w.hub.AddSourceSecret(t.Context(), src, "the last one", -time.Second); err == nil {
			t.Error("a negative overlap is taken")
		}
	})
}
