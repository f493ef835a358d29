package texter_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/examples/texter"
	"github.com/fanfarehq/fanfare/webhook"
)

// world is a texter, and the phone that is texted.
func world(t *testing.T, to string, opt *texter.Options) (*texter.Texter, *texter.Phone, string) {
	t.Helper()
	phone := texter.NewPhone()
	server := httptest.NewServer(phone)
	t.Cleanup(server.Close)
	account := phone.Account(server.URL)
	if to != "" {
		account.To = to
	}
	if opt == nil {
		opt = &texter.Options{}
	}
	opt.Logger = slog.New(slog.DiscardHandler)
	tx, err := texter.New(account, opt)
	if err != nil {
		t.Fatal(err)
	}
	return tx, phone, server.URL
}

func post(h http.Handler, contentType, body string) (int, string) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func texts(t *testing.T, p *texter.Phone) []string {
	t.Helper()
	got, err := p.Texts()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatIsAnswered(t *testing.T) {
	const number = `{"id":"1","event":"random_number:generate","data":641}`
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		answer                  string
		text                    string
	}{
		{"a random number", "application/json", number, 201, number, "Here's a random number: 641"},
		{"with a charset", "application/json; charset=utf-8", number, 201, number, "Here's a random number: 641"},
		{"without an id, as on the slide", "application/json", `{"event":"random_number:generate","data":0}`, 201, `{"event":"random_number:generate","data":0}`, "Here's a random number: 0"},
		{"a form", "application/x-www-form-urlencoded", "a=b", 202, "a=b", ""},
		{"no type", "", number, 202, number, ""},
		{"another event", "application/json", `{"event":"random_number:forget","data":641}`, 200, "", ""},
		{"no data", "application/json", `{"event":"random_number:generate"}`, 200, "", ""},
		{"null", "application/json", `{"event":"random_number:generate","data":null}`, 200, "", ""},
		{"no object", "application/json", `[641]`, 200, "", ""},
		{"an event that is no text", "application/json", `{"event":7,"data":641}`, 200, "", ""},
		{"broken", "application/json", `{"event":`, 400, "The body is not JSON, although its header says so.\n", ""},
		{"too long", "application/json", strings.Repeat(" ", 1<<20+1), 413, "The texter takes bodies of at most 1 MiB.\n", ""},
	} {
		tx, phone, _ := world(t, "", nil)
		status, answer := post(tx, c.contentType, c.body)
		if status != c.status || answer != c.answer {
			t.Errorf("%s: answered %d %q, want %d %q", c.name, status, answer, c.status, c.answer)
		}
		want := []string{}
		if c.text != "" {
			want = append(want, c.text)
		}
		if got := texts(t, phone); !slices.Equal(got, want) {
			t.Errorf("%s: the phone has %q, want %q", c.name, got, want)
		}
	}
}

func TestATextThatWasNotSentIsToBeTriedAgain(t *testing.T) {
	const number = `{"id":"1","event":"random_number:generate","data":641}`
	for _, to := range []string{"+15005550500", "+15005550503", "+15005550429", "+15005550001", "+15005550499"} {
		tx, _, _ := world(t, to, nil)
		if status, _ := post(tx, "application/json", number); status != 502 {
			t.Errorf("to %s: answered %d, want 502", to, status)
		}
		tx, _, _ = world(t, to, &texter.Options{AlwaysCreated: true})
		if status, answer := post(tx, "application/json", number); status != 201 || answer != number {
			t.Errorf("to %s, as the talk's texter does: answered %d %q, want 201 and the body", to, status, answer)
		}
	}
}

func TestOneTextForAnEvent(t *testing.T) {
	tx, phone, _ := world(t, "", nil)
	for _, id := range []string{"a", "a", "b", "a"} {
		if status, _ := post(tx, "application/json", `{"id":"`+id+`","event":"random_number:generate","data":"`+id+`"}`); status != 201 {
			t.Errorf("%s is answered %d", id, status)
		}
	}
	want := []string{"Here's a random number: b", "Here's a random number: a"}
	if got := texts(t, phone); !slices.Equal(got, want) {
		t.Errorf("the phone has %q, want %q", got, want)
	}
}

func TestWhatTwilioIsAsked(t *testing.T) {
	tx, phone, url := world(t, "", nil)
	phone.Trial = true
	post(tx, "application/json", `{"event":"random_number:generate","data":641}`)
	resp, err := http.Get(url + "/fake/taken")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var taken []struct {
		From, To, Body string
		SID            string `json:"account_sid"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&taken); err != nil {
		t.Fatal(err)
	}
	account := phone.Account("")
	if len(taken) != 1 || taken[0].From != account.From || taken[0].To != account.To || taken[0].SID != account.SID || taken[0].Body != "Here's a random number: 641" {
		t.Errorf("Twilio took %+v", taken)
	}
	page, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "<li>Sent from your Twilio trial account - Here&#39;s a random number: 641</li>"; !strings.Contains(string(text), want) {
		t.Errorf("the phone shows %s, want %s", text, want)
	}
}

func TestSignedWebhooksOnlyIfAsked(t *testing.T) {
	secret := webhook.GenerateSecret()
	tx, phone, _ := world(t, "", &texter.Options{Verifier: webhook.NewVerifier(secret)})
	const number = `{"event":"random_number:generate","data":641}`
	if status, _ := post(tx, "application/json", number); status != 401 {
		t.Errorf("unsigned, it is answered %d, want 401", status)
	}
	if got := texts(t, phone); len(got) != 0 {
		t.Errorf("the phone has %q", got)
	}
	signer, err := webhook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(number))
	r.Header.Set("Content-Type", "application/json")
	now := time.Now()
	r.Header.Set("webhook-id", "msg_1")
	r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("webhook-signature", signer.Sign("msg_1", now, []byte(number)))
	w := httptest.NewRecorder()
	tx.ServeHTTP(w, r)
	if w.Code != 201 {
		t.Errorf("signed, it is answered %d, want 201", w.Code)
	}
}

func TestTheEnvironmentNamesAllOrNothing(t *testing.T) {
	all := map[string]string{"SMS_TWILIO_SID": "AC1", "SMS_TWILIO_TOKEN": "t", "SMS_TWILIO_FROM_NUMBER": "+1", "SMS_TWILIO_TO_NUMBER": "+2"}
	if a, err := texter.FromEnvironment(func(name string) string { return all[name] }); err != nil || *a != (texter.Account{SID: "AC1", Token: "t", From: "+1", To: "+2"}) {
		t.Errorf("it is %+v, %v", a, err)
	}
	if a, err := texter.FromEnvironment(func(string) string { return "" }); a != nil || err != nil {
		t.Errorf("without any it is %+v, %v", a, err)
	}
	for name := range all {
		if _, err := texter.FromEnvironment(func(n string) string { return map[bool]string{true: "", false: all[n]}[n == name] }); err == nil {
			t.Errorf("without %s there is no error", name)
		}
	}
}
