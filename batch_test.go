package fanfare_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// typed sends a message whose payload is of a content type.

func (w *world) typed(contentType, payload string) *fanfare.Message {
	w.t.Helper()
	msg := &fanfare.Message{EventType: "a.b", ContentType: contentType, Payload: []byte(payload)}
	if errs, err := w.hub.SendBatch(w.t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
		w.t.Fatal(err, errs)
	}
	return msg
}

func seconds(of ...float64) []time.Duration {
	var times []time.Duration
	for _, s := range of {
		times = append(times, time.Duration(s*float64(time.Second)))
	}
	return times
}

// want says which requests are to have come, and when.

func (rcv *receiver) want(t *testing.T, start time.Time, times []time.Duration, bodies ...string) {
	t.Helper()
	if got := rcv.times(start); !slices.Equal(got, times) {
		t.Errorf("requests came at %v, want %v", got, times)
	}
	if got := rcv.bodies(); bodies != nil && !slices.Equal(got, bodies) {
		t.Errorf("%q came, want %q", got, bodies)
	}
}

func TestABatchGoesWhenItIsFullOrOld(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Batch: fanfare.Batching{Size: 3, Window: 10 * time.Second}})
		first := w.keyed("a.b", "", "1")
		second := w.keyed("a.c", "", ` {"b":2.0} `)
		time.Sleep(4 * time.Second)
		third := w.keyed("a.b", "", "3") // full
		time.Sleep(time.Second)
		w.keyed("a.b", "", "4")
		time.Sleep(9 * time.Second)
		w.keyed("a.b", "", "5")
		time.Sleep(time.Minute) // the one before has waited long enough
		w.keyed("a.b", "", "6") // and nobody joins this one
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(4, 15, 84), `[1, {"b":2.0} ,3]`, "[4,5]", "[6]")
		secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		ids := make(map[string]bool)
		for i, r := range rcv.requests() {
			event, err := webhook.NewVerifier(secret).Verify(r.header, []byte(r.body), r.at)
			if err != nil || !strings.HasPrefix(event.ID, "batch_") || ids[event.ID] || event.Type != "" {
				t.Errorf("request %d verified as %+v, %v", i, event, err)
			}
			ids[event.ID] = true
			if got := r.header.Get("Content-Type"); got != "application/json" || r.header["Webhook-Event-Type"] != nil {
				t.Errorf("request %d is %s, of %q", i, got, r.header["Webhook-Event-Type"])
			}
		}
		var attempts []*fanfare.Attempt
		for _, msg := range []*fanfare.Message{first, second, third} {
			if d := w.delivery(msg); d.State != fanfare.Delivered {
				t.Errorf("%s is %v", msg.ID, d.State)
			}
			attempts = append(attempts, w.attempts(msg)...)
		}
		if len(attempts) != 3 || attempts[0].ID == attempts[1].ID || attempts[1].EventType != "a.c" ||
			attempts[0].StartedAt != attempts[2].StartedAt || attempts[2].Status != 200 {
			t.Errorf("%d attempts: %+v", len(attempts), attempts)
		}
	})
}

// TestAFailedBatchIsTriedAgain fails a batch of four so often that the endpoint is

// probed: as each counts once, that begins with the tenth. All come again together,

// as the same request.

// TestABatchFailsForEachByItsPlan has one of two given up, and the other come again

// with a third.

// TestABatchThatHasNoRoom is as large as one payload may be at most. What is left

// goes in the next one, and one that has no room anywhere goes by itself.

func TestABatchThatHasNoRoom(t *testing.T) {
	inBubble(t, &fanfare.Options{MaxPayload: 22}, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, MaxInFlight: 1, Batch: fanfare.Batching{Size: 5, Window: 10 * time.Second}})
		large := `"` + strings.Repeat("x", 20) + `"`
		for _, payload := range []string{`"90000789"`, `"9000789"`, "1", large, "2"} { // the first two make 22 bytes
			w.keyed("a.b", "", payload)
		}
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(0, 10, 10, 10), `["90000789","9000789"]`, "[1]", "["+large+"]", "[2]")
	})
}

// TestWhatIsNotJSONGoesAlone in the format raw; others make JSON of it.

