package fanfare_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// TestMandrillReceiversAreSentWhatTheyRead computes the signature as Mandrill's
// documentation tells receivers to: over the endpoint's URL, the name of the only
// field and its value, decoded.
func TestMandrillReceiversAreSentWhatTheyRead(t *testing.T) {
	const key = "ntynTMaFpM_octE5R1DKAw"
	for name, test := range map[string]struct{ payload, contentType, want string }{
		"an event":     {`{"event":"click","url":"http://a.example/?x=1&y=ä+b"}`, "", `[{"event":"click","url":"http://a.example/?x=1&y=ä+b"}]`},
		"a list":       {` [{"event":"click"},{"event":"open"}]`, "", ` [{"event":"click"},{"event":"open"}]`},
		"a text":       {`[not JSON`, "text/plain", `[{"data":"[not JSON"}]`},
		"a JSON text":  {`"[1]"`, "", `["[1]"]`},
		"bytes":        {"\xff\xfe", "application/octet-stream", `[{"data_base64":"//4="}]`},
		"no events":    {`[]`, "", `[]`},
		"a list, text": {`[1]`, "text/plain", `[{"data":"[1]"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				rcv := w.receiver("receiver.example", nil)
				at := rcv.url + "hook?team=a%20b"
				w.endpoint(fanfare.Endpoint{URL: at, Signature: "mandrill", Format: "mandrill", Secrets: []fanfare.Secret{{Text: key}}})
				w.typed(test.contentType, test.payload)
				synctest.Wait()
				r := rcv.requests()[0]
				fields, err := url.ParseQuery(r.body)
				if err != nil || len(fields) != 1 || fields.Get("mandrill_events") != test.want || r.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
					t.Errorf("received %s with %v, want the field mandrill_events with %s", r.body, r.header, test.want)
				}
				mac := hmac.New(sha1.New, []byte(key))
				mac.Write([]byte(at + "mandrill_events" + test.want))
				if got, want := r.header.Get("X-Mandrill-Signature"), base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
					t.Errorf("signed with %s, want %s", got, want)
				}
			})
		})
	}
}
