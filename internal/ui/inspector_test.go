package ui_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// bin makes one, and returns its page and the path that it takes requests at.
func (w *world) bin() (d *doc, page, hook string) {
	w.t.Helper()
	w.logIn(adminKey)
	a := w.form("/inspector")
	page = a.Header().Get("Location")
	d = w.get(200, page)
	for _, code := range d.all("code", "") {
		if i := strings.Index(code, "/bin/"); i >= 0 && hook == "" {
			hook = strings.TrimRight(code[i:], "'")
		}
	}
	return d, page, hook
}

// arrive sends a request to a bin, without any cookie.
func (w *world) arrive(r *http.Request) *httptest.ResponseRecorder {
	a := httptest.NewRecorder()
	w.site.ServeHTTP(a, r)
	return a
}

func TestABinShowsWhatItIsSent(t *testing.T) {
	w := newWorld(t, nil)
	d, page, hook := w.bin()
	d.says("Send something to this address", "In Python")
	w.submit(303, d, "Send one now").says("Request 1", `"hello": "world"`)
	w.submit(303, w.get(200, page+"/confirm/empty"), "Empty it")
	r := httptest.NewRequest(http.MethodPut, hook+"/deeper?b=2&a=1", strings.NewReader(`{"hello":"world"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Mine", "it's")
	if a := w.arrive(r); a.Code != 200 || a.Body.Len() != 0 {
		t.Errorf("answered %d %q", a.Code, a.Body)
	}
	r = httptest.NewRequest(http.MethodPost, hook, strings.NewReader("x=1&y=two+words"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.arrive(r)
	w.get(200, page).says("3 requests came", "Request 3", "x1", "ytwo words", "Not signed", "192.0.2.1")
	d = w.get(200, page+"?request=2").says("Request 2", "PUT "+hook+"/deeper?b=2&a=1", `"hello": "world"`, "X-Mineit's", "00000000 7b 22 68 65", "b2")
	if codes := d.all("code", ""); !slices.ContainsFunc(codes, func(c string) bool {
		return strings.Contains(c, `curl -i -X 'PUT'`) && strings.Contains(c, `-H 'X-Mine: it'\''s'`) && strings.Contains(c, `--data-raw '{"hello":"world"}'`)
	}) {
		t.Errorf("no curl: %q", codes)
	}
	if rows := w.get(200, page+"?search=deeper").all("a", "href"); !slices.Contains(rows, page+"?request=2&search=deeper") || slices.Contains(rows, page+"?request=3&search=deeper") {
		t.Errorf("the search leads to %q", rows)
	}
	w.submit(303, w.get(200, page+"/confirm/empty"), "Empty it").says("The bin is empty", "Send something")
	w.submit(303, w.get(200, page+"/confirm/delete"), "Delete it").says("The bin is deleted")
	w.get(404, page).says("no such bin")
	if a := w.arrive(httptest.NewRequest(http.MethodPost, hook, nil)); a.Code != http.StatusNotFound {
		t.Errorf("a bin that is gone answers %d", a.Code)
	}
}

func TestABinAnswersAsItIsTold(t *testing.T) {
	w := newWorld(t, nil)
	d, page, hook := w.bin()
	for _, bad := range [][]string{{"status", "99"}, {"delay", "31"}, {"delay", "soon"}, {"contentType", "no type"}, {"contentType", "text/html\r\nX-Y: z"}} {
		w.submit(422, d, "Answer so", bad...)
	}
	w.submit(303, d, "Answer so", "status", "503", "delay", "0.05", "contentType", "text/html", "body", "<script>alert(1)</script>").says("The bin answers so from now on")
	began := time.Now()
	a := w.arrive(httptest.NewRequest(http.MethodPost, hook, strings.NewReader("x")))
	if took := time.Since(began); a.Code != 503 || a.Body.String() != "<script>alert(1)</script>" || a.Header().Get("Content-Type") != "text/html" || took < 50*time.Millisecond {
		t.Errorf("answered %d %q %q after %v", a.Code, a.Body, a.Header().Get("Content-Type"), took)
	}
	if csp := a.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox") || a.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("it could run as ours: %v", a.Header())
	}
	w.get(200, page).says("What it answers: 503, after 50ms", "answered 503")
	for _, bad := range []string{"Set-Cookie: a=b", "X-Accel-Redirect: /secrets", "Refresh: 0", "Retry-After", "Retry-After: a\x00b"} {
		d := w.submit(422, d, "Answer so", "headers", bad).says("Not yet:")
		if open := d.all("details", "open"); len(open) == 0 {
			t.Errorf("the form in which %q stands is closed", bad)
		}
	}
	w.submit(303, d, "Answer so", "status", "302", "headers", "location: /there\nRetry-After: 30").says("302, location: /there, Retry-After: 30")
	for method, want := range map[string]string{http.MethodPost: "/there", http.MethodGet: ""} {
		if a := w.arrive(httptest.NewRequest(method, hook, nil)); a.Code != 302 || a.Header().Get("Location") != want || a.Header().Get("Retry-After") != "30" {
			t.Errorf("a %s is answered %d %v", method, a.Code, a.Header())
		}
	}
	w.submit(303, w.get(200, page), "Answer so", "status", "503", "headers", "")
	d = w.submit(303, w.get(200, page), "Answer so", "status", "429", "delay", "", "times", "2").says("429 to the next 2 requests, then 503")
	w.submit(422, d, "Answer so", "times", "0")
	for i, want := range []int{429, 429, 503} {
		if a := w.arrive(httptest.NewRequest(http.MethodPost, hook, nil)); a.Code != want {
			t.Errorf("request %d is answered %d, want %d", i+1, a.Code, want)
		}
	}
}

func TestABinJudgesSignaturesInEveryProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	for _, p := range webhook.Profiles() {
		if p == webhook.None {
			continue
		}
		secret := p.GenerateSecret()
		m := &webhook.Message{ID: "msg_1", Type: "a.b", Time: time.Now(), URL: home + hook, ContentType: "application/json", Body: []byte(`{"a":1}`)}
		s, err := p.Sign(m, secret)
		if err != nil {
			t.Fatal(err)
		}
		body := m.Body
		if s.Body != nil {
			body = s.Body
		}
		r := httptest.NewRequest(http.MethodPost, webhook.AddQuery(m.URL, s.Query), strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		for _, f := range s.Header {
			r.Header.Set(f.Name, f.Value)
		}
		w.arrive(r)
		if p != webhook.BodyToken { // of which only a secret tells
			w.get(200, page).says("Signed, not checked")
		}
		d := w.submit(303, w.get(200, page), "Check with it", "profile", string(p), "secret", secret).says("Signature good")
		if strings.Contains(d.text, `value="`+secret) {
			t.Errorf("%s: the page shows the secret", p)
		}
		w.submit(303, w.get(200, page), "Check with it", "profile", string(p), "secret", p.GenerateSecret()).says("Signature wrong").lacks("Signature good")
		w.submit(303, w.get(200, page), "Check with it", "profile", string(p), "secret", "").lacks("Signature wrong")
	}
	w.submit(422, w.get(200, page), "Check with it", "profile", "standard", "secret", "whsec_x").says("secret")
}

func TestASharedBinIsForLookingOnly(t *testing.T) {
	w := newWorld(t, nil)
	d, page, hook := w.bin()
	w.arrive(httptest.NewRequest(http.MethodPost, hook, strings.NewReader("seen by others")))
	d = w.submit(303, d, "Share a link").says("Whoever has this link")
	share := ""
	for _, code := range d.all("code", "") {
		if i := strings.Index(code, "/inspect/"); i >= 0 {
			share = code[i:]
		}
	}
	console := w.cookie
	w.cookie = ""
	shown := w.get(200, share).says("seen by others").lacks("What it answers", "Secrets", "Delete it")
	if strings.Contains(shown.text, page) || len(shown.all("nav", "")) != 0 {
		t.Error("it tells where its owner sees it")
	}
	w.cookie = console
	w.submit(303, w.get(200, page), "Take the link back").lacks("Whoever has this link")
	w.cookie = ""
	w.get(404, share)
	w.get(404, "/inspect/none")
}

func TestABinTellsThoseWhoLookOn(t *testing.T) {
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	server := httptest.NewServer(w.site)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at := page + "/stream"
	follow := func(last string) *bufio.Scanner {
		t.Helper()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+at, nil)
		r.Header.Set("Cookie", w.cookie)
		if last != "" {
			r.Header.Set("Last-Event-ID", last)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%v, %v", resp, err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return bufio.NewScanner(resp.Body)
	}
	until := func(lines *bufio.Scanner, want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Errorf("the stream has no line %q: %v", want, lines.Err())
	}
	lines := follow("")
	until(lines, "id: 0")
	w.arrive(httptest.NewRequest(http.MethodPost, hook, strings.NewReader("x")))
	until(lines, "event: attempt")       // before the stream ends, which a browser would ask for again
	until(follow("0"), "event: attempt") // what came while nobody listened
	stream := w.get(200, page).all("html", "data-stream")
	w.arrive(httptest.NewRequest(http.MethodPost, hook, strings.NewReader("x")))
	if len(stream) != 1 || stream[0] != page+"/stream?seen=1" {
		t.Fatalf("the page follows %q", stream)
	}
	at = stream[0]
	until(follow(""), "event: attempt") // what came before the page listened
	at = page + "/stream"
	w.cookie = ""
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+page+"/stream", nil)
	if resp, err := http.DefaultClient.Do(r); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a login: %v, %v", resp, err)
	}
}

// TestWhatIsNotSignedIsNotWronglySigned sends what shows no signature to a bin that has a
// secret, and what shows a part of one.
func TestWhatIsNotSignedIsNotWronglySigned(t *testing.T) {
	w := newWorld(t, nil)
	for _, p := range webhook.Profiles() {
		if p == webhook.None {
			continue
		}
		_, page, hook := w.bin()
		w.submit(303, w.get(200, page), "Check with it", "profile", string(p), "secret", p.GenerateSecret())
		for _, body := range []string{"", `{"a":1}`, "plain"} {
			w.arrive(httptest.NewRequest(http.MethodPost, hook, strings.NewReader(body)))
			if badge := w.get(200, page).says("Not signed"); strings.Contains(badge.words(), "Signature wrong") {
				t.Errorf("%s: %q without a signature is wrongly signed", p, body)
			}
		}
	}
	_, page, hook := w.bin()
	w.submit(303, w.get(200, page), "Check with it", "profile", "standard", "secret", webhook.Standard.GenerateSecret())
	r := httptest.NewRequest(http.MethodPost, hook, strings.NewReader("{}"))
	r.Header.Set("Webhook-Signature", "v1,AAAA")
	w.arrive(r)
	w.get(200, page).says("Signature wrong")
}