func TestWhatIsNotJSONGoesAlone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		plain, wrapped := w.receiver("a.test", nil), w.receiver("b.test", nil)
		batch := fanfare.Batching{Size: 3, Window: 10 * time.Second}
		w.endpoint(fanfare.Endpoint{URL: plain.url, Batch: batch})
		ep := w.endpoint(fanfare.Endpoint{URL: wrapped.url, Batch: batch, Format: "event"})
		one := w.typed("", "1")
		text := w.typed("text/plain", "two")
		three := w.typed("application/vnd.a+json", "[3]")
		time.Sleep(time.Minute)
		plain.want(t, w.start, seconds(0, 10), "[1,[3]]", "two")
		r := plain.requests()[1]
		if r.header.Get("webhook-id") != string(text.ID) || r.header.Get("Content-Type") != "text/plain" || r.header.Get("webhook-event-type") != "a.b" {
			t.Errorf("what went alone has %v", r.header)
		}
		wrapped.want(t, w.start, seconds(0), fmt.Sprintf(
			`[{"id":"%s","event":"a.b","data":1},{"id":"%s","event":"a.b","data":"two"},{"id":"%s","event":"a.b","data":[3]}]`, one.ID, text.ID, three.ID))
		if ds := w.delivered(ep); ds != 3 {
			t.Errorf("%d delivered, want 3", ds)
		}
	})
}

// delivered counts.

func (w *world) delivered(ep *fanfare.Endpoint) int {
	w.t.Helper()
	counts, err := w.hub.EndpointStats(w.t.Context(), w.app.ID, ep.ID, time.Time{}, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	return counts[fanfare.Delivered]
}

func TestABatchOfCloudEvents(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Format: "cloudevents", Batch: fanfare.Batching{Size: 2, Window: time.Second}})
		w.keyed("a.b", "", "1")
		w.keyed("a.c", "", "2")
		synctest.Wait()
		r := rcv.requests()[0]
		if got := r.header.Get("Content-Type"); got != "application/cloudevents-batch+json" {
			t.Errorf("it is %s", got)
		}
		if !strings.HasPrefix(r.body, `[{"specversion":"1.0"`) || strings.Count(r.body, `"specversion"`) != 2 || !strings.HasSuffix(r.body, `"data":2}]`) {
			t.Errorf("it is %s", r.body)
		}
	})
}

// TestWhatIsAskedForWaitsForNobody resends one while another gathers, and then

// recovers many.

func TestWhatIsAskedForWaitsForNobody(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", status(500, 200))
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Batch: fanfare.Batching{Size: 3, Window: 10 * time.Second}, Retry: fanfare.Retry{Preset: "none"}})
		var msgs []*fanfare.Message
		for i := range 3 {
			msgs = append(msgs, w.keyed("a.b", "", fmt.Sprint(i))) // given up
		}
		time.Sleep(time.Second)
		w.keyed("a.b", "", "3")
		time.Sleep(time.Second)
		if err := w.hub.Resend(t.Context(), msgs[1], ep); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		task := w.startTask(fanfare.Task{Kind: fanfare.TaskRecover, Endpoint: ep.ID})
		time.Sleep(time.Minute)
		w.wantTask(task.ID, fanfare.TaskFinished, 2, 2)
		rcv.want(t, w.start, seconds(0, 2, 3, 11), "[0,1,2]", "[1]", "[0,2]", "[3]")
	})
}

// TestWhatIsGoneIsNotInTheBatch cancels one that gathers, and expunges another.

// TestABatchGathersAcrossARestart ends the Hub once while two gather, and once while

// their attempt is under way.

func TestADebouncedMessageJoinsABatch(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Debounce: 3 * time.Second, Batch: fanfare.Batching{Size: 5, Window: 10 * time.Second}})
		w.keyed("a.b", "7", "1")
		time.Sleep(time.Second)
		w.keyed("a.b", "7", "2") // instead of the one before, due at 3 s
		time.Sleep(time.Second)
		w.keyed("a.b", "8", "3") // due at 5 s
		time.Sleep(3 * time.Second)
		w.keyed("a.b", "7", "4") // at 5 s, instead of one that is due and gathers
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(13), "[3,4]")
	})
}

// TestResponsesToABatchAreShared bounds what is kept of a response that every

// delivery has.

// TestABatchThatIsGoneDisables holds what else there is.

