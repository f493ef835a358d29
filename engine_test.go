package fanfare_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

func TestAnOrderedEndpointWaitsForItsHead(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500, 500, 200))
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true})
		for n := range 4 {
			w.send("a.b", n)
		}
		time.Sleep(time.Hour)
		if got, want := rcv.bodies(), []string{"0", "0", "0", "1", "2", "3"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
	})
}

func TestOnlyAnOrderingKeyWaitsForItself(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500, 200))
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true})
		for n, key := range []string{"a", "a", "b", "b"} {
			msg := &fanfare.Message{EventType: "x.y", Payload: fmt.Append(nil, n, key), OrderingKey: key}
			if _, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		if got, want := rcv.bodies(), []string{"0a", "2b", "3b", "0a", "1a"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
	})
}

func TestARestartLosesNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500, 500, 200))
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true})
		w.send("a.b", 1)
		w.send("a.b", 2)
		time.Sleep(time.Minute)
		w.close()
		w.send("a.b", 3) // accepted while nothing runs
		w.run(nil)
		time.Sleep(time.Hour)
		if got, want := rcv.bodies(), []string{"1", "1", "1", "2", "3"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
		if got, want := rcv.times(w.start)[:3], []time.Duration{0, 5 * time.Second, 5*time.Minute + 5*time.Second}; !slices.Equal(got, want) {
			t.Errorf("attempts came at %v, want %v", got, want)
		}
	})
}

func TestStoppingSeesAttemptsThrough(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		slow := func(_ int, rw http.ResponseWriter, _ *http.Request) { time.Sleep(3 * time.Second) }
		rcv := w.receiver("receiver.example", slow)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg := w.send("a.b", 1)
		synctest.Wait()
		before := time.Now()
		w.close()
		if took := time.Since(before); took != 3*time.Second {
			t.Errorf("stopping took %v, want 3s", took)
		}
		if d := w.delivery(msg); d.State != fanfare.Delivered {
			t.Errorf("delivery is %v", d.State)
		}
	})
}

func TestAnAttemptThatOutlastsTheDrainIsMadeAgain(t *testing.T) {
	inBubble(t, &fanfare.Options{DrainTimeout: 2 * time.Second}, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", hang)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg := w.send("a.b", 1)
		synctest.Wait()
		before := time.Now()
		w.close()
		if took := time.Since(before); took != 2*time.Second {
			t.Errorf("stopping took %v, want 2s", took)
		}
		if a := w.attempts(msg); len(a) != 1 || a[0].Class != fanfare.ClassInterrupted {
			t.Fatalf("attempts are %+v, want one that was interrupted", a)
		}
		if d := w.delivery(msg); d.State != fanfare.Waiting || d.Attempts != 0 {
			t.Errorf("delivery is %v after %d attempts, want waiting, 0", d.State, d.Attempts)
		}
		w.run(nil)
		synctest.Wait()
		if n := len(rcv.requests()); n != 2 {
			t.Errorf("there were %d requests, want 2", n)
		}
	})
}

func TestAHangingEndpointIsItsOwnProblem(t *testing.T) {
	inBubble(t, &fanfare.Options{PerEndpoint: 4, InFlight: 16}, func(t *testing.T, w *world) {
		bad := w.receiver("bad.example", hang)
		good := w.receiver("good.example", nil)
		w.endpoint(fanfare.Endpoint{URL: bad.url})
		w.endpoint(fanfare.Endpoint{URL: good.url})
		for n := range 1000 {
			w.send("a.b", n)
		}
		synctest.Wait()
		if n := len(good.requests()); n != 1000 || !time.Now().Equal(w.start) {
			t.Errorf("the good endpoint had %d of 1000 after %v", n, time.Since(w.start))
		}
		time.Sleep(time.Hour)
		// Once probing, one attempt of 20 s at a time and a growing pause of up to a minute.
		if n := len(bad.requests()); n > 100 {
			t.Errorf("the bad endpoint was tried %d times in an hour", n)
		}
	})
}

func TestGoneDisables(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(410))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		synctest.Wait()
		now := w.reload(ep)
		if !now.Disabled || now.DisabledReason == "" {
			t.Fatalf("endpoint is %+v, want disabled", now)
		}
		later := w.send("a.b", 2)
		time.Sleep(time.Hour)
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("there were %d requests, want 1", n)
		}
		ds, err := w.hub.Deliveries(t.Context(), w.app.ID, fanfare.DeliveryFilter{Message: later.ID, Page: fanfare.Page{Limit: 10}})
		if err != nil || len(ds) != 0 {
			t.Errorf("a disabled endpoint has deliveries %v, %v", ds, err)
		}
	})
}

func TestNothingButFailuresDisables(t *testing.T) {
	inBubble(t, &fanfare.Options{DisableAfter: 5 * time.Hour}, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		for range 5 {
			w.send("a.b", 1)
			time.Sleep(time.Hour)
		}
		if now := w.reload(ep); now.Disabled || !now.FailingSince.Equal(w.start) {
			t.Errorf("after 4 h: disabled %v, failing since %v; want false, %v", now.Disabled, now.FailingSince, w.start)
		}
		w.send("a.b", 1)
		synctest.Wait()
		now := w.reload(ep)
		if !now.Disabled {
			t.Fatal("after 5 h it is not disabled")
		}
		enabled := time.Now()
		now.Disabled = false
		if err := w.hub.UpdateEndpoint(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 2)
		time.Sleep(time.Hour)
		if now := w.reload(ep); now.Disabled || !now.FailingSince.Equal(enabled) {
			t.Errorf("enabled again, after an hour: disabled %v, failing since %v; want false, %v", now.Disabled, now.FailingSince, enabled)
		}
	})
}

