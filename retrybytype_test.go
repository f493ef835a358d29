package fanfare_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// own is a plan of one retry after so long, by which a test tells who was asked.
func own(delay string) fanfare.Retry { return fanfare.Retry{Delays: spans(delay)} }

// TestWhoDecidesWhenToTryAgain goes through all who may say something, and sees who
// is obeyed in what is really sent.
func TestWhoDecidesWhenToTryAgain(t *testing.T) {
	byType := map[string]fanfare.Retry{"record.*": own("2s"), "record.created": own("1s"), "*": own("4s"), "record.line.*": own("3s")}
	tests := map[string]struct {
		deployment, app, eventType, endpoint fanfare.Retry
		byType                               map[string]fanfare.Retry
		typ                                  string
		delay                                string
		source                               fanfare.RetrySource
	}{
		"an exact name":        {own("60s"), own("50s"), own("40s"), own("30s"), byType, "record.created", "1s", fanfare.RetryByType},
		"the longest group":    {own("60s"), own("50s"), own("40s"), own("30s"), byType, "record.line.added", "3s", fanfare.RetryByType},
		"a shorter group":      {own("60s"), own("50s"), own("40s"), own("30s"), byType, "record.deleted", "2s", fanfare.RetryByType},
		"all the others":       {own("60s"), own("50s"), own("40s"), own("30s"), byType, "form.created", "4s", fanfare.RetryByType},
		"none of the patterns": {own("60s"), own("50s"), own("40s"), own("30s"), map[string]fanfare.Retry{"form.*": own("1s")}, "record.created", "30s", fanfare.RetryByEndpoint},
		"the endpoint":         {own("60s"), own("50s"), own("40s"), own("30s"), nil, "record.created", "30s", fanfare.RetryByEndpoint},
		"the event type":       {own("60s"), own("50s"), own("40s"), fanfare.Retry{}, nil, "record.created", "40s", fanfare.RetryByEventType},
		"another event type":   {own("60s"), own("50s"), own("40s"), fanfare.Retry{}, nil, "record.deleted", "50s", fanfare.RetryByApplication},
		"the application":      {own("60s"), own("50s"), fanfare.Retry{}, fanfare.Retry{}, nil, "record.created", "50s", fanfare.RetryByApplication},
		"the deployment":       {own("60s"), fanfare.Retry{}, fanfare.Retry{}, fanfare.Retry{}, nil, "record.created", "60s", fanfare.RetryByDeployment},
		"a preset of the deployment": {
			fanfare.Retry{Preset: "wufoo"}, fanfare.Retry{}, fanfare.Retry{}, fanfare.Retry{}, nil, "record.created", "5m", fanfare.RetryByDeployment},
		"nobody": {typ: "record.created", delay: "5s", source: fanfare.RetryByDeployment},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, &fanfare.Options{Retry: test.deployment}, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", status(500))
				w.app.Retry = test.app
				if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
					t.Fatal(err)
				}
				typ := &fanfare.EventType{Name: "record.created", Retry: test.eventType}
				if err := w.hub.CreateEventType(t.Context(), typ); err != nil {
					t.Fatal(err)
				}
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: test.endpoint, RetryByType: test.byType})
				w.send(test.typ, 1)
				time.Sleep(6 * time.Minute)
				synctest.Wait()
				want := span(test.delay)
				if got := rcv.times(w.start); len(got) < 2 || got[1] != want {
					t.Errorf("attempts came at %v, want the second after %v", got, want)
				}
				plan, source, err := w.hub.RetryPlan(t.Context(), ep, test.typ)
				if err != nil || source != test.source {
					t.Fatalf("the plan is that of the %s, %v; want of the %s", source, err, test.source)
				}
				if delays, err := plan.Plan(); err != nil || delays[0] != want {
					t.Errorf("the plan begins with %v, %v; want %v", delays, err, want)
				}
			})
		})
	}
}

// TestAnEventTypesPlanIsKnownAfterARestart also changes and removes it.
func TestAnEventTypesPlanIsKnownAfterARestart(t *testing.T) {
	opt := &fanfare.Options{}
	inBubble(t, opt, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		typ := &fanfare.EventType{Name: "a.b", Archived: true, Retry: own("7s")}
		if err := w.hub.CreateEventType(t.Context(), typ); err != nil {
			t.Fatal(err)
		}
		second := func() time.Duration {
			t.Helper()
			before := len(rcv.times(w.start))
			begin := time.Since(w.start)
			w.send("a.b", 1)
			time.Sleep(time.Minute)
			synctest.Wait()
			return rcv.times(w.start)[before+1] - begin
		}
		w.close()
		w.run(opt)
		if got := second(); got != 7*time.Second {
			t.Errorf("after a restart the second attempt came after %v", got)
		}
		typ.Retry = own("9s")
		if err := w.hub.UpdateEventType(t.Context(), typ); err != nil {
			t.Fatal(err)
		}
		if got := second(); got != 9*time.Second {
			t.Errorf("after a change the second attempt came after %v", got)
		}
		if err := w.hub.DeleteEventType(t.Context(), "a.b"); err != nil {
			t.Fatal(err)
		}
		if got := second(); got != 5*time.Second {
			t.Errorf("without the event type the second attempt came after %v", got)
		}
	})
}

