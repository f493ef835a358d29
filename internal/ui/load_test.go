package ui_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/internal/ui"
)

var (
	stored   = flag.Int("deliveries", 100_000, "how many deliveries the benchmarks of pages store before they begin")
	database = flag.String("database", "", "URL of an empty PostgreSQL database that they store them in, instead of a file")
)

// slow is what the server may take for no page, at the 99th percentile.
const slow = 50 * time.Millisecond

// The pages that BenchmarkConsole opens. What is in braces it fills in, as load says.
var (
	ofAll = strings.Fields(`/ /help /go /go?q=shop /go?q=none /go?q={msg} /go?q={endpoint} /go?q={attempt}
		/issue /issue/muted /issue/muted/confirm /issue/of/{badapp}/{bad} /issue/group?host=example.com&cause={cause} /issue/group/confirm/pause?host=example.com&cause={cause}
		/app /app?search=shop /app?search=none /app/new
		/message /message?text=none /message?tag=none /message?type=none /message?id=none /message?status=2 /message?from=2h&to=1h
		/message?app={app} /message?app={app}&status=1 /message?app={app}&status=2 /message?app={app}&text=none
		/delivery /delivery?outcome=failed /delivery?outcome=succeeded
		/endpoint /endpoint?state=failing /endpoint?state=disabled /endpoint?state=paused /endpoint?search=example /endpoint?search=none /endpoint/confirm/resume /endpoint/confirm/enable
		/catalogue /catalogue/new /catalogue/import /catalogue/type/order.paid /catalogue/type/order.paid/compare /catalogue/type/order.paid/confirm
		/task /task?status=running /task/new /task/{task} /queue /source /recipe /recipe/new /recipe/github-to-slack
		/setting /key /key/{key}/revoke /audit /audit?actor=none /audit?object=none /operational /operational/endpoint/new /operational/endpoint/{told} /operational/endpoint/{told}/welcome /operational/endpoint/{told}/settings
		/operational/endpoint/{told}/confirm/delete /operational/endpoint/{told}/confirm/disable /operational/endpoint/{told}/confirm/rotate /operational/endpoint/{told}/confirm/recover
		/inspector /inspector/{bin} /inspector/{bin}/compare?a=1&b=2 /inspector/{bin}/confirm/delete /inspector/{bin}/request/1/send /inspector/{bin}/request/1/example
		/app/{app} /app/{app}/delete /app/{app}/send /app/{app}/recover /app/{app}/expire /app/{app}/link
		/app/{app}/source /app/{app}/source/new /app/{app}/source/{source} /app/{app}/source/{source}/edit /app/{app}/source/{source}/delete
		/app/{app}/recipe/messages-to-receiver /app/{app}/recipe/messages-to-receiver/remove
		/app/{badapp}/endpoint/{bad} /app/{badapp}/endpoint/{bad}/confirm/recover /app/{badapp}/endpoint/{bad}/confirm/retry`)

	// ofOne are in the portal too.
	ofOne = strings.Fields(`/endpoint/new /endpoint/new?kind=poller /endpoint/{endpoint} /endpoint/{endpoint}?status=0 /endpoint/{endpoint}?status=1 /endpoint/{endpoint}?status=2
		/endpoint/{endpoint}?status=4 /endpoint/{endpoint}?type=none /endpoint/{endpoint}?span=1h /endpoint/{endpoint}?span=24h&status=2
		/endpoint/{held} /endpoint/{held}?status=0 /endpoint/{held}?status=1 /endpoint/{held}/confirm/cancel
		/endpoint/{endpoint}/welcome /endpoint/{endpoint}/settings /endpoint/{endpoint}/test /endpoint/{endpoint}/transform
		/endpoint/{endpoint}/confirm/cancel /endpoint/{endpoint}/confirm/disable /endpoint/{endpoint}/confirm/delete /endpoint/{endpoint}/confirm/rotate
		/endpoint/{endpoint}/confirm/recover /endpoint/{endpoint}/confirm/recover?since=7d /endpoint/{endpoint}/confirm/retry /endpoint/{endpoint}/confirm/replay
		/log /log?status=0 /log?status=1 /log?status=2 /log?status=4 /log?type=none /log?span=1h /log?span=24h&status=2
		/message/{msg} /message/{msg}/to/{endpoint} /message/{msg}/to/{endpoint}/edit /catalogue /catalogue/order.paid
		/inbox /inbox/start /inbox/{inbox} /inbox/{inbox}/compare?a=1&b=2 /inbox/{inbox}/confirm/delete /inbox/{inbox}/request/1/send /settings`)

	ofPortal = []string{"", "/settings/end", "?state=failing", "?state=paused", "?state=disabled"}

	// planned are bulk operations, before they are begun.
	planned = strings.Fields(`kind=recover&endpoint={endpoint}&since=24h kind=recover&endpoint={bad}&app={badapp}&since=24h kind=missing&endpoint={endpoint}&since=24h
		kind=again&since=24h kind=again&endpoint={endpoint}&since=24h&eventTypes=none kind=purge&since=24h kind=purge&since=24h&eventTypes=none`)
)

