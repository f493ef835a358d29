package twilio_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/twilio"
)

const account = "AC0123456789abcdef0123456789abcdef"

// config is one that works, with members more or other ones.
func config(members string) string {
	all := map[string]string{"accountSid": account, "authToken": "sEcReTtOkEn", "from": "+15005550006", "to": "+15005550010", "text": "hi"}
	if err := json.Unmarshal([]byte("{"+members+"}"), &all); err != nil {
		panic(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestContract(t *testing.T) {
	outcomes := make(map[string]connecttest.Outcome)
	for members, o := range map[string]connecttest.Outcome{
		`"to":"+15005550001"`: {Class: fanfare.ClassRejected, Status: 400, Detail: "21211: Invalid 'To' Phone Number: +15005550001"},
		`"to":"+15005550002"`: {Class: fanfare.ClassRejected, Status: 400, Detail: "21612: "},
		`"to":"+15005550003"`: {Class: fanfare.ClassRejected, Status: 400, Detail: "21408: "},
		`"to":"+15005550004"`: {Class: fanfare.ClassRejected, Status: 400, Detail: "21610: Attempt to send to unsubscribed recipient"},
		`"to":"+15005550009"`: {Class: fanfare.ClassRejected, Status: 400, Detail: "21614: "},
		`"to":"+15005551001"`: {Class: fanfare.ClassRejected, Status: 400, Detail: "21211: Invalid 'To' Phone Number"},
		`"to":"me"`:           {Class: fanfare.ClassRejected, Status: 400, Detail: "21211: Invalid 'To' Phone Number: me"},

		`"to":"+15005551608"`:   {Class: fanfare.ClassStatus, Status: 400, Detail: "a trial account only texts verified numbers"},
		`"from":"+15005550001"`: {Class: fanfare.ClassStatus, Status: 400, Detail: "21212: "},
		`"from":"+15005550007"`: {Class: fanfare.ClassStatus, Status: 400, Detail: "21606: "},
		`"from":"+15005550008"`: {Class: fanfare.ClassStatus, Status: 400, Detail: "21611: "},

		`"to":"+15005550429"`: {Class: fanfare.ClassStatus, Status: 429, Detail: "20429: Too Many Requests", RetryAfter: "1"},
		`"to":"+15005550500"`: {Class: fanfare.ClassStatus, Status: 500, Detail: "20500: "},
		`"to":"+15005550503"`: {Class: fanfare.ClassStatus, Status: 503, Detail: "20503: ", RetryAfter: "1"},

		`"authToken":"wrong"`:                               {Class: fanfare.ClassStatus, Status: 401, Detail: "20003: Authenticate; check accountSid and authToken"},
		`"accountSid":"ACdddddddddddddddddddddddddddddddd"`: {Class: fanfare.ClassStatus, Status: 403, Detail: "20005: "},
		`"accountSid":"AC00000000000000000000000000000000"`: {Class: fanfare.ClassStatus, Status: 404, Detail: "20404: "},
		`"url":"https://a.example/elsewhere"`:               {Class: fanfare.ClassStatus, Status: 404, Detail: "20404: "},

		`"to":"{{payload.phone}}"`:     {Class: fanfare.ClassRejected, Detail: "to renders empty"},
		`"text":" {{payload.x}}"`:      {Class: fanfare.ClassRejected, Detail: "text renders empty"},
		`"from":"{{payload.x}}"`:       {Class: fanfare.ClassRejected, Detail: "from renders empty"},
		`"to":"{{payload.n.lower()}}"`: {Class: fanfare.ClassRejected, Detail: "to: something in the message is of another kind"},

		`"apiKey":"SK0123456789abcdef0123456789abcdef"`: {Class: fanfare.ClassSuccess, Status: 201},
		`"to":"whatsapp:+15005550010"`:                  {Class: fanfare.ClassSuccess, Status: 201},
	} {
		o.Config = config(members)
		outcomes[members] = o
	}
	connecttest.Run(t, connecttest.Case{
		Connector: twilio.Connector(), Config: config(`"whenUnsure":"retry"`), Fake: fake.Twilio(), Outcomes: outcomes,
		Bad: map[string]string{
			`{}`: "config.accountSid: must be AC and 32 characters",
			`{"accountSid":"` + account + `"}`: "config.authToken: is missing; give the account's auth token, or with apiKey the key's secret\n" +
				"config.from: give either a number of yours such as +15005550006, or messagingServiceSid\nconfig.to: is missing",
			config(`"messagingServiceSid":"MG0123456789abcdef0123456789abcdef"`): "config.from: give either",
			config(`"messagingServiceSid":"x"`):                                  "config.messagingServiceSid: must be MG",
			config(`"apiKey":"x"`):                                               "config.apiKey: must be SK",
			config(`"to":"{{"`):                                                  "config.to: a {{ is not closed by }}",
			config(`"whenUnsure":"maybe"`):                                       "config.whenUnsure: one of give_up, retry",
			config(`"statusCallback":"x"`):                                       "config.statusCallback: is not a URL",
			config(`"url":"x"`):                                                  "config.url: is not a URL such as https://api.twilio.com",
		},
	})
}

// TestRequest sees what Twilio is told.
func TestRequest(t *testing.T) {
	for name, c := range map[string]struct {
		config, payload string
		want            url.Values
	}{
		"default": {`{"accountSid":"` + account + `","authToken":"t","from":"+15005550006","to":"{{payload.phone}}"}`, `{"phone":" +15005550010 "}`,
			url.Values{"To": {"+15005550010"}, "From": {"+15005550006"}, "Body": {`a.b: {"phone":" +15005550010 "}`}}},
		"all": {`{"accountSid":"` + account + `","authToken":"t","messagingServiceSid":"MG0123456789abcdef0123456789abcdef","to":"+15005550010","text":"Here's a random number: {{payload.data}} & <more>","statusCallback":"https://a.example/sms"}`, `{"data":641}`,
			url.Values{"To": {"+15005550010"}, "MessagingServiceSid": {"MG0123456789abcdef0123456789abcdef"}, "Body": {"Here's a random number: 641 & <more>"}, "StatusCallback": {"https://a.example/sms"}}},
		"too long": {config(`"text":"{{payload.a}}"`), `{"a":"` + strings.Repeat("é", 1601) + `"}`,
			url.Values{"To": {"+15005550010"}, "From": {"+15005550006"}, "Body": {strings.Repeat("é", 1599) + "…"}}},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.Twilio())
			sink, err := twilio.Connector().New([]byte(c.config), way)
			if err != nil {
				t.Fatal(err)
			}
			reply, err := sink.Send(t.Context(), connecttest.Message("a.b", c.payload))
			if err != nil || reply.Class != fanfare.ClassSuccess || reply.Status != 201 || !strings.Contains(string(reply.ResponseBody), `"status":"queued"`) {
				t.Fatalf("%+v, %v", reply, err)
			}
			r := took()[0]
			if r.URL != "api.twilio.com/2010-04-01/Accounts/"+account+"/Messages.json" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("sent to %s as %s", r.URL, r.Header.Get("Content-Type"))
			}
			if r.Body != c.want.Encode() {
				t.Errorf("sent %s; want %s", r.Body, c.want.Encode())
			}
		})
	}
}

