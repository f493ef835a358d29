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
	Night   string // that of the logo for dark pages; "": there is no other
	Nav     []place
	Notice  string // what was just done
	Theme   string // light, dark or "", as the browser has it
	Keyless bool   // keys of one letter do nothing
	Stream  string // where news come from; "": nowhere
	Palette string // what addresses of the console begin with, if it is that: there is a palette
	Parent  string // the origin of the page around this one, which is told the height; "": none
	Asset   func(name string) string
	visit   *visit // of whom the page is kept to what they may do; nil: they may do everything
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
	own     bool                  // they are of the operator's own endpoints, and of no application
	rights  *rights               // of the console's visitor; nil: they were not asked for
	nav     func(*visit) []place
	stream  bool   // there are news to follow
	place   string // how far they had come before the page was read; "": that is not known
	news    string // where else they come from; "": where all of this part do
	now     time.Time
}

// may reports whether a control is worth showing. That what it does is allowed is the
// API's to say.
func (v *visit) may(c fanfare.Capability) bool {
	return v.token != "" && (v.session == nil && v.reaches(routeOf[c]) || v.session != nil && v.session.Has(c))
}

// Opens reports whether the visitor is let to where an address below the site's root
// leads, as a template asks for what is more than a link or a form.
func (p *page) Opens(method, path string) bool {
	return p.visit == nil || p.visit.opens(method, p.Root+path)
}

// Reaches reports whether the API lets the visitor call a route.
func (p *page) Reaches(route string) bool { return p.visit == nil || p.visit.reaches(route) }

// show answers with a page of the folder page.
func (v *visit) show(name, title string, body any) error {
	return v.showAs(http.StatusOK, name, title, body)
}

func (v *visit) showAs(status int, name, title string, body any) error {
	p := &page{
		Title: title, Root: v.root, Base: v.base, Home: v.base, Start: v.base, Brand: v.look.name, Logo: v.look.logo, Night: v.look.logoDark, Theme: v.theme(), Keyless: v.keyless(), Asset: v.asset,
		Here: v.r.URL.RequestURI(), Body: body, Notice: v.notice(),
	}
	if v.token != "" {
		p.Nav = v.nav(v)
		if v.stream && v.opens(http.MethodGet, v.base+"/stream") {
			p.Stream = v.base + "/stream"
			if v.place != "" {
				p.Stream += "?" + lastEvent + "=" + url.QueryEscape(v.place)
			}
		}
	}
	if v.news != "" {
		p.Stream = v.news
	}
	if v.console {
		p.Home, p.Start, p.Brand, p.Logo, p.Night = v.root, v.root+"/", "Fanfare", "", ""
		if v.token != "" {
			p.Palette = v.root + "/go"
		}
		if v.rights != nil && len(v.rights.refused) > 0 {
			p.visit = v
		}
	} else if len(v.frames) > 0 {
		p.Parent = strings.Join(v.frames, " ")
	}
	return v.render(v.w, status, name, p)
}

