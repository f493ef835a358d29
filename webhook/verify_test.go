package webhook_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

func published() http.Header {
	return headers(publishedID, publishedTime, publishedSignature)
}

func TestVerifyReturnsTheEvent(t *testing.T) {
	for _, text := range []struct{ secret, signature string }{
		{publishedSecret, publishedSignature}, {privateKey, ed25519Signature}, {publicKey, ed25519Signature},
	} {
		v := webhook.NewVerifier(secret(t, text.secret))
		h := headers(publishedID, publishedTime, text.signature)
		h.Set(webhook.HeaderEventType, "test.created")
		event, err := v.Verify(h, []byte(publishedBody), publishedTime)
		if err != nil {
			t.Fatal(err)
		}
		if event.ID != publishedID || event.Type != "test.created" || !event.Time.Equal(publishedTime) || string(event.Body) != publishedBody {
			t.Errorf("event is %+v", event)
		}
	}
}

func TestSecretsWhileRotating(t *testing.T) {
	next := webhook.GenerateSecret()
	both, err := webhook.NewSigner(next, secret(t, publishedSecret), secret(t, privateKey))
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(publishedBody)
	signature := both.Sign(publishedID, publishedTime, body)
	for _, test := range []struct {
		name    string
		secrets []*webhook.Secret
		want    error
	}{
		{"new", []*webhook.Secret{next}, nil},
		{"old", []*webhook.Secret{secret(t, publishedSecret)}, nil},
		{"public key", []*webhook.Secret{secret(t, publicKey)}, nil},
		{"a stranger's, then the old", []*webhook.Secret{webhook.GenerateSecret(), nil, secret(t, publishedSecret)}, nil},
		{"a stranger's key, then the right one", []*webhook.Secret{webhook.GenerateKeyPair(), secret(t, publicKey)}, nil},
		{"strangers'", []*webhook.Secret{webhook.GenerateSecret(), webhook.GenerateKeyPair()}, webhook.ErrNoMatch},
		{"none", nil, webhook.ErrNoSecret},
		{"nil", []*webhook.Secret{nil}, webhook.ErrNoSecret},
		{"one nobody made", []*webhook.Secret{new(webhook.Secret)}, webhook.ErrNoSecret},
	} {
		v := webhook.NewVerifier(test.secrets...)
		if _, err := v.Verify(headers(publishedID, publishedTime, signature), body, publishedTime); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	var none *webhook.Verifier
	if _, err := none.Verify(published(), body, publishedTime); !errors.Is(err, webhook.ErrNoSecret) {
		t.Errorf("a nil verifier: %v", err)
	}
}

func TestEveryAlteredByteIsRefused(t *testing.T) {
	v := webhook.NewVerifier(secret(t, publishedSecret), secret(t, publicKey))
	v.Tolerance = 100 * 365 * 24 * time.Hour // so that a digit of the timestamp fails by its signature
	for _, signature := range []string{publishedSignature, ed25519Signature} {
		whole := headers(publishedID, publishedTime, signature)
		if _, err := v.Verify(whole, []byte(publishedBody), publishedTime); err != nil {
			t.Fatal(err)
		}
		for i := range len(publishedBody) {
			for bit := range 8 {
				body := []byte(publishedBody)
				body[i] ^= 1 << bit
				if _, err := v.Verify(whole, body, publishedTime); !errors.Is(err, webhook.ErrNoMatch) {
					t.Errorf("bit %d of byte %d of the body flipped: %v", bit, i, err)
				}
			}
		}
		for _, name := range []string{webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature} {
			value := whole.Get(name)
			for i := range len(value) {
				for c := range 256 {
					if byte(c) == value[i] {
						continue
					}
					altered := whole.Clone()
					altered.Set(name, value[:i]+string([]byte{byte(c)})+value[i+1:])
					if _, err := v.Verify(altered, []byte(publishedBody), publishedTime); err == nil {
						t.Errorf("byte %d of %s made %q: accepted", i, name, byte(c))
					}
				}
			}
		}
		for _, body := range []string{"", publishedBody[1:], publishedBody + "\n", "\ufeff" + publishedBody} {
			if _, err := v.Verify(whole, []byte(body), publishedTime); !errors.Is(err, webhook.ErrNoMatch) {
				t.Errorf("body %q: %v", body, err)
			}
		}
	}
}

func TestToleranceIsExact(t *testing.T) {
	for _, test := range []struct {
		name      string
		tolerance time.Duration
		now       time.Duration // after it was signed
		want      error
	}{
		{"the same instant", 0, 0, nil},
		{"five minutes old", 0, 5 * time.Minute, nil},
		{"a nanosecond older", 0, 5*time.Minute + 1, webhook.ErrTooOld},
		{"ten minutes old", 0, 10 * time.Minute, webhook.ErrTooOld},
		{"five minutes ahead", 0, -5 * time.Minute, nil},
		{"a nanosecond further ahead", 0, -5*time.Minute - 1, webhook.ErrTooNew},
		{"ten minutes ahead", 0, -10 * time.Minute, webhook.ErrTooNew},
		{"an hour old of an hour", time.Hour, time.Hour, nil},
		{"older than an hour", time.Hour, time.Hour + 1, webhook.ErrTooOld},
		{"a second old of one", time.Second, time.Second, nil},
		{"two seconds ahead of one", time.Second, -2 * time.Second, webhook.ErrTooNew},
		{"a negative tolerance tolerates nothing", -time.Minute, 0, webhook.ErrTooOld},
	} {
		v := webhook.NewVerifier(secret(t, publishedSecret))
		v.Tolerance = test.tolerance
		_, err := v.Verify(published(), []byte(publishedBody), publishedTime.Add(test.now))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

// The distance of these times from the clock has no Duration.
func TestTimesFarAway(t *testing.T) {
	v := webhook.NewVerifier(secret(t, publishedSecret))
	for _, test := range []struct {
		at, now time.Time
		want    error
	}{
		{time.Unix(999_999_999_999, 0), publishedTime, webhook.ErrTooNew},
		{time.Unix(0, 0), time.Unix(999_999_999_999, 0), webhook.ErrTooOld},
		{time.Unix(0, 0), time.Time{}, webhook.ErrTooNew},
	} {
		signature := signer(t, publishedSecret).Sign("a", test.at, nil)
		if _, err := v.Verify(headers("a", test.at, signature), nil, test.now); !errors.Is(err, test.want) {
			t.Errorf("signed at %v, verified at %v: %v, want %v", test.at, test.now, err, test.want)
		}
	}
}

func TestSvixHeaders(t *testing.T) {
	v := webhook.NewVerifier(secret(t, publishedSecret))
	svix := make(http.Header)
	for _, name := range []string{"id", "timestamp", "signature"} {
		svix.Set("svix-"+name, published().Get("webhook-"+name))
	}
	if event, err := v.Verify(svix, []byte(publishedBody), publishedTime); err != nil || event.ID != publishedID {
		t.Errorf("svix headers alone: %+v, %v", event, err)
	}

	both := svix.Clone()
	both.Set(webhook.HeaderID, publishedID)
	if _, err := v.Verify(both, []byte(publishedBody), publishedTime); !errors.Is(err, webhook.ErrMissingHeader) {
		t.Errorf("svix headers beside a webhook-id: %v, want ErrMissingHeader", err)
	}

	svix.Del("svix-timestamp")
	_, err := v.Verify(svix, []byte(publishedBody), publishedTime)
	if !errors.Is(err, webhook.ErrMissingHeader) || !strings.Contains(err.Error(), "svix-timestamp") {
		t.Errorf("without svix-timestamp: %v", err)
	}
}

// A hostileCase alters one header of the published request. An empty value
// takes it away.
type hostileCase struct {
	name, header, value string
	want                error
}

func (c hostileCase) headers() http.Header {
	h := published()
	h.Set(c.header, c.value)
	if c.value == "" {
		h.Del(c.header)
	}
	return h
}

// hostile are requests of the bad-input catalogue: headers that no honest
// sender makes, and what is wrong with each.
var hostile = []hostileCase{
	{"no id", webhook.HeaderID, "", webhook.ErrMissingHeader},
	{"no timestamp", webhook.HeaderTimestamp, "", webhook.ErrMissingHeader},
	{"no signature", webhook.HeaderSignature, "", webhook.ErrMissingHeader},
	{"id with a dot", webhook.HeaderID, "msg_1.1614265330", webhook.ErrMalformedHeader},
	{"id of control characters", webhook.HeaderID, "\x00\r\n", webhook.ErrMalformedHeader},
	{"id in unicode", webhook.HeaderID, "сообщение", webhook.ErrMalformedHeader},
	{"id without end", webhook.HeaderID, strings.Repeat("a", 1<<20), webhook.ErrMalformedHeader},
	{"timestamp in words", webhook.HeaderTimestamp, "yesterday", webhook.ErrMalformedHeader},
	{"timestamp of a date", webhook.HeaderTimestamp, "2021-02-25T15:02:10Z", webhook.ErrMalformedHeader},
	{"timestamp with a sign", webhook.HeaderTimestamp, "+1614265330", webhook.ErrMalformedHeader},
	{"timestamp below zero", webhook.HeaderTimestamp, "-1614265330", webhook.ErrMalformedHeader},
	{"timestamp with a fraction", webhook.HeaderTimestamp, "1614265330.0", webhook.ErrMalformedHeader},
	{"timestamp with an exponent", webhook.HeaderTimestamp, "1e9", webhook.ErrMalformedHeader},
	{"timestamp in hexadecimal", webhook.HeaderTimestamp, "0x6037bd32", webhook.ErrMalformedHeader},
	{"timestamp with a separator", webhook.HeaderTimestamp, "1_614_265_330", webhook.ErrMalformedHeader},
	{"timestamp with a space", webhook.HeaderTimestamp, "1614265330 ", webhook.ErrMalformedHeader},
	{"timestamp in other digits", webhook.HeaderTimestamp, "١٦١٤٢٦٥٣٣٠", webhook.ErrMalformedHeader},
	{"timestamp beyond an int64", webhook.HeaderTimestamp, "9999999999999999999", webhook.ErrMalformedHeader},
	{"timestamp in milliseconds", webhook.HeaderTimestamp, "1614265330000", webhook.ErrMalformedHeader},
	{"timestamp with zeros before", webhook.HeaderTimestamp, "01614265330", webhook.ErrNoMatch},
	{"signature of spaces", webhook.HeaderSignature, "   ", webhook.ErrNoMatch},
	{"signature of commas", webhook.HeaderSignature, ",,,, ,", webhook.ErrNoMatch},
	{"no comma", webhook.HeaderSignature, strings.Replace(publishedSignature, ",", "", 1), webhook.ErrNoMatch},
	{"no version", webhook.HeaderSignature, publishedSignature[3:], webhook.ErrNoMatch},
	{"empty version", webhook.HeaderSignature, publishedSignature[2:], webhook.ErrNoMatch},
	{"nothing after the version", webhook.HeaderSignature, "v1,", webhook.ErrNoMatch},
	{"version in capitals", webhook.HeaderSignature, "V" + publishedSignature[1:], webhook.ErrNoMatch},
	{"unknown version", webhook.HeaderSignature, "v2" + publishedSignature[2:], webhook.ErrNoMatch},
	{"HMAC called ed25519", webhook.HeaderSignature, "v1a" + publishedSignature[2:], webhook.ErrNoMatch},
	{"ed25519 called HMAC", webhook.HeaderSignature, "v1" + ed25519Signature[3:], webhook.ErrNoMatch},
	{"SHA-1 downgrade", webhook.HeaderSignature, "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59", webhook.ErrNoMatch},
	{"20 bytes", webhook.HeaderSignature, "v1,AdwQ0Mg+cu0kYhnN2RZpZn/iylk=", webhook.ErrNoMatch},
	{"hexadecimal", webhook.HeaderSignature, "v1,83484cf52b04f8e4cf2531adfed9882ad4b2665137b852442d594d20e2c9d4e1", webhook.ErrNoMatch},
	{"hexadecimal of odd length", webhook.HeaderSignature, "v1,83484cf52b04f8e4cf2531adfed9882ad4b26651f", webhook.ErrNoMatch},
	{"url-safe base64", webhook.HeaderSignature, "v1,g0hM9SsE-OTPJTGt_tmIKtSyZlE3uFJELVlNIOLJ1OE=", webhook.ErrNoMatch},
	{"no padding", webhook.HeaderSignature, strings.TrimRight(publishedSignature, "="), webhook.ErrNoMatch},
	{"bits beyond the last byte", webhook.HeaderSignature, strings.Replace(publishedSignature, "1OE=", "1OF=", 1), webhook.ErrNoMatch},
	{"a line break within", webhook.HeaderSignature, "v1,\n" + publishedSignature[3:], webhook.ErrNoMatch},
	{"more after it", webhook.HeaderSignature, publishedSignature + ",x", webhook.ErrNoMatch},
	{"the 33rd of them", webhook.HeaderSignature, strings.Repeat("v1,x ", 32) + publishedSignature, webhook.ErrNoMatch},
	{"after 32 spaces", webhook.HeaderSignature, strings.Repeat(" ", 32) + publishedSignature, webhook.ErrNoMatch},
	{"ten thousand of them", webhook.HeaderSignature, strings.Repeat("v1,x ", 10_000) + publishedSignature, webhook.ErrNoMatch},
}

func TestHostileHeaders(t *testing.T) {
	v := webhook.NewVerifier(secret(t, publishedSecret), secret(t, publicKey))
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			event, err := v.Verify(test.headers(), []byte(publishedBody), publishedTime)
			if !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
			if event.ID != "" || event.Body != nil {
				t.Errorf("an event came with the error: %+v", event)
			}
			if len(err.Error()) > 300 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestHeadersThatAreThereTwice(t *testing.T) {
	v := webhook.NewVerifier(secret(t, publishedSecret))
	for name := range published() {
		h := published()
		h.Add(name, h.Get(name))
		if _, err := v.Verify(h, []byte(publishedBody), publishedTime); !errors.Is(err, webhook.ErrMalformedHeader) {
			t.Errorf("%s twice: %v, want ErrMalformedHeader", name, err)
		}
	}
	for _, h := range []http.Header{nil, {}, {"Webhook-Id": nil}, {"Webhook-Id": {""}}} {
		if _, err := v.Verify(h, []byte(publishedBody), publishedTime); !errors.Is(err, webhook.ErrMissingHeader) {
			t.Errorf("header %v: %v, want ErrMissingHeader", h, err)
		}
	}
}

func TestTheLastSignatureExamined(t *testing.T) {
	v := webhook.NewVerifier(secret(t, publishedSecret))
	h := headers(publishedID, publishedTime, strings.Repeat("v1,x ", 31)+publishedSignature)
	if _, err := v.Verify(h, []byte(publishedBody), publishedTime); err != nil {
		t.Errorf("the 32nd signature: %v", err)
	}
}

func TestErrorsSayWhatToCheck(t *testing.T) {
	for _, test := range []struct{ name, secret, signature, says string }{
		{"another secret", longestSecret, publishedSignature, "check that the secret is the one of this endpoint"},
		{"an HMAC secret for ed25519", publishedSecret, ed25519Signature, "v1a a whsk_ or whpk_ key"},
		{"a public key for HMAC", publicKey, publishedSignature, "v1 needs a whsec_ secret"},
	} {
		v := webhook.NewVerifier(secret(t, test.secret))
		_, err := v.Verify(headers(publishedID, publishedTime, test.signature), []byte(publishedBody), publishedTime)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want it to say %q", test.name, err, test.says)
		}
	}
}

func TestEventTypes(t *testing.T) {
	for _, test := range []struct{ name, header, body, want string }{
		{"header", "record.create", `{"type":"other"}`, "record.create"},
		{"type", "", `{"id":"evt_1","created":1486697174,"data":{"type":"inner"},"type":"book.published"}`, "book.published"},
		{"event", "", `{"event":"random_number:generate","data":863}`, "random_number:generate"},
		{"type before event", "", `{"event":"a","data":[[{"type":"b"}]],"type":"c"}`, "c"},
		{"type and then event", "", `{"type":"a","event":"b"}`, "a"},
		{"the first type", "", `{"type":"a","type":"b"}`, "a"},
		{"the first event", "", `{"event":"a","event":"b"}`, "a"},
		{"type that is not text", "", `{"type":7,"event":"a"}`, "a"},
		{"event that is not text", "", `{"event":{"type":"a"}}`, ""},
		{"escapes", "", `{"t\u0079pe":"a\u002eb"}`, "a.b"},
		{"other capitals", "", `{"Type":"a","EVENT":"b"}`, ""},
		{"neither", "", `{"data":1}`, ""},
		{"array", "", `["type","a"]`, ""},
		{"number", "", `863`, ""},
		{"text", "", `"type"`, ""},
		{"nothing", "", ``, ""},
		{"not JSON", "", "type=a&event=b", ""},
		{"cut off", "", `{"type":"a`, ""},
		{"broken before it", "", `{"x":nope,"type":"a"}`, ""},
		{"deep", "", `{"x":` + strings.Repeat("[", 1<<16) + `,"type":"a"}`, ""},
		{"bytes", "", string(everyByte()), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := []byte(test.body)
			h := headers("a", publishedTime, signer(t, publishedSecret).Sign("a", publishedTime, body))
			if test.header != "" {
				h.Set(webhook.HeaderEventType, test.header)
			}
			event, err := webhook.NewVerifier(secret(t, publishedSecret)).Verify(h, body, publishedTime)
			if err != nil {
				t.Fatal(err)
			}
			if event.Type != test.want {
				t.Errorf("type is %q, want %q", event.Type, test.want)
			}
			if !bytes.Equal(event.Body, []byte(test.body)) {
				t.Error("the body is not what was sent")
			}
		})
	}
}

// Whatever is accepted must be what the signer makes of the same parts.
func FuzzVerify(f *testing.F) {
	f.Add(publishedID, "1614265330", publishedSignature, []byte(publishedBody), "a")
	f.Add(publishedID, "1614265330", ed25519Signature, []byte(publishedBody), "")
	f.Add(publishedID, "1614265330", ed25519Signature+" "+publishedSignature, []byte(publishedBody), "")
	for _, c := range hostile {
		h := c.headers()
		f.Add(h.Get(webhook.HeaderID), h.Get(webhook.HeaderTimestamp), h.Get(webhook.HeaderSignature), []byte(publishedBody), "")
	}
	v := webhook.NewVerifier(secret(f, publishedSecret), secret(f, publicKey))
	s := signer(f, publishedSecret, privateKey)
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte, kind string) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signature}, "Webhook-Event-Type": {kind}}
		event, err := v.Verify(h, body, publishedTime)
		if err != nil {
			for _, known := range []error{webhook.ErrMissingHeader, webhook.ErrMalformedHeader, webhook.ErrTooOld, webhook.ErrTooNew, webhook.ErrNoMatch} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("an error of no known kind: %v", err)
		}
		if event.ID != id || !bytes.Equal(event.Body, body) {
			t.Fatalf("the event is %+v", event)
		}
		for _, right := range strings.Split(s.Sign(id, event.Time, body), " ") {
			if strings.Contains(signature, right) {
				return
			}
		}
		t.Fatal("accepted without a right signature")
	})
}
