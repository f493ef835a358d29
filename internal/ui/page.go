package ui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A page is what the layout is given. Body is the page's own: a struct of its file.
type page struct {
	Title   string
	Root    string // what addresses of the site begin with
	Base    string // what addresses of this part of it begin with, such as /portal
	Home    string // the same of the whole portal or console
	Start   string // its first page
	Brand   string
	Logo    string // its address; "": none
	Nav     []place
	Notice  string // what was just done
	Theme   string // light, dark or "", as the browser has it
	Stream  string // where news come from; "": nowhere
	Palette string // what addresses of the console begin with, if it is that: there is a palette
	Parent  string // the origin of the page around this one, which is told the height; "": none
	Asset   func(name string) string
	Here    string // the address of the page itself, for forms that come back to it
	Body    any
}

// A place is somewhere to go: in the navigation, or a tab.
type place struct {
	Text, URL string
	Current   bool
}

// A visit is one request of somebody who is let in, or is not yet.
type visit struct {
	*Handler
	w http.ResponseWriter
	r *http.Request

	token   string                // what the API is asked with; "": nobody is let in
	session *fanfare.Session      // of the portal; nil: a key's, which may all that the API lets it
	app     fanfare.ApplicationID // whose pages these are
	base    string                // what their addresses begin with, the site's root included
	console bool                  // they are the operator's
	nav     func(*visit) []place
	stream  bool   // there are news to follow
	news    string // where else they come from; "": where all of this part do
	now     time.Time
}

// may reports whether a control is worth showing. That what it does is allowed is the
// API's to say.
func (v *visit) may(c fanfare.Capability) bool {
	return v.token != "" && (v.session == nil || v.session.Has(c))
}

// show answers with a page of the folder page.
func (v *visit) show(name, title string, body any) error {
	return v.showAs(http.StatusOK, name, title, body)
}

func (v *visit) showAs(status int, name, title string, body any) error {
	p := &page{
		Title: title, Root: v.root, Base: v.base, Home: v.base, Start: v.base, Brand: v.look.name, Logo: v.look.logo, Theme: v.theme(), Asset: v.asset,
		Here: v.r.URL.RequestURI(), Body: body, Notice: notices[v.r.URL.Query().Get("done")],
	}
	if v.token != "" {
		p.Nav = v.nav(v)
		if v.stream {
			p.Stream = v.base + "/stream"
		}
	}
	if v.news != "" {
		p.Stream = v.news
	}
	if v.console {
		p.Home, p.Start, p.Brand, p.Logo = v.root, v.root+"/", "Fanfare", ""
		if v.token != "" {
			p.Palette = v.root + "/go"
		}
	} else if len(v.frames) > 0 {
		p.Parent = strings.Join(v.frames, " ")
	}
	return v.render(v.w, status, name, p)
}

// to sends the visitor to another page below v.base, which says that something was
// done: one of notices, or "" for nothing.
func (v *visit) to(path, done string) error {
	if done != "" {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + "done=" + url.QueryEscape(done)
	}
	http.Redirect(v.w, v.r, v.base+path, http.StatusSeeOther)
	return nil
}

// notices are what pages say after something was done, by the word in their address:
// what stands in an address is nobody's to choose.
var notices = map[string]string{
	"created":           "The endpoint is there.",
	"saved":             "The settings are saved.",
	"resent":            "It is being sent again. The attempt appears here as soon as it is made.",
	"paused":            "The endpoint is paused: what is for it waits.",
	"resumed":           "The endpoint is resumed: what waited is being sent.",
	"enabled":           "The endpoint is enabled again.",
	"disabled":          "The endpoint is disabled: it is sent nothing.",
	"deleted":           "The endpoint is deleted.",
	"rotated":           "There is a new secret. The old one signs beside it for 24 hours.",
	"recovering":        "What had failed is being sent again.",
	"replaying":         "What was never sent is being sent.",
	"url":               "The endpoint has the new URL, and what failed is sent there when you say so below.",
	"sent":              "The example is on its way. Its attempt appears here as soon as it is made.",
	"transformation":    "The transformation is saved. It is applied from now on.",
	"verified":          "The receiver was asked.",
	"application":       "The application is there.",
	"saved-application": "The application is saved.",
	"gone-application":  "The application is deleted. What was its own is removed bit by bit.",
	"expired":           "All links to the portal have ended.",
	"accepted":          "The message is accepted, and is on its way to whoever wants it.",
	"cancelled-message": "What waited is cancelled.",
	"type":              "The event type is there.",
	"typesaved":         "The event type is saved.",
	"typedeprecated":    "The event type is deprecated: whoever sends or is sent it is told.",
	"typearchived":      "The event type is archived. Endpoints that asked for it still get it.",
	"typegone":          "The event type is removed.",
	"imported":          "The document is imported.",
	"cancelled":         "The bulk operation is cancelled. What it has done stays done.",
	"source":            "The source is there. Give its address to the sender.",
	"sourcedisabled":    "The source is disabled: requests are answered 410.",
	"sourcerotated":     "The source has a new address. The one before is good for a day.",
	"sourcegone":        "The source is deleted.",
	"sourcesecret":      "The secret is added. Those before it verify beside it for a day.",
	"revoked":           "The key is revoked.",
	"binsaved":          "The bin answers so from now on.",
	"binsecret":         "Signatures are checked so, those of earlier requests too.",
	"binshared":         "The bin is shown to whoever has the link.",
	"binunshared":       "The link leads nowhere any more.",
	"binempty":          "The bin is empty.",
	"bingone":           "The bin is deleted.",
	"recipe":            "The recipe is installed.",
}

// parseForm reads what a form says.
func (v *visit) parseForm() error {
	if strings.HasPrefix(v.r.Header.Get("Content-Type"), "multipart/form-data") {
		return v.r.ParseMultipartForm(maxForm)
	}
	return v.r.ParseForm()
}

// said is what the form says in a field, "" if nothing.
func (v *visit) said(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

// asked is what the address says.
func (v *visit) asked(name string) string { return strings.TrimSpace(v.r.URL.Query().Get(name)) }

// head writes the headers of every page.
func head(w http.ResponseWriter, policy string) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
}

// policy is what a page may load, and who may show it in a frame.
func (h *Handler) policy(v *visit) string {
	img := "'self' data:"
	if h.look.logoOrigin != "" {
		img += " " + h.look.logoOrigin
	}
	frames := strings.Join(append([]string{"'self'"}, h.frames...), " ")
	if v.console {
		frames = "'none'"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src " + img +
		"; base-uri 'none'; form-action 'self'; frame-ancestors " + frames +
		"; require-trusted-types-for 'script'; trusted-types fanfare"
}
