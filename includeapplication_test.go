package fanfare_test

import (
	"context"
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

// TestAReceiverIsToldWhoseAMessageIs where the endpoint asks for it, in every format,
// and what is signed stays what it was.
func TestAReceiverIsToldWhoseAMessageIs(t *testing.T) {
	const payload = `{"n": 1}`
	bodies := map[string]string{"": payload, "envelope": `{"id":"MSG","created":946684800,"type":"record.created","application":"acme","data":` + payload + `}`}
	for _, format := range append([]string{""}, fanfare.Formats...) {
		for _, asked := range []bool{true, false} {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", nil)
				ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Format: format, IncludeApplication: asked})
				msg := w.send("record.created", []byte(payload))
				synctest.Wait()
				got := rcv.requests()
				if len(got) != 1 {
					t.Fatalf("%d requests came", len(got))
				}
				want := []string(nil)
				if asked {
					want = []string{"acme"}
				}
				if told := got[0].header["Webhook-Application"]; !slices.Equal(told, want) {
					t.Errorf("format %q, asked %v: the header says %q", format, asked, told)
				}
				verified(t, ep, msg, got[0])
				if body, ok := bodies[format]; ok && asked {
					if body = strings.ReplaceAll(body, "MSG", string(msg.ID)); got[0].body != body {
						t.Errorf("format %q is sent as %s, want %s", format, got[0].body, body)
					}
				} else if format == "envelope" && strings.Contains(got[0].body, "application") {
					t.Errorf("unasked it is sent %s", got[0].body)
				}
				as := w.attempts(msg)
				if len(as) != 1 || slices.ContainsFunc(as[0].RequestHeader, func(h fanfare.Header) bool { return h.Name == webhook.HeaderApplication && h.Value == "acme" }) != asked {
					t.Errorf("recorded is %+v", as)
				}
			})
		}
	}
}

// TestWhoseAMessageIsFollowsTheApplication when it is renamed, or has no uid.
func TestWhoseAMessageIsFollowsTheApplication(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var told []string
		rcv := w.receiver("receiver.example", func(_ int, _ http.ResponseWriter, r *http.Request) {
			told = append(told, r.Header.Get(webhook.HeaderApplication))
		})
		w.endpoint(fanfare.Endpoint{URL: rcv.url, IncludeApplication: true, Batch: fanfare.Batching{Size: 2, Window: time.Second}})
		for _, uid := range []string{"acme", "renamed", ""} {
			w.app.UID = uid
			if err := w.hub.UpdateApplication(t.Context(), w.app); err != nil {
				t.Fatal(err)
			}
			for n := range 2 {
				if _, err := w.hub.Send(t.Context(), string(w.app.ID), "record.created", n); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if want := []string{"acme", "renamed", string(w.app.ID)}; !slices.Equal(told, want) {
			t.Errorf("batches say %q, want %q", told, want)
		}
	})
}

// TestAHandlerKnowsWhoseAMessageIs has our own receiver take what is sent.
func TestAHandlerKnowsWhoseAMessageIs(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		secret := webhook.GenerateSecret()
		h := webhook.NewHandler(webhook.NewVerifier(secret), nil)
		var of string
		h.On("*", func(_ context.Context, e webhook.Event) error { of = e.Application; return nil })
		rcv := w.receiver("receiver.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url, IncludeApplication: true, Secrets: []fanfare.Secret{{Text: secret.Reveal()}}})
		w.send("record.created", 1)
		synctest.Wait()
		r := httptest.NewRequest("POST", "/", strings.NewReader(rcv.requests()[0].body))
		r.Header = rcv.requests()[0].header
		h.ServeHTTP(httptest.NewRecorder(), r)
		if of != "acme" {
			t.Errorf("the handler is told %q", of)
		}
	})
}
