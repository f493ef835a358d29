package fanfare_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A listener is a function that notes what it is called with.
type listener struct {
	mu    sync.Mutex
	got   []string // payloads
	times []time.Time
	do    func(ctx context.Context, n int, msg *fanfare.Message) error // nil: takes all; n counts from 1
}

func (l *listener) call(ctx context.Context, msg *fanfare.Message) error {
	l.mu.Lock()
	l.got, l.times = append(l.got, string(msg.Payload)), append(l.times, time.Now())
	n := len(l.got)
	l.mu.Unlock()
	if l.do == nil {
		return nil
	}
	return l.do(ctx, n, msg)
}

func (l *listener) payloads() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// subscribe gives fn what is of the type record.*, under the name "log".
func (w *world) subscribe(l *listener, ep fanfare.Endpoint) *fanfare.Endpoint {
	w.t.Helper()
	ep.Application, ep.UID = "acme", "log"
	if ep.EventTypes == nil {
		ep.EventTypes = []string{"record.*"}
	}
	if err := w.hub.Subscribe(w.t.Context(), &ep, l.call); err != nil {
		w.t.Fatal(err)
	}
	return &ep
}

func TestAFunctionIsCalledWithWhatItWants(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := &listener{}
		ep := w.subscribe(l, fanfare.Endpoint{})
		msg := w.send("record.created", 1)
		w.send("other", 2)
		time.Sleep(time.Second)
		if got := l.payloads(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("called with %v", got)
		}
		as := w.attempts(msg)
		if len(as) != 1 || as[0].Class != fanfare.ClassSuccess || as[0].URL != "function:log" || as[0].State != fanfare.Delivered {
			t.Fatalf("attempts %+v", as)
		}
		if what := as[0].Explanation(); !strings.Contains(what, "The function returned") {
			t.Errorf("explained as %q", what)
		}
		all, err := w.hub.Endpoints(t.Context(), w.app.ID, fanfare.Page{Limit: 10})
		if err != nil || len(all) != 1 || all[0].Kind != fanfare.KindFunction || all[0].ID != ep.ID {
			t.Errorf("endpoints %+v, %v", all, err)
		}
		if err := w.hub.Resend(t.Context(), msg, ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := l.payloads(); !slices.Equal(got, []string{"1", "1"}) {
			t.Errorf("after a resend, called with %v", got)
		}
	})
}

func TestAFunctionThatFailsIsCalledAgainByThePlan(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := &listener{do: func(ctx context.Context, n int, _ *fanfare.Message) error {
			switch n {
			case 1:
				return errors.New("the index is away")
			case 2:
				panic("out of luck")
			case 3:
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}}
		w.subscribe(l, fanfare.Endpoint{Timeout: 7 * time.Second})
		msg := w.send("record.created", 1)
		time.Sleep(time.Hour)
		var got []string
		for _, a := range w.attempts(msg) {
			got = append(got, fmt.Sprintf("%s %s", a.Class, a.Detail))
		}
		want := []string{"function the index is away", "function panic: out of luck", "timeout context deadline exceeded", "success "}
		if !slices.Equal(got, want) {
			t.Errorf("attempts %q, want %q", got, want)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		var times []time.Duration
		for _, at := range l.times {
			times = append(times, at.Sub(w.start))
		}
		first := 5*time.Second + 5*time.Minute
		if want := []time.Duration{0, 5 * time.Second, first, first + 7*time.Second + 30*time.Minute}; !slices.Equal(times, want) {
			t.Errorf("called at %v, want %v", times, want)
		}
	})
}

func TestDeliveriesWaitWhileThereIsNoFunction(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		failing := &listener{do: func(context.Context, int, *fanfare.Message) error { return errors.New("not yet") }}
		w.subscribe(failing, fanfare.Endpoint{Ordered: true})
		first := w.send("record.created", 1)
		time.Sleep(time.Second)
		w.close()
		w.run(nil) // a new start, of a program that does not subscribe at once
		w.send("record.created", 2)
		time.Sleep(24 * time.Hour)
		if got := w.attempts(first); len(got) != 1 || got[0].State != fanfare.Waiting {
			t.Fatalf("attempts meanwhile %+v", got)
		}
		l := &listener{}
		w.subscribe(l, fanfare.Endpoint{Ordered: true})
		time.Sleep(time.Second)
		if got := l.payloads(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("called with %v", got)
		}
		next := &listener{}
		w.subscribe(next, fanfare.Endpoint{Ordered: true})
		w.send("record.created", 3)
		time.Sleep(time.Second)
		if got := next.payloads(); len(l.payloads()) != 2 || !slices.Equal(got, []string{"3"}) {
			t.Errorf("the function that took its place was called with %v, the one before with %v", got, l.payloads())
		}
	})
}

func TestSubscribingAgainStoresWhatTheProgramSaysAndLeavesTheRest(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := &listener{}
		ep := w.subscribe(l, fanfare.Endpoint{})
		ep.Description = "by an operator"
		if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		again := w.subscribe(l, fanfare.Endpoint{EventTypes: []string{"other"}, RateLimit: 5})
		now := w.reload(ep)
		if again.ID != ep.ID || !now.Paused || now.Description == "" || now.RateLimit != 5 || !slices.Equal(now.EventTypes, []string{"other"}) {
			t.Errorf("stored is %+v", now)
		}
	})
}

