package webhook_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

const formType = "application/x-www-form-urlencoded"

// Bodies of the vectors.
const (
	recordBody   = `{"id":"evt_1","type":"record.create","data":{"n":863}}`
	slackBody    = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	gitHubSecret = "It's a Secret to Everybody"
	gitHubForm   = "payload=%7B%22zen%22%3A%22Keep+it+logically+awesome.%22%7D"
	twilioURL    = "https://mycompany.com/myapp.php?foo=1&bar=2"
)

// A vector is a signature that others published, or that was computed apart from
// this code.
type vector struct {
	profile webhook.Profile
	secret  string
	message webhook.Message
	header  string
	want    string
}

func vectors(t *testing.T) map[string]vector {
	click, err := os.ReadFile("testdata/mandrill-click.form")
	if err != nil {
		t.Fatal(err)
	}
	text := func(body string) webhook.Message { return webhook.Message{Body: []byte(body)} }
	stamped := func(seconds int64, id, body string) webhook.Message {
		return webhook.Message{ID: id, Time: time.Unix(seconds, 0), Body: []byte(body)}
	}
	form := func(url string, body []byte) webhook.Message {
		return webhook.Message{URL: url, ContentType: formType, Body: body}
	}
	twilio := func(caller string, more ...string) webhook.Message {
		fields := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {caller}, "From": {caller}, "Digits": {"1234"}, "To": {"+18005551212"}}
		for i := 0; i < len(more); i += 2 {
			fields.Set(more[i], more[i+1])
		}
		return form(twilioURL, []byte(fields.Encode()))
	}
	return map[string]vector{
		"GitHub":          {webhook.GitHub, gitHubSecret, text("Hello, World!"), "X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		"GitHub, SHA-1":   {webhook.GitHub, gitHubSecret, text("Hello, World!"), "X-Hub-Signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59"},
		"GitHub, a form":  {webhook.GitHub, gitHubSecret, text(gitHubForm), "X-Hub-Signature-256", "sha256=1fc8bf6145b8e3b76b01404760bc7e884a641ad0fe4b9b66ced27d4a983cce1c"},
		"Standard":        {webhook.Standard, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", stamped(1614265330, "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`), "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		"Slack":           {webhook.Slack, "8f742231b10e8888abcd99yyyzzz85a5", stamped(1531420618, "", slackBody), "X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
		"Mandrill, click": {webhook.Mandrill, "ntynTMaFpM_octE5R1DKAw", form("http://requestb.in/q9a918q9", click), "X-Mandrill-Signature", "7rUa4lNJitlb178MgGOcHO6T4Bg="},
		"Mandrill, empty": {webhook.Mandrill, "test-webhook", form("https://hooks.example.com/mandrill", []byte("mandrill_events=%5B%5D")), "X-Mandrill-Signature", "IL0hJxXMNPVbDCI5lIrlqNrJYpY="},
		"Twilio":          {webhook.Twilio, "12345", twilio("+14158675309"), "X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		"Twilio, other":   {webhook.Twilio, "12345", twilio("+12349013030"), "X-Twilio-Signature", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
		"Twilio, sorted":  {webhook.Twilio, "12345", twilio("+14158675309", "Reason", "Participant", "ReasonConferenceEnded", "test"), "X-Twilio-Signature", "vOEb5UThFn24KEfnOFLQY2AE5FY="},
		"Stripe":          {webhook.Stripe, "whsec_test_secret", stamped(1492774577, "", recordBody), "Stripe-Signature", "t=1492774577,v1=f66e59e1880446b6f6603608a1daf2a88927412d616632b6f164d210cd74647c"},
		"REST hooks":      {webhook.RESTHooks, "shared_secret", text(recordBody), "X-Hook-Signature", "32aeb11e623d9c7aa808353ef93cdaae41503898860223c96cafc1584594f2a1"},
		"Dropbox":         {webhook.Dropbox, "app_secret", text(recordBody), "X-Dropbox-Signature", "8118baea9332524a7a07e29c8326be48d401e9c88934477d9aa686322d42ad28"},
		"Shopify":         {webhook.Shopify, "shpss_secret", text(recordBody), "X-Shopify-Hmac-Sha256", "ChCWiXMZQuSreK0DQWhNakDZbptY2o3L4+fdlsWAXi0="},
		"Intercom":        {webhook.Intercom, "client_secret", text(recordBody), "X-Hub-Signature", "sha1=24c5ae5404d24084cbb207016b0d3c86b19b1390"},
	}
}

func TestProfilesSignAndVerifyWhatOthersPublished(t *testing.T) {
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			r := request(t, v.profile, v.message, v.secret)
			if got := r.Header.Get(v.header); got != v.want {
				t.Errorf("%s is %s, want %s", v.header, got, v.want)
			}
			profile, now := v.profile, v.message.Time
			if profile == webhook.GitHub && v.header == "X-Hub-Signature" {
				profile = webhook.Intercom // the profile that goes by this header
			}
			r.Header.Set(v.header, v.want)
			if err := verify(profile, r, v.message.Body, now, v.secret); err != nil {
				t.Error(err)
			}
			if err := verify(profile, r, append(slices.Clone(v.message.Body), 'x'), now, v.secret); !errors.Is(err, webhook.ErrNoMatch) {
				t.Errorf("with a byte more: %v, want ErrNoMatch", err)
			}
		})
	}
}

// request returns the request that carries m, signed.
func request(t *testing.T, p webhook.Profile, m webhook.Message, secrets ...string) *http.Request {
	t.Helper()
	signed, err := p.Sign(&m, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	if m.URL == "" {
		m.URL = "https://receiver.example/hook"
	}
	r := httptest.NewRequest("POST", webhook.AddQuery(m.URL, signed.Query), nil)
	r.Header.Set("Content-Type", m.ContentType)
	for _, f := range signed.Header {
		r.Header.Add(f.Name, f.Value)
	}
	return r
}

// bodyOf is what the request that carries sample has for a body.
func bodyOf(t *testing.T, p webhook.Profile, secrets ...string) []byte {
	t.Helper()
	signed, err := p.Sign(&sample, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	if signed.Body != nil {
		return signed.Body
	}
	return sample.Body
}

func verify(p webhook.Profile, r *http.Request, body []byte, now time.Time, secrets ...string) error {
	v, err := p.Verifier(secrets...)
	if err == nil {
		_, err = v.VerifyRequest(r, body, now)
	}
	return err
}

var sample = webhook.Message{
	ID: "msg_1", Type: "record.created", Time: time.Unix(1.7e9, 0), URL: "https://receiver.example/hook?team=a%20b",
	ContentType: "application/json", Body: []byte(`{ "n": 1.00 }`),
}

const (
	newest = "whsec_FxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
	oldest = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	wrong  = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// several are the profiles that sign with each secret.
var several = []webhook.Profile{webhook.Standard, webhook.Stripe, webhook.Query}

func TestEveryProfileVerifiesItsOwn(t *testing.T) {
	for _, p := range webhook.Profiles() {
		t.Run(string(p), func(t *testing.T) {
			r, body := request(t, p, sample, newest, oldest), bodyOf(t, p, newest, oldest)
			for secret, want := range map[string]bool{
				newest: true,
				oldest: slices.Contains(several, p) || p == webhook.None,
				wrong:  p == webhook.None,
			} {
				err := verify(p, r, body, sample.Time, secret)
				if want && err != nil || !want && !errors.Is(err, webhook.ErrNoMatch) {
					t.Errorf("with %s: %v, want success: %v", secret, err, want)
				}
			}
			if err := verify(p, r, body, sample.Time, wrong, newest); err != nil {
				t.Errorf("a receiver that is given two secrets: %v", err)
			}
			headers, query := p.Adds()
			for name := range r.Header {
				if name != "Content-Type" && !slices.ContainsFunc(headers, func(h string) bool { return strings.EqualFold(h, name) }) {
					t.Errorf("%s is added, but not named by Adds", name)
				}
			}
			for name := range r.URL.Query() {
				if name != "team" && !slices.Contains(query, name) {
					t.Errorf("%s is added to the query, but not named by Adds", name)
				}
			}
		})
	}
}

func TestEveryProfileRefusesWhatIsNotSigned(t *testing.T) {
	for _, p := range webhook.Profiles() {
		if p == webhook.None {
			continue
		}
		r := httptest.NewRequest("POST", sample.URL, nil)
		if p == webhook.Twilio || p == webhook.Mandrill {
			r.Header.Set("Content-Type", formType)
		}
		if err := verify(p, r, sample.Body, sample.Time, newest); !errors.Is(err, webhook.ErrMissingHeader) {
			t.Errorf("%s: %v, want ErrMissingHeader", p, err)
		}
	}
}

// TestEveryProfileRefusesAlteredRequests alters what is sent, one thing at a time.
func TestEveryProfileRefusesAlteredRequests(t *testing.T) {
	for _, p := range webhook.Profiles() {
		if p == webhook.None || p == webhook.BodyToken { // see TestBodyToken
			continue
		}
		t.Run(string(p), func(t *testing.T) {
			r := request(t, p, sample, newest)
			for i := range sample.Body {
				body := slices.Clone(sample.Body)
				body[i] ^= 1
				if err := verify(p, r, body, sample.Time, newest); !errors.Is(err, webhook.ErrNoMatch) && p != webhook.Basic {
					t.Fatalf("with byte %d of the body altered: %v", i, err)
				}
			}
			headers, query := p.Adds()
			for _, name := range headers {
				if unsigned(p, name) {
					continue
				}
				altered := r.Clone(t.Context())
				value := []byte(altered.Header.Get(name))
				value[len(value)-3] = '0' + (value[len(value)-3]+1)%10
				altered.Header.Set(name, string(value))
				if err := verify(p, altered, sample.Body, sample.Time, newest); err == nil {
					t.Errorf("%s altered to %s: accepted", name, value)
				}
				altered.Header.Add(name, r.Header.Get(name))
				if err := verify(p, altered, sample.Body, sample.Time, newest); !errors.Is(err, webhook.ErrMalformedHeader) {
					t.Errorf("%s twice: %v, want ErrMalformedHeader", name, err)
				}
			}
			for _, name := range query {
				values := r.URL.Query()
				values.Set(name, values.Get(name)[1:]+"0")
				altered := r.Clone(t.Context())
				altered.URL.RawQuery = values.Encode()
				if err := verify(p, altered, sample.Body, sample.Time, newest); err == nil {
					t.Errorf("%s altered in %s: accepted", name, altered.URL.RawQuery)
				}
			}
		})
	}
}

// unsigned reports whether a header of the profile only says what happened, or is
// for others to verify.
func unsigned(p webhook.Profile, header string) bool {
	return p == webhook.GitHub && header != "X-Hub-Signature-256" || p == webhook.Shopify && header != "X-Shopify-Hmac-Sha256"
}

func TestTimestampsGrowOld(t *testing.T) {
	for _, p := range []webhook.Profile{webhook.Standard, webhook.Stripe, webhook.Slack, webhook.Query} {
		r := request(t, p, sample, newest)
		for late, want := range map[time.Duration]error{
			5 * time.Minute:              nil,
			5*time.Minute + time.Second:  webhook.ErrTooOld,
			-5 * time.Minute:             nil,
			-5*time.Minute - time.Second: map[bool]error{false: webhook.ErrTooNew}[p == webhook.Stripe],
		} {
			if err := verify(p, r, sample.Body, sample.Time.Add(late), newest); !errors.Is(err, want) {
				t.Errorf("%s, %v late: %v, want %v", p, late, err, want)
			}
		}
		v, err := p.Verifier(newest)
		if err != nil {
			t.Fatal(err)
		}
		v.Tolerance = time.Hour
		if event, err := v.VerifyRequest(r, sample.Body, sample.Time.Add(time.Hour)); err != nil || !event.Time.Equal(sample.Time) {
			t.Errorf("%s, an hour late of an hour: %v, %v", p, event.Time, err)
		}
	}
}

func TestSecretsAreNeeded(t *testing.T) {
	for _, p := range webhook.Profiles() {
		for _, secrets := range [][]string{nil, {""}, {newest, ""}} {
			if p == webhook.None {
				continue
			}
			if _, err := p.Sign(&sample, secrets...); !errors.Is(err, webhook.ErrNoSecret) {
				t.Errorf("%s signs with %q: %v", p, secrets, err)
			}
			if _, err := p.Verifier(secrets...); !errors.Is(err, webhook.ErrNoSecret) {
				t.Errorf("%s verifies with %q: %v", p, secrets, err)
			}
		}
		if err := verify(p, request(t, p, sample, p.GenerateSecret()), sample.Body, sample.Time, p.GenerateSecret()); err == nil && p != webhook.None {
			t.Errorf("%s: two secrets that were generated are the same", p)
		}
	}
	if _, err := webhook.Standard.Verifier("a text"); !errors.Is(err, webhook.ErrSecret) {
		t.Errorf("a text is a secret of the standard: %v", err)
	}
	unknown := webhook.Profile("gitlab")
	if _, err := unknown.Sign(&sample, newest); err == nil || unknown.Known() {
		t.Errorf("an unknown profile signs: %v", err)
	}
}

func TestWhereSecretsOverlap(t *testing.T) {
	for _, p := range webhook.Profiles() {
		if p == webhook.None {
			continue
		}
		r := request(t, p, sample, p.GenerateSecret(), older(p))
		err := verify(p, r, sample.Body, sample.Time, older(p))
		if (err == nil) != p.Overlaps() {
			t.Errorf("%s: the old secret gives %v, and Overlaps is %v", p, err, p.Overlaps())
		}
	}
}

// older is a secret that is always the same.
func older(p webhook.Profile) string {
	if p == webhook.Standard {
		return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	}
	return "an older secret"
}
