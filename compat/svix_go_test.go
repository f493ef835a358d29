package compat

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	svix "github.com/svix/svix-webhooks/go"
)

// goLater are the methods of the Go client, of the resources that are there,
// which cannot be called, and why.
var goLater = map[string]string{
	"Endpoint.ReplayMissing":               "this client loses the body, says that replayIn is required, and asks nothing of a server",
	"Endpoint.ReplayMissingWithOptions":    "this client loses the body, says that replayIn is required, and asks nothing of a server",
	"Endpoint.SendExample":                 "this client loses the body, and asks nothing of a server",
	"Endpoint.SendExampleWithOptions":      "this client loses the body, and asks nothing of a server",
	"Endpoint.TransformationGet":           "transformations come with the JavaScript sandbox",
	"Endpoint.TransformationPartialUpdate": "transformations come with the JavaScript sandbox",
}

// TestSvixGo is a session with the official Go client, which is told another
// address and nothing else.
func TestSvixGo(t *testing.T) {
	t.Parallel()
	s := newGoSession(t)
	t.Run("application", s.applications)
	t.Run("event type", s.eventTypes)
	t.Run("endpoint", s.endpoints)
	t.Run("endpoint secret", s.secrets)
	t.Run("endpoint headers", s.headers)
	t.Run("message", s.messages)
	t.Run("attempt", s.attempts)
	t.Run("resend", s.resends)
	t.Run("recover", s.recovers)
	t.Run("access", s.access)
	t.Run("operational", s.operational)
	t.Run("error", s.errors)
	t.Run("lost body", s.lostBodies)
	t.Run("lost answer", s.lostAnswers)
	t.Run("every method was called", s.coverage)
}

// A goSession is the client, the server it speaks to, and an application to
// work in.
type goSession struct {
	server *server
	client *svix.Svix
	calls  *calls
	app    string
}

func newGoSession(t *testing.T) *goSession {
	s := &goSession{server: startServer(t), calls: &calls{made: map[string]bool{}}}
	s.client = s.connect(t, s.server.key)
	app, err := s.client.Application.Create(t.Context(), &svix.ApplicationIn{Name: "Go"})
	if err != nil {
		t.Fatal(err)
	}
	s.app = app.Id
	return s
}

func (s *goSession) connect(t *testing.T, key string) *svix.Svix {
	at, err := url.Parse(s.server.url)
	if err != nil {
		t.Fatal(err)
	}
	return svix.New(key, &svix.SvixOptions{ServerUrl: at, HTTPClient: &http.Client{Transport: s.calls}})
}

// calls notes which methods of the client made requests.
type calls struct {
	made map[string]bool
	lose bool // the answer to the next request, after the server gave it
}

var clientMethod = regexp.MustCompile(`svix-webhooks/go\.\(\*(\w+)\)\.(\w+)$`)