// TestEveryPageIsLoaded knows which pages there are.
func TestEveryPageIsLoaded(t *testing.T) {
	var paths []string
	for _, at := range slices.Concat(ofAll, under("/app/{app}", ofOne)) {
		plain, _, _ := strings.Cut(at, "?")
		paths = append(paths, plain)
	}
	for _, pattern := range ui.ConsolePatterns() {
		method, at, _ := strings.Cut(pattern, " ")
		switch path.Base(at) {
		case "stream", "raw", "image", "export":
			continue // no pages
		}
		is := regexp.MustCompile(`^` + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(strings.TrimSuffix(at, "{$}")), `[^/]+`) + `$`)
		if method == http.MethodGet && !slices.ContainsFunc(paths, is.MatchString) {
			t.Errorf("%s is not among the pages that are opened over many deliveries", pattern)
		}
	}
}

func under(base string, paths []string) (all []string) {
	for _, at := range paths {
		all = append(all, base+at)
	}
	return all
}

// BenchmarkConsole opens the pages of console and portal over many deliveries, of which half
// are of one endpoint, where almost all went well, and a tenth waits for one that is paused.
// The others are of 100 applications with two endpoints each, of which every tenth fails.
func BenchmarkConsole(b *testing.B) {
	l := load(b, *stored)
	var late []string
	run := func(name string, request func() *http.Request) {
		b.Run(name, func(b *testing.B) {
			l.open(b, request()) // what was read never before may be slower
			var took []time.Duration
			for b.Loop() {
				took = append(took, l.open(b, request()))
			}
			slices.Sort(took)
			half, most := took[len(took)/2], took[len(took)*99/100]
			b.ReportMetric(float64(half.Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(most.Microseconds())/1000, "p99-ms")
			if line := fmt.Sprintf("%s: half within %v, 99 of 100 within %v", name, half, most); most > slow && !slices.Contains(late, line) {
				late = append(late, line)
			}
		})
	}
	for _, at := range slices.Concat(ofAll, under("/app/{app}", ofOne), under("/portal", ofPortal), under("/portal", ofOne)) {
		run("GET "+at, func() *http.Request { return httptest.NewRequest(http.MethodGet, l.fill(at), nil) })
	}
	for _, form := range planned {
		run("POST /task/new "+form, func() *http.Request {
			return l.form("/task/new", "do=plan&"+l.fill(form+"&app={app}"))
		})
	}
	fmt.Printf("above %v: %d\n%s\n", slow, len(late), strings.Join(late, "\n"))
}

// A loader is a visitor of pages over much that is stored.
type loader struct {
	*strings.Replacer
	pages   *ui.Handler
	cookies string
}

func (l *loader) fill(text string) string { return l.Replace(text) }

func (l *loader) form(at, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, at, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// asked is a request of somebody who may have it.
func (l *loader) asked(r *http.Request) *http.Request {
	r.Header.Set("Cookie", l.cookies)
	return r
}

// open opens a page, which has to be there, and returns how long that took.
func (l *loader) open(b *testing.B, r *http.Request) time.Duration {
	a := httptest.NewRecorder()
	begun := time.Now()
	l.pages.ServeHTTP(a, l.asked(r))
	took := time.Since(begun)
	if a.Code != http.StatusOK && a.Code != http.StatusSeeOther {
		b.Fatalf("%s %s was answered %d: %s", r.Method, r.URL, a.Code, a.Body)
	}
	return took
}

// made has a form make something, and returns the last part of the address that leads to it.
func (l *loader) made(b *testing.B, at, body string) string {
	a := httptest.NewRecorder()
	l.pages.ServeHTTP(a, l.asked(l.form(at, body)))
	if a.Code != http.StatusSeeOther {
		b.Fatalf("POST %s was answered %d: %s", at, a.Code, a.Body)
	}
	to, _, _ := strings.Cut(a.Header().Get("Location"), "?")
	return path.Base(to)
}

// load begins the pages of a Hub that runs, over a store of so many deliveries and some of
// everything else.
func load(b *testing.B, n int) *loader {
	store := openLoaded(b)
	s := fillStore(b, store, n)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	bins := inspect.New(home)
	hub := fanfare.New(store, &fanfare.Options{Logger: log, Bins: &fanfare.Bins{At: home + inspect.Path, Serve: bins}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	routes := api.New(hub, store, &api.Options{Logger: log, KeyHash: api.HashKey(adminKey)})
	pages, err := ui.New(hub, routes, &ui.Options{Logger: log, Bins: bins})
	must(err)
	l := &loader{pages: pages}
	k := &fanfare.Key{Name: "Console: the admin key", Scopes: []fanfare.Scope{fanfare.ScopeAdmin}}
	key, err := hub.CreateKey(b.Context(), k)
	must(err)
	session, err := hub.CreateSession(b.Context(), &fanfare.Session{Application: s.app, Capabilities: fanfare.Capabilities()}, 24*time.Hour)
	must(err)
	l.cookies = "fanfare_console=" + key + "; fanfare_portal=" + session
	must(hub.CreateEventType(b.Context(), &fanfare.EventType{Name: "order.paid", Schemas: []byte(`{"1":{},"2":{}}`)}))
	src := &fanfare.Source{Application: s.app, Name: "crm", Profile: "none"}
	must(hub.CreateSource(b.Context(), src))
	for i := range 300 {
		must(hub.Audit(b.Context(), &fanfare.AuditEntry{Actor: "cli", Action: "endpoint.update", Application: string(s.app), Object: fmt.Sprint("ep_", i)}))
	}
	must(hub.Mute(b.Context(), &fanfare.Mute{Application: s.others[17].app, Endpoint: s.others[17].ep, Cause: s.cause}))
	ofTask := l.made(b, "/task/new", "do=start&kind=recover&since=1h&app="+string(s.badApp)+"&endpoint="+string(s.bad))
	bin, inbox := l.made(b, "/inspector", ""), l.made(b, "/app/"+string(s.app)+"/inbox", "")
	for range 2 {
		l.made(b, "/inspector/"+bin+"/do/sample", "")
		l.made(b, "/app/"+string(s.app)+"/inbox/"+inbox+"/do/sample", "")
	}
	l.pages.ServeHTTP(httptest.NewRecorder(), l.asked(l.form("/recipe/messages-to-receiver", "do=install&in.RECEIVER_URL=https://example.com/in&in.WEBHOOK_SECRET=whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&app="+string(s.app))))
	l.Replacer = strings.NewReplacer("{app}", string(s.app), "{endpoint}", string(s.endpoint), "{held}", string(s.held), "{bad}", string(s.bad), "{badapp}", string(s.badApp), "{told}", string(s.told),
		"{cause}", s.cause, "{msg}", string(s.msg), "{attempt}", string(s.attempt), "{key}", string(k.ID), "{source}", string(src.ID), "{task}", ofTask, "{bin}", bin, "{inbox}", inbox)
	return l
}
