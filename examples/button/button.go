// Package button is a page with a button: it generates a random number, and who wants
// to know of it is sent a webhook. It is the program of the talk that Fanfare began
// with, and shows what a program of one's own needs: a Hub, and one call to Send.
package button

import (
	"context"
	"html/template"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/fanfarehq/fanfare"
)

// EventType is of what the button sends.
const EventType = "random_number:generate"

// Application is the uid of the one application there is.
const Application = "random-numbers"

// A Button is an http.Handler: the page with the button.
type Button struct {
	hub      *fanfare.Hub
	generate func() int
}

// New makes a Button that sends by hub, to the endpoint with that URL. It returns the
// endpoint, whose secret its receiver needs to verify what comes.
func New(ctx context.Context, hub *fanfare.Hub, url string) (*Button, *fanfare.Endpoint, error) {
	app := &fanfare.Application{UID: Application, Name: "Random numbers"}
	if err := hub.CreateApplication(ctx, app); err != nil {
		return nil, nil, err
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: url, EventTypes: []string{EventType}, Format: "event"}
	if err := hub.CreateEndpoint(ctx, ep); err != nil {
		return nil, nil, err
	}
	return &Button{hub: hub, generate: func() int { return rand.IntN(1000) }}, ep, nil
}

func (b *Button) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/":
		http.NotFound(w, r)
	case r.Method == http.MethodPost:
		b.push(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		b.show(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Look with GET, push the button with POST.", http.StatusMethodNotAllowed)
	}
}

// push generates a number and sends it. When it has answered, the number is on disk
// and will be delivered, whoever is down just now.
func (b *Button) push(w http.ResponseWriter, r *http.Request) {
	number := b.generate()
	if _, err := b.hub.Send(r.Context(), Application, EventType, number); err != nil {
		slog.Error("the number was not sent", "error", err)
		http.Error(w, "The number could not be sent. Try again.", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/?num="+strconv.Itoa(number), http.StatusFound)
}

func (b *Button) show(w http.ResponseWriter, r *http.Request) {
	var sent *int
	if n, err := strconv.Atoi(r.URL.Query().Get("num")); err == nil && n >= 0 && n < 1000 {
		sent = &n
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page.Execute(w, sent) // who does not read it, does not
}

var page = template.Must(template.New("button").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Random Number Button</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
button { font: inherit; padding: .6rem 1.2rem }
</style>
<h1>Send a Random Number in a Text Message</h1>
{{with .}}<p role="status">Sent a text with this random number: {{.}}</p>{{end}}
<form method="post" action="/"><button>Generate a Random Number and Text It!</button></form>
</html>
`))
