package pages_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// follow opens a page, and waits until it is told of news.
func (b *tab) follow(path string) {
	b.t.Helper()
	begun := make(chan struct{}, 1)
	err := chromedp.Listen(b.ctx, func(event any) {
		e, ok := event.(*network.EventResponseReceived)
		if !ok {
			return
		}
		if address, _, _ := strings.Cut(e.Response.URL, "?"); strings.HasSuffix(address, "/stream") {
			select {
			case begun <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.open(path)
	select {
	case <-begun:
	case <-time.After(patience):
		b.t.Fatalf("%s does not follow the news", path)
	}
}

// point moves the pointer to the middle of an element, or to the corner of the page for
// "".
func (b *tab) point(selector string) {
	b.t.Helper()
	at := []float64{1, 1}
	if selector != "" {
		at = eval[[]float64](b, `(r => [r.x + r.width / 2, r.y + r.height / 2])((e => (e.scrollIntoView({block: "center"}), e))(document.querySelector(`+quoted(selector)+`)).getBoundingClientRect())`)
	}
	call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: at[0], Y: at[1]})
}

const listed = `document.querySelectorAll("#list tbody tr").length`

// TestFirstMinutes goes from an empty folder to a delivery, by no more than what the
// console shows, while another window looks on.
func TestFirstMinutes(t *testing.T) {
	t.Parallel()
	began := time.Now()
	w := bareWorld(t)
	b, onlooker := w.desk(true), w.desk(true)
	onlooker.open("/")
	const states = `[...document.querySelectorAll(".steps .badge")].map(e => e.textContent.trim()).join()`
	onlooker.shows("The first minutes")
	eval[bool](onlooker, `(() => {
		window.seen = [`+states+`];
		new MutationObserver(() => { const s = `+states+`; if (s !== seen[seen.length - 1]) seen.push(s); }).observe(document.body, {childList: true, subtree: true});
		return true;
	})()`)

	// Whoever copies the command leaves the focus there: it ticks all the same.
	b.open("/")
	eval[bool](b, `(document.querySelector("#steps button.copy").focus(), true)`)
	command := strings.Replace(eval[string](b, `document.querySelector("#steps code").textContent`), "$FANFARE_KEY", adminKey, 1)
	if out, err := exec.Command("sh", "-c", command+" --silent --show-error --fail").CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	if !b.soon(states + ` === "Done,To do,To do"`) {
		t.Fatalf("the first step does not tick: %s", eval[string](b, states))
	}
	if got := eval[string](b, `document.activeElement.closest("#steps") ? "kept" : document.activeElement.outerHTML`); got != "kept" {
		t.Errorf("the focus went to %s", got)
	}
	if !onlooker.soon(states + ` === "Done,To do,To do"`) {
		t.Fatalf("it does not tick where one only looks on: %s", eval[string](onlooker, states))
	}
	b.press("Add an endpoint")
	b.shows("Which events")
	b.fill("url", w.rcv.URL+"/first")
	b.press("Add endpoint")
	b.shows("It works")
	if !onlooker.soon(`!document.querySelector(".steps") && ` + listed + ` > 0`) {
		t.Errorf("the steps do not go away: %s", eval[string](onlooker, `document.body.innerText`))
	}
	took := time.Since(began)
	seen := eval[[]string](onlooker, `seen`)
	order := []string{"To do,To do,To do", "Done,To do,To do", "Done,Done,To do", ""}
	at := -1
	for _, s := range seen {
		if i := slices.Index(order, s); i <= at {
			t.Errorf("the steps were %q, which is not their order", seen)
		} else {
			at = i
		}
	}
	b.press("Home")
	b.shows("Newest attempts")
	b.lacks("The first minutes")
	b.reads("First", "Succeeded")
	t.Logf("from the start of the server to the first delivery seen: %v; the steps were %q", took.Round(time.Millisecond), seen)
	if took > 2*time.Minute { // on a machine that is busy with other things too
		t.Errorf("the first minutes took %v", took)
	}
}

// TestNewDeliveriesAppear has attempts made while lists are open that nobody is in.
func TestNewDeliveriesAppear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := w.endpoint("")
	w.send(1, `{}`)
	var answered atomic.Int64 // in milliseconds
	w.answers(func(http.ResponseWriter, *http.Request) { answered.Store(time.Now().UnixMilli()) })
	b := w.desk(true)
	for _, path := range []string{"/", "/delivery", "/app/acme/endpoint/" + ep.ID} {
		b.follow(path)
		b.point("")
		eval[bool](b, `(() => {
			window.was = new Set([...document.querySelectorAll("#list tbody tr")].map(r => r.id));
			window.came = 0;
			new MutationObserver(() => {
				for (const r of document.querySelectorAll("#list tbody tr")) if (!was.has(r.id)) { was.add(r.id); came = Date.now(); }
			}).observe(document.body, {childList: true, subtree: true});
			return true;
		})()`)
		var lags []string
		for range 3 {
			eval[bool](b, `(came = 0, true)`)
			w.send(1, `{}`)
			if !b.soon(`came > 0`) {
				t.Fatalf("%s: the new row does not come", path)
			}
			lags = append(lags, fmt.Sprintf("%d ms", int64(eval[float64](b, `came`))-answered.Load()))
		}
		t.Logf("on %s a row was there %s after the receiver had answered", path, strings.Join(lags, ", "))
	}

	// However many come, the page goes on showing them.
	b.follow("/delivery")
	var batch []string
	for range 400 {
		batch = append(batch, `{"eventType":"many.x","payload":{}}`)
	}
	w.api("POST", "/app/acme/msg/batch", "["+strings.Join(batch, ",")+"]", nil)
	var newest list[struct{ ID string }]
	w.until(func() bool {
		var stats struct{ Success int }
		w.api("GET", "/app/acme/endpoint/"+ep.ID+"/stats", "", &stats)
		w.api("GET", "/attempt?limit=1", "", &newest)
		return stats.Success == 410
	})
	if !b.soon(`document.querySelector("#list tbody tr").id === ` + quoted(newest.Data[0].ID)) {
		t.Error("after many the last one does not come")
	}
}

// TestNoRowMoves has attempts made while the pointer or the focus is in a list: its rows
// stay where they are until they are let go.
func TestNoRowMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := w.endpoint("")
	for range 3 {
		w.send(1, `{}`)
	}
	b := w.desk(true)
	const places = `JSON.stringify([...document.querySelectorAll("#list tbody tr")].map(r => [r.id, r.getBoundingClientRect().y, r.getBoundingClientRect().height]))`
	for _, path := range []string{"/", "/delivery", "/app/acme/log", "/app/acme/endpoint/" + ep.ID} {
		for _, by := range []string{"the pointer", "the focus"} {
			b.follow(path)
			if by == "the pointer" {
				b.point("#list tbody tr")
			} else {
				b.point("")
				eval[bool](b, `(document.querySelector("#list tbody a").focus(), true)`)
			}
			before, rows := eval[string](b, places), eval[int](b, listed)
			w.send(1, `{}`)
			b.shows("Show 1 new attempt")
			if got := eval[string](b, places); got != before {
				t.Errorf("%s: while %s is in the list its rows go from %s to %s", path, by, before, got)
			}
			if got := eval[string](b, `document.querySelector("#news").textContent`); got != "1 new attempt" {
				t.Errorf("%s: those who cannot see are told %q", path, got)
			}
			w.send(1, `{}`)
			b.shows("Show 2 new attempts")
			b.point("")
			if got := eval[string](b, places); got != before {
				t.Errorf("%s: the rows go from %s to %s while news wait", path, before, got)
			}
			b.press("Show 2 new attempts")
			if want := min(rows+2, map[string]int{"/": 8}[path]+map[bool]int{true: 50}[path != "/"]); !b.soon(fmt.Sprintf(`%s === %d && !document.querySelector("#more")`, listed, want)) {
				t.Errorf("%s: the button shows %d rows, want %d", path, eval[int](b, listed), want)
			}
		}
	}
	b.follow("/delivery")
	b.point("")
	before := eval[string](b, places)
	b.press("Hold new ones back")
	w.send(1, `{}`)
	b.shows("Show 1 new attempt")
	if got := eval[string](b, places); got != before {
		t.Errorf("a list that is held goes from %s to %s", before, got)
	}
	b.press("Hold new ones back")
	if !b.soon(places + ` !== ` + quoted(before) + ` && !document.querySelector("#more")`) {
		t.Error("a list that is let go does not show what has come")
	}

	b.follow("/")
	b.point("#chart")
	newest := w.send(1, `{}`)
	if !b.soon(`!!document.querySelector('#list a[href*="` + newest.ID + `"]')`) {
		t.Error("while the pointer is in the chart, no row comes")
	}

	// What fails does not change under the pointer either, and does once it is let go.
	w.fails(ep, 500)
	b.follow("/")
	b.shows("1 of the newest")
	b.point("#issues article")
	before = eval[string](b, `document.querySelector("#issues").textContent`)
	msg := w.send(1, `{}`)
	if !b.soon(`!!document.querySelector('#list a[href*="` + msg.ID + `"]')`) {
		t.Error("while the pointer is in an issue, no row comes")
	}
	if got := eval[string](b, `document.querySelector("#issues").textContent`); got != before {
		t.Errorf("under the pointer an issue goes from %q to %q", before, got)
	}
	b.point("h1")
	b.shows("2 of the newest")
}

