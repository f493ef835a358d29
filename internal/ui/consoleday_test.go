package ui_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// TestTheDayIsOfAllServers shows what a server has counted that is gone by now, together
// with what the one has counted that is asked.
func TestTheDayIsOfAllServers(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/").says("In the last 24 hours: 0 messages accepted, 0 deliveries that succeeded, 0 attempts that failed.", "Nothing has happened.").lacks("Deliveries that succeeded")
	now := time.Now().UTC().Truncate(fanfare.TallyLasts)
	then := now.Truncate(time.Hour).Add(-3 * time.Hour)
	err := w.store.KeepTallies(t.Context(), [16]byte{1}, []fanfare.Tally{
		{Begins: now.Add(-24 * time.Hour), Accepted: 1000, Delivered: 1000},
		{Begins: now.Add(-30 * time.Hour), Accepted: 1000, Failed: 1000},
		{Begins: then, Accepted: 6, Delivered: 5, GivenUp: 1, Failed: 3}, {Begins: then.Add(fanfare.TallyLasts), Delivered: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.message(0, `{}`)
	d := w.get(200, "/")
	d.says("In the last 24 hours: 7 messages accepted, 7 deliveries that succeeded, 3 attempts that failed.")
	if got, want := d.all("td", ""), []string{"1", "0", "0", "0", "6", "7", "3", "1"}; !slices.Equal(got, want) {
		t.Errorf("by the hour it is %q, want %q", got, want)
	}
	if n := len(d.all("rect", "")); n != 3 {
		t.Errorf("%d bars are drawn, want 2 that succeeded and one that failed", n)
	}
	d.says("Deliveries that succeeded, below Attempts that failed, on top of them")
	if at := d.all("text", "x"); len(at) != 4 || slices.ContainsFunc(at, func(x string) bool { return !strings.HasSuffix(x, "%") }) {
		t.Errorf("the hours stand at %q", at)
	}
	marks := slices.DeleteFunc(d.all("path", "class"), func(class string) bool { return class == "" })
	if want := []string{"ok", "bad"}; !slices.Equal(marks, want) {
		t.Errorf("the legend has the marks %q, want %q", marks, want)
	}
	w.visitor(nil, fanfare.ScopeReadMessages, fanfare.ScopeReadEndpoints)
	w.get(200, "/").lacks("The last 24 hours", "7 messages")
}

// TestNowLineSaysWhoseItIs is of a server that may be one of several.
func TestNowLineSaysWhoseItIs(t *testing.T) {
	alone := []string{"messages accepted a second", "deliveries that succeed a second", "under way", "failing", "is overdue"}
	if got := ui.NowLine(fanfare.Counters{}); !slices.Equal(got, alone) {
		t.Errorf("of the only server it is %q", got)
	}
	for i := range 3 {
		alone[i] += " on this server"
	}
	if got := ui.NowLine(fanfare.Counters{Node: &fanfare.Membership{}}); !slices.Equal(got, alone) {
		t.Errorf("of one of several it is %q", got)
	}
}
