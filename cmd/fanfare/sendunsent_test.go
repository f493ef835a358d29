package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A server that is older knows nothing of whom a message was not sent to; one that is not
// well is asked again.
func TestOnlyServersThatTellAreAskedWhomItWasNotSentTo(t *testing.T) {
	status := http.StatusNotFound
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"code":"not_found","detail":"There is nothing here."}`)
	}))
	defer server.Close()
	var said bytes.Buffer
	r := &request{client: &client{base: server.URL, key: "k", app: "acme", http: server.Client()}, args: []string{"msg_1"}, err: &said}
	u, err := r.readUnsent(t.Context())
	if err != nil || u == nil || len(u.Data) > 0 || said.String() != "The server does not tell whom it was not sent to: There is nothing here.\n" {
		t.Errorf("%+v, %v, and said %q", u, err, said.String())
	}
	status = http.StatusServiceUnavailable
	if u, err := r.readUnsent(t.Context()); u != nil || !isAway(err) {
		t.Errorf("%+v, %v; want one to be asked again", u, err)
	}
}
