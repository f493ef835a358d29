package fanfare_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

const binURL = "https://hooks.example.com/bin/abcdefghijklmnopqrstuvwxyz"

// A taker is what takes requests for bins.
type taker struct {
	mu     sync.Mutex
	all    []*http.Request
	bodies []string
	do     http.HandlerFunc // nil: it takes them
}

func (b *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.all, b.bodies = append(b.all, r), append(b.bodies, string(body))
	do := b.do
	b.mu.Unlock()
	if do != nil {
		do(w, r)
	}
}

func (b *taker) last() (*http.Request, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		return nil, ""
	}
	return b.all[len(b.all)-1], b.bodies[len(b.bodies)-1]
}

func withBins(b *taker) *fanfare.Options {
	return &fanfare.Options{
		BaseURL: "https://hooks.example.com", HTTPSOnly: true, Bins: &fanfare.Bins{At: "https://hooks.example.com/bin/", Serve: b},
	}
}

// TestEndpointsMayBeBins has an endpoint at the very host that is never sent to.
func TestEndpointsMayBeBins(t *testing.T) {
	b := &taker{do: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Took", "it")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, strings.Repeat("x", 100<<10))
	}}
	inBubble(t, withBins(b), func(t *testing.T, w *world) {
		ep := w.endpoint(fanfare.Endpoint{URL: binURL + "/deeper?q=1", Headers: map[string]string{"X-Own": "1"}, Success: fanfare.Success{Redirects: "follow_307_308"}})
		msg := w.send("record.created", map[string]int{"n": 1})
		time.Sleep(time.Second)
		a := w.attempts(msg)[0]
		if a.Status != 201 || a.Class != fanfare.ClassSuccess || len(a.ResponseBody) != 64<<10 || !a.Truncated || a.URL != binURL+"/deeper?q=1" {
			t.Errorf("the attempt ended %d %s with %d bytes", a.Status, a.Class, len(a.ResponseBody))
		}
		r, body := b.last()
		if r == nil || r.URL.Path != "/bin/abcdefghijklmnopqrstuvwxyz/deeper" || r.Header.Get("X-Own") != "1" || body != `{"n":1}` {
			t.Fatalf("it was sent %v, %s", r, body)
		}
		secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := webhook.NewVerifier(secret).Verify(r.Header, []byte(body), time.Now()); err != nil {
			t.Errorf("its signature: %v", err)
		}
		reach, err := w.hub.Reach(t.Context(), w.app.ID, binURL)
		if err != nil || reach.Class != fanfare.ClassSuccess || !reach.Connected || len(b.all) != 1 {
			t.Errorf("it is found %+v, %v, after %d requests", reach, err, len(b.all))
		}
	})
}

func TestNothingButBinsIsReachedSo(t *testing.T) {
	b := &taker{}
	inBubble(t, withBins(b), func(t *testing.T, w *world) {
		for _, url := range []string{
			"https://hooks.example.com/", "https://hooks.example.com/bin/", "https://hooks.example.com/bin/short", "https://hooks.example.com/bin/ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			"https://hooks.example.com/api/v1/app", binURL + "/../../api/v1/app", "https://hooks.example.com/bin/../api/v1/abcdefghijklmnopqrstuvwxyz",
			binURL + "#x", binURL + "/\\x", binURL + strings.Repeat("a", 64), "http://hooks.example.com/bin/abcdefghijklmnopqrstuvwxyz", "https://hooks.example.com:443/bin/abcdefghijklmnopqrstuvwxyz",
			"https://user@hooks.example.com/bin/abcdefghijklmnopqrstuvwxyz", "https://hooks.example.com.evil.example/bin/abcdefghijklmnopqrstuvwxyz/" + strings.Repeat("x", 3000),
		} {
			err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: url})
			if wrong := (*fanfare.InvalidError)(nil); !errors.As(err, &wrong) {
				t.Errorf("%s becomes an endpoint: %v", url, err)
			}
			if _, err := w.hub.SendRequest(t.Context(), &fanfare.Request{Method: "POST", URL: url}); err == nil {
				t.Errorf("%s is called by hand", url)
			}
		}
		if r, _ := b.last(); r != nil {
			t.Errorf("the bins were sent %v", r.URL)
		}
	})
}

func TestBinsThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		do   http.HandlerFunc
		want fanfare.Class
	}{
		"late":      {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, fanfare.ClassTimeout},
		"panicking": {func(http.ResponseWriter, *http.Request) { panic("oh") }, fanfare.ClassNetwork},
		"moved": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://hooks.example.com/api/v1/app", http.StatusTemporaryRedirect)
		}, fanfare.ClassRedirect},
		"refusing": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, fanfare.ClassStatus},
	} {
		t.Run(name, func(t *testing.T) {
			b := &taker{do: c.do}
			inBubble(t, withBins(b), func(t *testing.T, w *world) {
				w.endpoint(fanfare.Endpoint{URL: binURL, Retry: fanfare.Retry{Preset: "none"}, Success: fanfare.Success{Redirects: "follow_307_308"}})
				msg := w.send("a.b", 1)
				time.Sleep(time.Minute)
				if as := w.attempts(msg); len(as) != 1 || as[0].Class != c.want || len(b.all) != 1 {
					t.Errorf("there were %d attempts, of class %q, and %d requests", len(as), as[0].Class, len(b.all))
				}
			})
		})
	}
}

func TestRequestsByHand(t *testing.T) {
	b := &taker{}
	opt := withBins(b)
	opt.HTTPSOnly = false
	inBubble(t, opt, func(t *testing.T, w *world) {
		rcv := w.receiver("rcv.example", func(_ int, rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("X-Echo", r.Header.Get("X-Api-Key"))
			rw.WriteHeader(http.StatusAccepted)
			io.WriteString(rw, "key "+r.Header.Get("X-Api-Key"))
		})
		a, err := w.hub.SendRequest(t.Context(), &fanfare.Request{Method: "PUT", URL: rcv.url + "x", Header: []fanfare.Header{{"X-Api-Key", "opens-the-door"}, {"X-Plain", "1"}}, Body: []byte("\x00body")})
		if err != nil || a.Status != 202 || a.Class != fanfare.ClassSuccess || string(a.ResponseBody) != "key (not shown)" {
			t.Errorf("it ended %+v, %v", a, err)
		}
		for _, h := range a.RequestHeader {
			if strings.Contains(h.Value, "opens") {
				t.Errorf("%s is shown as %s", h.Name, h.Value)
			}
		}
		if r := rcv.requests()[0]; r.header.Get("X-Plain") != "1" || string(r.body) != "\x00body" {
			t.Errorf("it came as %+v", r)
		}
		if a, err := w.hub.SendRequest(t.Context(), &fanfare.Request{Method: "DELETE", URL: binURL + "?x=1"}); err != nil || a.Status != 200 {
			t.Errorf("into a bin it ended %+v, %v", a, err)
		}
		if r, _ := b.last(); r == nil || r.Method != "DELETE" || r.URL.RawQuery != "x=1" {
			t.Errorf("the bin got %v", r)
		}
		if a, err := w.hub.SendRequest(t.Context(), &fanfare.Request{Method: "GET", URL: "http://nobody.example/"}); err != nil || a.Status != 0 || a.Class == fanfare.ClassSuccess {
			t.Errorf("to nobody it ended %+v, %v", a, err)
		}
		for field, r := range map[string]fanfare.Request{
			"method":  {Method: "BREW", URL: rcv.url},
			"url":     {Method: "GET", URL: "ftp://rcv.example"},
			"headers": {Method: "GET", URL: rcv.url, Header: []fanfare.Header{{"Host", "x"}}},
			"body":    {Method: "POST", URL: rcv.url, Body: make([]byte, 2<<20)},
		} {
			_, err := w.hub.SendRequest(t.Context(), &r)
			if wrong := (*fanfare.InvalidError)(nil); !errors.As(err, &wrong) || wrong.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		for _, h := range []fanfare.Header{{"a b", "x"}, {"X", "a\r\nb: c"}, {"Transfer-Encoding", "chunked"}, {"X", strings.Repeat("x", 40<<10)}} {
			if _, err := w.hub.SendRequest(t.Context(), &fanfare.Request{Method: "GET", URL: rcv.url, Header: []fanfare.Header{h}}); err == nil {
				t.Errorf("%q is sent", h.Name)
			}
		}
	})
}

// TestRehearsals go through what messages go through, with a secret of the bin's.
func TestRehearsals(t *testing.T) {
	b := &taker{}
	inBubble(t, withBins(b), func(t *testing.T, w *world) {
		ca := nobody.issue(t, "CA")
		rcv := w.secure("rcv.example", ca.issue(t, "rcv.example"), nil)
		ep := w.endpoint(fanfare.Endpoint{
			URL: rcv.url, Format: "envelope", Auth: fanfare.Auth{CA: ca.text, Bearer: &fanfare.BearerAuth{Token: "opens-the-door"}},
			Headers: map[string]string{"X-Plain": "1", "X-Api-Key": "opens-too"},
		})
		msg := w.send("record.created", map[string]int{"n": 1})
		time.Sleep(time.Second)
		secret := webhook.GenerateSecret()
		r := fanfare.Rehearsal{URL: binURL, Secret: secret.Reveal(), Payload: []byte(`{"n":2}`), Headers: map[string]string{"x-plain": "2"}}
		a, err := w.hub.Rehearse(t.Context(), ep, msg, &r)
		if err != nil || a.Class != fanfare.ClassSuccess {
			t.Fatalf("it ended %+v, %v", a, err)
		}
		got, body := b.last()
		if !strings.Contains(body, `"data":{"n":2}`) || got.Header.Get("X-Plain") != "2" || got.Header.Get("Authorization") != "" || got.Header.Get("X-Api-Key") != "(not shown)" {
			t.Errorf("it was sent %v %s", got.Header, body)
		}
		if _, err := webhook.NewVerifier(secret).Verify(got.Header, []byte(body), time.Now()); err != nil {
			t.Errorf("its signature: %v", err)
		}
		own, _ := webhook.ParseSecret(ep.Secrets[0].Text)
		if _, err := webhook.NewVerifier(own).Verify(got.Header, []byte(body), time.Now()); err == nil {
			t.Error("the endpoint's own secret has signed it")
		}
		if as := w.attempts(msg); len(as) != 1 || len(rcv.requests()) != 1 {
			t.Errorf("%d attempts are stored, and the receiver got %d requests", len(as), len(rcv.requests()))
		}
		for field, change := range map[string]func(r *fanfare.Rehearsal){
			"url":     func(r *fanfare.Rehearsal) { r.URL = rcv.url },
			"secret":  func(r *fanfare.Rehearsal) { r.Secret = "short" },
			"headers": func(r *fanfare.Rehearsal) { r.Headers = map[string]string{"Host": "x"} },
			"payload": func(r *fanfare.Rehearsal) { r.Payload = make([]byte, 2<<20) },
		} {
			bad := r
			change(&bad)
			_, err := w.hub.Rehearse(t.Context(), ep, msg, &bad)
			if wrong := (*fanfare.InvalidError)(nil); !errors.As(err, &wrong) || wrong.Field != field {
				t.Errorf("%s: %v", field, err)
			}
		}
		poller := w.endpoint(fanfare.Endpoint{Kind: fanfare.KindPoller, Paused: true})
		if _, err := w.hub.Rehearse(t.Context(), poller, msg, &r); err == nil {
			t.Error("what is for a poller is sent to a bin")
		}
		if len(b.all) != 1 {
			t.Errorf("the bin got %d requests", len(b.all))
		}
	})
}

func TestOneEndpointAloneIsSentAMessage(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		one, other := w.receiver("one.example", nil), w.receiver("other.example", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: one.url, EventTypes: []string{"never.sent"}})
		w.endpoint(fanfare.Endpoint{URL: other.url})
		et := &fanfare.EventType{Name: "checked", Schemas: []byte(`{"1":{"type":"object"}}`), Validation: fanfare.ValidationReject}
		if err := w.hub.CreateEventType(t.Context(), et); err != nil {
			t.Fatal(err)
		}
		if err := w.hub.SendTo(t.Context(), ep, &fanfare.Message{EventType: "checked", Payload: []byte(`1`)}); err == nil {
			t.Error("what the schema does not allow is taken")
		}
		if err := w.hub.SendTo(t.Context(), ep, &fanfare.Message{EventType: "checked", Payload: []byte(`{ }`)}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := one.bodies(); len(got) != 1 || got[0] != `{ }` || len(other.bodies()) != 0 {
			t.Errorf("it got %q, the other %q", got, other.bodies())
		}
		if err := w.hub.SendTo(t.Context(), ep, &fanfare.Message{EventType: "checked", EventTypeVersion: 99, Payload: []byte(`{ }`)}); err == nil {
			t.Error("a version that the type does not have is taken")
		}
		later := fanfare.Message{EventType: "checked", EventID: "once", DeliverAt: time.Now().Add(time.Hour), Payload: []byte(`{"later":1}`)}
		for _, want := range []error{nil, fanfare.ErrExists} {
			msg := later
			if err := w.hub.SendTo(t.Context(), ep, &msg); !errors.Is(err, want) {
				t.Errorf("with an event id: %v, want %v", err, want)
			}
		}
		time.Sleep(time.Hour - time.Second)
		if got := one.bodies(); len(got) != 1 {
			t.Errorf("before its time it got %q", got)
		}
		time.Sleep(2 * time.Second)
		if got := one.bodies(); len(got) != 2 || got[1] != `{"later":1}` {
			t.Errorf("at its time it has %q", got)
		}
	})
}

