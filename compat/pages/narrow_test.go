package pages_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// long is a word of so many letters, the widest there are, with no place to break at.
func long(n int) string { return strings.Repeat("W", n) }

// TestLongWordsFit puts words without an end wherever people and programs can name
// something, opens every screen of the console and of the portal on a narrow screen and
// on a wide one, and has nothing be wider than the screen, cut off, or pushed aside.
func TestLongWordsFit(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, "--portal-name", "Acme")
	b := w.desk(true)
	c := &crawl{tab: b, seen: map[string]bool{}, often: map[string]int{}, shown: map[string]bool{}}
	c.also = func() {
		for _, width := range []int64{360, 1280} {
			b.as(way{"light", width})
			b.fits(width)
		}
	}
	for _, to := range append(w.sayLong(b), "/") {
		c.add(to)
	}
	c.run()
	b.enter(w.link(`{}`))
	for _, to := range []string{"/portal", "/portal/endpoint/new", "/portal/endpoint/new?kind=poller", "/portal/inbox/start"} {
		c.add(to)
	}
	c.run()
	for _, door := range []string{"/login", "/portal"} {
		stranger := w.tab(true)
		for _, width := range []int64{360, 1280} {
			stranger.as(way{"light", width})
			stranger.open(door)
			stranger.fits(width)
		}
	}
	if len(c.often) < 90 {
		t.Errorf("%d kinds of pages were looked at, fewer than there are", len(c.often))
	}
	t.Logf("%d pages of %d patterns", len(c.seen), len(c.often))
}

// fits holds what the page shows against the width of the screen.
func (b *tab) fits(width int64) {
	b.t.Helper()
	var bad []string
	if err := json.Unmarshal([]byte(eval[string](b, fitting)), &bad); err != nil {
		b.t.Fatal(err)
	}
	for _, what := range bad[:min(8, len(bad))] {
		b.t.Errorf("%s, on a screen of %d: %s", eval[string](b, `location.pathname + location.search.slice(0, 80)`), width, what)
	}
}

// fitting says what does not fit: a page that is wider than the screen, controls that are
// cut off, or are less than 24 pixels high or wide, and names, states and times of which
// nothing can be read unless something is scrolled.
const fitting = `(() => {
	const bad = [], page = document.scrollingElement;
	const all = s => [...document.querySelectorAll(s)].filter(e => e.getClientRects().length && !e.closest(".sr, .skip"));
	const called = e => e.outerHTML.replace(/W{9,}/g, "W…").slice(0, 160);
	const shown = e => {
		let {left, right} = e.getBoundingClientRect();
		for (let p = e.parentElement; p && p !== page; p = p.parentElement) {
			if (getComputedStyle(p).overflowX === "visible") continue;
			const box = p.getBoundingClientRect();
			left = Math.max(left, box.left); right = Math.min(right, box.right);
		}
		return Math.min(right, innerWidth) - Math.max(left, 0);
	};
	if (page.scrollWidth > innerWidth) {
		const out = all("body *").filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll"));
		bad.push("the page is " + page.scrollWidth + " wide" + (out.length ? ": " + called(out.at(-1)) : ""));
	}
	for (const e of all(".scroll, pre")) {
		if (e.scrollWidth > e.clientWidth && e.tabIndex < 0 && !e.querySelector("a, button")) bad.push("the keyboard cannot scroll " + called(e));
	}
	for (const e of all("button, input, select, textarea, summary, .button, nav a")) {
		const {width, height} = e.getBoundingClientRect(), box = e.closest(".scroll, .choices, dialog");
		if (!(box && box.scrollWidth > box.clientWidth) && shown(e) < width - 1) bad.push("cut off: " + called(e));
		if (/^(BUTTON|A)$/.test(e.tagName) && e.scrollWidth > e.clientWidth + 1) bad.push("its text does not fit: " + called(e));
		if (Math.min(width, height) < 24 && !/^(checkbox|radio)$/.test(e.type)) bad.push(width + " by " + height + " is too small: " + called(e));
	}
	for (const e of all("input[type=checkbox], input[type=radio]")) {
		if ((e.closest("label") || e).getBoundingClientRect().height < 24) bad.push("too small: " + called(e));
	}
	for (const e of all("h1, h2, time, a.row, .badge, dd, dt, td:first-child, th[scope=row]")) {
		if (e.innerText.trim() && shown(e) < Math.min(40, e.scrollWidth)) bad.push("cannot be read: " + called(e));
	}
	for (const row of all("tbody tr")) {
		const states = [...row.querySelectorAll(".badge")];
		if (states.length && !states.some(e => e.getClientRects().length)) bad.push("does not show its state: " + called(row));
	}
	return JSON.stringify(bad);
})()`