// TestABatchTakesOneOfEachLimit sends forty, ten at a time, one attempt a second.

func TestABatchTakesOneOfEachLimit(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, RateLimit: 1, Batch: fanfare.Batching{Size: 10, Window: time.Minute}})
		for range 40 {
			w.keyed("a.b", "", "1")
		}
		time.Sleep(time.Minute)
		rcv.want(t, w.start, seconds(0, 1, 2, 3))
	})
}

func TestWhatCannotGoTogether(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		good := fanfare.Batching{Size: 2, Window: time.Second}
		for _, ep := range []fanfare.Endpoint{
			{Batch: fanfare.Batching{Size: 1, Window: time.Second}}, {Batch: fanfare.Batching{Size: 501, Window: time.Second}}, {Batch: fanfare.Batching{Size: -1, Window: time.Second}},
			{Batch: fanfare.Batching{Window: time.Second}}, {Batch: fanfare.Batching{Size: 2}}, {Batch: fanfare.Batching{Size: 2, Window: time.Millisecond}}, {Batch: fanfare.Batching{Size: 2, Window: 25 * time.Hour}},
			{Batch: good, Ordered: true}, {Batch: good, Format: "form"}, {Batch: good, Format: "mandrill"}, {Batch: good, Format: "cloudevents-binary"}, {Batch: good, Signature: "github"}, {Batch: good, Signature: "shopify"},
		} {
			ep.Application, ep.URL = w.app.ID, "http://a.test/"
			var wrong *fanfare.InvalidError
			if err := w.hub.CreateEndpoint(t.Context(), &ep); !errors.As(err, &wrong) || !strings.HasPrefix(wrong.Field, "batch") {
				t.Errorf("%+v: %v", ep.Batch, err)
			}
		}
	})
}

// TestEverySignatureSignsABatch that may, over the whole body.

func TestEverySignatureSignsABatch(t *testing.T) {
	for _, profile := range webhook.Profiles() {
		if profile == webhook.GitHub || profile == webhook.Shopify || profile == webhook.Standard {
			continue
		}
		t.Run(string(profile), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				var err error
				rcv := w.receiver("a.test", nil)
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Signature: string(profile), Batch: fanfare.Batching{Size: 2, Window: time.Second}})
				verifier, err := profile.Verifier(ep.Secrets[0].Text)
				if err != nil {
					t.Fatal(err)
				}
				w.keyed("a.b", "", "1")
				last := w.keyed("a.c", "", "2")
				synctest.Wait()
				got := rcv.requests()
				if len(got) != 1 {
					t.Fatalf("%d requests", len(got))
				}
				r, err := http.NewRequest("POST", w.attempts(last)[0].URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header = got[0].header
				if _, err := verifier.VerifyRequest(r, []byte(got[0].body), time.Now()); err != nil {
					t.Errorf("%s: %v", got[0].body, err)
				}
				if want := "[1,2]"; !strings.Contains(got[0].body, want) {
					t.Errorf("it is %s", got[0].body)
				}
			})
		})
	}
}

// TestABatchOfWhichSomeCannotBeRead sends the rest, and what could not be read for

// the moment afterwards.

// TestABatchStaysTogether when it is put off, whatever chance would have for each.

// TestBatchesUnderConcurrency has many senders, of messages of which some fail and

// some go alone: each arrives, and is recorded as often as it came. Seven would make

// 50 bytes, one too many.

func TestAHandlerReadsABatch(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.test", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Format: "event", Batch: fanfare.Batching{Size: 2, Window: time.Second}})
		w.keyed("a.b", "", "1")
		w.keyed("a.c", "", "2")
		synctest.Wait()
		secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		var got []struct {
			Event string
			Data  int
		}
		handler := webhook.NewHandler(webhook.NewVerifier(secret), nil)
		handler.On("*", func(_ context.Context, event webhook.Event) error { return json.Unmarshal(event.Body, &got) })
		r := httptest.NewRequest("POST", rcv.url, strings.NewReader(rcv.bodies()[0]))
		r.Header = rcv.requests()[0].header
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		if answer.Code != 200 || len(got) != 2 || got[0].Event != "a.b" || got[1].Data != 2 {
			t.Errorf("%d %s: %+v", answer.Code, answer.Body, got)
		}
	})
}
