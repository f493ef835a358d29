package ui_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// codeOf are the texts of a page that are meant to be copied.
func codeOf(d *doc) (all []string) {
	for _, block := range regexp.MustCompile("(?s)<code>(.*?)</code>").FindAllStringSubmatch(d.text, -1) {
		all = append(all, html.UnescapeString(block[1]))
	}
	return all
}

func codeWith(t *testing.T, d *doc, words ...string) string {
	t.Helper()
	for _, code := range codeOf(d) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(code, w) }) {
			return code
		}
	}
	t.Fatalf("%s has nothing to copy with %q", d.path, words)
	return ""
}

// TestAPollersPageSaysHowToPoll does what it says.
func TestAPollersPageSaysHowToPoll(t *testing.T) {
	w := newWorld(t, nil)
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.site.ServeHTTP(rw, r) }))
	t.Cleanup(site.Close)
	ep := &fanfare.Endpoint{Application: w.app.ID, Kind: fanfare.KindPoller, Description: "Night run", EventTypes: []string{"record.*"}}
	if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	d := w.get(200, "/portal/endpoint/"+string(ep.ID)).says("Night run", "Poll", "asks for its messages, at this URL", "/poller/"+string(ep.ID),
		"Authorization: Bearer $FANFARE_KEY", `"eventType": "record.created"`, "iterator=ITERATOR", "/consumer/NAME", "Nobody yet").lacks("Recover failed", "Transform", "Pause", "Accepted")
	for _, at := range []string{"/portal/endpoint/" + string(ep.ID), "/portal/endpoint/" + string(ep.ID) + "/settings"} {
		if tabs := w.get(200, at).all("nav", ""); !slices.Contains(tabs, "PollSettings") {
			t.Errorf("%s has the navigation %q", at, tabs)
		}
	}

	msg, err := w.hub.Send(t.Context(), "acme", "record.created", []byte(`{"n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	token, _ := w.key(fanfare.ScopeReadMessages)
	here := strings.NewReplacer(home, site.URL).Replace
	first := w.run(t, here(codeWith(t, d, "curl", "wait=30'")), token)
	var answer, shown struct {
		Data     []map[string]any
		Iterator string
		Done     *bool
	}
	if err := json.Unmarshal(first, &answer); err != nil || len(answer.Data) != 1 || answer.Data[0]["id"] != string(msg.ID) {
		t.Fatalf("the command is answered %s, %v", first, err)
	}
	if err := json.Unmarshal([]byte(codeWith(t, d, `"data"`)), &shown); err != nil || len(shown.Data) != 1 || shown.Iterator == "" || shown.Done == nil {
		t.Fatalf("the page shows %+v, %v", shown, err)
	}
	if got, want := slices.Sorted(maps.Keys(shown.Data[0])), slices.Sorted(maps.Keys(answer.Data[0])); !slices.Equal(got, want) {
		t.Errorf("the page shows messages with %q, the API answers with %q", got, want)
	}
	if _, err = w.hub.Send(t.Context(), "acme", "record.created", []byte(`{"n":2}`)); err != nil {
		t.Fatal(err)
	}
	further := w.run(t, strings.Replace(here(codeWith(t, d, "curl", "ITERATOR")), "ITERATOR", answer.Iterator, 1), token)
	if err := json.Unmarshal(further, &answer); err != nil || len(answer.Data) != 1 || answer.Data[0]["id"] == string(msg.ID) {
		t.Errorf("the command that goes on is answered %s, %v", further, err)
	}

	for name, program := range map[string]struct {
		run  []string
		code string
	}{
		"poll.py": {[]string{"python3"}, codeWith(t, d, "import json")}, "poll.mjs": {[]string{"node"}, codeWith(t, d, "process.env")}, "poll.go": {[]string{"go", "run"}, codeWith(t, d, "package main")},
	} {
		t.Run(name, func(t *testing.T) {
			consumer := strings.TrimPrefix(filepath.Ext(name), ".")
			w.polls(t, ep, program.run, name, strings.NewReplacer("NAME", consumer).Replace(here(program.code)), token, consumer)
		})
	}
	at := "/portal/endpoint/" + string(ep.ID)
	w.get(200, at+"/settings").lacks("Disable…")
	ep.Disabled = true
	if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	w.submit(303, w.get(200, at), "Enable again")
	if ep = w.stored(ep); ep.Disabled {
		t.Error("it is disabled still")
	}
	w.enter(fanfare.ViewBase)
	w.get(200, "/portal/endpoint/"+string(ep.ID)).says("whoever gave you this link can give you one")
	w.enter(fanfare.ViewBase, fanfare.ManageKeys)
	d = w.get(200, "/portal/endpoint/"+string(ep.ID)).lacks("whoever gave you this link")
	if at := w.link(d, "API keys"); at != "/portal/settings#apikeys" {
		t.Errorf("keys are made at %s", at)
	}
	made := w.submit(200, w.get(200, "/portal/settings"), "Make the key", "name", "Night run", "scope", "messages:read").says("/msg")
	w.get(200, "/portal/settings/key").says("New key").lacks("Keep it now")
	w.get(200, "/portal/settings/end").says("API keys that were made with it stay good")
	own := codeWith(t, made, "fan_")
	first = w.run(t, here(codeWith(t, d, "curl", "wait=30'")), own)
	if err := json.Unmarshal(first, &answer); err != nil || len(answer.Data) != 2 {
		t.Errorf("with a key of the portal the command is answered %s, %v", first, err)
	}
	w.asOperator()
	d = w.get(200, "/app/acme/endpoint/"+string(ep.ID)).says("API keys")
	w.get(200, w.link(d, "API keys"))
}

// TestCommandsTakeTheKeyFromOneVariable, which is that of the command line.
func TestCommandsTakeTheKeyFromOneVariable(t *testing.T) {
	w := newWorld(t, nil)
	own := w.get(200, "/portal/settings")
	w.asOperator()
	first, setting := w.get(200, "/"), w.get(200, "/setting")
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Kind, ep.URL = fanfare.KindPoller, "" })
	for _, d := range []*doc{own, first, setting, w.get(200, "/app/acme/endpoint/"+string(ep.ID))} {
		n := 0
		for _, code := range codeOf(d) {
			if strings.Contains(code, "Bearer") {
				n++
				if !strings.Contains(code, `"Authorization: Bearer $FANFARE_KEY"`) && !strings.Contains(code, `"FANFARE_KEY"`) && !strings.Contains(code, "env.FANFARE_KEY") {
					t.Errorf("%s has %s", d.path, code)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s has no command: %q", d.path, codeOf(d))
		}
	}
}

// run has a shell run a command with a key in the environment.
func (w *world) run(t *testing.T, command, key string) []byte {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl here")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "curl", "curl -sS", 1))
	cmd.Env, cmd.Stderr = append(os.Environ(), "FANFARE_KEY="+key), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return out
}

// polls starts a program that polls, until it has said what there is to receive and the
// server has noted that it has.
func (w *world) polls(t *testing.T, ep *fanfare.Endpoint, run []string, name, code, key, consumer string) {
	if _, err := exec.LookPath(run[0]); err != nil {
		t.Skipf("there is no %s here", run[0])
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	if run[0] == "go" { // what it runs itself would be left behind
		program := filepath.Join(t.TempDir(), "poll")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		run, file = []string{program}, ""
	}
	said := &heard{}
	cmd := exec.CommandContext(t.Context(), run[0], file)
	cmd.Env = append(os.Environ(), "FANFARE_KEY="+key)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	w.until(consumer+" has received both messages", func() bool {
		select {
		case <-ended:
			t.Fatalf("it has ended: %s", said)
		default:
		}
		cons, err := w.store.Consumer(t.Context(), w.app.ID, ep.ID, consumer)
		if err != nil && !errors.Is(err, fanfare.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil && cons.After != "" && strings.Count(said.String(), "record.created") == 2
	})
}

// heard is what a program says.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}
