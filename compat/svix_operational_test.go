package compat

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// TestSvixGoOperational has the official Go client set up an operational endpoint,
// and verify what that is told.
func TestSvixGoOperational(t *testing.T) {
	t.Parallel()
	s := newGoSession(t)
	type request struct {
		header http.Header
		body   []byte
	}
	came := make(chan request, 16)
	rcv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- request{r.Header, body}
	}))
	defer rcv.Close()
	ops := s.client.OperationalWebhookEndpoint
	uid := "ops"
	made, err := ops.Create(t.Context(), &svix.OperationalWebhookEndpointIn{Url: rcv.URL, Uid: &uid, FilterTypes: []string{"endpoint.created"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ops.Get(t.Context(), "ops"); err != nil || got.Id != made.Id || got.Url != rcv.URL {
		t.Errorf("it is %+v, %v", got, err)
	}
	if list, err := ops.List(t.Context(), nil); err != nil || len(list.Data) != 1 || !list.Done {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if now, err := ops.Update(t.Context(), "ops", &svix.OperationalWebhookEndpointUpdate{Url: rcv.URL, Uid: &uid}); err != nil || len(now.FilterTypes) != 0 {
		t.Errorf("after an update it is %+v, %v", now, err)
	}
	if err := ops.RotateSecret(t.Context(), "ops", &svix.OperationalWebhookEndpointSecretIn{}); err != nil {
		t.Error(err)
	}
	secret, err := ops.GetSecret(t.Context(), "ops")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Endpoint.Create(t.Context(), s.app, &svix.EndpointIn{Url: rcv.URL + "/other"}); err != nil {
		t.Fatal(err)
	}
	verifier, err := svix.NewWebhook(secret.Key)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-came:
		if err := verifier.Verify(r.body, r.header); err != nil {
			t.Errorf("what it is told does not verify: %v", err)
		}
		var told struct {
			Type string
			Data struct{ AppID, EndpointID string }
		}
		if err := json.Unmarshal(r.body, &told); err != nil || told.Type != "endpoint.created" || told.Data.AppID != s.app || !strings.HasPrefix(told.Data.EndpointID, "ep_") {
			t.Errorf("it is told %s", r.body)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is told nothing within 10 s")
	}
	if err := ops.Delete(t.Context(), made.Id); err != nil {
		t.Error(err)
	}
	if _, err := ops.Get(t.Context(), made.Id); err == nil {
		t.Error("it is still there")
	}
}
