package pages_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// both runs a test with scripts and without.
func both(t *testing.T, do func(t *testing.T, w *world, b *tab)) {
	for name, scripts := range map[string]bool{"scripts": true, "no scripts": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.tab(scripts)
			link := w.link(`{}`)
			if !scripts { // what is behind the # only a script can read
				link = strings.Replace(link, "#", "?", 1)
			}
			b.enter(link)
			do(t, w, b)
		})
	}
}

// TestAddAnEndpointAndMendIt goes the way of a new customer: add a URL that points
// elsewhere, read why nothing arrives, use the right one, and send again what failed.
func TestAddAnEndpointAndMendIt(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		w.answers(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(rw, r, w.rcv.URL+"/there", http.StatusMovedPermanently)
			}
		})
		b.press("Add endpoint")
		b.shows("A first message, a ping")
		b.fill("url", w.rcv.URL+"/here")
		b.fill("retry", "none")
		b.press("Check the URL")
		b.shows("It points elsewhere")
		b.shot("add")
		b.press("Add endpoint")
		b.shows("The first message was not taken")
		b.shows("whsec_")
		b.shot("welcome")
		b.press("Use " + w.rcv.URL + "/there")
		b.shows("The endpoint has the new URL")
		b.press("Recover failed…")
		b.shows("1 delivery was given up")
		b.press("Send 1 message")
		b.shows("is being sent again")
		eps := w.endpoints()
		if len(eps) != 1 || eps[0].URL != w.rcv.URL+"/there" {
			t.Fatalf("the endpoints are %v", eps)
		}
		w.until(func() bool {
			ds := w.deliveries(eps[0].ID)
			return len(ds) == 1 && ds[0].Status == 0
		})
	})
}

// TestLookAfterAnEndpoint goes through what else there is to do with one.
func TestLookAfterAnEndpoint(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		w.api("POST", "/event-type", `{"name":"record.created","description":"A record was made.","examples":[{"name":"small"}]}`, nil)
		ep := w.endpoint(`,"description":"Books"`)
		w.answers(func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "out of order", 500) })
		msg := w.send(1, `{"name":"small"}`)
		w.answers(nil)
		b.open("/portal")
		b.press("Books")
		b.shows("Given up")
		b.shot("deliveries")
		b.press("record.created")
		b.shows("The endpoint answered 500 Internal Server Error")
		b.shows("out of order")
		b.shows("curl -i -X POST")
		b.shot("delivery")
		b.press("Resend")
		b.shows("It is being sent again")
		w.until(func() bool { return w.attempts(msg) == 2 })

		b.open("/portal/endpoint/" + ep.ID + "/test")
		b.fill("eventType", "record.created")
		b.press("Send it")
		b.shows("The example is on its way")

		b.open("/portal/endpoint/" + ep.ID + "/transform")
		b.fill("code", `function handler(webhook) { webhook.payload.name = webhook.payload.name.toUpperCase() + "!"; return webhook }`)
		b.press("Try it")
		b.shows("SMALL!")
		b.shot("transform")
		b.press("Save")
		b.shows("The transformation is saved")
		if got := w.endpoints()[0].Transformation; !strings.Contains(got, "toUpperCase") {
			t.Errorf("the script is %q", got)
		}

		b.open("/portal/endpoint/" + ep.ID + "/settings")
		b.fill("description", "Novels")
		b.shows(w.rcv.URL + "/hook")
		b.shot("settings")
		b.press("Save")
		b.shows("The settings are saved")
		b.shows("Novels")
		b.press("Pause")
		b.shows("The endpoint is paused")
		if !w.endpoints()[0].Paused {
			t.Error("it is not paused")
		}
		b.press("Resume")
		b.shows("The endpoint is resumed")

		b.open("/portal/log")
		b.shows("Novels")
		b.shot("log")
		b.open("/portal/catalogue")
		b.press("record.created")
		b.shows("A record was made.")
		b.shot("eventtype")
		b.press("Send the example")
		b.shows("The example is on its way")

		b.open("/portal/endpoint/" + ep.ID + "/settings")
		b.press("Delete…")
		b.shows("This cannot be undone")
		b.press("Delete it")
		b.shows("Nothing is listening yet")
		if left := w.endpoints(); len(left) != 0 {
			t.Errorf("there still are %v", left)
		}
	})
}

// TestNewsArrive has an attempt made while its list is open: it is shown at once, or,
// while the list is looked at, waits behind a button.
func TestNewsArrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := w.endpoint("")
	w.send(1, `{}`)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	b.follow("/portal/endpoint/" + ep.ID)
	rows := `document.querySelectorAll("#list tbody tr").length`
	b.soon(rows + " === 1")
	began := time.Now()
	w.send(1, `{}`)
	sent := time.Now()
	if !b.soon(rows + " === 2") {
		t.Fatal("the new row does not come")
	}
	t.Logf("a row was there %v after its message was sent, %v after its attempt was seen", time.Since(began).Round(time.Millisecond), time.Since(sent).Round(time.Millisecond))

	eval[bool](b, `(document.querySelector("#list tbody a").focus(), true)`)
	w.send(1, `{}`)
	b.shows("Show 1 new attempt")
	if got := eval[int](b, rows); got != 2 {
		t.Errorf("while the list is looked at it has %d rows", got)
	}
	b.press("Show 1 new attempt")
	if !b.soon(rows + " === 3") {
		t.Error("the button does not show the row")
	}
}