// RoundTrip implements http.RoundTripper.
func (c *calls) RoundTrip(req *http.Request) (*http.Response, error) {
	stack := make([]uintptr, 64)
	frames := runtime.CallersFrames(stack[:runtime.Callers(1, stack)])
	for {
		frame, more := frames.Next()
		if m := clientMethod.FindStringSubmatch(frame.Function); m != nil {
			c.made[m[1]+"."+m[2]] = true
		}
		if !more {
			break
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if c.lose && err == nil {
		c.lose = false
		res.Body.Close()
		return nil, errors.New("the connection broke")
	}
	return res, err
}

// coverage fails for a method that was neither called nor is to come later.
func (s *goSession) coverage(t *testing.T) {
	left := map[string]bool{}
	for name := range goLater {
		left[name] = true
	}
	for _, resource := range []reflect.Type{
		reflect.TypeFor[*svix.Application](), reflect.TypeFor[*svix.Authentication](), reflect.TypeFor[*svix.Endpoint](), reflect.TypeFor[*svix.EventType](),
		reflect.TypeFor[*svix.Message](), reflect.TypeFor[*svix.MessageAttempt](), reflect.TypeFor[*svix.OperationalWebhookEndpoint](),
	} {
		for i := range resource.NumMethod() {
			name := resource.Elem().Name() + "." + resource.Method(i).Name
			if s.calls.made[name] == left[name] {
				t.Errorf("%s: called is %v, to come later is %v", name, s.calls.made[name], left[name])
			}
			delete(left, name)
		}
	}
	for name := range left {
		t.Errorf("the client has no method %s", name)
	}
}

// pages walks a list to its end, a page at a time, and returns the names of what
// it held.
func pages[L any](t *testing.T, fetch func(iterator *string) (*L, error), read func(*L) (names []string, next *string, done bool)) []string {
	t.Helper()
	var all []string
	var at *string
	for range 100 {
		page, err := fetch(at)
		if err != nil {
			t.Fatal(err)
		}
		names, next, done := read(page)
		all = append(all, names...)
		if done {
			return all
		}
		at = next
	}
	t.Fatal("the list has no end")
	return nil
}

func names[T any](list []T, name func(T) string) []string {
	out := []string{}
	for _, item := range list {
		out = append(out, name(item))
	}
	return out
}

// is fails the test unless got is what is wanted.
func is(t *testing.T, what string, got, want any) {
	t.Helper()
	if v := reflect.ValueOf(got); v.Kind() == reflect.Pointer && !v.IsNil() {
		got = v.Elem().Interface()
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %#v, want %#v", what, got, want)
	}
}

func ok[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(detail(err))
		}
		return v
	}
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(detail(err))
	}
}

// detail is an error with what the server said.
func detail(err error) string {
	var refused *svix.Error
	if errors.As(err, &refused) {
		return err.Error() + ": " + string(refused.Body())
	}
	return err.Error()
}

// refused fails the test unless err is the client's own kind, with a status and
// a word that the body holds.
func refused(t *testing.T, err error, status int, word string) {
	t.Helper()
	var e *svix.Error
	if !errors.As(err, &e) {
		t.Errorf("the error is %v, want the client's own", err)
		return
	}
	if e.Status() != status || !strings.Contains(string(e.Body()), word) {
		t.Errorf("refused with %d %s, want %d with %s", e.Status(), e.Body(), status, word)
	}
}

