// Package pages_test opens the portal in a browser, headless Chromium, as customers do:
// with and without scripts, by the keyboard alone, in light and dark, and with people's
// names and payloads that try to be scripts. Chromium is driven by chromedp, which speaks
// its own protocol and needs no second program; it is no dependency of the product, and
// so these tests are not beside the pages.
package pages_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/fanfarehq/fanfare/compat/internal/fanfared"
)

// chromium is started once for all tests; each has a context of its own in it, with its
// own cookies.
var chromium context.Context

// beside is how many tests run beside each other, on however few processors, if no number
// is asked for: half of the time they wait.
const beside = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	if at := flag.Lookup("test.parallel"); at.Value.String() == at.DefValue {
		_ = at.Value.Set(beside)
	}
	os.Exit(fanfared.Run(func() int { return inChromium(m.Run) }))
}

// inChromium has tests run while there is a browser.
func inChromium(tests func() int) (code int) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, "these tests need Chromium: install Debian's package chromium")
		return 1
	}
	dir, err := os.MkdirTemp("", "fanfare-pages-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(filepath.Join(dir, "chromium")), chromedp.WindowSize(1280, 900), chromedp.Env("TMPDIR="+dir), chromedp.WSURLReadTimeout(2*time.Minute))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	browser, end := chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "chromium does not start:", err)
		return 1
	}
	chromium = browser
	return tests()
}

// A world is a server with an application, acme, and a receiver.
type world struct {
	t   *testing.T
	url string // of the server
	rcv *httptest.Server

	mu     sync.Mutex
	answer http.HandlerFunc // nil: it takes everything
}

const adminKey = fanfared.AdminKey

// newWorld starts a server, with further flags, that ends when the test does.
func newWorld(t *testing.T, flags ...string) *world {
	t.Helper()
	w := bareWorld(t, flags...)
	w.api("POST", "/app", `{"name":"Acme","uid":"acme"}`, nil)
	return w
}

// bareWorld is newWorld without the application: a server in an empty folder.
func bareWorld(t *testing.T, flags ...string) *world {
	t.Helper()
	w := &world{t: t}
	w.rcv = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		answer := w.answer
		w.mu.Unlock()
		if answer == nil {
			io.WriteString(rw, "taken")
			return
		}
		answer(rw, r)
	}))
	t.Cleanup(w.rcv.Close)
	w.url = fanfared.Start(t, &fanfared.Options{Flags: append([]string{"--log-level", "warn"}, flags...)}).URL
	return w
}

// api asks the API for something as its admin.
func (w *world) api(method, path, body string, out any) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminKey)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode > 299 {
		w.t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) answers(do http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = do
}

// link begins a session, and returns what opens it.
func (w *world) link(in string) string {
	w.t.Helper()
	var out struct{ URL string }
	w.api("POST", "/auth/app-portal-access/acme", in, &out)
	return out.URL
}

// An endpoint, a message and a list as the API has them.
type (
	endpoint struct {
		ID, URL        string
		Disabled       bool
		Paused         bool
		Transformation string
	}
	message struct {
		ID     string
		Status int
	}
	list[T any] struct{ Data []T }
)

// endpoint makes one at the receiver, which is tried once.
func (w *world) endpoint(more string) (ep endpoint) {
	w.t.Helper()
	w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL+"/hook")+`,"retry":{"preset":"none"}`+more+`}`, &ep)
	return ep
}

func (w *world) endpoints() []endpoint {
	w.t.Helper()
	var all list[endpoint]
	w.api("GET", "/app/acme/endpoint", "", &all)
	return all.Data
}

// deliveries are those of an endpoint, the newest first.
func (w *world) deliveries(ep string) []message {
	w.t.Helper()
	var all list[message]
	w.api("GET", "/app/acme/endpoint/"+ep+"/msg?with_content=false", "", &all)
	return all.Data
}

