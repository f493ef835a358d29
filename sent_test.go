package fanfare_test

import (
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// TestRequestBodyIsWhatIsSent compares what is said of a request with what a receiver got,
// in every format.
func TestRequestBodyIsWhatIsSent(t *testing.T) {
	inBubble(t, &fanfare.Options{BaseURL: "https://hooks.example.com/"}, func(t *testing.T, w *world) {
		for i, format := range fanfare.Formats {
			rcv := w.receiver(format+".example", nil)
			ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Format: format, IncludeApplication: i%2 == 1})
			msg := w.send("record.created", 12)
			synctest.Wait()
			got := rcv.bodies()
			body, ok, err := w.hub.RequestBody(t.Context(), ep, msg)
			if err != nil || !ok || len(got) != 1 || got[0] != string(body) {
				t.Errorf("%s: it is said to be %s (%v, %v), and was %q", format, body, ok, err, got)
			}
			if err := w.hub.DeleteEndpoint(t.Context(), w.app.ID, ep.ID); err != nil {
				t.Fatal(err)
			}
		}
		for _, other := range []fanfare.Endpoint{{Transformation: "x"}, {Kind: "slack"}, {Signature: "body-token"}, {Batch: fanfare.Batching{Size: 2}}} {
			if body, ok, err := w.hub.RequestBody(t.Context(), &other, &fanfare.Message{Payload: []byte("{}")}); ok || body != nil || err != nil {
				t.Errorf("of %+v it is said to be %s, %v", other, body, err)
			}
		}
	})
}
