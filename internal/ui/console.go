package ui

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// consoleCookie holds the secret of an API key that was made for this browser alone when
// somebody logged in, is good for a while, and is revoked when they leave: the key they
// logged in with is never in a cookie. See consoleUser.
const consoleCookie = "fanfare_console"

// loginPath is where those go who are not let in.
const loginPath = "/login"

// consolePages are all pages of the console but those of an application, by pattern,
// such as "GET /issue". Each part has its table in a file of its own.
func consolePages() map[string]func(*visit) error {
	all := map[string]func(*visit) error{
		"POST /theme": setConsoleTheme,
		"POST /keys":  setKeys,
		"GET /stream": follow,
	}
	for _, some := range []map[string]func(*visit) error{
		homePages(), issuePages(), applicationPages(), messagePages(), deliveryPages(), endpointPages(),
		cataloguePages(), taskPages(), queuePages(), sourcePages(), recipePages(), settingPages(), operationalPages(), goPages(), inspectorPages(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// ofApplication are the pages below /app/{app}: those that its customer has in the
// portal, and what only the operator has. Of two of a pattern the operator's is served.
func ofApplication() map[string]func(*visit) error {
	all := portalPages()
	for _, some := range []map[string]func(*visit) error{
		oneApplicationPages(), ofLinks(), ofSources(), ofRecipes(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// consolePlaces are what the navigation leads to; a place is where the visitor is if
// the path begins with its own.
var consolePlaces = []place{
	{Text: "Home", URL: "/"},
	{Text: "Issues", URL: "/issue"},
	{Text: "Applications", URL: "/app"},
	{Text: "Messages", URL: "/message"},
	{Text: "Deliveries", URL: "/delivery"},
	{Text: "Endpoints", URL: "/endpoint"},
	{Text: "Event types", URL: "/catalogue"},
	{Text: "Sources", URL: "/source"},
	{Text: "Recipes", URL: "/recipe"},
	{Text: "Queue", URL: "/queue"},
	{Text: "Bulk", URL: "/task"},
	{Text: "Inspector", URL: "/inspector"},
	{Text: "Settings", URL: "/setting"},
}

func consoleNav(v *visit) (all []place) {
	for _, p := range consolePlaces {
		if !v.opens(http.MethodGet, v.root+p.URL) {
			continue
		}
		path := v.r.URL.Path
		current := path == p.URL || p.URL != "/" && strings.HasPrefix(path, p.URL+"/")
		all = append(all, place{p.Text, v.root + p.URL, current})
	}
	return all
}

// consoleRoutes are all addresses of the console.
func (h *Handler) consoleRoutes() {
	for pattern, serve := range consolePages() {
		h.mux.HandleFunc(pattern, h.inConsole(func(v *visit) error { v.mark(); return serve(v) }))
	}
	for pattern, serve := range ofApplication() {
		method, path, _ := strings.Cut(pattern, " ")
		h.mux.HandleFunc(method+" /app/{app}"+path, h.inConsole(inApplication(serve)))
	}
	h.mux.HandleFunc("GET /app/", h.inConsole(noPage))
	h.doorRoutes()
	h.inspectorRoutes()
}

func (h *Handler) consoleVisit(w http.ResponseWriter, r *http.Request) *visit {
	return &visit{Handler: h, w: w, r: r, base: h.root, console: true, nav: consoleNav, stream: true, now: now()}
}

// atConsoleDoor serves what is there for those who are not let in yet.
func (h *Handler) atConsoleDoor(serve func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h.handle(h.consoleVisit(w, r), serve) }
}

// inConsole serves a page to those who are logged in, and sends others to the login.
func (h *Handler) inConsole(serve func(*visit) error) http.HandlerFunc {
	return h.atConsoleDoor(func(v *visit) error {
		token, err := h.consoleUser(v.r)
		if errors.Is(err, fanfare.ErrNotFound) {
			return v.toLogin()
		}
		if err != nil {
			return err
		}
		v.token = token
		if err = v.learn(); err == nil {
			err = v.serveOpen(serve)
		}
		if told, refused := isRefused(err); refused && told.Status == http.StatusUnauthorized {
			return v.toLogin() // the key was revoked just now
		}
		return err
	})
}

// serveOpen serves a page to those whom the API lets do what it is there for, and tells
// others what the API would.
func (v *visit) serveOpen(serve func(*visit) error) error {
	if told := v.refusal(v.r.Pattern, v.r.PathValue("act")); told != nil {
		return told
	}
	return serve(v)
}

// toLogin sends to the login, which leads back, or says that nothing was done.
func (v *visit) toLogin() error {
	if v.r.Method != http.MethodGet || strings.HasSuffix(v.r.URL.Path, "/stream") {
		v.token = ""
		return &refusal{Status: http.StatusUnauthorized, Heading: "You are not logged in any more", Detail: "Nothing was done. Log in, and do it again."}
	}
	to := url.Values{"to": {v.r.URL.RequestURI()}}
	http.Redirect(v.w, v.r, v.root+loginPath+"?"+to.Encode(), http.StatusSeeOther)
	return nil
}

// consoleUser returns the key with which a browser asks the API: one that was made when
// somebody logged in, and is still good. ErrNotFound: it has none.
func (h *Handler) consoleUser(r *http.Request) (token string, err error) {
	c, err := r.Cookie(consoleCookie)
	if err != nil {
		return "", fanfare.ErrNotFound
	}
	b, err := h.hub.Identify(r.Context(), c.Value)
	if err != nil {
		return "", err
	}
	if b.Key == nil {
		return "", fanfare.ErrNotFound
	}
	if good, err := h.lasts(r.Context(), b.Key); err != nil || !good {
		return "", cmp.Or(err, fanfare.ErrNotFound)
	}
	return c.Value, nil
}

// consoleCookie is one for all of the console. Other sites can have it sent by a link
// only, which does nothing.
func (v *visit) consoleCookie(name, value string, until time.Time) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: v.root + "/", Expires: until, HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode}
}

// setConsoleTheme keeps the visitor's choice of colours.
func setConsoleTheme(v *visit) error {
	http.SetCookie(v.w, v.consoleCookie(themeCookie, v.said("theme"), v.now.AddDate(1, 0, 0)))
	return v.to(v.back(), "")
}

// inApplication serves a page about the application that the path names.
func inApplication(serve func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		ref := v.r.PathValue("app")
		v.app, v.base = fanfare.ApplicationID(ref), v.root+"/app/"+url.PathEscape(ref)
		v.mark()
		return serve(v)
	}
}