// TestRevokedAtOnce ends the session of a page that is open, which says so by itself.
func TestRevokedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	b.follow("/portal")
	w.api("POST", "/auth/app/acme/expire-all", `{}`, nil)
	b.shows("This link has expired")
}

// TestKeyboard adds an endpoint without a pointer: by Tab and what browsers do with it.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	focus := func(text string) {
		t.Helper()
		for range 60 {
			b.key("Tab", "Tab", 9, "")
			seen := eval[bool](b, `(() => { const e = document.activeElement, s = getComputedStyle(e); return e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 })()`)
			if !seen {
				t.Errorf("the focus cannot be seen on %s", eval[string](b, `document.activeElement.outerHTML`))
			}
			if eval[string](b, `(document.activeElement.innerText || document.activeElement.name || "").trim()`) == text {
				return
			}
		}
		t.Fatalf("Tab does not lead to %q: %s", text, eval[string](b, `document.body.innerText`))
	}
	enter := func() { b.key("Enter", "Enter", 13, "\r") }
	b.key("Tab", "Tab", 9, "")
	if got := eval[string](b, `document.activeElement.innerText`); got != "Skip to the content" {
		t.Errorf("Tab leads to %q first", got)
	}
	focus("Add endpoint")
	enter()
	b.shows("Which events")
	focus("url")
	if _, err := chromedp.Call(b.ctx, input.InsertText, input.InsertTextParams{Text: w.rcv.URL + "/k"}); err != nil {
		t.Fatal(err)
	}
	focus("Add endpoint")
	enter()
	b.shows("It works")
	if eps := w.endpoints(); len(eps) != 1 || eps[0].URL != w.rcv.URL+"/k" {
		t.Errorf("the endpoints are %v", eps)
	}
	w.send(1, `{}`)
	b.open("/portal/log")
	b.key("j", "KeyJ", 74, "j")
	b.key("j", "KeyJ", 74, "j")
	b.key("k", "KeyK", 75, "k")
	enter()
	b.shows("The endpoint answered 200 OK")
}

// key presses a key and lets it go.
func (b *tab) key(key, code string, number int64, text string) {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		p := input.DispatchKeyEventParams{Type: kind, Key: key, Code: code, WindowsVirtualKeyCode: number}
		if kind == input.DispatchKeyEventTypeKeyDown {
			p.Text = text
		}
		call(b, input.DispatchKeyEvent, p)
	}
}

// TestFrame shows the portal in a page of another origin, which learns its height.
func TestFrame(t *testing.T) {
	t.Parallel()
	around := httptest.NewUnstartedServer(nil)
	origin := "http://" + around.Listener.Addr().String()
	w := newWorld(t, "--portal-frame", origin, "--portal-name", "Acme & Sons", "--portal-accent", "#0a7d5a")
	link := w.link(`{}`)
	around.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(rw, `<!DOCTYPE html><link rel="icon" href="data:,"><iframe src=%q width="900"></iframe><script>
			addEventListener("message", e => { if (e.origin === %q && e.data.type === "fanfare:height") document.title = "height " + e.data.height; });</script>`, link, w.url)
	})
	around.Start()
	defer around.Close()
	b := w.tab(true)
	b.beyond = func(url string) bool { return strings.HasPrefix(url, origin+"/") }
	b.open(origin + "/")
	if !b.soon(`/^height \d{3,}$/.test(document.title)`) {
		t.Errorf("the page around is %q", eval[string](b, `document.title`))
	}
	other := newWorld(t)
	link = other.link(`{}`)
	r, err := http.Get(other.url + "/portal")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if got := r.Header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'self';") {
		t.Errorf("where no frame is allowed the policy is %q", got)
	}
}

// TestAccessible has axe look at every page, light and dark, wide and narrow.
func TestAccessible(t *testing.T) {
	t.Parallel()
	program := axe(t)
	w := newWorld(t)
	w.api("POST", "/event-type", `{"name":"record.created","description":"A record was made.","groupName":"Records","examples":[{"name":"small"}],"schemas":{"1":{"type":"object"}}}`, nil)
	w.answers(func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/there", http.StatusFound) })
	ep := w.endpoint(`,"description":"Books","headers":{"X-A":"1"},"format":"envelope"`)
	msg := w.send(1, `{"name":"small"}`)
	w.answers(nil)
	w.send(1, `{"name":"large"}`)
	w.api("POST", "/app/acme/endpoint", `{"kind":"poller","uid":"nightly"}`, nil)
	w.api("GET", "/app/acme/poller/nightly/consumer/night", "", nil)
	b := w.tab(true)
	b.enter(w.link(`{}`))
	at := "/portal/endpoint/" + ep.ID
	for _, path := range []string{
		"/portal", "/portal/endpoint/new", "/portal/endpoint/new?kind=poller", at, at + "/settings", at + "/test", at + "/transform", at + "/welcome?ping=" + msg.ID, at + "/confirm/recover", at + "/confirm/delete",
		"/portal/log", "/portal/message/" + msg.ID, "/portal/message/" + msg.ID + "/to/" + ep.ID, "/portal/catalogue", "/portal/catalogue/record.created", "/portal/endpoint/nightly", "/portal/endpoint/nightly/settings", "/portal/help", "/portal/nowhere",
	} {
		b.accessible(program, path)
	}
}

// shot keeps a picture of the page where SHOTS says, for people to look at.
func (b *tab) shot(name string) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	for range 10 {
		if err != nil { // a page may be on its way
			time.Sleep(100 * time.Millisecond)
			png, err = chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		}
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+name+".png", png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
