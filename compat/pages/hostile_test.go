package pages_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/fanfarehq/fanfare/compat/internal/fanfared"
)

// evils are strings that would make, run, load or lead somewhere, were they taken for
// HTML, for a script, an address or a template. What each would make has the attribute
// data-evil.
var evils = []string{
	`<script data-evil>alert(1)</script>`, `"><script data-evil>alert(2)</script>`, `'><script data-evil>alert(3)</script>`, `</script><script data-evil>alert(4)</script>`,
	`</title><script data-evil>alert(5)</script>`, `</textarea><script data-evil>alert(6)</script>`, `</style><script data-evil>alert(7)</script>`, `</code></pre><img data-evil src=x onerror=alert(8)>`,
	`<img data-evil src=x onerror=alert(9)>`, `"><img data-evil src=x onerror=alert(10)>`, `'><img data-evil src=x onerror=alert(11)>`, `" data-evil onmouseover="alert(12)`,
	`' data-evil onmouseover='alert(13)`, `" data-evil autofocus onfocus="alert(14)`, `x data-evil autofocus onfocus=alert(15) `, `<svg data-evil onload=alert(16)>`,
	`<svg/data-evil/onload=alert(17)>`, `<svg data-evil><script>alert(18)</script></svg>`, `<svg><animate data-evil onbegin=alert(19) attributeName=x dur=1s>`, `<math data-evil><a xlink:href="javascript:alert(20)">x</a></math>`,
	`<body data-evil onload=alert(21)>`, `<iframe data-evil src="javascript:alert(22)"></iframe>`, `<iframe data-evil srcdoc="<script>parent.alert(23)</script>">`, `<object data-evil data="javascript:alert(24)">`,
	`<embed data-evil src="javascript:alert(25)">`, `<a data-evil href="javascript:alert(26)">x</a>`, `javascript:alert(27)//data-evil`, `JaVaScRiPt:alert(28)`,
	`java&#x09;script:alert(29)`, `data:text/html,<script data-evil>alert(30)</script>`, `vbscript:msgbox(31)`, `<form data-evil action="javascript:alert(32)"><button>x</button></form>`,
	`<button data-evil formaction="javascript:alert(33)">x</button>`, `<input data-evil autofocus onfocus=alert(34)>`, `<select data-evil autofocus onfocus=alert(35)>`, `<textarea data-evil autofocus onfocus=alert(36)>`,
	`<details data-evil open ontoggle=alert(37)>`, `<video data-evil><source onerror=alert(38)></video>`, `<audio data-evil src=x onerror=alert(39)>`, `<marquee data-evil onstart=alert(40)>`,
	`<meta data-evil http-equiv=refresh content="0;url=http://127.0.0.1:9/41">`, `<link data-evil rel=stylesheet href=http://127.0.0.1:9/42.css>`, `<base data-evil href="http://127.0.0.1:9/">`, `<style data-evil>@import "http://127.0.0.1:9/44.css";</style>`,
	`<div data-evil style="background:url(http://127.0.0.1:9/45)">`, `<table data-evil background="http://127.0.0.1:9/46">`, `<img data-evil src=http://127.0.0.1:9/47.png>`, `&lt;script data-evil&gt;alert(48)&lt;/script&gt;`,
	`&#60;img data-evil src=x onerror=alert(49)&#62;`, `%3Cscript data-evil%3Ealert(50)%3C/script%3E`, `\u003cscript data-evil\u003ealert(51)\u003c/script\u003e`, `\x3cimg data-evil src=x onerror=alert(52)\x3e`,
	`<!--<img data-evil src=x onerror=alert(53)>`, `--><img data-evil src=x onerror=alert(54)>`, `]]><img data-evil src=x onerror=alert(55)>`, `<noscript><p title="</noscript><img data-evil src=x onerror=alert(56)>">`,
	`<template data-evil><script>alert(57)</script></template>`, `<xmp data-evil><img src=x onerror=alert(58)></xmp>`, `<plaintext data-evil>`, `<x data-evil contenteditable onblur=alert(60)>`,
	"<img data-evil src=\"x`\" onerror=alert(61)>", "\u202e<script data-evil>alert(62)</script>", `<p data-evil id=news>63</p><a id=ways></a><form id=main>`, `<script data-evil src=http://127.0.0.1:9/64.js></script>`,
	`<ScRiPt data-evil>alert(65)</sCrIpT>`, `<<script data-evil>alert(66)//<</script>`, `{{.}}{{template "layout" .}}`, "${alert(68)}`+alert(68)+`",
}

