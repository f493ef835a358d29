package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// followed has a task followed whose states a server tells one after the other, on
// a terminal or not, and returns what was said.
func followed(t *testing.T, live bool, answers ...string) (said string, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := answers[0]
		answers = answers[1:]
		if answer == "ctrl-c" {
			cancel()
			<-r.Context().Done() // the client is gone
			return
		}
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	r := &request{client: &client{base: server.URL, http: http.DefaultClient}, out: &out, err: &errs, live: live}
	s := &starter{would: "%d would be.", did: "%d were."}
	err = s.start(ctx, r, "/app/acme/msg/expunge-all-contents", nil)
	if out.Len() > 0 {
		t.Errorf("on stdout is %q", out.String())
	}
	return errs.String(), err
}

func TestATaskIsFollowed(t *testing.T) {
	running := func(done int) string {
		return fmt.Sprintf(`{"id":"qtask_1","state":"running","total":40,"done":%d}`, done)
	}
	for _, c := range []struct {
		live       bool
		answers    []string
		said, fail string
	}{
		{false, []string{running(0), running(20), `{"id":"qtask_1","state":"finished","total":40,"done":39}`}, "39 were.\n", ""},
		{true, []string{running(0), running(20), `{"id":"qtask_1","state":"finished","total":40,"done":40}`},
			"\r" + strings.Repeat("░", 40) + " 0 of 40\x1b[K\r" + strings.Repeat("█", 20) + strings.Repeat("░", 20) + " 20 of 40\x1b[K\r\x1b[K40 were.\n", ""},
		{true, []string{`{"state":"finished","total":1,"done":1}`}, "1 were.\n", ""},
		{false, []string{running(10), `{"id":"qtask_1","state":"failed","total":40,"done":10,"error":"no room"}`}, "", "task qtask_1 failed, with 10 of 40 done: no room"},
		{false, []string{running(10), `{"id":"qtask_1","state":"cancelled","total":40,"done":10}`}, "", "task qtask_1 was cancelled, with 10 of 40 done"},
	} {
		said, err := followed(t, c.live, c.answers...)
		if said != c.said || fmt.Sprint(err) != c.fail && (err != nil || c.fail != "") {
			t.Errorf("%v: said %q, want %q; error %v, want %q", c.answers, said, c.said, err, c.fail)
		}
	}
	said, err := followed(t, false, running(0), "ctrl-c")
	if !errors.Is(err, context.Canceled) || said != "The task goes on at the server; end it with \"fanfare task cancel qtask_1\".\n" {
		t.Errorf("interrupted: %q, %v", said, err)
	}
}

func TestABrokenExportIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "{\"id\":1}\n{\"id\":2}\n{\"i")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	r := &request{client: &client{base: server.URL}, out: &out, err: &errs}
	exported := task{ID: "qtask_1", Data: map[string]int{"lines": 3}}
	err := exported.fetch(t.Context(), r, false)
	if err == nil || !strings.HasPrefix(err.Error(), "the export broke off after 2 of 3 lines, so it is not whole") {
		t.Errorf("the error is %v", err)
	}
	if out.String() != "{\"id\":1}\n{\"id\":2}\n" {
		t.Errorf("written is %q", out.String())
	}
}

func TestAnExportIsCounted(t *testing.T) {
	dropped := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			dropped++
			w.WriteHeader(http.StatusNoContent)
			return
		}
		fmt.Fprint(w, "{\"id\":1}\n{\"id\":2}\n")
	}))
	defer server.Close()
	for lines, want := range map[int]string{
		2: "Exported: 2 lines.\nThe payloads of 1 messages were damaged on the server's disk: their lines have {\"damaged\":true} instead.\n <nil>",
		3: " the export has 2 lines, and should have 3, so it is not whole",
	} {
		var out, errs bytes.Buffer
		r := &request{client: &client{base: server.URL}, out: &out, err: &errs}
		exported := task{ID: "qtask_1", Data: map[string]int{"lines": lines, "damaged": 1}}
		err := exported.fetch(t.Context(), r, false)
		if got := errs.String() + " " + fmt.Sprint(err); got != want {
			t.Errorf("of %d: %q, want %q", lines, got, want)
		}
	}
	if dropped != 1 {
		t.Errorf("%d exports were removed, want the one that is whole", dropped)
	}
}