// TestUnsure has no answer come after a text may have been sent.
func TestUnsure(t *testing.T) {
	for to, c := range map[string]struct{ member, detail, err string }{
		"+15005550408": {`"whenUnsure":"give_up"`, "it may have been sent: the request was, but no answer came (context deadline exceeded)", ""},
		"+15005550499": {`"whenUnsure":"give_up"`, "it may have been sent: the request was, but no answer came (EOF)", ""},
		"15005550408":  {`"whenUnsure":"retry"`, "", "it may have been sent, as the request was, and is tried again: context deadline exceeded"},
		"15005550499":  {`"whenUnsure":"retry"`, "", "it may have been sent, as the request was, and is tried again: EOF"},
	} {
		synctest.Test(t, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.Twilio())
			sink, err := twilio.Connector().New([]byte(config(`"to":"+`+strings.TrimPrefix(to, "+")+`",`+c.member)), way)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			reply, err := sink.Send(ctx, connecttest.Message("a.b", "{}"))
			cancel()
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("%s: %+v, %v; want %s", to, reply, err, c.err)
				}
			} else if err != nil || reply.Class != fanfare.ClassRejected || !strings.HasPrefix(reply.Detail, c.detail) {
				t.Errorf("%s: %+v, %v; want %s", to, reply, err, c.detail)
			}
			if n := len(took()); n != 1 {
				t.Errorf("%s: %d requests were made", to, n)
			}
		})
	}
}

