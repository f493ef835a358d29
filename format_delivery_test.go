package fanfare_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// verified checks the standard signature of a request over its body as it came.
func verified(t *testing.T, ep *fanfare.Endpoint, msg *fanfare.Message, r request) {
	t.Helper()
	secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	event, err := webhook.NewVerifier(secret).Verify(r.header, []byte(r.body), time.Now())
	if err != nil || event.ID != string(msg.ID) {
		t.Errorf("verified %+v, %v; want id %s", event, err, msg.ID)
	}
}

func TestAThinMessageHasAWholeAddressWhereThereIsOne(t *testing.T) {
	inBubble(t, &fanfare.Options{BaseURL: "https://hooks.example.com/"}, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, Format: "thin"})
		msg := w.send("record.created", 1)
		synctest.Wait()
		want := `"resource_url":"https://hooks.example.com/api/v1/app/` + string(w.app.ID) + "/msg/" + string(msg.ID) + `"}`
		if got := rcv.bodies(); len(got) != 1 || !strings.HasSuffix(got[0], want) {
			t.Errorf("received %q, want one that ends with %s", got, want)
		}
	})
}

func TestEachFormatArrivesSignedAsItIsSent(t *testing.T) {
	const payload = ` { "n": 12345678901234567890, "a":1e400,"a":2, "z":"\u0000é" } `
	tests := map[string]struct{ body, contentType string }{
		"":                   {payload, "application/json"},
		"raw":                {payload, "application/json"},
		"envelope":           {`{"id":"MSG","created":946684800,"type":"record.created","data":` + payload + `}`, "application/json"},
		"event":              {`{"id":"MSG","event":"record.created","data":` + payload + `}`, "application/json"},
		"fulcrum":            {`{"id":"MSG","type":"record.created","owner_id":"acme","data":` + payload + `}`, "application/json"},
		"thin":               {`{"id":"MSG","type":"record.created","created":946684800,"resource_url":"/api/v1/app/APP/msg/MSG"}`, "application/json"},
		"form":               {"payload=+%7B+%22n%22%3A+12345678901234567890%2C+%22a%22%3A1e400%2C%22a%22%3A2%2C+%22z%22%3A%22%5Cu0000%C3%A9%22+%7D+", "application/x-www-form-urlencoded"},
		"mandrill":           {"mandrill_events=%5B+%7B+%22n%22%3A+12345678901234567890%2C+%22a%22%3A1e400%2C%22a%22%3A2%2C+%22z%22%3A%22%5Cu0000%C3%A9%22+%7D+%5D", "application/x-www-form-urlencoded"},
		"cloudevents":        {`{"specversion":"1.0","id":"MSG","source":"/app/acme","type":"record.created","time":"2000-01-01T00:00:00Z","datacontenttype":"application/json","data":` + payload + `}`, "application/cloudevents+json"},
		"cloudevents-binary": {payload, "application/json"},
	}
	if len(tests) != len(fanfare.Formats)+1 {
		t.Fatalf("%d formats are tested, there are %q and none", len(tests), fanfare.Formats)
	}
	for format, test := range tests {
		t.Run(format, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", nil)
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Format: format})
				msg := w.send("record.created", []byte(payload))
				synctest.Wait()
				got := rcv.requests()
				if len(got) != 1 {
					t.Fatalf("received %d requests, want 1", len(got))
				}
				want := strings.NewReplacer("MSG", string(msg.ID), "APP", string(w.app.ID)).Replace(test.body)
				if got[0].body != want {
					t.Errorf("received %s\nwant     %s", got[0].body, want)
				}
				verified(t, ep, msg, got[0])
				header := map[string]string{
					"Content-Type": test.contentType, "Webhook-Event-Type": "record.created", "Webhook-Timestamp": "946684800",
				}
				attributes := map[string]string{
					"Ce-Specversion": "1.0", "Ce-Id": string(msg.ID), "Ce-Source": "/app/acme", "Ce-Type": "record.created", "Ce-Time": "2000-01-01T00:00:00Z",
				}
				for name, value := range attributes {
					if header[name] = ""; format == "cloudevents-binary" {
						header[name] = value
					}
				}
				recorded := make(http.Header)
				for _, line := range w.attempts(msg)[0].RequestHeader {
					recorded.Add(line.Name, line.Value)
				}
				for name, want := range header {
					if got := strings.Join(got[0].header.Values(name), ", "); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
				recorded.Set("Content-Length", got[0].header.Get("Content-Length")) // HTTP's own
				if len(recorded) != len(got[0].header) {
					t.Errorf("recorded %v, received %v", recorded, got[0].header)
				}
				for name, lines := range got[0].header {
					if !slices.Equal(recorded[name], lines) {
						t.Errorf("%s: recorded %q, received %q", name, recorded[name], lines)
					}
				}
			})
		})
	}
}

// A first attempt has the message in memory, a retry reads it back.
func TestARetryHasTheSameBodyInEachFormat(t *testing.T) {
	for _, format := range fanfare.Formats {
		t.Run(format, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", status(500, 200))
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Format: format})
				msg := w.send("a.b", []byte("863 "))
				time.Sleep(time.Minute)
				got := rcv.requests()
				if len(got) != 2 || got[0].body != got[1].body || got[0].body == "" {
					t.Fatalf("received %q, want the same twice", rcv.bodies())
				}
				verified(t, ep, msg, got[1])
				for _, name := range []string{"Ce-Time", "Content-Type"} {
					if a, b := got[0].header.Get(name), got[1].header.Get(name); a != b {
						t.Errorf("%s is %q, then %q", name, a, b)
					}
				}
			})
		})
	}
}

func TestAFormatAndAnOwnerTakeEffectAtOnce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("receiver.example", nil)
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Ordered: true})
		first := w.send("a.b", 1)
		synctest.Wait()
		ep.Format = "fulcrum"
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		second := w.send("a.b", 2)
		synctest.Wait()
		w.app.UID = ""
		if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
			t.Fatal(err)
		}
		third, err := w.hub.Send(t.Context(), string(w.app.ID), "a.b", "3")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want := []string{
			"1",
			`{"id":"` + string(second.ID) + `","type":"a.b","owner_id":"acme","data":2}`,
			`{"id":"` + string(third.ID) + `","type":"a.b","owner_id":"` + string(w.app.ID) + `","data":"3"}`,
		}
		if got := rcv.bodies(); !slices.Equal(got, want) {
			t.Errorf("received %q, want %q (the first was %s)", got, want, first.ID)
		}
	})
}