func TestWhatCannotBeSubscribed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{UID: "taken", URL: rcv.url})
		fn := (&listener{}).call
		for _, c := range []struct {
			ep    fanfare.Endpoint
			fn    fanfare.Function
			field string
			is    error
		}{
			{fanfare.Endpoint{Application: "acme", UID: "a"}, nil, "function", nil},
			{fanfare.Endpoint{Application: "acme"}, fn, "uid", nil},
			{fanfare.Endpoint{Application: "acme", UID: "a", Kind: fanfare.KindPoller}, fn, "kind", nil},
			{fanfare.Endpoint{Application: "acme", UID: "a", Format: "form"}, fn, "format", nil},
			{fanfare.Endpoint{Application: "acme", UID: "a", Batch: fanfare.Batching{Size: 2, Window: time.Second}}, fn, "batch", nil},
			{fanfare.Endpoint{Application: "nobody", UID: "a"}, fn, "", fanfare.ErrNotFound},
			{fanfare.Endpoint{Application: "acme", UID: "taken"}, fn, "", fanfare.ErrExists},
		} {
			err := w.hub.Subscribe(t.Context(), &c.ep, c.fn)
			var invalid *fanfare.InvalidError
			if c.is != nil && !errors.Is(err, c.is) || c.field != "" && (!errors.As(err, &invalid) || invalid.Field != c.field) {
				t.Errorf("%+v: %v; want %q or %v", c.ep, err, c.field, c.is)
			}
		}
		var invalid *fanfare.InvalidError
		err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, UID: "a", Kind: fanfare.KindFunction})
		if !errors.As(err, &invalid) || invalid.Field != "kind" {
			t.Errorf("made without a function: %v", err)
		}
	})
}

// TestAFunctionStaysOneAndNothingElseBecomesOne changes the kind of endpoints.
func TestAFunctionStaysOneAndNothingElseBecomesOne(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		l := &listener{}
		function := w.subscribe(l, fanfare.Endpoint{})
		rcv := w.receiver("a.test", nil)
		webhook := w.endpoint(fanfare.Endpoint{UID: "hook", URL: rcv.url})
		poller := w.endpoint(fanfare.Endpoint{UID: "poll", Kind: fanfare.KindPoller})
		for _, c := range []struct {
			of     *fanfare.Endpoint
			kind   string
			reason string
		}{
			{function, "", "stays one"},
			{function, fanfare.KindPoller, "stays one"},
			{webhook, fanfare.KindFunction, "Hub.Subscribe"},
			{poller, fanfare.KindFunction, "Hub.Subscribe"},
		} {
			ep, err := w.hub.Endpoint(t.Context(), c.of.Application, string(c.of.ID))
			if err != nil {
				t.Fatal(err)
			}
			ep.Kind, ep.URL = c.kind, rcv.url
			err = w.hub.UpdateEndpoint(t.Context(), ep)
			var invalid *fanfare.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != "kind" || !strings.Contains(invalid.Reason, c.reason) {
				t.Errorf("from %q to %q: %v; want a mistake in kind with %q", c.of.Kind, c.kind, err, c.reason)
			}
		}
		msg := w.send("record.created", 1)
		time.Sleep(time.Second)
		if got := l.payloads(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("the function was called with %v, want 1", got)
		}
		if got := rcv.bodies(); !slices.Equal(got, []string{string(msg.Payload)}) {
			t.Errorf("the webhook was sent %v, want 1", got)
		}
		for from, to := range map[string]string{"hook": fanfare.KindPoller, "poll": ""} { // these may change
			ep, err := w.hub.Endpoint(t.Context(), w.app.ID, from)
			if err != nil {
				t.Fatal(err)
			}
			ep.Kind, ep.URL = to, rcv.url
			if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
				t.Errorf("%s: %v", from, err)
			}
		}
	})
}

func TestACircleOfFunctionsEnds(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var ended error
		l := &listener{}
		l.do = func(ctx context.Context, n int, msg *fanfare.Message) error {
			next := &fanfare.Message{EventType: "record.changed", Payload: fmt.Append(nil, n)}
			if err := next.Follow(msg); err != nil {
				return err
			}
			errs, err := w.hub.SendBatch(ctx, "acme", []*fanfare.Message{next}, nil)
			if err == nil {
				l.mu.Lock()
				defer l.mu.Unlock()
				ended = errs[0]
			}
			return err
		}
		w.subscribe(l, fanfare.Endpoint{})
		w.send("record.created", 0)
		time.Sleep(time.Hour)
		l.mu.Lock()
		defer l.mu.Unlock()
		if got := len(l.got); got != fanfare.MaxHops+1 || !errors.Is(ended, fanfare.ErrLoop) {
			t.Errorf("called %d times, and then %v", got, ended)
		}
	})
}
