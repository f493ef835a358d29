package fanfare_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestFormulas(t *testing.T) {
	tests := map[string]string{
		"n^4+5":         "6s 21s 1m26s",
		" n ^ 4 + 5 ":   "6s 21s 1m26s",
		"60":            "1m 1m 1m",
		"2*n":           "2s 4s 6s",
		"1+2*n^2":       "3s 9s 19s",
		"(1+2)*n":       "3s 6s 9s",
		"20-2-1":        "17s 17s 17s",
		"n*12/2/3":      "2s 4s 6s",
		"2^n^2":         "2s 16s 8m32s",
		"(2^n)^2":       "4s 16s 1m4s",
		"-n^2+2*n^2":    "1s 4s 9s",
		"--n":           "1s 2s 3s",
		"1000*2^-1+n-1": "8m20s 8m21s 8m22s",
		"n/3+1":         "1.333333s 1.666667s 2s",
		"1.5*n":         "1.5s 3s 4.5s",
		"((((n))))":     "1s 2s 3s",
	}
	for text, want := range tests {
		got, err := fanfare.Retry{Formula: text, Times: 3}.Plan()
		if err != nil || !slices.Equal(got, spans(strings.Fields(want)...)) {
			t.Errorf("%q comes to %v, %v; want %s", text, got, err, want)
		}
	}
	fulcrum, err := fanfare.Retry{Formula: "n^4+5", Times: 24}.Plan()
	if err != nil || !slices.Equal(fulcrum, schedules["fulcrum"].delays) {
		t.Errorf("fulcrum's formula comes to %v, %v", fulcrum, err)
	}
}

func TestFormulasThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		retry         fanfare.Retry
		field, reason string
	}{
		{fanfare.Retry{Formula: "n^", Times: 3}, "retry.formula", "it ends too early"},
		{fanfare.Retry{Formula: "(n", Times: 3}, "retry.formula", "it ends too early"},
		{fanfare.Retry{Formula: "n)", Times: 3}, "retry.formula", `")" is not understood there`},
		{fanfare.Retry{Formula: "2n", Times: 3}, "retry.formula", `"n" is not understood there`},
		{fanfare.Retry{Formula: "1.2.3", Times: 3}, "retry.formula", `"1.2.3" is not understood there`},
		{fanfare.Retry{Formula: "exec(n)", Times: 3}, "retry.formula", `"exec(n)" is not understood there`},
		{fanfare.Retry{Formula: "1e3", Times: 3}, "retry.formula", `"e3" is not understood there`},
		{fanfare.Retry{Formula: "n/(n-n)", Times: 3}, "retry.formula", "for n = 1 it comes to +Inf seconds"},
		{fanfare.Retry{Formula: "0/(n-1)", Times: 3}, "retry.formula", "for n = 1 it comes to NaN seconds"},
		{fanfare.Retry{Formula: "9^9^9^9", Times: 3}, "retry.formula", "for n = 1 it comes to +Inf seconds"},
		{fanfare.Retry{Formula: "n-2", Times: 3}, "retry.formula", "for n = 1 it comes to -1 seconds"},
		{fanfare.Retry{Formula: "1000000*n", Times: 3}, "retry.formula", "for n = 3 it comes to 3e+06 seconds"},
		{fanfare.Retry{Formula: "10-n", Times: 3}, "retry.delays", "each must be as long as the one before it"},
		{fanfare.Retry{Formula: strings.Repeat("(", 101), Times: 3}, "retry.formula", "1 to 100 bytes"},
		{fanfare.Retry{Formula: "n"}, "retry.times", "from 1 to 100"},
		{fanfare.Retry{Formula: "n", Times: 101}, "retry.times", "from 1 to 100"},
		{fanfare.Retry{Formula: "n", Times: -1}, "retry.times", "from 1 to 100"},
		{fanfare.Retry{Times: 3}, "retry.formula", "1 to 100 bytes"},
		{fanfare.Retry{Formula: "n", Times: 3, Preset: "none"}, "retry", "give one of"},
		{fanfare.Retry{Formula: "n", Times: 3, Delays: spans("1s")}, "retry", "give one of"},
	} {
		plan, err := test.retry.Plan()
		var invalid *fanfare.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != test.field || !strings.Contains(invalid.Reason, test.reason) || plan != nil {
			t.Errorf("%+v: %v, %v; want %s: %s", test.retry, plan, err, test.field, test.reason)
		}
	}
}

// TestFormulasAreKeptAsLists wherever a plan can stand.
func TestFormulasAreKeptAsLists(t *testing.T) {
	formula := fanfare.Retry{Formula: "n^4+5", Times: 2}
	want := spans("6s", "21s")
	inBubble(t, &fanfare.Options{Retry: formula}, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		msg, ep := (*fanfare.Message)(nil), w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg = w.send("a.b", 1)
		time.Sleep(time.Hour)
		if n := len(w.attempts(msg)); n != 3 {
			t.Errorf("by the deployment's formula there were %d attempts, want 3", n)
		}
		ep = w.reload(ep)
		byType := map[string]fanfare.Retry{"a.*": formula, "b.*": {Preset: "none"}}
		ep.Retry, ep.RetryByType = formula, byType
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		ep = w.reload(ep)
		eventType := &fanfare.EventType{Name: "a.b", Retry: formula}
		if err := w.hub.CreateEventType(t.Context(), eventType); err != nil {
			t.Fatal(err)
		}
		app := &fanfare.Application{Name: "x", Retry: formula}
		if err := w.hub.CreateApplication(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]fanfare.Retry{
			"endpoint": ep.Retry, "by type": ep.RetryByType["a.*"], "event type": eventType.Retry, "application": app.Retry,
		} {
			if got.Formula != "" || got.Times != 0 || !slices.Equal(got.Delays, want) {
				t.Errorf("%s: %+v is kept", name, got)
			}
		}
		if byType["a.*"].Formula == "" {
			t.Error("the caller's map was changed")
		}
	})
}

// FuzzFormula asks that each formula comes to a plan that may be, or to a refusal.
func FuzzFormula(f *testing.F) {
	for _, text := range []string{"n^4+5", "-(n--2)^.5/3", "((", "1..2", "n n", "9^9^9", "1/0", "\xff"} {
		f.Add(text, 24)
	}
	f.Fuzz(func(t *testing.T, text string, times int) {
		plan, err := fanfare.Retry{Formula: text, Times: times}.Plan()
		var invalid *fanfare.InvalidError
		if err != nil {
			if !errors.As(err, &invalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if text == "" && times == 0 {
			return
		}
		if again, err := (fanfare.Retry{Delays: plan}).Plan(); len(plan) != times || err != nil || !slices.Equal(again, plan) {
			t.Errorf("%q comes to %v, which as a list is %v, %v", text, plan, again, err)
		}
	})
}
