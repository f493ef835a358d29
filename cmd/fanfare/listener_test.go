package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/verdict"
	"github.com/fanfarehq/fanfare/webhook"
)

// arrivals is a listener that keeps what it reports.
func arrivals(l *listener) (*listener, *[]*arrival) {
	var all []*arrival
	if l.status == nil {
		l.status = sequence{http.StatusOK}
	}
	l.report = func(a *arrival) { all = append(all, a) }
	return l, &all
}

func post(l http.Handler, body string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/hook?x=1", strings.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w
}

func TestListenerEchoesBodyWithItsContentType(t *testing.T) {
	l, all := arrivals(&listener{})
	body := "{\"event\":\"random_number:generate\", \"data\": 863}\n\x00"
	w := post(l, body, http.Header{"Content-Type": {"application/json; charset=utf-8"}})
	if w.Code != http.StatusOK || w.Body.String() != body {
		t.Errorf("answered %d %q, want 200 %q", w.Code, w.Body, body)
	}
	for name, want := range map[string]string{
		"Content-Type":                "application/json; charset=utf-8",
		"Access-Control-Allow-Origin": "*",
		"X-Content-Type-Options":      "nosniff",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(*all) != 1 || string((*all)[0].body) != body || (*all)[0].target != "/hook?x=1" {
		t.Errorf("reported %+v", *all)
	}
}

func TestListenerIsUpAndRunning(t *testing.T) {
	l, all := arrivals(&listener{status: sequence{500}})
	w := httptest.NewRecorder()
	l.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "up and running") {
		t.Errorf("GET / answers %d %q", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	l.ServeHTTP(w, httptest.NewRequest(http.MethodOptions, "/", nil))
	if got := w.Header().Get("Access-Control-Allow-Methods"); w.Code != http.StatusNoContent || got != "GET, POST, OPTIONS" {
		t.Errorf("OPTIONS answers %d, methods %q", w.Code, got)
	}
	if len(*all) != 0 {
		t.Errorf("%d requests were reported, want none", len(*all))
	}
}

func TestStatusesAreAnsweredInTurnAndTheLastStays(t *testing.T) {
	l, _ := arrivals(&listener{})
	if err := l.status.Set("500, 503,204"); err != nil {
		t.Fatal(err)
	}
	var got []int
	for range 4 {
		got = append(got, post(l, "x", nil).Code)
	}
	if want := []int{500, 503, 204, 204}; !slices.Equal(got, want) {
		t.Errorf("answered %v, want %v", got, want)
	}
	for _, bad := range []string{"", "200,", "199", "600", "2xx", "200;500"} {
		s := sequence{200}
		if err := s.Set(bad); err == nil || s.String() != "200" {
			t.Errorf("Set(%q) = %v, leaves %s", bad, err, &s)
		}
	}
}

func TestDelayIsTakenBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var delay seconds
		if err := delay.Set("2.5"); err != nil {
			t.Fatal(err)
		}
		l, _ := arrivals(&listener{delay: time.Duration(delay)})
		begun := time.Now()
		post(l, "x", nil)
		if took := time.Since(begun); took != 2500*time.Millisecond {
			t.Errorf("the answer took %v, want 2.5s", took)
		}
	})
	for text, want := range map[string]time.Duration{"0": 0, "300ms": 300 * time.Millisecond, "1.25": 1250 * time.Millisecond, "1m": time.Minute} {
		var s seconds
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("Set(%q) = %v, gives %v, want %v", text, err, time.Duration(s), want)
		}
	}
	for _, bad := range []string{"", "-1", "NaN", "Inf", "1e300", "2h", "soon"} {
		var s seconds
		if s.Set(bad) == nil {
			t.Errorf("Set(%q) is taken as %v", bad, time.Duration(s))
		}
	}
}

