package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/manifest"
	"github.com/fanfarehq/fanfare/storetest"
)

// An asker is a terminal at which someone answers, after something else was done.
type asker struct {
	before func()
	answer string
}

func (a *asker) Read(b []byte) (int, error) {
	if a.answer == "" {
		return 0, io.EOF
	}
	if a.before != nil {
		a.before()
	}
	n := copy(b, a.answer)
	a.answer = a.answer[n:]
	return n, nil
}

// serveInMemory is a server for one test, and a way to call it.
func serveInMemory(t *testing.T) (at string, call func(method, path, body string) string) {
	store := storetest.NewModel()
	hub := fanfare.New(store, nil)
	server := httptest.NewServer(api.New(hub, store, &api.Options{KeyHash: api.HashKey("key")}))
	t.Cleanup(server.Close)
	c := &client{base: server.URL, key: "key", http: server.Client()}
	return server.URL, func(method, path, body string) string {
		t.Helper()
		resp, err := c.open(t.Context(), method, path, strings.NewReader(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func TestApplyAsksAndNoticesWhatChangesMeanwhile(t *testing.T) {
	at, call := serveInMemory(t)
	file := filepath.Join(t.TempDir(), "f.yaml")
	const text = "applications:\n- uid: acme\n  name: New\n  endpoints:\n  - {uid: ep, url: https://example.com/}\n- {uid: two, name: Two}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	call(http.MethodPost, "/app", `{"uid":"acme","name":"Old"}`)
	apply := func(in *asker) (int, string) {
		var out, err bytes.Buffer
		code := run(context.Background(), &env{
			args:  []string{"apply", "-f", file, "--server", at, "--key", "key"},
			stdin: in, stdout: &out, stderr: &err,
			getenv:     func(string) string { return "" },
			isTerminal: func(stream any) bool { return stream == any(in) },
		})
		return code, err.String()
	}
	for _, answer := range []string{"n\n", "\n", "yess\n", ""} {
		if code, said := apply(&asker{answer: answer}); code != 1 || !strings.Contains(said, "Make 3 changes? [y/N] ") || !strings.HasSuffix(said, "nothing was changed\n") {
			t.Errorf("answered %q: %d, %q", answer, code, said)
		}
	}
	if got := call(http.MethodGet, "/app/acme", ""); !strings.Contains(got, `"Old"`) {
		t.Fatalf("it was changed: %s", got)
	}
	meanwhile := func() { call(http.MethodPatch, "/app/acme", `{"rateLimit":7}`) }
	code, said := apply(&asker{before: meanwhile, answer: "y\n"})
	if want := file + ":2: application acme: it was changed meanwhile, and is left as it is"; code != 1 || !strings.Contains(said, want) {
		t.Errorf("changed meanwhile: %d, %q, want %q", code, said, want)
	}
	if got := call(http.MethodGet, "/app/acme", ""); !strings.Contains(got, `"Old"`) || !strings.Contains(got, `"rateLimit":7`) {
		t.Errorf("it was changed all the same: %s", got)
	}
	if code, said := apply(&asker{answer: "Yes\n"}); code != 0 || !strings.HasSuffix(said, "3 changes made.\n") {
		t.Errorf("%d, %q", code, said)
	}
	if got := call(http.MethodGet, "/app/acme", ""); !strings.Contains(got, `"New"`) || strings.Contains(got, `"rateLimit":7`) {
		t.Errorf("it is not as the file says: %s", got)
	}
}

// TestApplyNoticesAChangeOfTheLastInstant makes one between apply's looking and its
// writing.
func TestApplyNoticesAChangeOfTheLastInstant(t *testing.T) {
	at, call := serveInMemory(t)
	call(http.MethodPost, "/app", `{"uid":"acme","name":"Old"}`)
	call(http.MethodPost, "/app", `{"uid":"gone","name":"Gone"}`)
	server, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(server)
	between := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch || r.Method == http.MethodDelete {
			call(http.MethodPatch, strings.TrimPrefix(r.URL.Path, "/api/v1"), `{"rateLimit":7}`)
		}
		proxy.ServeHTTP(rw, r)
	}))
	defer between.Close()
	for kept, text := range map[string]string{
		"Old":  "applications:\n- {uid: acme, name: New}\n",
		"Gone": "applications:\n- {uid: acme, name: Old, rateLimit: 7}\n",
	} {
		file := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"apply", "-f", file, "--server", between.URL, "--key", "key", "--yes"}
		if kept == "Gone" {
			args = append(args, "--prune")
			call(http.MethodPatch, "/app/acme", `{"rateLimit":7}`)
		}
		var out, said bytes.Buffer
		code := run(t.Context(), &env{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &said,
			getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }})
		if code != 1 || !strings.Contains(said.String(), "it was changed meanwhile, and is left as it is") {
			t.Errorf("%s: %d, %q", kept, code, said.String())
		}
		if got := call(http.MethodGet, "/app", ""); !strings.Contains(got, `"`+kept+`"`) {
			t.Errorf("%s was changed or deleted all the same: %s", kept, got)
		}
	}
}

