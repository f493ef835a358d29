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

func TestAMessageArrivesSignedAndVerbatim(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url + "hooks?x=%0d%0a", Headers: map[string]string{"X-Team": "blue"}})
		const payload = `{ "n": 12345678901234567890, "a":1,"a":2, "z":"\u0000" }`
		msg := w.send("record.created", []byte(payload))
		synctest.Wait()

		got := rcv.requests()
		if len(got) != 1 || got[0].body != payload {
			t.Fatalf("received %+v, want the payload %s once", got, payload)
		}
		secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		event, err := webhook.NewVerifier(secret).Verify(got[0].header, []byte(got[0].body), time.Now())
		if err != nil || event.ID != string(msg.ID) {
			t.Errorf("verified %+v, %v; want id %s", event, err, msg.ID)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/json", "X-Team": "blue", "Webhook-Event-Type": "record.created",
			"Webhook-Timestamp": fmt.Sprint(w.start.Unix()),
		} {
			if got := got[0].header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if d := w.delivery(msg); d.State != fanfare.Delivered || d.Attempts != 1 {
			t.Errorf("delivery is %v after %d attempts", d.State, d.Attempts)
		}
		a := w.attempts(msg)[0]
		if a.Class != fanfare.ClassSuccess || a.Status != 200 || a.Number != 1 || a.URL != ep.URL || !a.StartedAt.Equal(w.start) {
			t.Errorf("attempt is %+v", a)
		}
	})
}

func TestSendTakesAnyPayload(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true})
		w.send("random_number:generate", 863)
		w.send("random_number:generate", map[string]int{"n": 1})
		w.send("random_number:generate", []byte("\xff\x00"))
		synctest.Wait()
		if got, want := rcv.bodies(), []string{"863", `{"n":1}`, "\xff\x00"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
	})
}