// TestDrawer opens a delivery beside its list.
func TestDrawer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := w.endpoint("")
	first := w.send(1, `{}`)
	w.says(500)
	msg := w.send(1, `{"n":1}`)
	b := w.desk(true)
	b.follow("/delivery?outcome=")
	path := "/app/acme/message/" + msg.ID + "/to/" + ep.ID
	// Addresses have the application's id.
	path = eval[string](b, `document.querySelector('#list a.row[href*="`+msg.ID+`"]').pathname`)
	opened := func() {
		t.Helper()
		if !b.soon(`!!document.querySelector("dialog.drawer[open]") && location.pathname === ` + quoted(path)) {
			t.Fatalf("there is no drawer at %s: %s", eval[string](b, `location.href`), eval[string](b, `document.body.innerText`))
		}
	}
	closed := func() {
		t.Helper()
		if !b.soon(`!document.querySelector("dialog") && location.pathname === "/delivery" && document.activeElement.matches('a.row[href*="` + msg.ID + `"]')`) {
			t.Fatalf("it is not closed, or the focus is not back: %s, %s", eval[string](b, `location.href`), eval[string](b, `document.activeElement.outerHTML`))
		}
	}
	eval[bool](b, `(window.mark = 1, true)`)
	b.key("j", "KeyJ", 74, "j")
	b.enterKey()
	opened()
	b.shows("The endpoint answered 500 Internal Server Error")
	b.shot("drawer")
	for range 30 {
		b.key("Tab", "Tab", 9, "")
		if !eval[bool](b, `document.activeElement === document.body || !!document.activeElement.closest("dialog")`) {
			t.Fatalf("the focus leaves the drawer for %s", eval[string](b, `document.activeElement.outerHTML`))
		}
	}
	w.answers(nil)
	w.api("POST", "/app/acme/msg/"+msg.ID+"/endpoint/"+ep.ID+"/resend", `{}`, nil)
	if !b.soon(`document.querySelector("dialog #standing").innerText.includes("Delivered")`) {
		t.Error("the drawer is not told of news")
	}
	b.key("Escape", "Escape", 27, "")
	closed()
	b.click(`a.row[href*="` + msg.ID + `"]`)
	opened()
	b.press("Close")
	closed()
	b.enterKey()
	opened()
	eval[bool](b, `(history.back(), true)`)
	closed()
	if got := eval[int](b, `window.mark || 0`); got != 1 {
		t.Error("the list was left for another page")
	}
	if got := eval[string](b, `document.title`); !strings.HasPrefix(got, "Deliveries") {
		t.Errorf("afterwards the title is %q", got)
	}
	b.enterKey()
	opened()
	b.open(eval[string](b, `location.href`)) // as one that was sent the address
	b.shows("Attempts")
	if !b.soon(`!document.querySelector("dialog") && location.pathname === ` + quoted(path)) {
		t.Error("the address of the drawer is not that of a page")
	}
	b.key("r", "KeyR", 82, "r")
	b.shows("It is being sent again")
	w.until(func() bool { return w.attempts(msg) == 3 && w.attempts(first) == 1 })
}