func (s *goSession) applications(t *testing.T) {
	ctx, apps := t.Context(), s.client.Application
	made := ok[*svix.ApplicationOut](t)(apps.Create(ctx, &svix.ApplicationIn{
		Name: "One", Uid: svix.String("one"), RateLimit: svix.Int32(7), Metadata: &map[string]string{"plan": "free"},
	}))
	is(t, "name", made.Name, "One")
	is(t, "uid", made.Uid, "one")
	is(t, "rate limit", made.RateLimit, int32(7))
	is(t, "metadata", made.Metadata, map[string]string{"plan": "free"})
	is(t, "prefix of the id", made.Id[:4], "app_")
	is(t, "by id", ok[*svix.ApplicationOut](t)(apps.Get(ctx, made.Id)), *made)
	is(t, "by uid", ok[*svix.ApplicationOut](t)(apps.Get(ctx, "one")), *made)
	is(t, "existing", ok[*svix.ApplicationOut](t)(apps.GetOrCreate(ctx, &svix.ApplicationIn{Name: "Other", Uid: svix.String("one")})), *made)
	two := ok[*svix.ApplicationOut](t)(apps.GetOrCreate(ctx, &svix.ApplicationIn{Name: "Two", Uid: svix.String("two")}))
	is(t, "made by get or create", two.Name, "Two")

	patched := ok[*svix.ApplicationOut](t)(apps.Patch(ctx, "one", &svix.ApplicationPatch{Name: svix.String("Uno"), RateLimit: *svix.NullableInt32(nil)}))
	is(t, "patched name", patched.Name, "Uno")
	is(t, "cleared rate limit", patched.RateLimit, (*int32)(nil))
	is(t, "metadata left alone", patched.Metadata, map[string]string{"plan": "free"})
	updated := ok[*svix.ApplicationOut](t)(apps.Update(ctx, "one", &svix.ApplicationIn{Name: "Eins", Uid: svix.String("eins")}))
	is(t, "id of the updated", updated.Id, made.Id)
	is(t, "replaced metadata", updated.Metadata, map[string]string{})
	_, err := apps.Get(ctx, "one")
	refused(t, err, http.StatusNotFound, `"not_found"`)
	is(t, "made by update", ok[*svix.ApplicationOut](t)(apps.Update(ctx, "three", &svix.ApplicationIn{Name: "Three"})).Uid, "three")

	limit, ascending := int32(2), svix.Ordering("ascending")
	list := pages(t, func(at *string) (*svix.ListResponseApplicationOut, error) {
		return apps.List(ctx, &svix.ApplicationListOptions{Iterator: at, Limit: &limit, Order: &ascending})
	}, func(l *svix.ListResponseApplicationOut) ([]string, *string, bool) {
		return names(l.Data, func(a svix.ApplicationOut) string { return a.Name }), l.Iterator.Get(), l.Done
	})
	is(t, "names of all", list, []string{"Demo", "Go", "Eins", "Two", "Three"})
	done(t, apps.Delete(ctx, "three"))
	_, err = apps.Get(ctx, "three")
	refused(t, err, http.StatusNotFound, `"not_found"`)
	refused(t, apps.Delete(ctx, "three"), http.StatusNotFound, `"not_found"`)
}

func (s *goSession) eventTypes(t *testing.T) {
	ctx, types := t.Context(), s.client.EventType
	schemas := map[string]any{"1": map[string]any{"type": "object", "title": "Created"}}
	made := ok[*svix.EventTypeOut](t)(types.Create(ctx, &svix.EventTypeIn{
		Name: "go.created", Description: "Something was created", GroupName: svix.String("go"), FeatureFlag: svix.String("beta"), Schemas: schemas,
	}))
	is(t, "schemas", made.Schemas, schemas)
	is(t, "group", made.GroupName, "go")
	is(t, "flag", made.FeatureFlag, "beta")
	is(t, "archived", made.Archived, false)
	is(t, "read", ok[*svix.EventTypeOut](t)(types.Get(ctx, "go.created")), *made)
	patched := ok[*svix.EventTypeOut](t)(types.Patch(ctx, "go.created", &svix.EventTypePatch{Deprecated: new(true), GroupName: *svix.NullableString(nil)}))
	is(t, "deprecated", patched.Deprecated, true)
	is(t, "cleared group", patched.GroupName, (*string)(nil))
	is(t, "description left alone", patched.Description, "Something was created")
	updated := ok[*svix.EventTypeOut](t)(types.Update(ctx, "go.created", &svix.EventTypeUpdate{Description: "Again"}))
	is(t, "replaced", []any{updated.Description, updated.Deprecated, len(updated.Schemas)}, []any{"Again", false, 0})
	for _, name := range []string{"go.deleted", "go.updated", "go.viewed"} {
		is(t, "made by update", ok[*svix.EventTypeOut](t)(types.Update(ctx, name, &svix.EventTypeUpdate{Description: name})).Name, name)
	}
	done(t, types.Delete(ctx, "go.viewed"))
	is(t, "archived by delete", ok[*svix.EventTypeOut](t)(types.Get(ctx, "go.viewed")).Archived, true)
	is(t, "unarchived", s.typeNames(t, false), []string{"go.created", "go.deleted", "go.updated"})
	is(t, "all", s.typeNames(t, true), []string{"go.created", "go.deleted", "go.updated", "go.viewed"})
	done(t, types.DeleteWithOptions(ctx, "go.viewed", &svix.EventTypeDeleteOptions{Expunge: new(true)}))
	_, err := types.Get(ctx, "go.viewed")
	refused(t, err, http.StatusNotFound, `"not_found"`)
	_, err = types.Create(ctx, &svix.EventTypeIn{Name: "go.created"})
	refused(t, err, http.StatusConflict, `"conflict"`)
	s.imports(t)
}

