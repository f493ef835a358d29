package compat

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	svix "github.com/svix/svix-webhooks/go"
)

// operational sets up an operational endpoint, and verifies what that is told.
func (s *goSession) operational(t *testing.T) {
	ctx, ops := t.Context(), s.client.OperationalWebhookEndpoint
	rcv := newReceiver(t, nil)
	uid := svix.String("ops")
	made := ok[*svix.OperationalWebhookEndpointOut](t)(ops.Create(ctx, &svix.OperationalWebhookEndpointIn{Url: rcv.url, Uid: uid, FilterTypes: []string{"endpoint.created"}}))
	is(t, "by uid", ok[*svix.OperationalWebhookEndpointOut](t)(ops.Get(ctx, "ops")), *made)
	is(t, "url", made.Url, rcv.url)
	list := ok[*svix.ListResponseOperationalWebhookEndpointOut](t)(ops.List(ctx, nil))
	is(t, "list", []any{names(list.Data, func(e svix.OperationalWebhookEndpointOut) string { return e.Id }), list.Done}, []any{[]string{made.Id}, true})
	now := ok[*svix.OperationalWebhookEndpointOut](t)(ops.Update(ctx, "ops", &svix.OperationalWebhookEndpointUpdate{Url: rcv.url, Uid: uid}))
	is(t, "types after an update", len(now.FilterTypes), 0)
	done(t, ops.RotateSecret(ctx, "ops", &svix.OperationalWebhookEndpointSecretIn{}))
	secret := ok[*svix.OperationalWebhookEndpointSecretOut](t)(ops.GetSecret(ctx, "ops")).Key

	ep := s.endpoint(t, &svix.EndpointIn{Url: rcv.url + "/other", FilterTypes: []string{"never.sent"}})
	a := rcv.wait(t, 1)[0]
	verifies(t, a, secret)
	var told struct {
		Type string
		Data struct{ AppID, EndpointID string }
	}
	if err := json.Unmarshal(a.body, &told); err != nil || told.Type != "endpoint.created" || told.Data.AppID != s.app || told.Data.EndpointID != ep.Id {
		t.Errorf("it is told %s", a.body)
	}
	done(t, ops.Delete(ctx, made.Id))
	_, err := ops.Get(ctx, made.Id)
	refused(t, err, http.StatusNotFound, `"not_found"`)
	done(t, s.client.Endpoint.Delete(ctx, s.app, ep.Id))
	s.operationalTwice(t)
}

// operationalTwice makes an operational endpoint, and a secret of it, whose answers
// are lost.
func (s *goSession) operationalTwice(t *testing.T) {
	ctx, ops := t.Context(), s.client.OperationalWebhookEndpoint
	made := twice(t, s.calls, "operational endpoint", func(o *svix.PostOptions) (*svix.OperationalWebhookEndpointOut, error) {
		in := svix.OperationalWebhookEndpointIn{Url: "http://127.0.0.1:8999/ops", Uid: svix.String("ops-lost")}
		return ops.CreateWithOptions(ctx, &in, o)
	})
	if !strings.HasPrefix(made.Id, "ep_") {
		t.Errorf("its id is %s", made.Id)
	}
	twice(t, s.calls, "operational rotation", func(o *svix.PostOptions) (*struct{}, error) {
		return new(struct{}), ops.RotateSecretWithOptions(ctx, made.Id, &svix.OperationalWebhookEndpointSecretIn{}, o)
	})
	done(t, ops.Delete(ctx, made.Id))
}
