package agency

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed customer.html
var customerText string

//go:embed customer.js
var customerScript []byte

var customerTemplate = template.Must(template.New("customer").Parse(customerText))

// A customerPage is where a [Portal] link leads when the API beside it has no portal of
// its own: it shows an application's webhooks and what was sent to them, read from
// the API with the session's key. The key is behind the #, so that no server and no log
// has it.
type customerPage struct{ owner string }

func (p customerPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	if r.URL.Path == "/portal.js" {
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(customerScript)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	customerTemplate.Execute(w, p.owner) // who does not read it, does not
}