// send sends a message, and waits for so many attempts of it.
func (w *world) send(n int, payload string) (msg message) {
	w.t.Helper()
	w.api("POST", "/app/acme/msg", `{"eventType":"record.created","payload":`+payload+`}`, &msg)
	w.until(func() bool { return w.attempts(msg) >= n })
	return msg
}

func (w *world) attempts(msg message) int {
	w.t.Helper()
	var all list[struct{}]
	w.api("GET", "/app/acme/attempt/msg/"+msg.ID, "", &all)
	return len(all.Data)
}

// patience is how long tests wait for what comes by itself, on a machine however busy.
const patience = 30 * time.Second

func (w *world) until(is func() bool) {
	w.t.Helper()
	if !soon(is) {
		w.t.Fatalf("it has not come to that within %v", patience)
	}
}

// soon waits until something is so, and reports whether it came to that. It asks less and
// less often: what is waited for needs the processors too.
func soon(is func() bool) bool {
	end := time.Now().Add(patience)
	for pause := 4 * time.Millisecond; !is(); pause = min(2*pause, 32*time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

// A tab is a visitor's. What must never happen in it, it notes: dialogs, messages of the
// content security policy, errors of scripts, and requests to other servers.
type tab struct {
	t   *testing.T
	w   *world
	ctx context.Context

	mu     sync.Mutex
	faults []string
	beyond func(url string) bool // requests that may be made besides
}

// tab opens one. Its faults fail the test in the end.
func (w *world) tab(scripts bool) *tab {
	w.t.Helper()
	ctx, end := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	b := &tab{t: w.t, w: w}
	w.t.Cleanup(func() {
		end()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			w.t.Errorf("in the browser: %s", f)
		}
	})
	if err := chromedp.Do(ctx); err != nil { // a limit on this one would be the tab's end
		w.t.Fatal(err)
	}
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(ctx, 10*time.Minute)
	w.t.Cleanup(cancel)
	if err := chromedp.Listen(b.ctx, b.note); err != nil {
		w.t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // whichever tab is in front
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
	return b
}

// call has the browser carry out a command.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) (r R) {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *tab) note(event any) {
	fault := ""
	switch e := event.(type) {
	case *page.EventJavascriptDialogOpening:
		fault = "a dialog: " + e.Message
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "the server responded with a status of 4") {
			fault = "an error: " + e.Entry.Text
		}
	case *runtime.EventExceptionThrown:
		fault = "a script failed: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			fault += " " + e.ExceptionDetails.Exception.Description
		}
	case *network.EventRequestWillBeSent:
		u := e.Request.URL
		if !strings.HasPrefix(u, b.w.url+"/") && !strings.HasPrefix(u, "data:") && (b.beyond == nil || !b.beyond(u)) {
			fault = "a request to " + u
		}
	}
	if fault != "" {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

// open goes to a page: a path, or a whole address.
func (b *tab) open(to string) {
	b.t.Helper()
	if strings.HasPrefix(to, "/") {
		to = b.w.url + to
	}
	if err := chromedp.Do(b.ctx, chromedp.Navigate(to)); err != nil {
		b.t.Fatalf("%s: %v", to, err)
	}
}

// enter opens a link and waits until it has led into the portal.
func (b *tab) enter(link string) {
	b.t.Helper()
	b.open(link)
	b.shows("Event types")
}

// eval evaluates an expression in the page, also where its own scripts do not run.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// soon evaluates an expression until it is true: a page may be going, or on its way.
func (b *tab) soon(expression string) bool {
	return soon(func() bool {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		return err == nil && is
	})
}

func quoted(s string) string {
	text, _ := json.Marshal(s) // a string is always JSON
	return string(text)
}

// shows waits until the page has a text.
func (b *tab) shows(text string) {
	b.t.Helper()
	if !b.soon(`!!document.body && document.body.innerText.includes(` + quoted(text) + `)`) {
		b.t.Fatalf("%s does not show %q: %s", eval[string](b, `location.href`), text, eval[string](b, `document.body.innerText`))
	}
}