// sayLong has long words wherever they can be stored, and returns pages to look at.
func (w *world) sayLong(b *tab) (pages []string) {
	w.t.Helper()
	w.answers(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-"+long(60), long(300))
		if strings.HasPrefix(r.URL.Path, "/moved") {
			rw.Header().Set("Location", "/"+long(300))
			rw.WriteHeader(http.StatusMovedPermanently)
		}
		_, _ = rw.Write([]byte(`{"` + long(100) + `":"` + long(2000) + `"}`))
	})
	kind := "record." + long(100)
	w.api("POST", "/event-type", `{"name":`+quoted(kind)+`,"groupName":`+quoted(long(200))+`,"description":`+quoted(long(500))+`,"featureFlags":[`+quoted(long(100))+`],"examples":[{`+quoted(long(100))+`:`+quoted(long(500))+`}],
		"schemas":{"1":{"type":"object"},"2":{"type":"object","properties":{`+quoted(long(100))+`:{"type":"string"}}}}}`, nil)
	w.api("POST", "/app", `{"name":`+quoted(long(256))+`,"uid":"acme","metadata":{`+quoted(long(60))+`:`+quoted(long(200))+`}}`, nil)
	w.api("POST", "/app", `{"name":"Other","uid":`+quoted(long(60))+`}`, nil)
	url := quoted(w.rcv.URL + "/" + long(900))
	var told struct{ ID string } // of the endpoints that follow
	w.api("POST", "/operational-webhook/endpoint", `{"url":`+quoted(w.rcv.URL+"/moved/"+long(900))+`,"description":`+quoted(long(300))+`,"filter":`+quoted(`payload.type != "`+long(300)+`"`)+`}`, &told)
	for _, more := range []string{
		`"description":` + quoted(long(300)) + `,"url":` + url + `,"headers":{"X-` + long(60) + `":` + quoted(long(200)) + `}`,
		`"uid":` + quoted(long(60)) + `,"url":` + url + `,"filterTypes":[` + quoted(kind) + `],"filter":` + quoted(`payload.x == "`+long(300)+`"`),
		`"uid":"moved","description":` + quoted(long(80)) + `,"url":` + quoted(w.rcv.URL+"/moved") + `,"retry":{"preset":"none"}`,
		`"uid":"lined","url":` + quoted(w.rcv.URL+"/moved/"+long(60)) + `,"ordered":true,"retry":{"delays":[1800]}`,
		`"description":"Disabled","url":` + url + `,"disabled":true`,
	} {
		w.api("POST", "/app/acme/endpoint", "{"+more+"}", nil)
	}
	var msg message
	labels := "[" + quoted(long(120)) + "," + quoted(long(110)) + "]"
	w.api("POST", "/app/acme/msg", `{"eventType":`+quoted(kind)+`,"eventId":`+quoted(long(250))+`,"tags":`+labels+`,"orderingKey":`+quoted(long(200))+`,"payload":{`+quoted(long(100))+`:`+quoted(long(1000))+`}}`, &msg)
	w.until(func() bool { return w.attempts(msg) >= 3 })
	at := "/app/acme/message/" + msg.ID
	pages = append(pages, "/issue", "/operational", "/operational/endpoint/new", "/operational/endpoint/"+told.ID, "/operational/endpoint/"+told.ID+"/settings", "/operational/endpoint/"+told.ID+"/confirm/delete", at, at+"/to/moved", at+"/to/moved/edit", "/app/acme/endpoint/moved/settings", "/app/acme/endpoint/moved/transform", "/app/acme/endpoint/moved/welcome", "/app/acme/send")

	var src source
	w.api("POST", "/app/acme/source", `{"name":`+quoted(long(250))+`,"profile":"github","secret":"a secret of enough characters","description":`+quoted(long(300))+`,"eventType":`+quoted("git."+long(60))+`}`, &src)
	w.pushes(src.URL, "a secret of enough characters", "1", `{"n":1}`)
	w.pushes(src.URL+"?"+long(300), "", "2", `{"n":2}`)
	pages = append(pages, "/app/acme/source/"+src.ID, "/app/acme/source/"+src.ID+"/edit")
	w.api("POST", "/app/acme/recipe", `{"name":"messages-to-receiver","as":`+quoted(strings.ToLower(long(60)))+`,"inputs":{"RECEIVER_URL":`+quoted(w.rcv.URL+"/"+long(200))+`,"WEBHOOK_SECRET":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`, nil)
	w.api("POST", "/app/acme/endpoint/moved/recover", `{"since":"2026-01-02T15:04:05Z"}`, nil)
	w.api("POST", "/api-key", `{"name":`+quoted(long(256))+`,"scopes":["portal","messages:write"]}`, nil)
	w.link(`{}`)

	b.open("/inspector")
	b.press("New bin")
	b.shows("Send something to this address")
	bin := eval[string](b, `location.pathname`)
	address := eval[string](b, `document.querySelector("main .copyable code").innerText`)
	for _, more := range []string{"/" + long(900) + "?" + long(200) + "=" + long(400), ""} {
		if status, text := w.asked("", "PUT", address+more, long(100)+"="+long(900), "Content-Type", "application/x-www-form-urlencoded", "X-"+long(60), long(300)); status > 299 {
			w.t.Fatalf("the bin answers %d: %s", status, text)
		}
	}
	return append(pages, bin+"?request=1", bin+"/compare?a=1&b=2", bin+"/request/1/send", bin+"/request/1/example")
}
