package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/client"
	"github.com/fanfarehq/fanfare/fanfarehttp"
	"github.com/fanfarehq/fanfare/fanfaretest"
)

const key = "fan_admin_for_these_tests"

// A world is a server, mounted at a path, and a client of it.
type world struct {
	t   *testing.T
	hub *fanfaretest.Hub
	*client.Client
	between func(n int, w http.ResponseWriter, r *http.Request, api http.Handler) // nil: nothing
	asked   []*http.Request
}

// inBubble runs a test against a server, on a clock and network of its own.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, hub: fanfaretest.New(t, nil)}
		api, err := fanfarehttp.New(w.hub.Hub, w.hub.Store, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		api = http.StripPrefix("/webhooks", api)
		w.hub.Serve("api.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.asked = append(w.asked, r)
			if w.between != nil {
				w.between(len(w.asked), rw, r, api)
				return
			}
			api.ServeHTTP(rw, r)
		}))
		w.Client = w.client(key, nil)
		test(t, w)
	})
}

func (w *world) client(key string, opt *client.Options) *client.Client {
	w.t.Helper()
	if opt == nil {
		opt = &client.Options{}
	}
	opt.HTTP = w.hub.Client()
	c, err := client.New("http://api.test/webhooks/", key, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) acme() *fanfare.Application {
	w.t.Helper()
	app := &fanfare.Application{Name: "Acme", UID: "acme", RateLimit: 7, Metadata: map[string]string{"a": "b"}, AlertEmail: "yogi@example.com"}
	if err := w.CreateApplication(w.t.Context(), app); err != nil {
		w.t.Fatal(err)
	}
	return app
}

func TestWhatIsSentArrivesAsItIs(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		rcv := w.hub.NewReceiver("acme", nil)
		at := time.Now().Add(time.Hour).UTC()
		msgs := []*fanfare.Message{
			{EventType: "record.created", Payload: []byte("{\"b\" :1.0,\n \"a\":\"<é>\"}"), EventID: "mine", Channels: []string{"c"}, Tags: []string{"t"}, OrderingKey: "k"},
			{EventType: "record.created", Payload: []byte("plain <text>"), ContentType: "text/plain"},
			{EventType: "no spaces", Payload: []byte("1")},
			{EventType: "record.created", Payload: []byte("1"), DeliverAt: at},
			{EventType: "record.created", Payload: []byte("\xff")},
		}
		errs, err := w.SendBatch(t.Context(), "acme", msgs, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"", "", "eventType", "", "payload"} {
			var invalid *fanfare.InvalidError
			if got := errors.As(errs[i], &invalid); got != (want != "") || got && invalid.Field != want {
				t.Errorf("message %d: %v; want a mistake in %q", i, errs[i], want)
			}
		}
		stored, err := w.hub.Message(t.Context(), rcv.Endpoint.Application, string(msgs[0].ID))
		if err != nil {
			t.Fatal(err)
		}
		if string(stored.Payload) != string(msgs[0].Payload) || stored.EventID != "mine" || !slices.Equal(stored.Channels, []string{"c"}) || !slices.Equal(stored.Tags, []string{"t"}) || stored.OrderingKey != "k" || !stored.CreatedAt.Equal(msgs[0].CreatedAt) {
			t.Errorf("stored is %+v, sent was %+v", stored, msgs[0])
		}
		got := rcv.WaitFor(3)
		slices.SortFunc(got, func(a, b fanfaretest.Request) int { return strings.Compare(a.ID, b.ID) })
		if string(got[1].Body) != "plain <text>" || got[1].Header.Get("Content-Type") != "text/plain" || got[2].At.Before(at) {
			t.Errorf("got %+v", got)
		}
		errs, err = w.SendBatch(t.Context(), "acme", msgs[:1], nil)
		if err != nil || !errors.Is(errs[0], fanfare.ErrExists) {
			t.Errorf("the same event id again: %v, %v", errs, err)
		}
	})
}

func TestARequestIsMadeAgainAndDoneOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		rcv := w.hub.NewReceiver("acme", nil)
		w.between = func(n int, rw http.ResponseWriter, r *http.Request, api http.Handler) {
			switch n {
			case 1:
				rw.WriteHeader(http.StatusBadGateway)
			case 2: // it is done, and the answer is lost
				api.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			case 3:
				rw.Header().Set("Retry-After", "3")
				rw.WriteHeader(http.StatusTooManyRequests)
			default:
				api.ServeHTTP(rw, r)
			}
		}
		begun := time.Now()
		msg, err := w.Send(t.Context(), "acme", "record.created", map[string]int{"n": 1})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); len(w.asked) != 4 || took < 3*time.Second || took > 5*time.Second {
			t.Errorf("asked %d times in %v", len(w.asked), took)
		}
		if got := rcv.WaitFor(1); got[0].ID != string(msg.ID) || string(got[0].Body) != `{"n":1}` {
			t.Errorf("got %+v", got)
		}
		w.hub.Settle()
		rcv.WaitFor(1)
	})
}

func TestPatienceEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.between = func(_ int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) { rw.WriteHeader(503) }
		var refused *client.Error
		begun := time.Now()
		if _, err := w.Send(t.Context(), "acme", "a", 1); !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took < 12*time.Second || took > 15*time.Second {
			t.Errorf("gave up after %v", took)
		}
		w.asked = nil
		if _, err := w.client(key, &client.Options{Patience: client.Never}).Send(t.Context(), "acme", "a", 1); err == nil || len(w.asked) != 1 {
			t.Errorf("%v after %d requests", err, len(w.asked))
		}
		w.asked = nil
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Application(ctx, "acme"); err == nil || time.Since(begun) > 17*time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

func TestErrorsAreThoseOfAHub(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		app := w.acme()
		_, absent := w.Application(t.Context(), "nobody")
		_, unsent := w.Send(t.Context(), "nobody", "a.b", 1)
		_, denied := w.client("fan_admin_not_this_one", nil).Application(t.Context(), "acme")
		for what, c := range map[string]struct{ got, want error }{
			"no application":    {absent, fanfare.ErrNotFound},
			"sending to nobody": {unsent, fanfare.ErrNotFound},
			"uid taken":         {w.CreateApplication(t.Context(), &fanfare.Application{Name: "Other", UID: app.UID}), fanfare.ErrExists},
			"unknown key":       {denied, client.ErrAccess},
		} {
			if !errors.Is(c.got, c.want) {
				t.Errorf("%s: %v; want %v", what, c.got, c.want)
			}
		}
		var invalid *fanfare.InvalidError
		err := w.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: "acme", URL: "ftp://example.com", RateLimit: -1})
		if !errors.As(err, &invalid) || invalid.Field != "url" || !strings.Contains(err.Error(), "rateLimit") {
			t.Errorf("two mistakes: %v", err)
		}
		err = w.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: "acme", URL: "https://example.com/", Debounce: time.Second})
		if !errors.As(err, &invalid) || invalid.Field != "Debounce" {
			t.Errorf("what it does not set: %v", err)
		}
		over := slices.Repeat([]*fanfare.Message{{EventType: "a", Payload: []byte("1")}}, 1001)
		if _, err := w.SendBatch(t.Context(), "acme", over, nil); !errors.As(err, &invalid) {
			t.Errorf("1001 messages: %v", err)
		}
		for _, server := range []string{"", "localhost:8080", "ftp://a"} {
			if _, err := client.New(server, key, nil); !errors.As(err, &invalid) {
				t.Errorf("%q: %v", server, err)
			}
		}
	})
}

func TestApplicationsAndEndpoints(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		app := w.acme()
		for i := range 3 {
			ep := &fanfare.Endpoint{
				Application: "acme", UID: fmt.Sprint("e", i), URL: "http://receiver.test/", EventTypes: []string{"record.*"}, Ordered: true,
				Timeout: 5 * time.Second, Headers: map[string]string{"X-A": "1"}, RateLimit: 9,
			}
			if err := w.CreateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			stored, err := w.hub.Endpoint(t.Context(), app.ID, string(ep.ID))
			if err != nil || stored.Secrets[0].Text != ep.Secrets[0].Text || stored.Timeout != ep.Timeout || !stored.Ordered || stored.Headers["X-A"] != "1" || stored.RateLimit != 9 {
				t.Errorf("stored is %+v, %v", stored, err)
			}
		}
		var uids []string
		for after := ""; ; {
			eps, next, err := w.Endpoints(t.Context(), "acme", fanfare.Page{Limit: 2, Ascending: true, After: after})
			if err != nil {
				t.Fatal(err)
			}
			for _, ep := range eps {
				uids = append(uids, ep.UID)
			}
			if after = next; next == "" {
				break
			}
		}
		if !slices.Equal(uids, []string{"e0", "e1", "e2"}) {
			t.Errorf("listed are %v", uids)
		}
		ep, err := w.Endpoint(t.Context(), "acme", "e1")
		if err != nil || ep.Timeout != 5*time.Second || !ep.Ordered || ep.Kind != "" {
			t.Errorf("%+v, %v", ep, err)
		}
		if err := w.DeleteEndpoint(t.Context(), "acme", "e1"); err != nil {
			t.Error(err)
		}
		if _, err := w.Endpoint(t.Context(), "acme", "e1"); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("after its deletion: %v", err)
		}
		apps, next, err := w.Applications(t.Context(), fanfare.Page{})
		if err != nil || next != "" || len(apps) != 1 || apps[0].ID != app.ID || apps[0].RateLimit != 7 || apps[0].AlertEmail != "yogi@example.com" || apps[0].Metadata["a"] != "b" {
			t.Errorf("applications %+v, %q, %v", apps, next, err)
		}
		if err := w.DeleteApplication(t.Context(), "acme"); err != nil {
			t.Error(err)
		}
	})
}

func TestAnAnswerOfAnotherServer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.between = func(_ int, rw http.ResponseWriter, _ *http.Request, _ http.Handler) { io.WriteString(rw, "<html>") }
		if _, err := w.Application(t.Context(), "acme"); err == nil || !strings.Contains(err.Error(), "does not answer as a Fanfare server does") {
			t.Errorf("%v", err)
		}
	})
}
