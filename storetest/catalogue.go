package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

var catalogueTests = []test{
	{"applications are picked by their endpoints", applicationsByEndpoints},
	{"an application comes back as it was stored", applicationComesBack},
	{"an endpoint comes back as it was stored", endpointComesBack},
	{"a uid stands for an id", uidStandsForID},
	{"an application's uid is taken once", applicationUIDTaken},
	{"an endpoint's uid is taken once an application", endpointUIDTaken},
	{"what is not there cannot be changed", changeUnknown},
	{"what is another's is not found like what never was", anothersNotFound},
	{"no reference is a fault", oddReferences},
	{"ordering and unordering gives what waits its new rank", orderingFlips},
	{"SetFailingSince touches nothing else", setFailingSince},
	{"an update leaves a run of failures, or ends it", updateFailing},
	{"an endpoint takes its deliveries and attempts with it", deleteEndpoint},
	{"an application takes all that is its own with it", deleteApplication},
	{"nothing is shared with the caller", nothingShared},
}

func applicationComesBack(w *world) {
	app := &fanfare.Application{
		ID: "app_01JCQ4E2M07000G00000000004", UID: "acme", Name: "Acme & Söhne\t“日本”", RateLimit: 7, AlertEmail: "yogi@example.com",
		Metadata:  map[string]string{"plan": "gold", "": "empty key", "empty": ""},
		CreatedAt: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("", 3600)),
		UpdatedAt: time.Date(2261, 3, 1, 12, 0, 0, 1, time.UTC),
	}
	w.ok(w.store.CreateApplication(w.Context(), app))
	check := func() {
		w.Helper()
		got, err := w.store.Application(w.Context(), string(app.ID))
		w.ok(err)
		same(w, "application", got, cloneApplication(app))
	}
	check()
	app.UID, app.Name, app.RateLimit, app.Metadata, app.AlertEmail, app.UpdatedAt = "", "B", 0, nil, "", app.UpdatedAt.Add(time.Hour)
	w.ok(w.store.UpdateApplication(w.Context(), app))
	check()
	w.reopen()
	check()
}

func endpointComesBack(w *world) {
	app := w.application("")
	ep := w.endpoint(app, func(ep *fanfare.Endpoint) {
		ep.UID, ep.Description = "main", "the “main” one\n"
		ep.Metadata = map[string]string{"a": "b"}
		ep.EventTypes, ep.Channels = []string{"record.*", "user.created", "a"}, []string{"z", "eu", "a"}
		ep.Secrets = []fanfare.Secret{{Text: "whsec_one"}, {Text: "whsec_two", ExpiresAt: time.Unix(5e9, 1999).UTC()}}
		ep.Headers = map[string]string{"X-Token": `"\'%_`, "x-b": ""}
		ep.Format = "cloudevents-binary"
		ep.Signature, ep.IncludeApplication = "stripe", true
		ep.Debounce = 1500 * time.Millisecond
		ep.Batch = fanfare.Batching{Size: 500, Window: 1500 * time.Microsecond}
		ep.Ordered, ep.RateLimit, ep.MaxInFlight, ep.Timeout = true, 9, 3, 1500*time.Microsecond
		ep.Retry = fanfare.Retry{Delays: []time.Duration{time.Second, 30 * 24 * time.Hour, time.Second}}
		ep.Success = fanfare.Success{Preset: "slack", Statuses: "200-207,304", Contains: `"ok":true`, Lacks: "é", Redirects: "follow"}
		ep.Auth = fanfare.Auth{
			Basic: &fanfare.BasicAuth{Username: "ü", Password: ":"}, Bearer: &fanfare.BearerAuth{Token: "t"},
			OAuth2: &fanfare.OAuth2{
				TokenURL: "https://example.com/token", ClientID: "c", ClientSecret: "s", Scopes: []string{"b", "a"}, Audience: "d", Style: "body",
			},
			Certificate: "-----BEGIN\n", Key: "k", CA: "\n",
		}
		ep.OnPause, ep.OrderingKey = "cancel", "/a~1b/0"
		ep.Paused, ep.Disabled, ep.DisabledReason = true, true, "it answered 410"
		ep.FailingSince = time.Unix(1.7e9, 1500).UTC()
	})
	check := func() {
		w.Helper()
		got, err := w.store.Endpoint(w.Context(), app.ID, string(ep.ID))
		w.ok(err)
		same(w, "endpoint", got, cloneEndpoint(ep))
		list, err := w.store.Endpoints(w.Context(), app.ID, everything)
		w.ok(err)
		same(w, "endpoints", list, []*fanfare.Endpoint{cloneEndpoint(ep)})
	}
	check()
	*ep = fanfare.Endpoint{
		ID: ep.ID, Application: app.ID, URL: "https://example.org", Retry: fanfare.Retry{Preset: "fulcrum"},
		CreatedAt: ep.CreatedAt, UpdatedAt: ep.UpdatedAt.Add(time.Hour),
	}
	w.ok(w.store.UpdateEndpoint(w.Context(), ep))
	check()
	w.reopen()
	check()
}