func TestBodiesAreReadUpToAMiB(t *testing.T) {
	l, all := arrivals(&listener{})
	if w := post(l, strings.Repeat("x", maxArrival), nil); w.Code != http.StatusOK {
		t.Errorf("1 MiB is answered %d, want 200", w.Code)
	}
	if w := post(l, strings.Repeat("x", maxArrival+1), nil); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("more is answered %d, want 413", w.Code)
	}
	if last := (*all)[1]; !last.tooLong || len(last.body) != maxArrival {
		t.Errorf("reported as too long: %v, with %d bytes", last.tooLong, len(last.body))
	}
	var b strings.Builder
	(&reporter{out: &b}).report((*all)[0])
	if n := strings.Count(b.String(), "x"); n > maxShown+10 {
		t.Errorf("%d bytes of the body are shown, want %d", n, maxShown)
	}
	if !strings.Contains(b.String(), "(960.0 KiB more)") {
		t.Errorf("what is left out is not told")
	}
}

// signed is the header of a request signed now.
func signed(t *testing.T, secret *webhook.Secret, body string) http.Header {
	t.Helper()
	signer, err := webhook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	h := make(http.Header)
	h.Set(webhook.HeaderID, "msg_1")
	h.Set(webhook.HeaderTimestamp, fmt.Sprint(now.Unix()))
	h.Set(webhook.HeaderSignature, signer.Sign("msg_1", now, []byte(body)))
	return h
}

func TestSignatureVerdicts(t *testing.T) {
	mine, pair, other := webhook.GenerateSecret(), webhook.GenerateKeyPair(), webhook.GenerateSecret()
	for name, test := range map[string]struct {
		secrets []string
		header  http.Header
		want    string
	}{
		"hmac":              {[]string{other.Reveal(), mine.Reveal()}, signed(t, mine, "x"), "valid (v1)"},
		"ed25519":           {[]string{pair.Public()}, signed(t, pair, "x"), "valid (v1a)"},
		"another secret":    {[]string{other.Reveal()}, signed(t, mine, "x"), "not valid: no webhook signature matches"},
		"another body":      {[]string{mine.Reveal()}, signed(t, mine, "y"), "not valid: no webhook signature matches"},
		"unsigned":          {[]string{mine.Reveal()}, nil, "not valid: webhook header missing: webhook-id"},
		"no secret":         {nil, signed(t, mine, "x"), "not checked; give the endpoint's secret"},
		"nothing to verify": {nil, nil, "none"},
	} {
		l, all := arrivals(&listener{})
		if err := l.verifyWith("", test.secrets); err != nil {
			t.Fatal(err)
		}
		post(l, "x", test.header)
		if got := wordsOf((*all)[0].signature); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: the verdict is %q, want %q", name, got, test.want)
		}
	}
}

func TestAListenerVerifiesEveryProfile(t *testing.T) {
	const body = `{"a":1}`
	for _, p := range webhook.Profiles() {
		secret := p.GenerateSecret()
		request := func(secret string) *http.Request {
			m := &webhook.Message{ID: "msg_1", Type: "a.b", Time: time.Now(), URL: "http://example.com/in", ContentType: "application/json", Body: []byte(body)}
			s, err := p.Sign(m, secret)
			if err != nil {
				t.Fatal(err)
			}
			sent := m.Body
			if s.Body != nil {
				sent = s.Body
			}
			r := httptest.NewRequest(http.MethodPost, webhook.AddQuery(m.URL, s.Query), strings.NewReader(string(sent)))
			r.Header.Set("Content-Type", "application/json")
			for _, f := range s.Header {
				r.Header.Set(f.Name, f.Value)
			}
			return r
		}
		ask := func(told webhook.Profile, secrets []string, by string) string {
			l, all := arrivals(&listener{})
			if err := l.verifyWith(told, secrets); err != nil {
				t.Fatal(err)
			}
			l.ServeHTTP(httptest.NewRecorder(), request(by))
			return wordsOf((*all)[0].signature)
		}
		scheme := string(p)
		if p == webhook.Standard {
			scheme = "v1"
		}
		if got := ask(p, []string{secret}, secret); got != "valid ("+scheme+")" {
			t.Errorf("%s: %s", p, got)
		}
		if p == webhook.None {
			continue
		}
		if got := ask(p, []string{p.GenerateSecret()}, secret); !strings.HasPrefix(got, "not valid: ") {
			t.Errorf("%s by another secret: %s", p, got)
		}
		if p == webhook.Standard || p == webhook.BodyToken { // which shows only to who looks into the body
			continue
		}
		want := "not checked: it is of another profile, " + string(p) + "; give --signature " + string(p) + " and its --secret"
		if got := ask("", []string{webhook.GenerateSecret().Reveal()}, secret); got != want {
			t.Errorf("%s, and the listener was told of none: %s", p, got)
		}
	}
	if err := (&listener{}).verifyWith("md5", nil); err == nil || !strings.Contains(err.Error(), `"md5" is none of basic, body-token, `) {
		t.Errorf("a profile that does not exist: %v", err)
	}
	if err := (&listener{}).verifyWith(webhook.GitHub, nil); err == nil {
		t.Error("no secret is needed")
	}
}