func TestWhatBecomesOfAnAnswer(t *testing.T) {
	tests := map[string]struct {
		answer  func(int, http.ResponseWriter, *http.Request)
		success fanfare.Success
		class   fanfare.Class
		state   fanfare.State
		next    time.Duration // from the beginning to the next attempt, if there is one
	}{
		"200":                   {status(200), fanfare.Success{}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"299":                   {status(299), fanfare.Success{}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"302 is not followed":   {redirect("http://receiver.example/elsewhere"), fanfare.Success{}, fanfare.ClassRedirect, fanfare.Waiting, 5 * time.Second},
		"400":                   {status(400), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 5 * time.Second},
		"404 allowed":           {status(404), fanfare.Success{Statuses: "200-207, 404"}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"204 not in the set":    {status(204), fanfare.Success{Statuses: "200"}, fanfare.ClassStatus, fanfare.Waiting, 5 * time.Second},
		"410":                   {status(410), fanfare.Success{}, fanfare.ClassStatus, fanfare.GivenUp, 0},
		"body as wanted":        {body(200, `{"ok":true}`), fanfare.Success{Contains: `"ok":true`}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"body not as wanted":    {body(200, "TypeError"), fanfare.Success{Contains: `"ok":true`}, fanfare.ClassBody, fanfare.Waiting, 5 * time.Second},
		"body with an error":    {body(200, `{"error":["x"]}`), fanfare.Success{Lacks: `"error"`}, fanfare.ClassBody, fanfare.Waiting, 5 * time.Second},
		"fulcrum: 207":          {status(207), fanfare.Success{Preset: "fulcrum"}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"fulcrum: 208":          {status(208), fanfare.Success{Preset: "fulcrum"}, fanfare.ClassStatus, fanfare.Waiting, 5 * time.Second},
		"slack: ok":             {body(200, "ok"), fanfare.Success{Preset: "slack"}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"slack: no_service":     {body(200, "no_service"), fanfare.Success{Preset: "slack"}, fanfare.ClassBody, fanfare.Waiting, 5 * time.Second},
		"slack: 400":            {body(400, "invalid_payload"), fanfare.Success{Preset: "slack"}, fanfare.ClassRejected, fanfare.GivenUp, 0},
		"slack: 403":            {body(403, "action_prohibited"), fanfare.Success{Preset: "slack"}, fanfare.ClassGone, fanfare.GivenUp, 0},
		"slack: 404":            {body(404, "channel_not_found"), fanfare.Success{Preset: "slack"}, fanfare.ClassGone, fanfare.GivenUp, 0},
		"slack: 410":            {body(410, "channel_is_archived"), fanfare.Success{Preset: "slack"}, fanfare.ClassGone, fanfare.GivenUp, 0},
		"a script that ran":     {redirect("https://script.googleusercontent.com/x"), fanfare.Success{Preset: "apps-script"}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"a script that did not": {redirect("https://accounts.google.com/x"), fanfare.Success{Preset: "apps-script"}, fanfare.ClassRedirect, fanfare.Waiting, 5 * time.Second},
		"carto: error":          {body(200, `{"error":["x"]}`), fanfare.Success{Preset: "carto"}, fanfare.ClassBody, fanfare.Waiting, 5 * time.Second},
		"503 with Retry-After":  {retryAfter(503, "60"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, time.Minute},
		"429 with a short one":  {retryAfter(429, "1"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 5 * time.Second},
		"Retry-After: a date":   {retryAfter(503, "Sat, 01 Jan 2000 00:10:00 GMT"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 10 * time.Minute},
		"Retry-After: past":     {retryAfter(503, "Fri, 01 Jan 1999 00:10:00 GMT"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 5 * time.Second},
		"Retry-After: huge":     {retryAfter(503, "1000000000000000000"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 24 * time.Hour},
		"Retry-After: huger":    {retryAfter(503, "99999999999999999999999"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 24 * time.Hour},
		"Retry-After: -1":       {retryAfter(503, "-1"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 5 * time.Second},
		"Retry-After: soon":     {retryAfter(503, "soon"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, 5 * time.Second},
		"Retry-After on a 500":  {retryAfter(500, "60"), fanfare.Success{}, fanfare.ClassStatus, fanfare.Waiting, time.Minute},
		"Retry-After on a 200":  {retryAfter(200, "60"), fanfare.Success{}, fanfare.ClassSuccess, fanfare.Delivered, 0},
		"hangs":                 {hang, fanfare.Success{}, fanfare.ClassTimeout, fanfare.Waiting, 25 * time.Second},
		"closes without answer": {closeConn(""), fanfare.Success{}, fanfare.ClassReset, fanfare.Waiting, 5 * time.Second},
		"answers nonsense":      {closeConn("bogus\r\n\r\n"), fanfare.Success{}, fanfare.ClassBadResponse, fanfare.Waiting, 5 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", test.answer)
				w.endpoint(fanfare.Endpoint{URL: rcv.url, Success: test.success})
				msg := w.send("a.b", 1)
				time.Sleep(24 * time.Second)
				synctest.Wait()
				as := w.attempts(msg)
				if len(as) == 0 {
					t.Fatal("there was no attempt")
				}
				a := as[0]
				var next time.Duration
				if !a.NextAt.IsZero() {
					next = a.NextAt.Sub(w.start)
				}
				if a.Class != test.class || a.State != test.state || next != test.next {
					t.Errorf("attempt ended %q, %v, next after %v; want %q, %v, %v\n%s",
						a.Class, a.State, next, test.class, test.state, test.next, a.Explanation())
				}
				if a.Explanation() == "" {
					t.Error("the attempt is not explained")
				}
			})
		})
	}
}

// TestSlackSaysWhenItIsOver has a channel that goes, and before that a message it
// does not understand.
func TestSlackSaysWhenItIsOver(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("hooks.example", func(n int, rw http.ResponseWriter, r *http.Request) {
			if n == 1 {
				body(400, "no_text")(n, rw, r)
				return
			}
			body(404, "channel_not_found")(n, rw, r)
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Success: fanfare.Success{Preset: "slack"}})
		first := w.send("a.b", 1)
		time.Sleep(time.Hour)
		if now := w.reload(ep); now.Disabled || w.delivery(first).State != fanfare.GivenUp {
			t.Errorf("after 400: disabled %v, delivery %v", now.Disabled, w.delivery(first).State)
		}
		second := w.send("a.b", 2)
		time.Sleep(time.Hour)
		now := w.reload(ep)
		if !now.Disabled || now.DisabledReason != "the endpoint answered 404 Not Found" || w.delivery(second).State != fanfare.GivenUp {
			t.Errorf("after 404: disabled %v, %q, delivery %v", now.Disabled, now.DisabledReason, w.delivery(second).State)
		}
		if n := len(rcv.requests()); n != 2 {
			t.Errorf("there were %d attempts, want 2", n)
		}
	})
}

func redirect(to string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, to, http.StatusFound) }
}

func body(code int, text string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(code)
		fmt.Fprint(rw, text)
	}
}

func retryAfter(code int, value string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", value)
		rw.WriteHeader(code)
	}
}

func hang(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func closeConn(after string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, rw http.ResponseWriter, _ *http.Request) {
		conn, _, err := rw.(http.Hijacker).Hijack()
		if err == nil {
			fmt.Fprint(conn, after)
			conn.Close()
		}
	}
}

func TestAResponseIsReadForOneSecondAnd64KiB(t *testing.T) {
	endless := func(_ int, rw http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat("x", 4096))
		for {
			if _, err := rw.Write(chunk); err != nil {
				return
			}
		}
	}
	drip := func(_ int, rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(rw, ".")
			rw.(http.Flusher).Flush()
			time.Sleep(300 * time.Millisecond)
		}
	}
	tests := map[string]struct {
		answer func(int, http.ResponseWriter, *http.Request)
		body   int
		took   time.Duration
	}{
		"endless": {endless, 64 << 10, 0},
		"drip":    {drip, 4, time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", test.answer)
				w.endpoint(fanfare.Endpoint{URL: rcv.url})
				msg := w.send("a.b", 1)
				time.Sleep(2 * time.Second)
				a := w.attempts(msg)[0]
				if a.State != fanfare.Delivered || len(a.ResponseBody) != test.body || !a.Truncated || a.Duration != test.took {
					t.Errorf("attempt: %v, body of %d bytes, truncated %v, took %v; want delivered, %d, true, %v",
						a.State, len(a.ResponseBody), a.Truncated, a.Duration, test.body, test.took)
				}
			})
		})
	}
}

func TestNobodyListens(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.endpoint(fanfare.Endpoint{URL: "http://nobody.example/"})
		msg := w.send("a.b", 1)
		synctest.Wait()
		if a := w.attempts(msg)[0]; a.Class != fanfare.ClassRefused {
			t.Errorf("class is %q (%s), want refused", a.Class, a.Detail)
		}
	})
}

func TestWhatAPresetMissesIsRecorded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", body(200, "{\"error\":\"\xff\u200bx"+strings.Repeat("y", 300)+"\"}"))
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Success: fanfare.Success{Preset: "carto"}})
		msg := w.send("a.b", 1)
		synctest.Wait()
		want := "CARTO says \"\ufffdx" + strings.Repeat("y", 194) + "…"
		if a := w.attempts(msg)[0]; a.Detail != want || !strings.Contains(a.Explanation(), "("+want+")") {
			t.Errorf("the detail is %q, want %q\n%s", a.Detail, want, a.Explanation())
		}
	})
}