// imports takes in the webhooks of an OpenAPI document, as text and as an object.
func (s *goSession) imports(t *testing.T) {
	ctx, types := t.Context(), s.client.EventType
	const spec = `{"openapi":"3.1.0","webhooks":{"go.imported":{"post":{"summary":"Taken in","tags":["go"],"requestBody":{"content":{"application/json":{"schema":{"type":"object"}}}}}}}}`
	in := svix.EventTypeImportOpenApiIn{SpecRaw: svix.String(spec), DryRun: new(true)}
	dry := ok[*svix.EventTypeImportOpenApiOut](t)(types.ImportOpenApi(ctx, in))
	if len(dry.Data.Modified) != 0 || len(dry.Data.ToModify) != 1 {
		t.Fatalf("a dry run gives %+v", dry.Data)
	}
	would := dry.Data.ToModify[0]
	is(t, "would be", []any{would.Name, would.Description, *would.GroupName, would.Schemas}, []any{"go.imported", "Taken in", "go", map[string]any{"1": map[string]any{"type": "object"}}})
	_, err := types.Get(ctx, "go.imported")
	refused(t, err, http.StatusNotFound, `"not_found"`)
	in = svix.EventTypeImportOpenApiIn{SpecRaw: svix.String("openapi: 3.1.0\nwebhooks: {go.imported: {post: {summary: Taken in, tags: [go]}}}\n")}
	is(t, "imported", ok[*svix.EventTypeImportOpenApiOut](t)(types.ImportOpenApi(ctx, in)).Data.Modified, []string{"go.imported"})
	is(t, "read", ok[*svix.EventTypeOut](t)(types.Get(ctx, "go.imported")).Description, "Taken in")
	key := "go-import"
	for range 2 {
		in = svix.EventTypeImportOpenApiIn{Spec: map[string]any{"openapi": "3.1.0", "webhooks": map[string]any{"go.also": map[string]any{"post": map[string]any{}}}}}
		out := ok[*svix.EventTypeImportOpenApiOut](t)(types.ImportOpenApiWithOptions(ctx, in, &svix.PostOptions{IdempotencyKey: &key}))
		is(t, "as an object, and again under the same key", out.Data.Modified, []string{"go.also"})
	}
	_, err = types.ImportOpenApi(ctx, svix.EventTypeImportOpenApiIn{})
	refused(t, err, http.StatusBadRequest, `"bad_request"`)
}

func (s *goSession) typeNames(t *testing.T, archived bool) []string {
	limit := int32(2)
	return pages(t, func(at *string) (*svix.ListResponseEventTypeOut, error) {
		return s.client.EventType.List(t.Context(), &svix.EventTypeListOptions{Iterator: at, Limit: &limit, IncludeArchived: &archived, WithContent: new(true)})
	}, func(l *svix.ListResponseEventTypeOut) ([]string, *string, bool) {
		return names(l.Data, func(e svix.EventTypeOut) string { return e.Name }), l.Iterator.Get(), l.Done
	})
}

// attemptsOf waits until a message has n attempts, and returns them, the first
// first.
func (s *goSession) attemptsOf(t *testing.T, msg string, n int) []svix.MessageAttemptOut {
	t.Helper()
	var list *svix.ListResponseMessageAttemptOut
	eventually(t, func() bool {
		list = ok[*svix.ListResponseMessageAttemptOut](t)(s.client.MessageAttempt.ListByMsg(context.Background(), s.app, msg, nil))
		return len(list.Data) >= n
	})
	is(t, "number of attempts", len(list.Data), n)
	slices.Reverse(list.Data)
	return list.Data
}