// packed joins the evils into texts of at most so many bytes, each of which begins with
// the name of what it is put into: so it is known which of them a page has shown.
func packed(name string, limit int) (packs []string) {
	head := "[" + name + "]"
	pack := head
	for _, evil := range evils {
		if len(pack)+1+len(evil) > limit {
			packs, pack = append(packs, pack), head
		}
		pack += " " + evil
	}
	return append(packs, pack)
}

// whole is all of them in one text.
func whole(name string) string { return packed(name, 1<<20)[0] }

// plain is a text as printable ASCII without placeholders, for what takes no other.
func plain(text string) string {
	return strings.NewReplacer("\u202e", "?", "{{", "{", "}}", "}", "${", "$").Replace(text)
}

// TestHostileTextIsRefused has the API refuse every hostile string where only words can
// stand.
func TestHostileTextIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := func(field string) string { return `{"url":` + quoted(w.rcv.URL) + `,` + field + `}` }
	for _, evil := range evils {
		said := quoted(evil)
		for what, ask := range map[string][2]string{
			"an application's uid":   {"/app", `{"name":"x","uid":` + said + `}`},
			"an endpoint's uid":      {"/app/acme/endpoint", ep(`"uid":` + said)},
			"a source's uid":         {"/app/acme/source", `{"name":"x","profile":"none","uid":` + said + `}`},
			"a source's profile":     {"/app/acme/source", `{"name":"x","profile":` + said + `}`},
			"an event type's name":   {"/event-type", `{"name":` + said + `}`},
			"a message's event type": {"/app/acme/msg", `{"payload":1,"eventType":` + said + `}`},
			"wanted event types":     {"/app/acme/endpoint", ep(`"filterTypes":[` + said + `]`)},
			"a header's name":        {"/app/acme/endpoint", ep(`"headers":{` + said + `:"x"}`)},
			"a URL":                  {"/app/acme/endpoint", `{"url":` + said + `}`},
			"a kind":                 {"/app/acme/endpoint", ep(`"kind":` + said)},
			"a format":               {"/app/acme/endpoint", ep(`"format":` + said)},
			"a signature":            {"/app/acme/endpoint", ep(`"signature":` + said)},
			"a retry preset":         {"/app/acme/endpoint", ep(`"retry":{"preset":` + said + `}`)},
			"a recipe's name":        {"/app/acme/recipe", `{"name":"messages-to-receiver","as":` + said + `,"inputs":{"RECEIVER_URL":` + quoted(w.rcv.URL) + `,"WEBHOOK_SECRET":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`},
			"a key's scope":          {"/api-key", `{"name":"x","scopes":[` + said + `]}`},
			"an expression":          {"/app/acme/endpoint", ep(`"filter":` + said)},
		} {
			if status, text := w.asked(adminKey, "POST", "/api/v1"+ask[0], ask[1]); status != http.StatusUnprocessableEntity {
				t.Errorf("%q as %s is answered %d: %s", evil, what, status, text)
			}
		}
	}
	if eps := w.endpoints(); len(eps) != 0 {
		t.Errorf("there are endpoints: %v", eps)
	}
	for _, flag := range []string{"--portal-accent", "--portal-logo", "--portal-frame"} {
		out, err := fanfared.Command("serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", flag, evils[9]).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "portal") {
			t.Errorf("%s with a hostile value: %v, %s", flag, err, out)
		}
	}
}

