package fanfare_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestAFailedBatchIsTriedAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 200))
		w.endpoint(fanfare.Endpoint{
			URL: rcv.url, Batch: fanfare.Batching{Size: 4, Window: time.Second},
			Retry: fanfare.Retry{Delays: slices.Repeat([]time.Duration{time.Second}, 20)},
		})
		var msgs []*fanfare.Message
		for i := range 4 {
			msgs = append(msgs, w.keyed("a.b", "", fmt.Sprint(i)))
		}
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12), slices.Repeat([]string{"[0,1,2,3]"}, 12)...)
		for i, r := range rcv.requests() {
			if r.header.Get("webhook-id") != rcv.requests()[0].header.Get("webhook-id") {
				t.Errorf("request %d has another id", i)
			}
		}
		for _, msg := range msgs {
			as := w.attempts(msg)
			if len(as) != 12 || as[11].State != fanfare.Delivered || as[10].State != fanfare.Waiting || as[10].Number != 11 || as[10].Status != 500 {
				t.Errorf("%s has %d attempts: %+v", msg.ID, len(as), as)
			}
		}
	})
}

func TestABatchFailsForEachByItsPlan(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500, 200))
		w.endpoint(fanfare.Endpoint{
			URL: rcv.url, Batch: fanfare.Batching{Size: 2, Window: 10 * time.Second},
			Retry: fanfare.Retry{Delays: []time.Duration{5 * time.Second}}, RetryByType: map[string]fanfare.Retry{"once": {Preset: "none"}},
		})
		once, again := w.keyed("once", "", "1"), w.keyed("a.b", "", "2")
		time.Sleep(time.Second)
		w.keyed("a.b", "", "3")
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(0, 5), "[1,2]", "[2,3]")
		if a, b := w.delivery(once).State, w.delivery(again).State; a != fanfare.GivenUp || b != fanfare.Delivered {
			t.Errorf("the one is %v, the other %v", a, b)
		}
	})
}

func TestWhatIsGoneIsNotInTheBatch(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Batch: fanfare.Batching{Size: 5, Window: 10 * time.Second}})
		cancelled, expunged, kept := w.keyed("a.b", "", "1"), w.keyed("a.b", "", "2"), w.keyed("a.b", "", "3")
		if _, err := w.hub.Cancel(t.Context(), w.app.ID, cancelled.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.hub.ExpungePayload(t.Context(), w.app.ID, expunged.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(10), "[3]")
		if a, b, c := w.delivery(cancelled).State, w.delivery(expunged).State, w.delivery(kept).State; a != fanfare.Cancelled || b != fanfare.GivenUp || c != fanfare.Delivered {
			t.Errorf("the cancelled one is %v, the expunged one %v, the third %v", a, b, c)
		}
		if as := w.attempts(expunged); len(as) != 1 || as[0].Class != fanfare.ClassNoPayload {
			t.Errorf("the expunged one has attempts %+v", as)
		}
	})
}

func TestABatchGathersAcrossARestart(t *testing.T) {
	inBubble(t, &fanfare.Options{DrainTimeout: time.Second}, func(t *testing.T, w *world) {
		hang := make(chan bool)
		rcv := w.receiver("a.test", func(n int, _ http.ResponseWriter, r *http.Request) {
			if n == 1 {
				<-hang
			}
		})
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Batch: fanfare.Batching{Size: 5, Window: 10 * time.Second}})
		one, two := w.keyed("a.b", "", "1"), w.keyed("a.b", "", "2")
		time.Sleep(4 * time.Second)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.run(&fanfare.Options{DrainTimeout: time.Second})
		time.Sleep(7 * time.Second) // at 10 s their attempt has begun
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		close(hang)
		w.run(nil)
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(10, 22), "[1,2]", "[1,2]") // the second window begins at 12 s, when the attempt was given up
		for _, msg := range []*fanfare.Message{one, two} {
			if as := w.attempts(msg); len(as) != 2 || as[0].Class != fanfare.ClassInterrupted || as[1].Number != 1 || w.delivery(msg).State != fanfare.Delivered {
				t.Errorf("%s has attempts %+v", msg.ID, as)
			}
		}
	})
}

func TestResponsesToABatchAreShared(t *testing.T) {
	for size, want := range map[int]int{2: 32 << 10, 100: 1 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("a.test", func(_ int, rw http.ResponseWriter, _ *http.Request) {
					rw.Write(make([]byte, 40<<10))
				})
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Batch: fanfare.Batching{Size: size, Window: time.Second}})
				var msgs []*fanfare.Message
				for range size {
					msgs = append(msgs, w.keyed("a.b", "", "1"))
				}
				synctest.Wait()
				for _, msg := range msgs {
					if as := w.attempts(msg); len(as) != 1 || len(as[0].ResponseBody) != want || !as[0].Truncated {
						t.Fatalf("%d attempts, with %d bytes, truncated: %v; want %d", len(as), len(as[0].ResponseBody), as[0].Truncated, want)
					}
				}
			})
		})
	}
}