func TestPlansThatCannotBeAreRefused(t *testing.T) {
	many := map[string]fanfare.Retry{}
	for i := range 51 {
		many["a.b"+string(rune('a'+i%26))+string(rune('a'+i/26))] = own("1s")
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		for name, byType := range map[string]map[string]fanfare.Retry{
			"no pattern": {"re*": own("1s")},
			"no plan":    {"a.b": {}},
			"a bad plan": {"a.b": own("1ms")},
			"an unknown": {"a.b": {Preset: "hourly"}},
			"too many":   many,
		} {
			err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: "http://a.example/", RetryByType: byType})
			var invalid *fanfare.InvalidError
			if !errors.As(err, &invalid) || !slices.Contains([]string{"retryByType", "retry.delays", "retry.preset"}, invalid.Field) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func (b *bent) UpdateEventType(ctx context.Context, t *fanfare.EventType) error {
	err := b.Store.UpdateEventType(ctx, t)
	if b.retyped != nil {
		b.retyped(t)
	}
	return err
}

// TestTheLastOfTwoPlansIsInForce though the one who stored the first is slower to
// take note.
func TestTheLastOfTwoPlansIsInForce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		gate := make(chan bool)
		w.bend(&bent{retyped: func(t *fanfare.EventType) {
			if t.Description == "slow" {
				<-gate
			}
		}}, nil)
		ep := w.endpoint(fanfare.Endpoint{URL: "http://a.test/"})
		w.eventType(fanfare.EventType{Name: "a.b"})
		first := make(chan error)
		go func() {
			first <- w.hub.UpdateEventType(t.Context(), &fanfare.EventType{Name: "a.b", Description: "slow", Retry: own("1m")})
		}()
		synctest.Wait()
		if err := w.hub.UpdateEventType(t.Context(), &fanfare.EventType{Name: "a.b", Retry: own("2m")}); err != nil {
			t.Fatal(err)
		}
		close(gate)
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		if plan, _, err := w.hub.RetryPlan(t.Context(), ep, "a.b"); err != nil || !slices.Equal(plan.Delays, spans("2m")) {
			t.Errorf("in force is %v, %v", plan, err)
		}
	})
}

func TestADeploymentsPlanThatCannotBeIsRefused(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, retry := range []fanfare.Retry{{Preset: "hourly"}, own("721h")} {
		var invalid *fanfare.InvalidError
		if err := fanfare.New(storetest.NewModel(), &fanfare.Options{Retry: retry}).Run(ctx); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "retry") {
			t.Errorf("%+v: %v", retry, err)
		}
	}
}

// TestFulcrumForTwentyDays is the 25 attempts of that preset, the last after 20.41
// days, with a server started anew five times meanwhile.
func TestFulcrumForTwentyDays(t *testing.T) {
	opt := &fanfare.Options{}
	inBubble(t, opt, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "fulcrum"}})
		msg := w.send("a.b", 1)
		for range 5 {
			time.Sleep(4*24*time.Hour + 1234*time.Second)
			w.close()
			w.run(opt)
		}
		time.Sleep(2 * 24 * time.Hour)
		synctest.Wait()
		want := []time.Duration{0}
		for n := range 24 {
			k := time.Duration(n + 1)
			want = append(want, want[n]+(k*k*k*k+5)*time.Second)
		}
		if got := rcv.times(w.start); !slices.Equal(got, want) {
			t.Errorf("attempts came at %v, want %v", got, want)
		}
		if last := want[24].Hours() / 24; last < 20.40 || last > 20.41 {
			t.Errorf("the last is to come after %.3f days", last)
		}
		if d := w.delivery(msg); d.State != fanfare.GivenUp || d.Attempts != 25 {
			t.Errorf("the delivery is %v after %d attempts", d.State, d.Attempts)
		}
	})
}

// TestRetriesSpreadByAFifth has chance at both its ends move every delay of every
// preset as far as it may, and no further.
func TestRetriesSpreadByAFifth(t *testing.T) {
	for name, schedule := range schedules {
		for chance, part := range map[float64]float64{0: 0.8, 0.75: 1.1} {
			t.Run(name, func(t *testing.T) {
				opt := &fanfare.Options{Chance: func() float64 { return chance }}
				inBubble(t, opt, func(t *testing.T, w *world) {
					rcv := w.receiver("receiver.example", status(500))
					w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: name}})
					w.send("a.b", 1)
					time.Sleep(700 * time.Hour)
					synctest.Wait()
					got := rcv.times(w.start)
					if len(got) != len(schedule.delays)+1 {
						t.Fatalf("%d attempts came, want %d", len(got), len(schedule.delays)+1)
					}
					for i, delay := range schedule.delays {
						want := time.Duration(float64(delay) * part)
						if off := got[i+1] - got[i] - want; off.Abs() > 2*time.Microsecond {
							t.Errorf("attempt %d came %v after the one before, want %v", i+2, got[i+1]-got[i], want)
						}
					}
				})
			})
		}
	}
}
