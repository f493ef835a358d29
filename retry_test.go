package fanfare_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// schedules are what every preset must come to: its delays, and their sum.
var schedules = map[string]struct {
	delays []time.Duration
	total  time.Duration
}{
	"standard":    {spans("5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"), span("75h35m5s")},
	"stripe-2017": {slices.Repeat(spans("1h"), 72), span("72h")},
	"fulcrum": {spans(
		"6s", "21s", "86s", "261s", "630s", "1301s", "2406s", "4101s", "6566s", "10005s", "14646s", "20741s",
		"28566s", "38421s", "50630s", "65541s", "83526s", "104981s", "130326s", "160005s", "194486s", "234261s",
		"279846s", "331781s"), span("1763140s")},
	"resthooks": {spans("5s", "30s", "5m", "1h", "2h", "4h", "8h", "16h", "24h"), span("55h5m35s")},
	"wufoo":     {spans("5m", "10m", "15m"), span("30m")},
	"shopify": {spans("1m", "2m", "3m", "4m", "5m", "10m", "15m", "20m", "1h", "2h", "3h", "3h", "4h", "4h",
		"6h", "6h", "6h", "6h", "6h"), span("48h")},
	"dropbox": {spans("10s", "20s", "40s", "80s", "160s", "320s"), span("10m30s")},
	"github":  {nil, 0},
	"none":    {nil, 0},
}

func span(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

func spans(texts ...string) []time.Duration {
	var all []time.Duration
	for _, text := range texts {
		all = append(all, span(text))
	}
	return all
}

func TestEveryRetryPresetHasItsSchedule(t *testing.T) {
	if len(fanfare.RetryPresets) != len(schedules) {
		t.Errorf("there are %d presets, want %d", len(fanfare.RetryPresets), len(schedules))
	}
	for _, name := range fanfare.RetryPresets {
		want, ok := schedules[name]
		if !ok {
			t.Errorf("what %q must come to is not written down", name)
			continue
		}
		retry := fanfare.Retry{Preset: name}
		plan, err := retry.Plan()
		if err != nil || !slices.Equal(plan, want.delays) {
			t.Errorf("%s: the plan is %v, %v; want %v", name, plan, err, want.delays)
		}
		var total time.Duration
		for i, delay := range want.delays {
			total += delay
			for r, part := range map[float64]float64{0: 0.8, 0.5: 1, 0.75: 1.1} {
				got, ok := retry.After(i+1, r)
				if off := got - time.Duration(float64(delay)*part); !ok || off.Abs() > time.Microsecond {
					t.Errorf("%s: after attempt %d by chance %v it waits %v, %v; want %v of %v", name, i+1, r, got, ok, part, delay)
				}
			}
		}
		if total != want.total {
			t.Errorf("%s: it takes %v, want %v", name, total, want.total)
		}
		for _, made := range []int{-1, 0, len(want.delays) + 1, len(want.delays) + 2} {
			if wait, ok := retry.After(made, 0.5); ok {
				t.Errorf("%s: after attempt %d it waits %v, want no other", name, made, wait)
			}
		}
	}
}

func TestNoPresetMeansStandard(t *testing.T) {
	got, err := fanfare.Retry{}.Plan()
	if err != nil || !slices.Equal(got, schedules["standard"].delays) {
		t.Errorf("the plan is %v, %v", got, err)
	}
}

func TestAPlanThatCannotBeIsRefused(t *testing.T) {
	for _, test := range []struct {
		field string
		retry fanfare.Retry
	}{
		{"retry", fanfare.Retry{Preset: "wufoo", Delays: spans("1s")}},
		{"retry.preset", fanfare.Retry{Preset: "Standard"}},
		{"retry.delays", fanfare.Retry{Delays: spans("1s", "999ms")}},
		{"retry.delays", fanfare.Retry{Delays: spans("1s", "31m", "30m59s")}},
		{"retry.delays", fanfare.Retry{Delays: []time.Duration{}}},
		{"retry.delays", fanfare.Retry{Delays: slices.Repeat(spans("1s"), 101)}},
	} {
		plan, err := test.retry.Plan()
		var invalid *fanfare.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != test.field || plan != nil {
			t.Errorf("%+v gives %v, %v; want an error of %s", test.retry, plan, err, test.field)
		}
	}
}

// TestAPlanIsACopy makes sure that nobody can change a preset.
func TestAPlanIsACopy(t *testing.T) {
	plan, err := fanfare.Retry{Preset: "wufoo"}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	plan[0] = time.Hour
	if wait, _ := (fanfare.Retry{Preset: "wufoo"}).After(1, 0.5); wait != 5*time.Minute {
		t.Errorf("the preset now begins with %v", wait)
	}
}

func TestRetriesComeExactlyOnSchedule(t *testing.T) {
	tests := map[string]fanfare.Retry{
		"zero":   {},
		"custom": {Delays: spans("1m", "1h")},
	}
	for name := range schedules {
		tests[name] = fanfare.Retry{Preset: name}
	}
	for name, retry := range tests {
		t.Run(name, func(t *testing.T) {
			delays := retry.Delays
			if delays == nil {
				delays = schedules[cmp.Or(retry.Preset, "standard")].delays
			}
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", status(500))
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: retry})
				msg := w.send("a.b", 1)
				time.Sleep(600 * time.Hour)
				synctest.Wait()
				want := []time.Duration{0}
				for i, delay := range delays {
					want = append(want, want[i]+delay)
				}
				if got := rcv.times(w.start); !slices.Equal(got, want) {
					t.Errorf("attempts came at %v, want %v", got, want)
				}
				if d := w.delivery(msg); d.State != fanfare.GivenUp || d.Attempts != len(want) {
					t.Errorf("delivery is %v after %d attempts", d.State, d.Attempts)
				}
			})
		})
	}
}