func uidStandsForID(w *world) {
	a, b := w.application("acme"), w.application("")
	main := w.endpoint(a, func(ep *fanfare.Endpoint) { ep.UID = "main" })
	other := w.endpoint(b, func(ep *fanfare.Endpoint) { ep.UID = "main" })
	for _, ref := range []string{"acme", string(a.ID)} {
		got, err := w.store.Application(w.Context(), ref)
		w.ok(err)
		same(w, ref, got, cloneApplication(a))
	}
	for _, ep := range []*fanfare.Endpoint{main, other} {
		got, err := w.store.Endpoint(w.Context(), ep.Application, "main")
		w.ok(err)
		same(w, "endpoint main", got, cloneEndpoint(ep))
	}
	// Uids are told apart by case, and one that is given up is free.
	_, err := w.store.Application(w.Context(), "ACME")
	w.is(err, fanfare.ErrNotFound)
	a.UID = "acme2"
	w.ok(w.store.UpdateApplication(w.Context(), a))
	_, err = w.store.Application(w.Context(), "acme")
	w.is(err, fanfare.ErrNotFound)
	w.application("acme")
}

func applicationUIDTaken(w *world) {
	a, b := w.application("acme"), w.application("")
	w.application("") // none at all is not a uid
	id, at := w.stamp("app_")
	again := &fanfare.Application{ID: fanfare.ApplicationID(id), UID: "acme", Name: "C", CreatedAt: at, UpdatedAt: at}
	w.is(w.store.CreateApplication(w.Context(), again), fanfare.ErrExists)
	_, err := w.store.Application(w.Context(), id)
	w.is(err, fanfare.ErrNotFound)

	b.UID = "acme"
	w.is(w.store.UpdateApplication(w.Context(), b), fanfare.ErrExists)
	w.ok(w.store.UpdateApplication(w.Context(), a)) // its own
	w.ok(w.store.DeleteApplication(w.Context(), a.ID))
	w.ok(w.store.UpdateApplication(w.Context(), b))
}

func endpointUIDTaken(w *world) {
	app := w.application("")
	named := func(ep *fanfare.Endpoint) { ep.UID = "main" }
	main, second := w.endpoint(app, named), w.endpoint(app)
	w.endpoint(app)
	w.endpoint(w.application(""), named)
	id, at := w.stamp("ep_")
	again := &fanfare.Endpoint{ID: fanfare.EndpointID(id), Application: app.ID, UID: "main", URL: "https://example.com", CreatedAt: at, UpdatedAt: at}
	w.is(w.store.CreateEndpoint(w.Context(), again), fanfare.ErrExists)

	second.UID, second.URL = "main", "https://example.net"
	w.is(w.store.UpdateEndpoint(w.Context(), second), fanfare.ErrExists)
	got, err := w.store.Endpoint(w.Context(), app.ID, string(second.ID))
	w.ok(err)
	same(w, "URL after a refused update", got.URL, "https://example.com/in")
	w.ok(w.store.UpdateEndpoint(w.Context(), main))
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, main.ID))
	w.ok(w.store.UpdateEndpoint(w.Context(), second))
}

