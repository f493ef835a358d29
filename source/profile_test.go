package source_test

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

const (
	formType   = "application/x-www-form-urlencoded"
	recordBody = `{"id":"evt_1","type":"record.create","data":{"n":863}}`
	slackForm  = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

// now is a time at which the vectors without one are sent.
const now = 1531420618

// TestVectors sends what others have signed, as it stands in their documentation or was
// captured, and looks at the message that it becomes.
func TestVectors(t *testing.T) {
	click, err := os.ReadFile("../webhook/testdata/mandrill-click.form")
	if err != nil {
		t.Fatal(err)
	}
	fields, err := url.ParseQuery(string(click))
	if err != nil {
		t.Fatal(err)
	}
	var clicks []json.RawMessage
	if err := json.Unmarshal([]byte(fields.Get("mandrill_events")), &clicks); err != nil || len(clicks) != 2 {
		t.Fatal(err, len(clicks))
	}
	twilio := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "From": {"+14158675309"}, "Digits": {"1234"}, "To": {"+18005551212"}}.Encode()
	publicURL := func(u string) func(*fanfare.Source) { return func(src *fanfare.Source) { src.PublicURL = u } }
	custom := func(h webhook.HMAC) func(*fanfare.Source) { return func(src *fanfare.Source) { src.HMAC = h } }
	for _, c := range []struct {
		name, profile, secret string
		change                func(*fanfare.Source)
		seconds               int64
		query, body           string
		header                []string
		status                int
		eventType, payload    string // "": the body
		contentType           string
		id                    string // behind the source's; "": none
	}{
		{name: "github", profile: "github", secret: "It's a Secret to Everybody", body: "Hello, World!",
			header: []string{"X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", "X-GitHub-Event: push", "X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958"},
			status: 202, eventType: "github.push", contentType: "application/octet-stream", id: "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
		{name: "github, a form", profile: "github", secret: "It's a Secret to Everybody", body: "payload=%7B%22zen%22%3A%22Keep+it+logically+awesome.%22%7D",
			header: []string{"Content-Type: " + formType, "X-Hub-Signature-256: sha256=1fc8bf6145b8e3b76b01404760bc7e884a641ad0fe4b9b66ced27d4a983cce1c", "X-GitHub-Event: ping", "X-GitHub-Delivery: g"},
			status: 202, eventType: "github.ping", payload: `{"zen":"Keep it logically awesome."}`, contentType: "application/json", id: "g/0"},
		{name: "standard", profile: "standard", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", seconds: 1614265330, body: `{"test": 2432232314}`,
			header: []string{"Content-Type: application/json", "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp: 1614265330", "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
			status: 202, eventType: "source.n", contentType: "application/json", id: "msg_p5jXN8AQM9LWM0D4loKWxJek"},
		{name: "slack", profile: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", seconds: 1531420618, body: slackForm,
			header: []string{"Content-Type: " + formType, "X-Slack-Request-Timestamp: 1531420618", "X-Slack-Signature: v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
			status: 200, eventType: "source.n", contentType: formType},
		{name: "mandrill", profile: "mandrill", secret: "ntynTMaFpM_octE5R1DKAw", change: publicURL("http://requestb.in/q9a918q9"), body: string(click),
			header: []string{"Content-Type: " + formType, "X-Mandrill-Signature: 7rUa4lNJitlb178MgGOcHO6T4Bg="},
			status: 200, eventType: "click", payload: string(clicks[0]), contentType: "application/json", id: "*"},
		{name: "twilio", profile: "twilio", secret: "12345", change: publicURL("https://mycompany.com/myapp.php"), query: "?foo=1&bar=2", body: twilio,
			header: []string{"Content-Type: " + formType, "X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8="},
			status: 200, eventType: "source.n", contentType: formType},
		{name: "stripe", profile: "stripe", secret: "whsec_test_secret", seconds: 1492774577, body: recordBody,
			header: []string{"Content-Type: application/json; charset=utf-8", "Stripe-Signature: t=1492774577,v1=f66e59e1880446b6f6603608a1daf2a88927412d616632b6f164d210cd74647c"},
			status: 202, eventType: "record.create", contentType: "application/json; charset=utf-8", id: "evt_1"},
		{name: "resthooks", profile: "resthooks", secret: "shared_secret", body: recordBody,
			header: []string{"X-Hook-Signature: 32aeb11e623d9c7aa808353ef93cdaae41503898860223c96cafc1584594f2a1"},
			status: 202, eventType: "source.n", contentType: "application/json"},
		{name: "dropbox", profile: "dropbox", secret: "app_secret", body: recordBody,
			header: []string{"X-Dropbox-Signature: 8118baea9332524a7a07e29c8326be48d401e9c88934477d9aa686322d42ad28"},
			status: 200, eventType: "source.n", contentType: "application/json"},
		{name: "shopify", profile: "shopify", secret: "shpss_secret", body: recordBody,
			header: []string{"X-Shopify-Hmac-Sha256: ChCWiXMZQuSreK0DQWhNakDZbptY2o3L4+fdlsWAXi0=", "X-Shopify-Topic: orders/create", "X-Shopify-Webhook-Id: b54557e4"},
			status: 200, eventType: "orders/create", contentType: "application/json", id: "b54557e4"},
		{name: "intercom", profile: "intercom", secret: "client_secret", body: recordBody,
			header: []string{"X-Hub-Signature: sha1=24c5ae5404d24084cbb207016b0d3c86b19b1390"},
			status: 200, eventType: "source.n", contentType: "application/json", id: "evt_1"},
		{name: "hmac, as Dropbox", profile: "hmac", secret: "app_secret", change: custom(webhook.HMAC{Header: "X-Sig"}), body: recordBody,
			header: []string{"X-Sig: 8118baea9332524a7a07e29c8326be48d401e9c88934477d9aa686322d42ad28", "Content-Type: text/xml"},
			status: 202, eventType: "source.n", contentType: "text/xml"},
		{name: "hmac, as Shopify", profile: "hmac", secret: "shpss_secret", change: custom(webhook.HMAC{Header: "x-sig", Algorithm: "sha256", Encoding: "base64", Prefix: "v="}), body: recordBody,
			header: []string{"X-Sig: v=ChCWiXMZQuSreK0DQWhNakDZbptY2o3L4+fdlsWAXi0="},
			status: 202, eventType: "source.n", contentType: "application/json"},
		{name: "hmac, as Intercom", profile: "hmac", secret: "client_secret", change: custom(webhook.HMAC{Header: "X-Sig", Algorithm: "sha1", Prefix: "sha1="}), body: recordBody,
			header: []string{"X-Sig: sha1=24c5ae5404d24084cbb207016b0d3c86b19b1390"},
			status: 202, eventType: "source.n", contentType: "application/json"},
		{name: "basic", profile: "basic", secret: "Aladdin:open sesame", body: "\x00\xff",
			header: []string{"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, // RFC 7617
			status: 202, eventType: "source.n", contentType: "application/octet-stream"},
		{name: "slack-outgoing", profile: "slack-outgoing", secret: "xyzz0WbapA4vBCDEFasx0q6G", body: slackForm,
			header: []string{"Content-Type: " + formType}, status: 200, eventType: "source.n", contentType: formType},
		{name: "body-token", profile: "body-token", secret: "12345678", body: `{"a":1,"token":"12345678"}`, status: 202, eventType: "source.n", contentType: "application/json"},
		{name: "none", profile: "none", body: "", status: 202, eventType: "source.n", contentType: "application/octet-stream"},
	} {
		t.Run(c.name, func(t *testing.T) {
			seconds := c.seconds
			if seconds == 0 {
				seconds = now
			}
			at(t, seconds, func(w *world) {
				given := c.secret
				if c.profile == "twilio" {
					given = "longer than that of the vector"
				}
				src := w.source(c.profile, given, func(src *fanfare.Source) {
					if c.change != nil {
						c.change(src)
					}
				})
				if given != c.secret {
					src.Secrets[0].Text = c.secret
					w.ok(w.store.UpdateSource(w.Context(), src))
				}
				w.sendTo("POST", "/in/"+src.Token+c.query, c.body, c.header...).want(c.status, "")
				msgs := w.kept()
				if want := 1 + strings.Count(c.name, "mandrill"); len(msgs) != want {
					t.Fatalf("it became %d messages; want %d", len(msgs), want)
				}
				msg := msgs[0]
				payload := c.payload
				if payload == "" {
					payload = c.body
				}
				if string(msg.Payload) != payload || msg.Payload == nil || msg.EventType != c.eventType || msg.ContentType != c.contentType {
					t.Errorf("it became %s, %s, %q; want %s, %s, %q", msg.EventType, msg.ContentType, msg.Payload, c.eventType, c.contentType, payload)
				}
				id, ok := strings.CutPrefix(msg.EventID, string(src.ID)+":")
				if ok != (c.id != "") || c.id != "*" && id != c.id {
					t.Errorf("its event id is %q; want %q behind the source's", msg.EventID, c.id)
				}
				for _, tag := range msg.Tags {
					for _, secret := range []string{"signature", "hmac", "authorization", "x-sig"} {
						if strings.Contains(tag, secret) {
							t.Errorf("it has the tag %q", tag)
						}
					}
				}
				if c.body == "" {
					return
				}
				for _, bit := range []int{0, 8*len(c.body) - 1, 8 * (len(c.body) / 2)} {
					if c.profile == "basic" || c.profile == "slack-outgoing" || c.profile == "body-token" {
						break // nothing of the body is signed
					}
					changed := []byte(c.body)
					changed[bit/8] ^= 1 << (bit % 8)
					w.sendTo("POST", "/in/"+src.Token+c.query, string(changed), c.header...).want(401, `"code":"authentication_failed"`)
				}
				if c.profile != "slack-outgoing" && c.profile != "body-token" {
					w.sendTo("POST", "/in/"+src.Token+c.query, c.body, "Content-Type: "+c.contentType).want(401, `"code":"authentication_failed"`)
				}
				if n := len(w.kept()); n != len(msgs) {
					t.Errorf("%d messages are kept after that; want %d", n, len(msgs))
				}
			})
		})
	}
}
