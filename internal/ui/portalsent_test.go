package ui_test

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// TestTheRequestIsCopiedAsItWasSent runs the command of a delivery's page, and looks
// whether the receiver gets the same once more, signature and all.
func TestTheRequestIsCopiedAsItWasSent(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl here")
	}
	for _, format := range []string{"raw", "envelope", "form"} {
		w := newWorld(t, nil)
		var bodies [][]byte
		var last http.Header
		w.mu.Lock()
		w.answer = func(_ http.ResponseWriter, r *http.Request) { last = r.Header }
		w.mu.Unlock()
		w.rcv.Config.Handler = taken(w.rcv.Config.Handler, &bodies)
		ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Format = format })
		msg := w.message(1, `{"note": "it's"}`)
		d := w.get(200, "/portal/message/"+string(msg.ID)+"/to/"+string(ep.ID)).says("With the body that is sent by the settings of now")
		if format == "raw" {
			d.lacks("The body that was sent")
		} else {
			d.says("The body that was sent", "in the format that the endpoint has now")
		}
		_, command, _ := strings.Cut(d.text, `<pre tabindex="0" aria-label="the request as curl"><code>`)
		command, _, _ = strings.Cut(command, "</code>")
		if out, err := exec.Command("sh", "-c", html.UnescapeString(command)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if len(bodies) != 2 || !bytes.Equal(bodies[0], bodies[1]) {
			t.Fatalf("%s: the receiver got %q", format, bodies)
		}
		secret, err := webhook.ParseSecret(w.stored(ep).Secrets[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := webhook.NewVerifier(secret).Verify(last, bodies[1], msg.CreatedAt); err != nil {
			t.Errorf("%s: what the command sends is not signed: %v", format, err)
		}
	}
}

// taken notes the bodies that come.
func taken(next http.Handler, bodies *[][]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*bodies = append(*bodies, body)
		next.ServeHTTP(w, r)
	})
}

// TestWhatCannotBeCopiedIsSaid looks at deliveries whose requests make no command.
func TestWhatCannotBeCopiedIsSaid(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	at := func(msg *fanfare.Message, ep *fanfare.Endpoint) *doc {
		return w.get(200, "/portal/message/"+string(msg.ID)+"/to/"+string(ep.ID))
	}
	msg := w.message(1, `"`+strings.Repeat("x", 70<<10)+`"`)
	at(msg, ep).says("too long for a command").lacks("curl -i")
	msg = w.message(1, `{}`)
	if err := w.hub.ExpungePayload(t.Context(), w.app.ID, msg.ID); err != nil {
		t.Fatal(err)
	}
	at(msg, ep).says("The payload is no more").lacks("curl -i")
	script := w.endpoint(func(ep *fanfare.Endpoint) { ep.Transformation = "x" })
	msg = w.message(2, `{}`)
	at(msg, script).says("curl -i", "not the body that was sent", "See what it makes of this one")
}
