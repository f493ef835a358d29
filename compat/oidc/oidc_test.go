// Package oidc_test has people log in to the console by an OpenID provider that others
// wrote, the one of zitadel/oidc, which is certified: once by HTTP and once in a browser,
// where cookies are kept from other sites. Neither is a dependency of the product, and so
// these tests are not beside the pages.
package oidc_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/fanfarehq/fanfare/compat/internal/fanfared"
)

func TestMain(m *testing.M) { os.Exit(fanfared.Run(m.Run)) }

// people are those whom the provider knows.
type people map[string]*storage.User

func (p people) GetUserByID(id string) *storage.User         { return p[id] }
func (p people) GetUserByUsername(name string) *storage.User { return p[name] }
func (people) ExampleClientID() string                       { return "service" }

const clientSecret = "sEcReT-of-the-client"

// A site is a server whose console people enter by a provider. The two are of different
// sites to a browser.
type site struct{ url, issuer string }

func start(t *testing.T, flags ...string) *site {
	t.Helper()
	var mu sync.Mutex
	var provider http.Handler
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		provider.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	s := &site{issuer: strings.Replace(front.URL, "127.0.0.1", "localhost", 1)}
	var server *fanfared.Server
	t.Cleanup(func() { // once the server has ended
		if server == nil {
			return
		}
		if log := server.Log(); strings.Contains(log, clientSecret) || regexp.MustCompile(`eyJ[\w-]{20}|code=`).MatchString(log) {
			t.Errorf("there is something in the log that should not be:\n%s", log)
		}
	})
	server = fanfared.Start(t, &fanfared.Options{
		Flags: append([]string{"--oidc-issuer", s.issuer, "--oidc-client-id", "console"}, flags...),
		Env:   []string{"FANFARE_OIDC_CLIENT_SECRET=" + clientSecret},
	})
	s.url = server.URL
	known := people{
		"ann": {ID: "ann", Username: "ann", Password: "verysecure", Email: "ann@example.com", EmailVerified: true},
		"bob": {ID: "bob", Username: "bob", Password: "verysecure", Email: "bob@example.com"},
		"eve": {ID: "eve", Username: "eve", Password: "verysecure", Email: "eve@elsewhere.example", EmailVerified: true},
	}
	clients := map[string]*storage.Client{"console": storage.WebClient("console", clientSecret, s.url+"/login/oidc/callback")}
	handler := exampleop.SetupServer(s.issuer, storage.NewStorageWithClients(known, clients), slog.New(slog.DiscardHandler), false)
	mu.Lock()
	provider = handler
	mu.Unlock()
	return s
}

// get opens a page, after all redirects.
func get(t *testing.T, c *http.Client, address string) (*http.Response, string) {
	t.Helper()
	return answered(t)(c.Get(address))
}

func answered(t *testing.T) func(*http.Response, error) (*http.Response, string) {
	return func(res *http.Response, err error) (*http.Response, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
}

var requestID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// login logs somebody in at the provider, on the way to a page of the console.
func (s *site) login(t *testing.T, name string) (*http.Client, *http.Response, string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	_, page := get(t, c, s.url+"/login/oidc?to=/key")
	id := requestID.FindStringSubmatch(page)
	if id == nil {
		t.Fatalf("the provider does not ask who it is: %s", page)
	}
	res, body := answered(t)(c.PostForm(s.issuer+"/login/username", url.Values{"id": {id[1]}, "username": {name}, "password": {"verysecure"}}))
	return c, res, body
}

func TestLoginByAnotherProvider(t *testing.T) {
	s := start(t, "--oidc-allow", "@example.com")
	c, res, body := s.login(t, "ann")
	if res.StatusCode != 200 || res.Header.Get("Refresh") != "0; url=/key" {
		t.Fatalf("answered %d, %q: %s", res.StatusCode, res.Header.Get("Refresh"), body)
	}
	if res, page := get(t, c, s.url+"/key"); res.StatusCode != 200 || !strings.Contains(page, "Console: ann@example.com (this browser)") {
		t.Errorf("the page of the keys is answered %d: %s", res.StatusCode, page)
	}
	again, page := get(t, c, res.Request.URL.String())
	if again.StatusCode != 400 || !strings.Contains(page, "begun no such login") {
		t.Errorf("the same address once more is answered %d: %s", again.StatusCode, page)
	}
	for name, says := range map[string]string{"bob": "has not verified that the address bob@example.com", "eve": "eve@elsewhere.example is not among those"} {
		if c, res, page := s.login(t, name); res.StatusCode != 403 || !strings.Contains(page, says) {
			t.Errorf("%s is answered %d: %s", name, res.StatusCode, page)
		} else if _, page := get(t, c, s.url+"/key"); !strings.Contains(page, "<h1>Log in</h1>") {
			t.Errorf("%s is let in", name)
		}
	}
}

func TestReadersByAnotherProvider(t *testing.T) {
	s := start(t, "--oidc-allow", "ann@example.com", "--oidc-allow-read", "sub=eve")
	c, res, body := s.login(t, "eve")
	if res.StatusCode != 200 {
		t.Fatalf("answered %d: %s", res.StatusCode, body)
	}
	if _, page := get(t, c, s.url+"/app"); !strings.Contains(page, "<h1>Applications</h1>") || strings.Contains(page, "Add application") || strings.Contains(page, `href="/key"`) {
		t.Errorf("a reader sees %s", page)
	}
	if res, page := get(t, c, s.url+"/key"); res.StatusCode != 403 || !strings.Contains(page, "This needs a key with the scope &#34;admin&#34;") {
		t.Errorf("the page of the keys is answered %d: %s", res.StatusCode, page)
	}
}

// TestLoginInABrowser goes by the provider in Chromium: the cookie of the login is kept
// from other sites, and all the same somebody who comes back from one is in the console.
func TestLoginInABrowser(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no Chromium: install Debian's package chromium")
	}
	s := start(t, "--oidc-allow", "@example.com")
	allocator, end := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute))...)
	defer end()
	tab, end := chromedp.NewContext(allocator)
	defer end()
	if err := chromedp.Do(tab, chromedp.Navigate(s.url+"/audit")); err != nil { // which starts it
		t.Fatal(err)
	}
	tab, end = context.WithTimeout(tab, 2*time.Minute)
	defer end()
	err = chromedp.Do(tab,
		chromedp.Click(`a.main[href^="/login/oidc"]`, chromedp.NodeVisible),
		chromedp.SendKeys(`#username`, "ann", chromedp.NodeVisible),
		chromedp.SendKeys(`#password`, "verysecure"),
		chromedp.Submit(`#password`),
		chromedp.WaitVisible(`nav[aria-label="Pages"]`),
	)
	if err != nil {
		t.Fatal(err)
	}
	if at, main := run(t, tab, chromedp.Location()), run(t, tab, chromedp.Text(`main`)); at != s.url+"/audit" || !strings.HasPrefix(main, "Audit log") || !strings.Contains(main, "by ann@example.com") {
		t.Errorf("the login ends at %s: %s", at, main)
	}
	if script := run(t, tab, chromedp.Evaluate[string](`document.cookie`)); script != "" {
		t.Errorf("scripts can read %q", script)
	}
	if err := chromedp.Do(tab, chromedp.Submit(`form[action="/leave"] button`), chromedp.WaitVisible(`#f-key`)); err != nil {
		t.Fatal(err)
	}
	if at := run(t, tab, chromedp.Location()); at != s.url+"/login" {
		t.Errorf("leaving ends at %s", at)
	}
}

func run[T any](t *testing.T, tab context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(tab, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