func changeUnknown(w *world) {
	ctx := w.Context()
	app := w.application("")
	id, at := w.stamp("app_")
	none := &fanfare.Application{ID: fanfare.ApplicationID(id), Name: "N", CreatedAt: at, UpdatedAt: at}
	w.is(w.store.UpdateApplication(ctx, none), fanfare.ErrNotFound)
	w.is(w.store.DeleteApplication(ctx, none.ID), fanfare.ErrNotFound)
	ep := &fanfare.Endpoint{ID: "ep_01JCQ4E2M07000G00000000004", Application: none.ID, URL: "https://example.com"}
	w.is(w.store.CreateEndpoint(ctx, ep), fanfare.ErrNotFound)
	ep.Application = app.ID
	w.is(w.store.UpdateEndpoint(ctx, ep), fanfare.ErrNotFound)
	w.is(w.store.DeleteEndpoint(ctx, app.ID, ep.ID), fanfare.ErrNotFound)
	w.ok(w.store.SetFailingSince(ctx, ep.ID, at))
	list, err := w.store.Endpoints(ctx, none.ID, everything)
	w.ok(err)
	same(w, "endpoints of no application", list, nil)
}

// anothersNotFound asks for everything that can be named, once as another
// application and once by an identifier that never was, and wants one answer.
func anothersNotFound(w *world) {
	mine, theirs := w.application(""), w.application("")
	ep := w.endpoint(theirs, func(ep *fanfare.Endpoint) { ep.UID = "main" })
	msg := w.accept(w.draft(theirs, func(m *fanfare.Message) { m.EventID = "order-1" }), ep)
	attempt := w.record(msg, ep, fanfare.GivenUp)
	before := w.photograph(theirs)

	own, ownMsg := w.endpoint(mine), w.message(mine)
	for name, ask := range notFound(mine.ID, own, ownMsg) {
		err := ask(w.Context(), w.store, ep.ID, msg.ID, attempt.ID)
		w.is(err, fanfare.ErrNotFound)
		unknown := ask(w.Context(), w.store, "ep_01JCQ4E2M07000G00000000004", "msg_01JCQ4E2M07000G00000000004", "atmpt_01JCQ4E2M07000G00000000004")
		if unknown == nil || unknown.Error() != err.Error() {
			w.Errorf("%s: another's is %q, unknown is %q", name, err, unknown)
		}
	}
	for _, ref := range []string{"main", "order-1"} {
		_, err := w.store.Endpoint(w.Context(), mine.ID, ref)
		w.is(err, fanfare.ErrNotFound)
		_, err = w.store.Message(w.Context(), mine.ID, ref)
		w.is(err, fanfare.ErrNotFound)
	}
	same(w, "what another application may not touch", w.photograph(theirs), before)
}