// TestHostileText puts hostile strings wherever people, senders and receivers can say
// something that is stored, goes through every page of the console and of the portal, and
// has nothing come of them: no element, no dialog, no request, no report of the policy.
func TestHostileText(t *testing.T) {
	t.Parallel()
	if len(evils) < 60 {
		t.Fatalf("there are %d", len(evils))
	}
	name := "[portalname] " + evils[4] + " " + evils[9]
	w := newWorld(t, "--portal-name", name, "--portal-logo", `data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==#"><img data-evil src=x onerror=alert(0)>`)
	h := w.sayHostile()
	b := w.desk(true)
	c := &crawl{tab: b, seen: map[string]bool{}, often: map[string]int{}, shown: map[string]bool{}}
	for _, to := range append(h.pages, "/") {
		c.add(to)
	}
	c.run()
	c.byScripts()
	b.enter(w.link(`{}`))
	c.add("/portal")
	c.run()
	c.ask()
	for _, field := range append(h.fields, "portalname") {
		if !c.shown[field] {
			t.Errorf("no page has shown %s: the test does not test what it says", field)
		}
	}
	for i, evil := range evils {
		if !c.shown[strconv.Itoa(i)] {
			t.Errorf("no page has shown %q", evil)
		}
	}
	t.Logf("%d pages of %d patterns", len(c.seen), len(c.often))
}

// A crawl goes through pages by their links.
type crawl struct {
	*tab
	todo  []string
	seen  map[string]bool // addresses
	often map[string]int  // how many of a pattern were opened
	shown map[string]bool // names of fields, and numbers of evils
	forms []string        // addresses of lists with fields to filter by
	noted int             // faults so far
	also  func()          // what is done at each page besides, if anything
}

var ids = regexp.MustCompile(`^([a-z]+_)?[0-9A-Za-z]{20,}$|^hostile.*|^[0-9]+$`)

