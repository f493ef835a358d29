package compat

import (
	"net/http"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

func (s *goSession) errors(t *testing.T) {
	ctx := t.Context()
	_, err := s.connect(t, "not-the-key").Application.List(ctx, nil)
	refused(t, err, http.StatusUnauthorized, `"authentication_failed"`)
	_, err = s.client.Application.Create(ctx, &svix.ApplicationIn{Name: "Again", Uid: svix.String("two")})
	refused(t, err, http.StatusConflict, `"conflict"`)
	_, err = s.client.Endpoint.Create(ctx, s.app, &svix.EndpointIn{Url: "not a url"})
	refused(t, err, http.StatusUnprocessableEntity, `"loc":["body","url"]`)
	_, err = s.client.Message.Create(ctx, s.app, &svix.MessageIn{EventType: "not a type", Payload: map[string]any{}})
	refused(t, err, http.StatusUnprocessableEntity, `"loc":["body","eventType"]`)
	_, err = s.client.Endpoint.Get(ctx, "two", "ep_nobody")
	refused(t, err, http.StatusNotFound, `"not_found"`)
	_, err = s.client.Message.List(ctx, s.app, &svix.MessageListOptions{Limit: svix.Int32(1000)})
	refused(t, err, http.StatusUnprocessableEntity, `"loc":["query","limit"]`)
}

// lostBodies fails once the client no longer loses the bodies that goLater says it
// does.
func (s *goSession) lostBodies(t *testing.T) {
	ctx, eps := t.Context(), s.client.Endpoint
	_, err := eps.ReplayMissing(ctx, s.app, "ep_nobody", &svix.ReplayIn{Since: time.Now()})
	if err == nil || err.Error() != "replayIn is required and must be specified" {
		t.Errorf("ReplayMissing: %v; call it in earnest, and take it out of goLater", err)
	}
	_, err = eps.SendExample(ctx, s.app, "ep_nobody", &svix.EventExampleIn{EventType: "go.created"})
	if err == nil || err.Error() != "eventExampleIn is required and must be specified" {
		t.Errorf("SendExample: %v; call it in earnest, and take it out of goLater", err)
	}
}

// lostAnswers repeats requests whose answers were lost, with their idempotency
// keys.
func (s *goSession) lostAnswers(t *testing.T) {
	ctx := t.Context()
	twice(t, s.calls, "application", func(o *svix.PostOptions) (*svix.ApplicationOut, error) {
		return s.client.Application.CreateWithOptions(ctx, &svix.ApplicationIn{Name: "Lost", Uid: svix.String("lost")}, o)
	})
	twice(t, s.calls, "existing application", func(o *svix.PostOptions) (*svix.ApplicationOut, error) {
		return s.client.Application.GetOrCreateWithOptions(ctx, &svix.ApplicationIn{Name: "Lost", Uid: svix.String("lost")}, o)
	})
	twice(t, s.calls, "event type", func(o *svix.PostOptions) (*svix.EventTypeOut, error) {
		return s.client.EventType.CreateWithOptions(ctx, &svix.EventTypeIn{Name: "go.lost"}, o)
	})
	hook := newReceiver(t, nil).url
	ep := twice(t, s.calls, "endpoint", func(o *svix.PostOptions) (*svix.EndpointOut, error) {
		return s.client.Endpoint.CreateWithOptions(ctx, "lost", &svix.EndpointIn{Url: hook, Uid: svix.String("lost")}, o)
	})
	msg := twice(t, s.calls, "message", func(o *svix.PostOptions) (*svix.MessageOut, error) {
		return s.client.Message.CreateWithOptions(ctx, "lost", &svix.MessageIn{EventType: "go.lost", Payload: map[string]any{"n": 1.0}}, o)
	})
	list := ok[*svix.ListResponseMessageOut](t)(s.client.Message.List(ctx, "lost", nil))
	is(t, "messages kept", names(list.Data, func(m svix.MessageOut) string { return m.Id }), []string{msg.Id})
	none := new(struct{})
	twice(t, s.calls, "rotation", func(o *svix.PostOptions) (*struct{}, error) {
		return none, s.client.Endpoint.RotateSecretWithOptions(ctx, "lost", ep.Id, &svix.EndpointSecretRotateIn{}, o)
	})
	twice(t, s.calls, "resend", func(o *svix.PostOptions) (*struct{}, error) {
		return none, s.client.MessageAttempt.ResendWithOptions(ctx, "lost", msg.Id, ep.Id, o)
	})
	twice(t, s.calls, "recovery", func(o *svix.PostOptions) (*svix.RecoverOut, error) {
		return s.client.Endpoint.RecoverWithOptions(ctx, "lost", ep.Id, &svix.RecoverIn{Since: msg.Timestamp}, o)
	})
	_, err := s.client.Application.CreateWithOptions(ctx, &svix.ApplicationIn{Name: "Other"}, &svix.PostOptions{IdempotencyKey: svix.String("go application")})
	refused(t, err, http.StatusConflict, "Idempotency-Key")
}

// twice does a thing and loses the answer, does it again with the same key, and
// once more, to see the same answer both times. What becomes of the first call
// is the client's affair: it tries again itself, but some bodies it cannot send
// a second time.
func twice[T any](t *testing.T, c *calls, what string, do func(*svix.PostOptions) (*T, error)) *T {
	t.Helper()
	key := &svix.PostOptions{IdempotencyKey: svix.String("go " + what)}
	c.lose = true
	do(key)
	if c.lose {
		t.Fatalf("%s: no answer was lost", what)
	}
	second, err := do(key)
	if err != nil {
		t.Fatalf("%s again: %s", what, detail(err))
	}
	if second == nil {
		t.Fatalf("%s again: the answer is empty", what)
	}
	is(t, what+" a third time", ok[*T](t)(do(key)), *second)
	return second
}