// TestNobodyTriesOutAllThatMayBe has an application hold as many rehearsals open as it may,
// and then others; the next are told to come again, and not that anything is wrong.
func TestNobodyTriesOutAllThatMayBe(t *testing.T) {
	hold := make(chan struct{})
	b := &taker{do: func(http.ResponseWriter, *http.Request) { <-hold }}
	inBubble(t, withBins(b), func(t *testing.T, w *world) {
		hold = make(chan struct{})
		var eps []*fanfare.Endpoint
		for i := range 6 {
			app := &fanfare.Application{Name: fmt.Sprintf("Shop %d", i)}
			if err := w.hub.CreateApplication(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			ep := &fanfare.Endpoint{Application: app.ID, URL: binURL}
			if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			eps = append(eps, ep)
		}
		rehearse := func(ep *fanfare.Endpoint) error {
			msg := &fanfare.Message{ID: "msg_", Application: ep.Application, EventType: "a.b"}
			_, err := w.hub.Rehearse(t.Context(), ep, msg, &fanfare.Rehearsal{URL: binURL, Secret: webhook.GenerateSecret().Reveal(), Payload: []byte("{}")})
			return err
		}
		busy := func(err error, who string) {
			t.Helper()
			if wrong := (*fanfare.InvalidError)(nil); !errors.Is(err, fanfare.ErrBusy) || errors.As(err, &wrong) {
				t.Errorf("%s is told %v", who, err)
			}
		}
		var held sync.WaitGroup
		for _, ep := range eps[:4] {
			for range 4 {
				held.Go(func() {
					if err := rehearse(ep); err != nil {
						t.Errorf("within its quarter: %v", err)
					}
				})
			}
			synctest.Wait()
			busy(rehearse(ep), "one who has a quarter")
		}
		busy(rehearse(eps[4]), "another, of all there are,")
		_, err := w.hub.SendRequest(t.Context(), &fanfare.Request{Method: "POST", URL: binURL})
		busy(err, "the operator")
		_, err = w.hub.Reach(t.Context(), eps[5].Application, "https://example.com/")
		busy(err, "one who looks at a URL")
		close(hold)
		held.Wait()
		if err := rehearse(eps[0]); err != nil {
			t.Errorf("after that: %v", err)
		}
	})
}