// TestAPlanIsSeenThrough has an endpoint that fails for good, under the default
// options and by every chance. One that fails after its plan is over is disabled.
func TestAPlanIsSeenThrough(t *testing.T) {
	fulcrum := fanfare.Retry{Preset: "fulcrum"}
	tests := map[string]struct {
		ep        fanfare.Endpoint
		eventType fanfare.Retry
		attempts  int
		disabled  bool // by what fails after five days and an hour
	}{
		"of the endpoint":          {fanfare.Endpoint{Retry: fulcrum}, fanfare.Retry{}, 25, false},
		"of the endpoint, by type": {fanfare.Endpoint{RetryByType: map[string]fanfare.Retry{"a.*": fulcrum}}, fanfare.Retry{}, 25, false},
		"of the event type":        {fanfare.Endpoint{}, fulcrum, 25, false},
		"of a type it never gets":  {fanfare.Endpoint{EventTypes: []string{"x.y"}, Retry: fanfare.Retry{}}, fulcrum, 0, true},
		"a short one":              {fanfare.Endpoint{Retry: fanfare.Retry{Preset: "wufoo"}}, fulcrum, 4, true},
		"the usual one":            {fanfare.Endpoint{}, fanfare.Retry{}, 10, true},
	}
	for name, test := range tests {
		for _, chance := range []float64{0, 0.5, 0.999999} {
			t.Run(fmt.Sprint(name, ", ", chance), func(t *testing.T) {
				inBubble(t, &fanfare.Options{Chance: func() float64 { return chance }}, func(t *testing.T, w *world) {
					if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "a.b", Retry: test.eventType}); err != nil {
						t.Fatal(err)
					}
					rcv := w.receiver("receiver.example", status(500))
					test.ep.URL = rcv.url
					ep := w.endpoint(test.ep)
					msg := w.send("a.b", 1)
					w.send("x.y", 1)
					time.Sleep(121 * time.Hour)
					w.send("x.y", 1)
					time.Sleep(time.Minute)
					if got := w.reload(ep).Disabled; got != test.disabled {
						t.Errorf("after five days it is disabled: %v", got)
					}
					time.Sleep(595 * time.Hour)
					if got := len(w.attempts(msg)); got != test.attempts {
						t.Errorf("there were %d attempts, want %d", got, test.attempts)
					}
					w.send("x.y", 1)
					time.Sleep(time.Minute)
					if !w.reload(ep).Disabled {
						t.Error("a month later it is not disabled")
					}
				})
			})
		}
	}
}

// TestNeverIsNever has an endpoint fail for a year.
func TestNeverIsNever(t *testing.T) {
	inBubble(t, &fanfare.Options{DisableAfter: fanfare.Never}, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		for range 365 {
			w.send("a.b", 1)
			time.Sleep(24 * time.Hour)
		}
		if got := len(rcv.requests()); got != 365 || w.reload(ep).Disabled {
			t.Errorf("there were %d requests; it is disabled: %v", got, w.reload(ep).Disabled)
		}
	})
}

// TestHourlyForThreeDays has an endpoint that is down for so long, and a server
// that is started anew three times meanwhile.
func TestHourlyForThreeDays(t *testing.T) {
	tests := map[string]struct {
		down     time.Duration
		attempts int
		state    fanfare.State
	}{
		"half an hour":   {span("30m"), 2, fanfare.Delivered},
		"nearly to last": {span("71h30m"), 73, fanfare.Delivered},
		"for too long":   {span("73h"), 73, fanfare.GivenUp},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			opt := &fanfare.Options{}
			inBubble(t, opt, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) {
					if time.Since(w.start) < test.down {
						rw.WriteHeader(http.StatusServiceUnavailable)
					}
				})
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "stripe-2017"}})
				msg := w.send("a.b", 1)
				for range 3 {
					time.Sleep(20*time.Hour + 30*time.Minute)
					w.close()
					w.run(opt)
				}
				time.Sleep(40 * time.Hour)
				synctest.Wait()
				as := w.attempts(msg)
				if d := w.delivery(msg); d.State != test.state || len(as) != test.attempts {
					t.Fatalf("the delivery is %v after %d attempts, want %v after %d", d.State, len(as), test.state, test.attempts)
				}
				for i, a := range as {
					at, next := time.Duration(i)*time.Hour, time.Duration(i+1)*time.Hour
					if last := i == len(as)-1; !a.StartedAt.Equal(w.start.Add(at)) || a.NextAt.IsZero() != last || !last && !a.NextAt.Equal(w.start.Add(next)) {
						t.Errorf("attempt %d came at %v and promised the next at %v", a.Number, a.StartedAt.Sub(w.start), a.NextAt.Sub(w.start))
					}
				}
			})
		})
	}
}
