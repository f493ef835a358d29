package fanfare_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		open, all, tagged := w.receiver("open.test", nil), w.receiver("all.test", nil), w.receiver("tagged.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: open.url, Filter: `payload.status == "open"`})
		w.endpoint(fanfare.Endpoint{URL: all.url})
		w.endpoint(fanfare.Endpoint{URL: tagged.url, Filter: `"vip" in tags && eventType.startsWith("record.")`})
		for _, payload := range []string{`{"status":"open"}`, `{"status":"new"}`, `{}`, `863`, `{"status":["open"]}`} {
			w.send("record.update", json.RawMessage(payload))
		}
		msg := &fanfare.Message{EventType: "record.delete", Payload: []byte(`{"status":"open"}`), Tags: []string{"vip"}}
		if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
			t.Fatal(err, errs)
		}
		synctest.Wait()
		if a, b, c := len(open.requests()), len(all.requests()), len(tagged.requests()); a != 2 || b != 6 || c != 1 {
			t.Errorf("%d, %d and %d arrived; want 2, 6 and 1", a, b, c)
		}
		if n := w.hub.Counters().Filtered; n != 4+5 {
			t.Errorf("%d were counted as filtered out; want 9", n)
		}
		ep.Filter = `payload.status == "new"`
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		w.send("record.update", json.RawMessage(`{"status":"new"}`))
		synctest.Wait()
		if got := open.requests(); len(got) != 3 || got[2].body != `{"status":"new"}` {
			t.Errorf("after the change: %d requests", len(got))
		}
	})
}

func TestFilterRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		for filter, want := range map[string]string{
			`payload.`:        "filter: column 9: Syntax error: no viable alternative at input '.'",
			`"a"`:             "filter: is string, not bool",
			`nothing == true`: "filter: column 1: undeclared reference to 'nothing'",
		} {
			ep := &fanfare.Endpoint{Application: w.app.ID, URL: "http://a.test/", Filter: filter}
			if err := w.hub.CreateEndpoint(t.Context(), ep); err == nil || err.Error() != want {
				t.Errorf("%s: %v", filter, err)
			}
		}
	})
}

func TestTryFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		var first, old *fanfare.Message
		for i := range 120 {
			msg := w.send("record.create", map[string]any{"n": i})
			time.Sleep(time.Second)
			if i == 0 {
				first = msg
			}
			if i == 3 {
				old = msg
			}
		}
		w.send("form.create", map[string]any{"n": 1})
		bad := w.send("record.create", map[string]any{"m": 1})
		if err := w.hub.ExpungePayload(t.Context(), w.app.ID, old.ID); err != nil {
			t.Fatal(err)
		}
		trial, err := w.hub.TryFilter(t.Context(), w.app.ID, &fanfare.Endpoint{Filter: `payload.n >= 100`, EventTypes: []string{"record.*"}})
		if err != nil {
			t.Fatal(err)
		}
		if trial.Looked != 120 || trial.Matched != 20 || len(trial.Misses) != 20 {
			t.Errorf("matched %d of %d, with %d misses", trial.Matched, trial.Looked, len(trial.Misses))
		}
		if !trial.Since.Equal(first.CreatedAt) {
			t.Errorf("the oldest was of %v, not %v", trial.Since, first.CreatedAt)
		}
		want := fanfare.FilterMiss{Message: bad.ID, EventType: "record.create", Why: "the message has no n"}
		if !slices.Contains(trial.Misses, want) || trial.Misses[1].Why != "" {
			t.Errorf("misses: %+v", trial.Misses)
		}
		if _, err := w.hub.TryFilter(t.Context(), w.app.ID, &fanfare.Endpoint{}); err == nil {
			t.Error("no filter was tried")
		}
	})
}

func TestMissingMessagesPassTheFilter(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for n := range 4 {
			w.send("record.create", map[string]int{"n": n})
		}
		time.Sleep(time.Second)
		rcv := w.receiver("late.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Filter: "payload.n >= 2"})
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskReplayMissing, Endpoint: ep.ID})
		time.Sleep(time.Minute)
		w.wantTask(task.ID, fanfare.TaskFinished, 2, 2)
		var got []string
		for _, r := range rcv.requests() {
			got = append(got, r.body)
		}
		slices.Sort(got)
		if want := []string{`{"n":2}`, `{"n":3}`}; !slices.Equal(got, want) {
			t.Errorf("it was sent %v, want %v", got, want)
		}
	})
}