func TestWhatIsToldIsCheckedWhateverElseARequestCarries(t *testing.T) {
	secret := webhook.GenerateSecret()
	header := signed(t, secret, "x")
	header.Set("Authorization", "Basic bWU6b3BlbiBzZXNhbWU=")
	header.Set("X-Hub-Signature-256", "sha256=00")
	for _, c := range []struct {
		told    webhook.Profile
		secrets []string
		want    string
	}{
		{"", []string{secret.Reveal()}, "valid (v1)"},
		{webhook.Standard, []string{secret.Reveal()}, "valid (v1)"},
		{webhook.Basic, []string{"me:open sesame"}, "valid (basic)"},
		{webhook.GitHub, []string{"open sesame"}, "not valid: "},
		{"", nil, "not checked; give the endpoint's secret"},
	} {
		l, all := arrivals(&listener{})
		if err := l.verifyWith(c.told, c.secrets); err != nil {
			t.Fatal(err)
		}
		post(l, "x", header)
		if got := wordsOf((*all)[0].signature); !strings.HasPrefix(got, c.want) {
			t.Errorf("told %q: the verdict is %q, want %q", c.told, got, c.want)
		}
	}
}

func TestForwardedRequestsAreAnsweredByTheTarget(t *testing.T) {
	var got http.Header
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, r.URL.Path)
	}))
	defer target.Close()
	l, all := arrivals(&listener{forward: target.URL + "/only"})
	w := post(l, "x", http.Header{"Webhook-Id": {"msg_1"}})
	if w.Code != http.StatusTeapot || w.Body.String() != "/only" || (*all)[0].status != http.StatusTeapot {
		t.Errorf("answered %d %q, reported %d", w.Code, w.Body, (*all)[0].status)
	}
	if got.Get("Webhook-Id") != "msg_1" {
		t.Errorf("the target got the headers %v", got)
	}
	target.Close()
	if w := post(l, "x", nil); w.Code != http.StatusBadGateway || (*all)[1].problem == "" {
		t.Errorf("without a target: answered %d, problem %q", w.Code, (*all)[1].problem)
	}
}

func TestWhatArrivesCannotPassForWhatIsSaidAboutIt(t *testing.T) {
	var b strings.Builder
	(&reporter{out: &b}).report(&arrival{
		method: "POST", target: "/", status: 200,
		header:    http.Header{"X-Evil": {"a\x1b[2J"}},
		body:      []byte("one\nsignature: valid (v1)\r\nanswer: 200"),
		signature: verdict.Verdict{State: "invalid", Reason: "it is not"},
	})
	want := "Logging POST request: / 00:00:00\nHeaders:\n  X-Evil: a\\x1b[2J\nBody:\n" +
		"  one\n  signature: valid (v1)\\r\n  answer: 200\nsignature: not valid: it is not\nanswer: 200\n\n"
	if b.String() != want {
		t.Errorf("printed\n%q\nwant\n%q", b.String(), want)
	}
}

func TestBodiesThatAreNotTextAreBase64InJSON(t *testing.T) {
	for _, body := range []string{"{\"a\": \"\u202e\"}", "\xff\x00"} {
		var b strings.Builder
		(&reporter{out: &b, json: true}).report(&arrival{method: "POST", body: []byte(body)})
		var got struct {
			Body       string
			BodyBase64 []byte
		}
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
			t.Fatal(err)
		}
		if got.Body+string(got.BodyBase64) != body {
			t.Errorf("%q comes out as %+v", body, got)
		}
	}
}
