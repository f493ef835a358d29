package compat

import (
	"net/http"
	"slices"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

func (s *goSession) endpoint(t *testing.T, in *svix.EndpointIn) *svix.EndpointOut {
	t.Helper()
	return ok[*svix.EndpointOut](t)(s.client.Endpoint.Create(t.Context(), s.app, in))
}

func (s *goSession) endpoints(t *testing.T) {
	ctx, eps := t.Context(), s.client.Endpoint
	made := s.endpoint(t, &svix.EndpointIn{
		Url: "http://127.0.0.1:8999/a", Uid: svix.String("a"), Description: svix.String("the first"), FilterTypes: []string{"never.sent", "nothing.*"},
		Channels: []string{"north"}, RateLimit: svix.Int32(9), Metadata: &map[string]string{"k": "v"}, Disabled: new(true), Version: svix.Int32(1),
	})
	is(t, "url", made.Url, "http://127.0.0.1:8999/a")
	is(t, "description", made.Description, "the first")
	is(t, "types", made.FilterTypes, []string{"never.sent", "nothing.*"})
	is(t, "channels", made.Channels, []string{"north"})
	is(t, "rate limit", made.RateLimit, int32(9))
	is(t, "metadata", made.Metadata, map[string]string{"k": "v"})
	is(t, "disabled", made.Disabled, true)
	is(t, "by uid", ok[*svix.EndpointOut](t)(eps.Get(ctx, s.app, "a")), *made)
	patched := ok[*svix.EndpointOut](t)(eps.Patch(ctx, s.app, made.Id, &svix.EndpointPatch{Url: svix.String("http://127.0.0.1:8999/b"), RateLimit: *svix.NullableInt32(nil)}))
	is(t, "patched", []any{patched.Url, patched.RateLimit, patched.Description}, []any{"http://127.0.0.1:8999/b", (*int32)(nil), "the first"})
	s.server.call(t, "PATCH", "/app/"+s.app+"/endpoint/a", `{"ordered":true}`, 200, nil)
	updated := ok[*svix.EndpointOut](t)(eps.Update(ctx, s.app, "a", &svix.EndpointUpdate{Url: "http://127.0.0.1:8999/c", Uid: svix.String("c"), FilterTypes: []string{"never.sent"}}))
	is(t, "replaced", []any{updated.Id, updated.Description, updated.Channels, *updated.Disabled}, []any{made.Id, "", []string(nil), false})
	var ours struct{ Ordered bool }
	s.server.call(t, "GET", "/app/"+s.app+"/endpoint/c", "", 200, &ours)
	is(t, "ordered, of which the client knows nothing,", ours.Ordered, true)

	for _, uid := range []string{"d", "e"} {
		up := ok[*svix.EndpointOut](t)(eps.Update(ctx, s.app, uid, &svix.EndpointUpdate{Url: "http://127.0.0.1:8999/", FilterTypes: []string{"never.sent"}}))
		is(t, "made by update", up.Uid, uid)
	}
	limit, ascending := int32(2), svix.Ordering("ascending")
	list := pages(t, func(at *string) (*svix.ListResponseEndpointOut, error) {
		return eps.List(ctx, s.app, &svix.EndpointListOptions{Iterator: at, Limit: &limit, Order: &ascending})
	}, func(l *svix.ListResponseEndpointOut) ([]string, *string, bool) {
		return names(l.Data, func(e svix.EndpointOut) string { return *e.Uid }), l.Iterator.Get(), l.Done
	})
	is(t, "uids of all", list, []string{"c", "d", "e"})
	for _, uid := range list {
		done(t, eps.Delete(ctx, s.app, uid))
	}
	_, err := eps.Get(ctx, s.app, made.Id)
	refused(t, err, http.StatusNotFound, `"not_found"`)
}

func (s *goSession) secrets(t *testing.T) {
	ctx, eps := t.Context(), s.client.Endpoint
	const first, second = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_FxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
	rcv := newReceiver(t, nil)
	ep := s.endpoint(t, &svix.EndpointIn{Url: rcv.url, Secret: svix.String(first), FilterTypes: []string{"go.secret"}})
	is(t, "secret given", ok[*svix.EndpointSecretOut](t)(eps.GetSecret(ctx, s.app, ep.Id)).Key, first)
	done(t, eps.RotateSecret(ctx, s.app, ep.Id, &svix.EndpointSecretRotateIn{Key: svix.String(second)}))
	is(t, "secret rotated to", ok[*svix.EndpointSecretOut](t)(eps.GetSecret(ctx, s.app, ep.Id)).Key, second)
	s.message(t, &svix.MessageIn{EventType: "go.secret", Payload: map[string]any{"n": 1.0}})
	verifies(t, rcv.wait(t, 1)[0], first)
	verifies(t, rcv.arrivals()[0], second)

	done(t, eps.RotateSecret(ctx, s.app, ep.Id, &svix.EndpointSecretRotateIn{}))
	made := ok[*svix.EndpointSecretOut](t)(eps.GetSecret(ctx, s.app, ep.Id)).Key
	s.message(t, &svix.MessageIn{EventType: "go.secret", Payload: map[string]any{"n": 2.0}})
	verifies(t, rcv.wait(t, 2)[1], made)
	if err := verify(rcv.arrivals()[0], made); err == nil {
		t.Error("what was signed before verifies with the secret made later")
	}
	done(t, eps.Delete(ctx, s.app, ep.Id))
}

// verify asks the client's own verifier.
func verify(a *arrival, secret string) error {
	wh, err := svix.NewWebhook(secret)
	if err != nil {
		return err
	}
	return wh.Verify(a.body, a.header)
}

func verifies(t *testing.T, a *arrival, secret string) {
	t.Helper()
	if err := verify(a, secret); err != nil {
		t.Errorf("message %s: %v", a.id(), err)
	}
}

func (s *goSession) headers(t *testing.T) {
	ctx, eps := t.Context(), s.client.Endpoint
	rcv := newReceiver(t, nil)
	ep := s.endpoint(t, &svix.EndpointIn{Url: rcv.url, FilterTypes: []string{"go.headers"}})
	done(t, eps.UpdateHeaders(ctx, s.app, ep.Id, &svix.EndpointHeadersIn{Headers: map[string]string{"X-One": "1", "X-Two": "2", "Authorization": "Basic eA=="}}))
	done(t, eps.PatchHeaders(ctx, s.app, ep.Id, &svix.EndpointHeadersPatchIn{Headers: map[string]string{"X-Two": "zwei"}}))
	read := ok[*svix.EndpointHeadersOut](t)(eps.GetHeaders(ctx, s.app, ep.Id))
	is(t, "shown", read.Headers, map[string]string{"X-One": "1", "X-Two": "zwei"})
	is(t, "not shown", read.Sensitive, []string{"Authorization"})
	s.message(t, &svix.MessageIn{EventType: "go.headers", Payload: map[string]any{}})
	sent := rcv.wait(t, 1)[0].header
	is(t, "sent", []string{sent.Get("X-One"), sent.Get("X-Two"), sent.Get("Authorization")}, []string{"1", "zwei", "Basic eA=="})
	done(t, eps.Delete(ctx, s.app, ep.Id))
}

func (s *goSession) message(t *testing.T, in *svix.MessageIn) *svix.MessageOut {
	t.Helper()
	return ok[*svix.MessageOut](t)(s.client.Message.Create(t.Context(), s.app, in))
}

func (s *goSession) messages(t *testing.T) {
	ctx, msgs := t.Context(), s.client.Message
	rcv := newReceiver(t, nil)
	ep := s.endpoint(t, &svix.EndpointIn{Url: rcv.url, FilterTypes: []string{"go.message.*"}, Channels: []string{"north"}})
	payload := map[string]any{"text": "ä€𝄞", "n": 12.5, "list": []any{nil, true}}
	made := s.message(t, &svix.MessageIn{
		EventType: "go.message.sent", EventId: svix.String("event-1"), Channels: []string{"north", "south"}, Tags: []string{"red"}, Payload: payload,
	})
	is(t, "event id", made.EventId, "event-1")
	is(t, "channels", made.Channels, []string{"north", "south"})
	is(t, "tags", made.Tags, []string{"red"})
	is(t, "payload", made.Payload, payload)
	is(t, "by id", ok[*svix.MessageOut](t)(msgs.Get(ctx, s.app, made.Id)), *made)
	is(t, "by event id", ok[*svix.MessageOut](t)(msgs.Get(ctx, s.app, "event-1")), *made)
	_, err := msgs.Create(ctx, s.app, &svix.MessageIn{EventType: "go.message.sent", EventId: svix.String("event-1"), Payload: payload})
	refused(t, err, http.StatusConflict, `"conflict"`)
	arrived := rcv.wait(t, 1)[0]
	is(t, "id that arrived", arrived.id(), made.Id)
	is(t, "content type", arrived.header.Get("Content-Type"), "application/json")
	verifies(t, arrived, ok[*svix.EndpointSecretOut](t)(s.client.Endpoint.GetSecret(ctx, s.app, ep.Id)).Key)

	raw := svix.NewMessageInRaw("go.message.raw", "<a>\n 1.0 </a>", svix.StaticNullableString("text/xml"))
	raw.Channels = []string{"north"}
	rawID := s.message(t, raw).Id
	arrived = rcv.wait(t, 2)[1]
	is(t, "raw body", string(arrived.body), "<a>\n 1.0 </a>")
	is(t, "raw content type", arrived.header.Get("Content-Type"), "text/xml")
	s.listed(t, "with a tag", []string{made.Id}, &svix.MessageListOptions{Tag: svix.String("red")})
	s.listed(t, "of a channel", []string{made.Id, rawID}, &svix.MessageListOptions{Channel: svix.String("north"), Limit: svix.Int32(1)})
	s.listed(t, "of a type", []string{rawID}, &svix.MessageListOptions{EventTypes: &[]string{"go.message.raw", "go.other"}, WithContent: new(false)})
	s.listed(t, "after the first", []string{rawID}, &svix.MessageListOptions{After: &made.Timestamp, Channel: svix.String("north")})
	s.listed(t, "before the first", []string{}, &svix.MessageListOptions{Before: &made.Timestamp, Channel: svix.String("north")})
	done(t, msgs.ExpungeContent(ctx, s.app, made.Id))
	is(t, "expunged payload", ok[*svix.MessageOut](t)(msgs.Get(ctx, s.app, made.Id)).Payload, map[string]any{"expired": true})
	done(t, s.client.Endpoint.Delete(ctx, s.app, ep.Id))
}

func (s *goSession) listed(t *testing.T, what string, want []string, options *svix.MessageListOptions) {
	t.Helper()
	got := pages(t, func(at *string) (*svix.ListResponseMessageOut, error) {
		options.Iterator = at
		return s.client.Message.List(t.Context(), s.app, options)
	}, func(l *svix.ListResponseMessageOut) ([]string, *string, bool) {
		return names(l.Data, func(m svix.MessageOut) string { return m.Id }), l.Iterator.Get(), l.Done
	})
	slices.Reverse(got)
	is(t, "messages "+what, append([]string{}, got...), want)
}

// attempts has one message refused first and delivered then, and looks at it
// from all sides.
func (s *goSession) attempts(t *testing.T) {
	ctx, log := t.Context(), s.client.MessageAttempt
	rcv := newReceiver(t, func(_ *arrival, earlier []*arrival) int {
		return []int{http.StatusServiceUnavailable, http.StatusOK}[min(len(earlier), 1)]
	})
	ep := s.endpoint(t, &svix.EndpointIn{Url: rcv.url, FilterTypes: []string{"go.attempt"}})
	s.server.call(t, "PATCH", "/app/"+s.app+"/endpoint/"+ep.Id, `{"retry":{"delays":[1]}}`, 200, nil)
	msg := s.message(t, &svix.MessageIn{EventType: "go.attempt", Tags: []string{"blue"}, Payload: map[string]any{"n": 1.0}})
	both := s.attemptsOf(t, msg.Id, 2)
	is(t, "statuses", []svix.MessageStatus{both[0].Status, both[1].Status}, []svix.MessageStatus{2, 0})
	is(t, "response codes", []int32{both[0].ResponseStatusCode, both[1].ResponseStatusCode}, []int32{503, 200})
	is(t, "the rest", []any{both[0].MsgId, both[0].EndpointId, both[0].Url, both[0].Response, int(both[0].TriggerType)}, []any{msg.Id, ep.Id, rcv.url, "thank you", 0})
	is(t, "one", ok[*svix.MessageAttemptOut](t)(log.Get(ctx, s.app, msg.Id, both[0].Id)), both[0])
	is(t, "of the message, the old way", len(ok[*svix.ListResponseMessageAttemptOut](t)(log.List(ctx, s.app, msg.Id, nil)).Data), 2)
	old := ok[*svix.ListResponseMessageAttemptEndpointOut](t)(log.ListAttemptsForEndpoint(ctx, s.app, msg.Id, ep.Id, nil))
	is(t, "of the message to the endpoint", len(old.Data), 2)

	failed := svix.MessageStatus(2)
	list := pages(t, func(at *string) (*svix.ListResponseMessageAttemptOut, error) {
		return log.ListByEndpoint(ctx, s.app, ep.Id, &svix.MessageAttemptListOptions{Iterator: at, Limit: svix.Int32(1), WithMsg: new(true)})
	}, func(l *svix.ListResponseMessageAttemptOut) ([]string, *string, bool) {
		return names(l.Data, func(a svix.MessageAttemptOut) string { return a.Id + a.Msg.Id }), l.Iterator.Get(), l.Done
	})
	is(t, "to the endpoint", list, []string{both[1].Id + msg.Id, both[0].Id + msg.Id})
	few := ok[*svix.ListResponseMessageAttemptOut](t)(log.ListByEndpoint(ctx, s.app, ep.Id, &svix.MessageAttemptListOptions{Status: &failed, EventTypes: &[]string{"go.attempt"}, Tag: svix.String("blue")}))
	is(t, "that failed", names(few.Data, func(a svix.MessageAttemptOut) string { return a.Id }), []string{both[0].Id})

	messages := ok[*svix.ListResponseEndpointMessageOut](t)(log.ListAttemptedMessages(ctx, s.app, ep.Id, nil))
	is(t, "attempted message", []any{len(messages.Data), messages.Data[0].Id, messages.Data[0].Status, messages.Data[0].NextAttempt}, []any{1, msg.Id, svix.MessageStatus(0), (*time.Time)(nil)})
	done(t, log.ExpungeContent(ctx, s.app, msg.Id, both[0].Id))
	is(t, "response of the expunged", ok[*svix.MessageAttemptOut](t)(log.Get(ctx, s.app, msg.Id, both[0].Id)).Response, "")
	is(t, "response of the other", ok[*svix.MessageAttemptOut](t)(log.Get(ctx, s.app, msg.Id, both[1].Id)).Response, "thank you")
	refused(t, log.ExpungeContent(ctx, s.app, msg.Id, "atmpt_nobody"), http.StatusNotFound, `"not_found"`)
	targets := ok[*svix.ListResponseMessageEndpointOut](t)(log.ListAttemptedDestinations(ctx, s.app, msg.Id, nil))
	is(t, "attempted destination", []any{len(targets.Data), targets.Data[0].Id, targets.Data[0].Status}, []any{1, ep.Id, svix.MessageStatus(0)})
	done(t, s.client.Endpoint.Delete(ctx, s.app, ep.Id))
}

func (s *goSession) resends(t *testing.T) {
	rcv := newReceiver(t, nil)
	ep := s.endpoint(t, &svix.EndpointIn{Url: rcv.url, FilterTypes: []string{"go.resend"}})
	msg := s.message(t, &svix.MessageIn{EventType: "go.resend", Payload: map[string]any{"n": 1.0}})
	s.attemptsOf(t, msg.Id, 1)
	done(t, s.client.MessageAttempt.Resend(t.Context(), s.app, msg.Id, ep.Id))
	got := rcv.wait(t, 2)
	is(t, "id the second time", got[1].id(), got[0].id())
	is(t, "body the second time", string(got[1].body), string(got[0].body))
	is(t, "trigger of the second attempt", int(s.attemptsOf(t, msg.Id, 2)[1].TriggerType), 1)
	done(t, s.client.Endpoint.Delete(t.Context(), s.app, ep.Id))
}

// recovers has messages given up, and has them delivered after all.
func (s *goSession) recovers(t *testing.T) {
	ctx, eps := t.Context(), s.client.Endpoint
	rcv := newReceiver(t, func(_ *arrival, earlier []*arrival) int {
		if len(earlier) < 2 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	ep := s.endpoint(t, &svix.EndpointIn{Url: rcv.url, FilterTypes: []string{"go.recover"}})
	s.server.call(t, "PATCH", "/app/"+s.app+"/endpoint/"+ep.Id, `{"retry":{"preset":"none"}}`, 200, nil)
	first := s.message(t, &svix.MessageIn{EventType: "go.recover", Payload: map[string]any{"n": 1.0}})
	s.message(t, &svix.MessageIn{EventType: "go.recover", Payload: map[string]any{"n": 2.0}})
	s.counts(t, ep.Id, svix.EndpointStats{Fail: 2})
	task := ok[*svix.RecoverOut](t)(eps.Recover(ctx, s.app, ep.Id, &svix.RecoverIn{Since: first.Timestamp}))
	is(t, "task", []string{string(task.Task), string(task.Status), task.Id[:6]}, []string{"endpoint.recover", "finished", "qtask_"})
	rcv.wait(t, 4)
	s.counts(t, ep.Id, svix.EndpointStats{Success: 2})
	until := first.Timestamp.Add(-time.Hour)
	since := until.Add(-time.Hour)
	none := ok[*svix.EndpointStats](t)(eps.GetStatsWithOptions(ctx, s.app, ep.Id, svix.EndpointStatsOptions{Since: &since, Until: &until}))
	is(t, "counts of an hour before", none, svix.EndpointStats{})
	done(t, eps.Delete(ctx, s.app, ep.Id))
}

// counts waits until an endpoint's deliveries stand so.
func (s *goSession) counts(t *testing.T, ep string, want svix.EndpointStats) {
	t.Helper()
	eventually(t, func() bool {
		return *ok[*svix.EndpointStats](t)(s.client.Endpoint.GetStats(t.Context(), s.app, ep)) == want
	})
}
