package bookshop

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

// Seen is how the two ways stand.
type Seen struct {
	Readers    int     `json:"readers"`
	IntervalMs float64 `json:"intervalMs"` // at which each reader asks
	Books      int     `json:"books"`      // that were published
	Polling    Way     `json:"polling"`
	Webhooks   Way     `json:"webhooks"`
	Requests   float64 `json:"requestsRatio"` // polls for each webhook
	Bytes      float64 `json:"bytesRatio"`    // for each book
}

// Seen tells how the two ways stand.
func (rs *Readers) Seen() *Seen {
	s := &Seen{
		Readers: len(rs.hooks), IntervalMs: milliseconds(rs.interval), Books: rs.shop.Published(),
		Polling: rs.polling.way(), Webhooks: rs.webhooks.way(),
	}
	if s.Webhooks.Requests > 0 {
		s.Requests = float64(s.Polling.Requests) / float64(s.Webhooks.Requests)
	}
	if s.Polling.Useful > 0 && s.Webhooks.Useful > 0 && s.Webhooks.Bytes > 0 {
		s.Bytes = float64(s.Polling.Bytes) / float64(s.Polling.Useful) / (float64(s.Webhooks.Bytes) / float64(s.Webhooks.Useful))
	}
	return s
}

func (s *Seen) String() string {
	line := func(name string, w Way) string {
		return fmt.Sprintf("%-9s %9d %9d %8.2f %% %9.1f %9.1f ms %9.1f ms\n", name, w.Requests, w.Useful, w.Wasted, float64(w.Bytes)/1024, w.Mean, w.P99)
	}
	return fmt.Sprintf("%d readers, who ask every %g ms; %d books were published.\n\n", s.Readers, s.IntervalMs, s.Books) +
		"           requests    useful     wasted       KiB    mean late     p99 late\n" +
		line("polling", s.Polling) + line("webhooks", s.Webhooks) +
		fmt.Sprintf("\nPolling took %.1f times the requests, and %.1f times the bytes for a book.", s.Requests, s.Bytes)
}

//go:embed page.html
var pageText string

//go:embed live.js
var liveScript []byte

var page = template.Must(template.New("page").Parse(pageText))

// A Page is an http.Handler: the two ways side by side, with counters that move. It
// can be read without JavaScript too.
type Page struct {
	Shop    *Shop
	Readers *Readers
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	switch r.Method + " " + r.URL.Path {
	case "GET /", "HEAD /":
		p.show(w)
	case "GET /live.js":
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(liveScript)
	case "GET /live":
		p.live(w, r)
	case "POST /publish":
		if _, err := p.Shop.Publish(r.Context(), rand.IntN(p.Shop.readers)); err != nil {
			slog.Error("a book was not published", "error", err)
			http.Error(w, "The book could not be published.", http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	default:
		http.NotFound(w, r)
	}
}

func (p *Page) show(w http.ResponseWriter) {
	var text bytes.Buffer
	if err := page.Execute(&text, p.Readers.Seen()); err != nil {
		slog.Error("the page failed", "error", err)
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(text.Bytes()) // who does not read it, does not
}

// live sends the counters, twice a second, until the reader goes or the demo ends.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for {
		text, err := json.Marshal(p.Readers.Seen())
		if err != nil {
			return
		}
		fmt.Fprintf(w, "data: %s\n\n", text)
		if out.Flush() != nil {
			return
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
	}
}
