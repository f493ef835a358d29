package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

func TestMalformedSignaturesAreToldApart(t *testing.T) {
	const digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	tests := map[string]struct {
		profile webhook.Profile
		header  string
		want    error
	}{
		"GitHub, another hash":   {webhook.GitHub, "sha512=" + digits, webhook.ErrMalformedHeader},
		"GitHub, no hash":        {webhook.GitHub, digits, webhook.ErrMalformedHeader},
		"GitHub, too short":      {webhook.GitHub, "sha256=7571", webhook.ErrMalformedHeader},
		"GitHub, no digits":      {webhook.GitHub, "sha256=" + strings.Repeat("g", 64), webhook.ErrMalformedHeader},
		"GitHub, another's":      {webhook.GitHub, "sha256=" + digits, webhook.ErrNoMatch},
		"Shopify, line break":    {webhook.Shopify, "ChCWiXMZQuSreK0DQWhNakDZbptY2o3L4+fdlsWAXi0\n=", webhook.ErrMalformedHeader},
		"Shopify, spelling":      {webhook.Shopify, "ChCWiXMZQuSreK0DQWhNakDZbptY2o3L4+fdlsWAXi1=", webhook.ErrMalformedHeader},
		"Stripe, no time":        {webhook.Stripe, "v1=" + digits, webhook.ErrMalformedHeader},
		"Stripe, two times":      {webhook.Stripe, "t=1700000000,t=1700000000,v1=" + digits, webhook.ErrMalformedHeader},
		"Stripe, no value":       {webhook.Stripe, "t=1700000000,v1", webhook.ErrMalformedHeader},
		"Stripe, two equals":     {webhook.Stripe, "t=1700000000,v1==" + digits, webhook.ErrMalformedHeader},
		"Stripe, time in words":  {webhook.Stripe, "t=now,v1=" + digits, webhook.ErrMalformedHeader},
		"Stripe, no signature":   {webhook.Stripe, "t=1700000000", webhook.ErrNoMatch},
		"Stripe, another scheme": {webhook.Stripe, "t=1700000000,v0=" + digits, webhook.ErrNoMatch},
		"Stripe, no digits":      {webhook.Stripe, "t=1700000000,v1=xyz,v2=1", webhook.ErrNoMatch},
		"Slack, version":         {webhook.Slack, "v1=" + digits, webhook.ErrMalformedHeader},
		"Twilio, no base64":      {webhook.Twilio, "?", webhook.ErrMalformedHeader},
		"Basic, another kind":    {webhook.Basic, "Bearer abc", webhook.ErrMalformedHeader},
		"Basic, no base64":       {webhook.Basic, "Basic ?", webhook.ErrMalformedHeader},
		"Basic, another":         {webhook.Basic, "Basic " + base64.StdEncoding.EncodeToString([]byte("webhook:x")), webhook.ErrNoMatch},
	}
	names := map[webhook.Profile]string{
		webhook.GitHub: "X-Hub-Signature-256", webhook.Shopify: "X-Shopify-Hmac-Sha256", webhook.Stripe: "Stripe-Signature",
		webhook.Slack: "X-Slack-Signature", webhook.Twilio: "X-Twilio-Signature", webhook.Basic: "Authorization",
	}
	for name, test := range tests {
		r := request(t, test.profile, sample, newest)
		r.Header.Set(names[test.profile], test.header)
		if err := verify(test.profile, r, sample.Body, sample.Time, newest); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// TestStripeFindsTheSignatureAmongOthers has, beside the right signature, one that
// is no digest, one of another secret and names that do not exist yet.
func TestStripeFindsTheSignatureAmongOthers(t *testing.T) {
	r := request(t, webhook.Stripe, sample, wrong, newest)
	r.Header.Set("Stripe-Signature", "v9=1,v1=zz,"+r.Header.Get("Stripe-Signature")+",v0=00")
	if err := verify(webhook.Stripe, r, sample.Body, sample.Time, newest); err != nil {
		t.Error(err)
	}
	many := strings.Repeat(",v1="+strings.Repeat("00", 32), 32)
	signed := request(t, webhook.Stripe, sample, newest).Header.Get("Stripe-Signature")
	at, own, _ := strings.Cut(signed, ",")
	r.Header.Set("Stripe-Signature", at+many+","+own)
	if err := verify(webhook.Stripe, r, sample.Body, sample.Time, newest); !errors.Is(err, webhook.ErrNoMatch) {
		t.Errorf("the 33rd signature: %v, want ErrNoMatch: no more than 32 are looked at", err)
	}
}

// TestQueriesSayEachThingOnce is because a receiver might go by the second of two.
func TestQueriesSayEachThingOnce(t *testing.T) {
	tests := map[webhook.Profile][]string{
		webhook.Query:  {"whid=msg_2", "whts=1700000000"},
		webhook.Twilio: {"bodySHA256=00"},
	}
	for p, all := range tests {
		for _, more := range append(all, "%zz", "a;b") {
			r := request(t, p, sample, newest)
			r.URL.RawQuery += "&" + more
			if err := verify(p, r, sample.Body, sample.Time, newest); !errors.Is(err, webhook.ErrMalformedHeader) {
				t.Errorf("%s, with %s added: %v, want ErrMalformedHeader", p, more, err)
			}
		}
	}
	r := request(t, webhook.Query, sample, newest)
	r.URL.RawQuery = r.URL.RawQuery + "&whsig=" + strings.Repeat("00", 32)
	if err := verify(webhook.Query, r, sample.Body, sample.Time, newest); err != nil {
		t.Errorf("a second signature: %v", err)
	}
}

// TestFormsAreNotSignedAsTheyAreEncoded has what Mandrill once sent, signed over its
// field as it is encoded, which is the mistake to make.
func TestFormsAreNotSignedAsTheyAreEncoded(t *testing.T) {
	v := vectors(t)["Mandrill, click"]
	name, encoded, _ := strings.Cut(string(v.message.Body), "=")
	mac := hmac.New(sha1.New, []byte(v.secret))
	mac.Write([]byte(v.message.URL + name + encoded))
	wrong := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if wrong != "5ppuHvUxAHxzm2UuoOtwidQcEoU=" {
		t.Fatalf("signed as it is encoded it is %s", wrong)
	}
	r := request(t, v.profile, v.message, v.secret)
	r.Header.Set(v.header, wrong)
	if err := verify(v.profile, r, v.message.Body, v.message.Time, v.secret); !errors.Is(err, webhook.ErrNoMatch) {
		t.Errorf("%v, want ErrNoMatch", err)
	}
}

// TestFormsAreSignedDecodedAndSorted spells out what is signed.
func TestFormsAreSignedDecodedAndSorted(t *testing.T) {
	m := webhook.Message{URL: "https://receiver.example/hook", ContentType: formType + "; charset=utf-8"}
	same := []string{"b=2&a=%3C1%3E", "a=%3c1%3e&b=2", "a=<1>&b=2&b=2", "a=<1>&b=2&"}
	other := []string{"b=2&a=1", "a=%3C1%3E", "a=%3C1%3E&b=2&b=3", "%zz=1"}
	m.Body = []byte(same[0])
	r := request(t, webhook.Twilio, m, newest)
	for _, body := range same {
		if err := verify(webhook.Twilio, r, []byte(body), m.Time, newest); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, body := range other {
		if err := verify(webhook.Twilio, r, []byte(body), m.Time, newest); err == nil {
			t.Errorf("%s: accepted", body)
		}
	}
	r.Header.Set("Content-Type", "application/json")
	if err := verify(webhook.Twilio, r, []byte(same[0]), m.Time, newest); !errors.Is(err, webhook.ErrMissingHeader) {
		t.Errorf("a form that is called JSON: %v, want ErrMissingHeader", err)
	}
}

func TestTheURLIsTheOneTheSenderKnows(t *testing.T) {
	tests := map[string]struct {
		signed, arrived, told string
		ok                    bool
	}{
		"as sent":                     {"https://a.example/hook?x=1", "https://a.example/hook?x=1", "", true},
		"another query":               {"https://a.example/hook?x=1", "https://a.example/hook?x=2", "", false},
		"another path":                {"https://a.example/hook", "https://a.example/hooks", "", false},
		"behind a proxy":              {"https://a.example/in/hook?x=1", "http://10.0.0.1:8080/hook?x=1", "", false},
		"behind a proxy, told":        {"https://a.example/in/hook?x=1", "http://10.0.0.1:8080/hook?x=1", "https://a.example/in/hook", true},
		"told with another query":     {"https://a.example/hook?x=1", "http://10.0.0.1/hook?x=1", "https://a.example/hook?y=2", true},
		"the port was signed":         {"https://a.example:443/hook", "https://a.example/hook", "", true},
		"the port was not signed":     {"http://a.example/hook", "http://a.example:80/hook", "", true},
		"another port":                {"https://a.example:8443/hook", "https://a.example/hook", "", false},
		"the port of another scheme":  {"https://a.example:80/hook", "https://a.example/hook", "", false},
		"escapes stay as they are":    {"https://a.example/a%2Fb?x=%2f+%20", "https://a.example/a%2Fb?x=%2f+%20", "", true},
		"nothing after the question?": {"https://a.example/hook?", "https://a.example/hook?", "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := webhook.Message{URL: test.signed, ContentType: formType, Body: []byte("a=1")}
			r := request(t, webhook.Twilio, m, newest)
			arrived := httptest.NewRequest("POST", test.arrived, nil)
			arrived.Header = r.Header
			v, err := webhook.Twilio.Verifier(newest)
			if err != nil {
				t.Fatal(err)
			}
			v.URL = test.told
			if _, err := v.VerifyRequest(arrived, m.Body, m.Time); (err == nil) != test.ok {
				t.Errorf("%v, want success: %v", err, test.ok)
			}
		})
	}
}

// TestVerifyTakesTheURLFromTheVerifier is for those who have no request.
func TestVerifyTakesTheURLFromTheVerifier(t *testing.T) {
	for _, p := range []webhook.Profile{webhook.Twilio, webhook.Query} {
		r := request(t, p, sample, newest)
		v, err := p.Verifier(newest)
		if err != nil {
			t.Fatal(err)
		}
		v.URL = r.URL.String()
		if _, err := v.Verify(r.Header, sample.Body, sample.Time); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestEventsAreNamedByTheProfile(t *testing.T) {
	for _, p := range webhook.Profiles() {
		v, err := p.Verifier(newest)
		if err != nil {
			t.Fatal(err)
		}
		r := request(t, p, sample, newest)
		body := bodyOf(t, p, newest)
		event, err := v.VerifyRequest(r, body, sample.Time)
		want := webhook.Event{Body: body}
		switch p {
		case webhook.GitHub, webhook.Shopify:
			want.ID, want.Type = sample.ID, sample.Type
		case webhook.Standard, webhook.Query:
			want.ID, want.Time = sample.ID, sample.Time
		case webhook.Stripe, webhook.Slack:
			want.Time = sample.Time
		}
		if err != nil || fmt.Sprint(event) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, %v; want %+v", p, event, err, want)
		}
		if want.ID == "" {
			r.Header.Set(webhook.HeaderID, "msg_2")
			if event, _ := v.VerifyRequest(r, body, sample.Time); event.ID != "msg_2" {
				t.Errorf("%s: the id is %q, want msg_2 as the header says", p, event.ID)
			}
		}
	}
}

// TestHandlerHandlesWhatHasNoIDEachTime would lose the second of two webhooks if it
// took no id for an id.
func TestHandlerHandlesWhatHasNoIDEachTime(t *testing.T) {
	v, err := webhook.Dropbox.Verifier(newest)
	if err != nil {
		t.Fatal(err)
	}
	h := webhook.NewHandler(v, &webhook.HandlerOptions{Logger: slog.New(slog.DiscardHandler)})
	handled := 0
	fail := false
	h.On("*", func(context.Context, webhook.Event) error {
		handled++
		if fail {
			return errors.New("no room")
		}
		return nil
	})
	send := func(secret string) int {
		signed := request(t, webhook.Dropbox, sample, secret)
		r := httptest.NewRequest("POST", "/hook", strings.NewReader(string(sample.Body)))
		r.Header = signed.Header
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		return answer.Code
	}
	if a, b, c := send(newest), send(newest), send(wrong); a != 200 || b != 200 || c != 401 || handled != 2 {
		t.Errorf("answered %d, %d and %d, handled %d; want 200, 200, 401 and 2", a, b, c, handled)
	}
	fail = true
	if got := send(newest); got != 500 {
		t.Errorf("answered %d to what could not be handled, want 500", got)
	}
}

// FuzzProfiles puts anything where signatures stand. Nothing but what the secret
// signed may be accepted, and nothing may panic.
func FuzzProfiles(f *testing.F) {
	for _, p := range webhook.Profiles() {
		signed, err := p.Sign(&sample, newest)
		if err != nil {
			f.Fatal(err)
		}
		first, second := "", ""
		for i, field := range signed.Header {
			first = field.Value
			if i < len(signed.Header)-1 {
				second = field.Value
			}
		}
		f.Add(string(p), first, second, signed.Query, "application/json", sample.Body)
	}
	f.Add("stripe", "t=1700000000,v1=,=,v1", "", "", "", []byte("{}"))
	f.Add("query", "", "", "whid=a&whts=1700000000&whsig=;%zz", "", []byte(""))
	f.Add("twilio", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "", "bodySHA256=00", formType, []byte("a=1;b&%"))
	f.Fuzz(func(t *testing.T, profile, first, second, query, contentType string, body []byte) {
		p := webhook.Profile(profile)
		if !p.Known() || p == webhook.None {
			return
		}
		v, err := p.Verifier(wrong)
		if err != nil {
			t.Fatal(err)
		}
		headers, _ := p.Adds()
		r := &http.Request{Host: "receiver.example", Header: http.Header{"Content-Type": {contentType}}, URL: &url.URL{Path: "/", RawQuery: query}}
		for i, name := range headers {
			value := second
			if i == len(headers)-1 {
				value = first
			}
			r.Header.Set(name, value)
		}
		if event, err := v.VerifyRequest(r, body, time.Unix(1.7e9, 0)); err == nil {
			t.Errorf("%s: accepted %+v, which nobody signed", p, event)
		}
	})
}