func TestPauseHoldsAndResumeSends(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		synctest.Wait()
		if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 2)
		w.send("a.b", 3)
		time.Sleep(time.Hour)
		if got := rcv.bodies(); !slices.Equal(got, []string{"1"}) {
			t.Errorf("while paused it had %q", got)
		}
		if n, err := w.hub.CancelWaiting(t.Context(), ep); n != 2 || err != nil {
			t.Errorf("cancelled %d, %v; want 2", n, err)
		}
		w.send("a.b", 4)
		if err := w.hub.ResumeEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := rcv.bodies(); !slices.Equal(got, []string{"1", "4"}) {
			t.Errorf("after resuming it had %q, want 1 and 4", got)
		}
	})
}

func TestCancelEndsWhatWaits(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		msg := w.send("a.b", 1)
		time.Sleep(time.Second)
		if n, err := w.hub.Cancel(t.Context(), w.app.ID, msg.ID); n != 1 || err != nil {
			t.Errorf("cancelled %d, %v; want 1", n, err)
		}
		time.Sleep(time.Hour)
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("there were %d requests, want 1", n)
		}
		if d := w.delivery(msg); d.State != fanfare.Cancelled {
			t.Errorf("delivery is %v", d.State)
		}
	})
}

func TestADeletedEndpointGetsNothing(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		w.send("a.b", 1)
		time.Sleep(time.Second)
		if err := w.hub.DeleteEndpoint(t.Context(), w.app.ID, ep.ID); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 2)
		time.Sleep(time.Hour)
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("there were %d requests, want 1", n)
		}
	})
}

func TestResendAndRecover(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", status(500, 500, 500, 500, 200))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Retry: fanfare.Retry{Preset: "none"}})
		first, second := w.send("a.b", 1), w.send("a.b", 2)
		synctest.Wait()
		if d := w.delivery(first); d.State != fanfare.GivenUp {
			t.Fatalf("delivery is %v", d.State)
		}
		if err := w.hub.Resend(t.Context(), first, ep); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		as := w.attempts(first)
		if len(as) != 2 || as[0].Manual || !as[1].Manual || as[1].Number != 1 {
			t.Fatalf("attempts are %+v, want a manual one after the first", as)
		}
		recover := fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID, Selection: fanfare.Selection{Since: w.start}}
		before := w.startTask(recover)
		time.Sleep(time.Second)
		w.wantTask(before.ID, fanfare.TaskFinished, 0, 0) // of messages before it was started
		after := w.startTask(recover)
		synctest.Wait()
		w.wantTask(after.ID, fanfare.TaskFinished, 2, 2)
		if a, b := w.delivery(first).State, w.delivery(second).State; a != fanfare.GivenUp && b != fanfare.GivenUp || a == b {
			t.Errorf("deliveries are %v and %v; want one given up and one delivered", a, b)
		}
	})
}

func TestRotationSignsWithBothForADay(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
		if err := w.hub.RotateSecret(t.Context(), ep, "", fanfare.SecretOverlap); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 1)
		time.Sleep(24*time.Hour + time.Second)
		w.send("a.b", 2)
		synctest.Wait()
		if err := w.hub.RotateSecret(t.Context(), ep, "", fanfare.SecretOverlap); err != nil {
			t.Fatal(err)
		}
		if err := w.hub.RotateSecret(t.Context(), ep, "", 0); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.send("a.b", 3)
		synctest.Wait()
		for i, want := range []int{2, 1, 1} {
			r := rcv.requests()[i]
			if n := len(strings.Fields(r.header.Get(webhook.HeaderSignature))); n != want {
				t.Errorf("request %d has %d signatures, want %d", i+1, n, want)
			}
		}
	})
}

func TestABellRingsWhenAttemptsAreRecorded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		mine, all, others := w.hub.AttemptBell(w.app.ID), w.hub.AttemptBell(""), w.hub.AttemptBell("app_other")
		msg := w.send("a.b", 1)
		<-mine.Rung()
		<-all.Rung()
		some, place, err := w.hub.Recorded(t.Context(), w.app.ID, 0, 10)
		if err != nil || len(some) != 1 || some[0].Message != msg.ID || some[0].State != fanfare.Delivered {
			t.Errorf("then there is %+v, %v", some, err)
		}
		all.Close()
		for n := range 300 {
			w.send("a.b", n)
		}
		synctest.Wait()
		if some, _, err := w.hub.Recorded(t.Context(), w.app.ID, place, 1000); err != nil || len(some) != 300 {
			t.Errorf("behind it there are %d, %v; want 300", len(some), err)
		}
		for of, c := range map[string]struct {
			bell *fanfare.Bell
			want int
		}{"the application's": {mine, 1}, "one that was closed": {all, 0}, "another application's": {others, 0}} {
			if n := len(c.bell.Rung()); n != c.want {
				t.Errorf("%s has rung %d times since it was heard, want %d", of, n, c.want)
			}
		}
	})
}