func TestABatchThatIsGoneDisables(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(410))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, MaxInFlight: 1, Batch: fanfare.Batching{Size: 2, Window: time.Second}})
		var msgs []*fanfare.Message
		for range 3 {
			msgs = append(msgs, w.keyed("a.b", "", "1"))
		}
		time.Sleep(time.Minute)
		if now := w.reload(ep); !now.Disabled || now.DisabledReason == "" {
			t.Errorf("the endpoint is %+v", now)
		}
		if a, b, c := w.delivery(msgs[0]).State, w.delivery(msgs[1]).State, w.delivery(msgs[2]).State; a != fanfare.GivenUp || b != fanfare.GivenUp || c != fanfare.Waiting {
			t.Errorf("the deliveries are %v, %v and %v", a, b, c)
		}
		rcv.want(t, w.start, seconds(0))
	})
}

func TestABatchOfWhichSomeCannotBeRead(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Batch: fanfare.Batching{Size: 5, Window: 10 * time.Second}})
		good, busy, damaged := w.keyed("a.b", "", "1"), w.keyed("a.b", "", "2"), w.keyed("a.b", "", "3")
		tries := 0
		w.bend(&bent{message: func(ref string) error {
			switch ref {
			case string(busy.ID):
				if tries++; tries == 1 {
					return errors.New("busy")
				}
			case string(damaged.ID):
				return fanfare.ErrDamaged
			}
			return nil
		}}, nil)
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(10, 11), "[1]", "[2]")
		if a, b, c := w.delivery(good).State, w.delivery(busy).State, w.delivery(damaged).State; a != fanfare.Delivered || b != fanfare.Delivered || c != fanfare.GivenUp {
			t.Errorf("the deliveries are %v, %v and %v", a, b, c)
		}
		if as := w.attempts(damaged); len(as) != 1 || as[0].Class != fanfare.ClassDamaged {
			t.Errorf("what is damaged has attempts %+v", as)
		}
	})
}

func TestABatchStaysTogether(t *testing.T) {
	chances := []float64{.5, 1}
	inBubble(t, &fanfare.Options{Chance: func() float64 {
		c := chances[0]
		chances = append(chances[1:], 1)
		return c
	}}, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500, 200))
		w.endpoint(fanfare.Endpoint{
			URL: rcv.url, Batch: fanfare.Batching{Size: 2, Window: time.Minute}, Retry: fanfare.Retry{Delays: []time.Duration{10 * time.Second}},
		})
		w.keyed("a.b", "", "1")
		w.keyed("a.b", "", "2")
		time.Sleep(time.Hour)
		rcv.want(t, w.start, seconds(0, 10), "[1,2]", "[1,2]")
	})
}

func TestBatchesUnderConcurrency(t *testing.T) {
	inBubble(t, &fanfare.Options{MaxPayload: 49}, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", func(n int, rw http.ResponseWriter, _ *http.Request) {
			if time.Sleep(100 * time.Millisecond); n%5 == 0 {
				rw.WriteHeader(500)
			}
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, MaxInFlight: 4, Batch: fanfare.Batching{Size: 7, Window: time.Second}})
		var msgs [600]*fanfare.Message
		var wg sync.WaitGroup
		for i := range msgs {
			wg.Go(func() {
				time.Sleep(time.Duration(i%11) * 150 * time.Millisecond)
				contentType, payload := "", fmt.Sprintf("%06d", 100_000+i)
				if i%50 == 0 {
					contentType = "text/plain"
				}
				msgs[i] = w.typed(contentType, payload)
			})
		}
		wg.Wait()
		time.Sleep(24 * time.Hour)
		came := make(map[string]int)
		for _, body := range rcv.bodies() {
			payloads := strings.Split(strings.Trim(body, "[]"), ",")
			if len(payloads) > 6 || len(body) > 49 {
				t.Errorf("%s came", body)
			}
			for _, payload := range payloads {
				came[payload]++
			}
		}
		for i, msg := range msgs {
			if n := len(w.attempts(msg)); n == 0 || n != came[fmt.Sprintf("%06d", 100_000+i)] {
				t.Errorf("message %d has %d attempts and came %d times", i, n, came[fmt.Sprintf("%06d", 100_000+i)])
			}
		}
		if n := w.delivered(ep); n != len(msgs) {
			t.Errorf("%d delivered, want %d", n, len(msgs))
		}
		if n := len(rcv.requests()); n > 250 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestABatchGivesItsPlaceToTheNext while it is being recorded.
func TestABatchGivesItsPlaceToTheNext(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, MaxInFlight: 1, Batch: fanfare.Batching{Size: 2, Window: time.Second}})
		gate := make(chan bool)
		w.bend(&bent{record: func() error { <-gate; return nil }}, nil)
		for i := range 4 {
			w.keyed("a.b", "", fmt.Sprint(i))
		}
		synctest.Wait()
		rcv.want(t, w.start, seconds(0, 0), "[0,1]", "[2,3]")
		close(gate)
	})
}
