package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRefusalsAreSentences(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":"not_found","detail":"There is no such endpoint."}`:                                                                     "There is no such endpoint.",
		`{"detail":[{"loc":["body","url"],"msg":"is missing","type":"x"},{"loc":["body","retry","delays",0],"msg":"must be positive"}]}`: "url: is missing\nretry.delays.0: must be positive",
		`{"detail":[{"loc":["body"],"msg":"is missing"}]}`:                                                                               "body: is missing",
		`<html>`:        "the server answered 418 I'm a teapot",
		`{"detail":{}}`: "the server answered 418 I'm a teapot",
	} {
		if got := readError(http.StatusTeapot, []byte(body)).Error(); got != want {
			t.Errorf("%s reads %q, want %q", body, got, want)
		}
	}
}

func TestListsAreReadAPageAtATime(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		if r.URL.Query().Get("iterator") == "" {
			fmt.Fprintf(w, `{"data":[%s],"iterator":"next","done":false}`, strings.TrimSuffix(strings.Repeat("1,", 250), ","))
			return
		}
		fmt.Fprint(w, `{"data":[2,2],"iterator":null,"done":true}`)
	}))
	defer server.Close()
	c := &client{base: server.URL, key: "k", http: server.Client()}
	n := 0
	err := c.list(t.Context(), "/app", nil, 260, func(json.RawMessage) error { n++; return nil })
	if err != nil || n != 252 {
		t.Errorf("%d things were read, error %v; want 252", n, err)
	}
	if got, want := strings.Join(asked, " "), "limit=250 iterator=next&limit=10"; got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

func TestPayloadsAreSentByteForByte(t *testing.T) {
	for _, payload := range []string{`{"b": 1.50,  "a":"<\u00fc>&"}`, "0", `"0}"`} {
		m := outgoing{EventType: "a.b", Tags: []string{"0}"}, Payload: json.RawMessage(payload)}
		text, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"eventType":"a.b","tags":["0}"],"payload":` + payload + "}"; string(text) != want {
			t.Errorf("sent %s, want %s", text, want)
		}
	}
}

func TestTimesOfTheUser(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2h":                   now.Add(-2 * time.Hour),
		"2026-01-30T00:00:00Z": time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := timeOf(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, error %v; want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "-2h", "yesterday", "2026-01-30"} {
		var usage usageError
		if _, err := timeOf(bad, now); !errors.As(err, &usage) {
			t.Errorf("%q gives %v, want an error of usage", bad, err)
		}
	}
}

func TestSizesOfTheUser(t *testing.T) {
	for text, want := range map[string]size{"1": 1, "512KiB": 512 << 10, "4 MiB": 4 << 20, "256MiB": maxSize} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q is %d, error %v; want %d", text, s, err, want)
		}
	}
	for _, bad := range []string{"", "0", "-1", "257MiB", "1GB", "99999999999KiB"} {
		var s size
		if s.Set(bad) == nil {
			t.Errorf("%q is taken as %d", bad, s)
		}
	}
}

func TestProgressIsDrawnOnTerminalsOnly(t *testing.T) {
	var b strings.Builder
	bar := &progressBar{out: &b, shown: true}
	for _, done := range []int64{0, 20 << 10, 20<<10 + 1, 40 << 10} {
		bar.at(done, 40<<10)
	}
	bar.end()
	want := "\r" + strings.Repeat("█", 20) + strings.Repeat("░", 20) + " 20.0 KiB of 40.0 KiB " +
		"\r" + strings.Repeat("█", 40) + " 40.0 KiB of 40.0 KiB \r\x1b[K"
	if b.String() != want {
		t.Errorf("drawn\n%q, want\n%q", b.String(), want)
	}
	b.Reset()
	quiet := &progressBar{out: &b}
	quiet.at(40<<10, 40<<10)
	quiet.end()
	if b.String() != "" {
		t.Errorf("drawn %q without a terminal", b.String())
	}
}

func TestColoursAreForTerminalsWithoutNoColor(t *testing.T) {
	for _, test := range []struct {
		terminal bool
		env      map[string]string
		want     string
	}{
		{true, nil, "\x1b[31mno\x1b[0m"},
		{true, map[string]string{"NO_COLOR": "1"}, "no"},
		{true, map[string]string{"TERM": "dumb"}, "no"},
		{false, nil, "no"},
	} {
		e := &env{
			getenv:     func(name string) string { return test.env[name] },
			isTerminal: func(any) bool { return test.terminal },
		}
		if got := e.paint(nil).red("no"); got != test.want {
			t.Errorf("terminal %v with %v: %q, want %q", test.terminal, test.env, got, test.want)
		}
	}
}