// pattern is what kind of page an address is.
func pattern(u *url.URL) string {
	part := strings.Split(u.Path, "/")
	for i, p := range part {
		if ids.MatchString(p) || i > 0 && part[i-1] == "recipe" {
			part[i] = "{}"
		}
	}
	var names []string
	for name := range u.Query() {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(part, "/") + "?" + strings.Join(names, "&")
}

// pagesOf is how many pages of a kind are opened: many of those whose strings are too short
// to hold every hostile one at once.
func pagesOf(pattern string) int {
	switch pattern {
	case "/app/{}?", "/app/{}/message/{}?", "/app/{}/source/{}?", "/app/{}/message/{}/to/{}?":
		return 12
	case "/key/{}/revoke?", "/portal/message/{}/to/{}?", "/catalogue/type/{}?", "/inspector/{}?request", "/task/{}?":
		return 5
	case "/recipe/{}?":
		return 1
	}
	return 2
}

func (c *crawl) add(to string) {
	u, err := url.Parse(c.w.url)
	if err == nil {
		u, err = u.Parse(to)
	}
	if err != nil {
		c.t.Errorf("a link leads to %q: %v", to, err)
		return
	}
	u.Fragment = ""
	kind := pattern(u)
	if "http://"+u.Host != c.w.url || c.seen[u.String()] || c.often[kind] >= pagesOf(kind) {
		return
	}
	c.seen[u.String()] = true
	c.often[kind]++
	c.todo = append(c.todo, u.String())
}

func (c *crawl) run() {
	for len(c.todo) > 0 {
		to := c.todo[0]
		c.todo = c.todo[1:]
		if err := chromedp.Do(c.ctx, chromedp.Navigate(to)); err != nil {
			if strings.Contains(err.Error(), "ERR_ABORTED") { // it is a file, and saved
				continue
			}
			c.t.Fatalf("%s: %v", to, err)
		}
		links, forms := c.look()
		if c.also != nil {
			c.also()
		}
		for _, link := range links {
			c.add(link)
		}
		c.forms = append(c.forms, forms...)
	}
}

// look holds the page against what it may be, notes what it shows, and returns its links
// and its lists with filters.
func (c *crawl) look() (links, forms []string) {
	c.t.Helper()
	var page struct {
		Bad, Links, Forms []string
		Text, At          string
	}
	if err := json.Unmarshal([]byte(eval[string](c.tab, inspection)), &page); err != nil {
		c.t.Fatal(err)
	}
	for _, bad := range page.Bad {
		c.t.Errorf("%s: %s", page.At, bad)
	}
	for _, m := range regexp.MustCompile(`\[([a-z]{3,20})\] `).FindAllStringSubmatch(page.Text, -1) {
		c.shown[m[1]] = true
	}
	for i, evil := range evils {
		if strings.Contains(page.Text, strings.TrimSpace(evil)) {
			c.shown[strconv.Itoa(i)] = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; c.noted < len(c.faults); c.noted++ {
		c.t.Logf("the next fault was found at %s or before: %s", page.At, c.faults[c.noted])
	}
	return page.Links, page.Forms
}

// inspection says what is wrong with the page: elements and attributes that no template
// of ours has, and addresses of other servers.
const inspection = `(() => {
	const bad = [], here = location.origin;
	for (const e of document.querySelectorAll("*")) {
		for (const a of e.attributes) {
			if (/^on|^data-evil|^(style|srcdoc|formaction|background|contenteditable|xlink:href)$/i.test(a.name)) bad.push("an attribute " + a.name + " of " + e.outerHTML.slice(0, 200));
			if (/^(href|src|action|poster|data|cite)$/i.test(a.name)) {
				const to = new URL(a.value, location.href);
				if (to.origin !== here && !(to.protocol === "data:" && /^(LINK|IMG)$/.test(e.tagName) && !/html|svg/.test(to.pathname.split(",")[0]))) bad.push("it leads to " + a.value.slice(0, 200));
			}
		}
		if (/^(IFRAME|OBJECT|EMBED|BASE|STYLE|MATH|VIDEO|AUDIO|MARQUEE|TEMPLATE|NOSCRIPT|XMP|PLAINTEXT|X|ANIMATE)$/i.test(e.tagName)) bad.push("an element " + e.outerHTML.slice(0, 200));
		if (e.tagName === "SCRIPT" && (e.textContent || !/^\/assets\/fanfare\.[\w.-]+$/.test(e.getAttribute("src")))) bad.push("a script " + e.outerHTML.slice(0, 200));
	}
	const text = [document.title, document.body.textContent, ...[...document.querySelectorAll("input, textarea")].map(f => f.value)].join("\n");
	const forms = [...document.querySelectorAll("form[method=get]")].map(f => {
		const q = new URLSearchParams();
		for (const i of f.querySelectorAll("[name]")) if (!/^(app|go)$/.test(i.name)) q.set(i.name, "EVIL");
		return location.pathname + "?" + q;
	});
	return JSON.stringify({Bad: bad, Links: [...document.querySelectorAll("a[href]")].map(a => a.href), Forms: forms, Text: text, At: location.pathname + location.search.slice(0, 100)});
})()`

// ask puts hostile strings into every filter, and into addresses besides.
func (c *crawl) ask() {
	c.t.Helper()
	asked := map[string]bool{}
	said := url.QueryEscape(whole("asked"))
	for _, form := range append(c.forms, "/catalogue?at=EVIL", "/audit?at=EVIL", "/delivery?at=EVIL", "/portal?theme=EVIL", "/catalogue?done=EVIL", "/task/new?app=EVIL&endpoint=EVIL&since=EVIL", "/login?to=EVIL", "/nowhere/EVIL", "/app/EVIL", "/portal/nowhere?EVIL=EVIL") {
		u, err := url.Parse(form)
		if err != nil {
			c.t.Fatal(err)
		}
		if kind := pattern(u); asked[kind] {
			continue
		} else {
			asked[kind] = true
		}
		c.open(strings.ReplaceAll(form, "EVIL", said))
		c.look()
	}
	for path, fields := range map[string][]string{
		"/catalogue/new":           {"name", "description", "groupName", "schema", "examples", "featureFlags"},
		"/catalogue/import":        {"spec"},
		"/app/acme/source/new":     {"name", "filter", "eventType"},
		"/task/new":                {"app", "endpoint", "since", "until", "eventTypes"},
		"/key":                     {"name", "application"},
		"/app/acme/send":           {"eventType", "payload", "channels", "tags", "eventId"},
		"/app/new":                 {"name", "uid"},
		"/portal/endpoint/new":     {"url", "description", "filter", "headers"},
		"/recipe/mail-the-manager": {"app", "as"},
		"/recipe/new":              {"recipe", "inputs", "app", "as"},

		"/portal/endpoint/new?kind=poller": {"description", "filter"},
	} {
		c.open(path)
		for _, field := range fields {
			evil := quoted(whole("form"))
			if eval[bool](c.tab, `(f => { if (f && f.options) f.add(new Option(`+evil+`, `+evil+`)); return !!f; })(document.querySelector("[name='`+field+`']"))`) { // who sends a form need not keep to its choices
				c.fill(field, whole("form"))
			}
		}
		c.click("main form[method=post] button.main")
		if !c.soon(`document.readyState === "complete" && !!document.querySelector(".problem, .why.bad, [role=alert]")`) {
			c.t.Errorf("%s does not say what is wrong: %s", path, eval[string](c.tab, `document.body.innerText.slice(0, 300)`))
		}
		c.look()
	}
}

// byScripts has the script put hostile strings into pages: parts that are fetched anew,
// answers to buttons, and the palette.
func (c *crawl) byScripts() {
	c.t.Helper()
	c.open("/queue")
	eval[bool](c.tab, `(document.querySelector("[data-again]").id += " ", document.querySelector("[data-again]").id = "queue", document.querySelector("#queue").className = "old", true)`)
	if !c.soon(`!document.querySelector("#queue.old")`) {
		c.t.Error("the queue is not looked up anew")
	}
	c.look()
	c.open("/catalogue/type/hostile")
	c.fill("examples", `[`+quoted(whole("preview"))+`]`)
	c.press("Preview the example")
	c.shows("[preview]")
	c.look()
	c.open("/")
	eval[bool](c.tab, `(document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true})), document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true})), true)`)
	if !c.soon(`!!document.querySelector("dialog input")`) {
		c.t.Fatal("there is no palette")
	}
	for _, evil := range []string{evils[0], evils[9], "[appname] " + evils[0]} {
		eval[bool](c.tab, `(i => { i.value = `+quoted(evil)+`; i.dispatchEvent(new Event("input")); return true; })(document.querySelector("dialog input"))`)
		c.look()
	}
	eval[bool](c.tab, `new Promise(done => setTimeout(() => done(true), 300))`)
	c.look()
}

// answerHostile is what the receiver answers: everything in a hostile way.
func answerHostile(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/find" {
		fmt.Fprintf(rw, `{"abv":%s}`, quoted(whole("lookup")))
		return
	}
	for i, pack := range packed("answerheader", 900) {
		rw.Header().Set(fmt.Sprint("X-Said-", i), plain(pack))
	}
	rw.Header().Set("Location", evils[26])
	rw.Header().Set("Content-Type", "text/html")
	switch r.URL.Path {
	case "/quiet":
		rw.WriteHeader(http.StatusInternalServerError)
	case "/x":
		rw.WriteHeader(http.StatusFound)
	}
	io.WriteString(rw, whole("answer"))
}

// patient waits for what the server does by itself.
func (w *world) patient(say func() []any, is func() bool) {
	w.t.Helper()
	for began := time.Now(); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			w.t.Fatalf("it has not come to that within two minutes%s", fmt.Sprint(say()...))
		}
	}
}