func TestWhatMeansTheSameIsNoDifference(t *testing.T) {
	for _, c := range []struct {
		name, want, have string
		agree            bool
	}{
		{"url", `"https://EXAMPLE.com/a"`, `"https://example.com/a"`, true},
		{"url", `"https://example.com/A"`, `"https://example.com/a"`, false},
		{"timeout", `5`, `5.0`, true},
		{"timeout", `5`, `5.1`, false},
		{"metadata", `{"a":"1","b":"2"}`, `{"b":"2","a":"1"}`, true},
		{"metadata", `{}`, `null`, true},
		{"metadata", `{"a":"1"}`, `{"a":"1","b":"2"}`, false},
		{"eventTypes", `["a","b"]`, `["b","a"]`, false},
		{"success", `{"contains":"ok"}`, `{"contains":"ok","statuses":"200-299"}`, true},
		{"success", `{"contains":"ok"}`, `{"contains":"ok","lacks":"no","statuses":"200-299"}`, false},
		{"retry", `{"preset":"inherit"}`, `null`, true},
		{"format", `"raw"`, `"raw"`, true},
		{"format", `"thin"`, `"raw"`, false},
	} {
		if got := agree(c.name, []byte(c.want), []byte(c.have)); got != c.agree {
			t.Errorf("%s: %s and %s agree: %v, want %v", c.name, c.want, c.have, got, c.agree)
		}
	}
}

func TestAuthIsComparedAsFarAsItIsShown(t *testing.T) {
	for _, c := range []struct {
		want, have string
		send       string // "" if there is no difference
		blind      bool
	}{
		{`{"basic":{"username":"a","password":"p"}}`, `{"basic":{"username":"a","hasPassword":true}}`, "", true},
		{`{"basic":{"username":"b","password":"p"}}`, `{"basic":{"username":"a","hasPassword":true}}`, `{"basic":{"password":"p","username":"b"}}`, false},
		{`{"basic":{"username":"a","password":"p"}}`, `{"basic":{"username":"a","hasPassword":false}}`, `{"basic":{"password":"p","username":"a"}}`, false},
		{`{"basic":{"username":"a"}}`, `{"basic":{"username":"a","hasPassword":true},"ca":"PEM"}`, `{"basic":{"username":"a"},"ca":null}`, false},
		{`{"oauth2":{"clientId":"c"}}`, `{"oauth2":{"clientId":"c","style":"basic","audience":"","scopes":null,"hasClientSecret":true}}`, "", false},
		{`{"bearer":{"token":"t"}}`, `null`, `{"bearer":{"token":"t"}}`, false},
		{`{}`, `null`, "", false},
	} {
		change, blind := authDifference(&manifest.Field{Name: "auth", Value: []byte(c.want)}, []byte(c.have), false)
		got := ""
		if change != nil {
			got = string(change.value)
			if !change.Hidden {
				t.Errorf("%s: what must not be shown is", c.want)
			}
		}
		if got != c.send || blind != c.blind {
			t.Errorf("%s on %s: sends %s, blind %v; want %s, %v", c.want, c.have, got, blind, c.send, c.blind)
		}
	}
	if change, _ := authDifference(&manifest.Field{Value: []byte(`{"bearer":{"token":"t"}}`)}, []byte(`{"bearer":{"hasToken":true}}`), true); change == nil {
		t.Error("--hidden does not send what cannot be compared")
	}
}