// notFound are the ways to name an endpoint, a message or an attempt.
func notFound(app fanfare.ApplicationID, own *fanfare.Endpoint, ownMsg *fanfare.Message) map[string]func(context.Context, fanfare.Store, fanfare.EndpointID, fanfare.MessageID, fanfare.AttemptID) error {
	type (
		store = fanfare.Store
		epID  = fanfare.EndpointID
		msgID = fanfare.MessageID
		atID  = fanfare.AttemptID
	)
	return map[string]func(context.Context, store, epID, msgID, atID) error{
		"Endpoint": func(ctx context.Context, s store, ep epID, _ msgID, _ atID) error {
			_, err := s.Endpoint(ctx, app, string(ep))
			return err
		},
		"UpdateEndpoint": func(ctx context.Context, s store, ep epID, _ msgID, _ atID) error {
			return s.UpdateEndpoint(ctx, &fanfare.Endpoint{ID: ep, Application: app, URL: "https://example.net", Ordered: true})
		},
		"DeleteEndpoint": func(ctx context.Context, s store, ep epID, _ msgID, _ atID) error {
			return s.DeleteEndpoint(ctx, app, ep)
		},
		"Resend of a message": func(ctx context.Context, s store, _ epID, msg msgID, _ atID) error {
			return s.Resend(ctx, app, &fanfare.Delivery{Message: msg, Endpoint: own.ID, Due: start})
		},
		"Resend to an endpoint": func(ctx context.Context, s store, ep epID, _ msgID, _ atID) error {
			return s.Resend(ctx, app, &fanfare.Delivery{Message: ownMsg.ID, Endpoint: ep, Due: start})
		},
		"Cancel": func(ctx context.Context, s store, _ epID, msg msgID, _ atID) error {
			_, err := s.Cancel(ctx, app, msg)
			return err
		},
		"CancelLane": func(ctx context.Context, s store, ep epID, _ msgID, _ atID) error {
			_, err := s.CancelLane(ctx, app, ep)
			return err
		},
		"Message": func(ctx context.Context, s store, _ epID, msg msgID, _ atID) error {
			_, err := s.Message(ctx, app, string(msg))
			return err
		},
		"ExpungePayload": func(ctx context.Context, s store, _ epID, msg msgID, _ atID) error {
			return s.ExpungePayload(ctx, app, msg)
		},
		"Attempt of a message": func(ctx context.Context, s store, _ epID, msg msgID, a atID) error {
			_, err := s.Attempt(ctx, app, msg, a)
			return err
		},
		"Attempt": func(ctx context.Context, s store, _ epID, _ msgID, a atID) error {
			_, err := s.Attempt(ctx, app, ownMsg.ID, a)
			return err
		},
	}
}

// oddReferences looks for what cannot be there: it must not be found, rather
// than break a query.
func oddReferences(w *world) {
	app := w.application("")
	w.endpoint(app)
	w.message(app)
	for _, ref := range []string{
		"", ".", "/", "%00", "\x00", "a\x00b", "\xff\xfe", "__proto__", "constructor", "\u202e", "🎺", "%", "_", "*", "' OR ''='",
		"app_", "ep_", "msg_", "msg_01JCQ4E2M07000G0000000000", "app_ZZZZZZZZZZZZZZZZZZZZZZZZZZ", strings.ToLower(string(app.ID)),
		strings.Repeat("a", 65), strings.Repeat("x", 100_000),
	} {
		_, err := w.store.Application(w.Context(), ref)
		w.is(err, fanfare.ErrNotFound)
		_, err = w.store.Endpoint(w.Context(), app.ID, ref)
		w.is(err, fanfare.ErrNotFound)
		_, err = w.store.Message(w.Context(), app.ID, ref)
		w.is(err, fanfare.ErrNotFound)
		_, err = w.store.EventType(w.Context(), ref)
		w.is(err, fanfare.ErrNotFound)
		_, err = w.store.Attempt(w.Context(), app.ID, fanfare.MessageID(ref), fanfare.AttemptID(ref))
		w.is(err, fanfare.ErrNotFound)
		_, err = w.store.Answer(w.Context(), ref, ref)
		w.is(err, fanfare.ErrNotFound)
		_, err = w.store.Setting(w.Context(), ref)
		w.is(err, fanfare.ErrNotFound)
		w.is(w.store.DeleteEndpoint(w.Context(), app.ID, fanfare.EndpointID(ref)), fanfare.ErrNotFound)
		w.is(w.store.DeleteApplication(w.Context(), fanfare.ApplicationID(ref)), fanfare.ErrNotFound)
	}
}

var _ testing.TB = (*world)(nil)