// to sends the visitor to another page below v.base, which says that something was
// done: one of notices, or "" for nothing.
func (v *visit) to(path, done string) error {
	if !v.opens(http.MethodGet, v.base+path) {
		if to := v.instead(v.base + path); to != "" {
			path = strings.TrimPrefix(to, v.base)
		} else {
			v.base, path = v.root, "/"
		}
	}
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
	"kept":              "It is left as it is there.",
	"resent":            "It is being sent again. The attempt appears here as soon as it is made.",
	"paused":            "The endpoint is paused: what is for it waits.",
	"emptied":           "The endpoint is paused, and what waited for it is cancelled.",
	"lined":             "What had failed is in line: it is sent again as soon as the endpoint takes what it is sent.",
	"inline":            "What had failed is in line already, and was not asked for again.",
	"grouppaused":       "The endpoints are paused: what is for them waits.",
	"groupresumed":      "The endpoints are resumed: what waited is being sent.",
	"groupenabled":      "The endpoints are enabled again.",
	"groupunmuted":      "The issues are not muted any more.",
	"groupnotified":     "The operational endpoints are told of each of them, and why it fails.",
	"groupgone":         "It was done with the endpoints that are still there. The others have been deleted meanwhile.",
	"groupmuted":        "The issue is muted of these endpoints, until they fail for another cause.",
	"grouplined":        "What had failed is in line: it is sent again to each endpoint as soon as that takes what it is sent.",
	"resumed":           "The endpoint is resumed: what waited is being sent.",
	"enabled":           "The endpoint is enabled again.",
	"disabled":          "The endpoint is disabled: it is sent nothing.",
	"deleted":           "The endpoint is deleted.",
	"rotated":           "There is a new secret. The old one signs beside it for 24 hours.",
	"recovering":        "What had failed is being sent again.",
	"replaying":         "What was never sent is being sent.",
	"url":               "The endpoint has the new URL. What waits is sent there by itself, and what was given up when you have it sent again.",
	"patience":          "The endpoint has 60 s to answer from now on. What waits is sent by itself, and what was given up when you have it sent again.",
	"counted":           "That counts as success from now on. What waits is sent by itself, and what was given up when you have it sent again.",
	"tried":             "The endpoint is tried at once with a delivery that waits. If it takes that, the others follow.",
	"nothingwaits":      "Nothing waits for this endpoint that can be tried.",
	"elsewhere":         "Another server sends to this endpoint, and tries it by itself, once a minute or more often.",
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
	"hadended":          "The bulk operation had ended before. What it has done stays done.",
	"cancelled":         "The bulk operation is cancelled. What it has done stays done.",
	"source":            "The source is there. Give its address to the sender.",
	"sourcedisabled":    "The source is disabled: requests are answered 410.",
	"sourcerotated":     "The source has a new address. The one before is good for a day.",
	"sourcegone":        "The source is deleted.",
	"sourcesaved":       "The source is saved: requests are taken so from now on.",
	"left":              "You have left the portal in this browser. The link is as good as it was, and opens it again.",
	"sessionended":      "The link has ended, and whoever was let in by it is not any more.",
	"sourcesecret":      "The secret is added. Those before it verify beside it for a day.",
	"revoked":           "The key is revoked.",
	"alert":             "The address is saved.",
	"noalert":           "The address is removed: nobody is written to.",
	"binsaved":          "The bin answers so from now on.",
	"binsecret":         "Signatures are checked so, those of earlier requests too.",
	"binshared":         "The bin is shown to whoever has the link.",
	"binunshared":       "The link leads nowhere any more.",
	"binempty":          "The bin is empty.",
	"bingone":           "The bin is deleted.",
	"requestpinned":     "The request stays while newer ones come.",
	"requestunpinned":   "The request is let go when newer ones come.",
	"requestnoted":      "The note is saved.",
	"requestgone":       "The request is removed.",
	"requestagain":      "It was sent.",
	"rehearsed":         "The copy was sent here, signed as the endpoint signs, with a secret of this inbox.",
	"sentalone":         "The message is accepted, and is on its way to the endpoint.",
	"inbox":             "The endpoint is there. What it is sent is shown here, as soon as it comes.",
	"recipe":            "The recipe is installed.",
	"muted":             "The issue is muted: it is not listed until the endpoint fails for another cause, or it is unmuted.",
	"unmuted":           "The issue is not muted any more.",
	"notified":          "The operational endpoints are told that it fails, and why.",
	"recipegone":        "The recipe is removed, with all that it had made.",
}

// notice is the one that the address names, in the words of where the visitor is.
func (v *visit) notice() string {
	text := notices[v.asked("done")]
	if after, ok := strings.CutPrefix(text, "The bin "); ok {
		return "The " + v.binWord() + " " + after
	}
	return text
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
	for _, origin := range h.look.origins {
		img += " " + origin
	}
	frames := strings.Join(append([]string{"'self'"}, h.frames...), " ")
	if v.console {
		frames = "'none'"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src " + img +
		"; base-uri 'none'; form-action 'self'; frame-ancestors " + frames +
		"; require-trusted-types-for 'script'; trusted-types fanfare"
}