// TestEachHasItsConnection sends after Twilio has closed what it kept open.
func TestEachHasItsConnection(t *testing.T) {
	way, took := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if !r.Close {
			t.Error("the connection is to be kept")
		}
		rw.WriteHeader(http.StatusCreated)
	}))
	sink, err := twilio.Connector().New([]byte(config("")), way)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "{}")); err != nil || reply.Class != fanfare.ClassSuccess {
			t.Errorf("%+v, %v", reply, err)
		}
	}
	if len(took()) != 3 {
		t.Errorf("%d requests", len(took()))
	}
}

func TestTarget(t *testing.T) {
	way, _ := connecttest.Way(t, fake.Twilio())
	for c, want := range map[string]string{
		config(`"to":"{{payload.phone}}\n"`): "+15005550006 to {{payload.phone}}",
		`{"accountSid":"` + account + `","authToken":"t","messagingServiceSid":"MG0123456789abcdef0123456789abcdef","to":"+15005550010"}`: "MG0123456789abcdef0123456789abcdef to +15005550010",
	} {
		sink, err := twilio.Connector().New([]byte(c), way)
		if err != nil {
			t.Fatal(err)
		}
		if got := sink.Target(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}

// TestWhatIsNotTwilio has something else answer, such as a proxy's page.
func TestWhatIsNotTwilio(t *testing.T) {
	for status, want := range map[int]fanfare.Class{
		200: fanfare.ClassSuccess, 302: fanfare.ClassRedirect, 400: fanfare.ClassRejected, 401: fanfare.ClassStatus,
		403: fanfare.ClassStatus, 404: fanfare.ClassStatus, 410: fanfare.ClassStatus, 502: fanfare.ClassStatus,
	} {
		way, _ := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) }))
		sink, err := twilio.Connector().New([]byte(config("")), way)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "{}"))
		if err != nil || reply.Class != want || want != fanfare.ClassSuccess && reply.Detail == "" {
			t.Errorf("%d: %s (%s), %v; want %s", status, reply.Class, reply.Detail, err, want)
		}
	}
}

// TestTooLongForTwilio has Twilio add words of its own to a text, as it does for those
// who try it, so that it gets too long.
func TestTooLongForTwilio(t *testing.T) {
	way, _ := connecttest.Way(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		form := url.Values{
			"To": {r.PostFormValue("To")}, "From": {r.PostFormValue("From")},
			"Body": {"Sent from your Twilio trial account - " + r.PostFormValue("Body")},
		}
		longer, err := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(form.Encode()))
		if err != nil {
			t.Error(err)
		}
		longer.Header = r.Header
		fake.Twilio().ServeHTTP(rw, longer)
	}))
	sink, err := twilio.Connector().New([]byte(config(`"text":"{{payload.a}}"`)), way)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{"a":"`+strings.Repeat("x", 1600)+`"}`))
	const want = "21617: The concatenated message body exceeds the 1600 character limit."
	if err != nil || reply.Class != fanfare.ClassRejected || reply.Status != 400 || reply.Detail != want {
		t.Errorf("%s, %d, %q, %v; want %q", reply.Class, reply.Status, reply.Detail, err, want)
	}
}
