package ui

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// FitsAfter is whether an answer fits a login that was begun so long ago.
func FitsAfter(d time.Duration) error {
	begun := &pending{State: "s", Until: time.Unix(0, 0).Add(pendingLasts)}
	return (&provider{}).fits(url.Values{"state": {"s"}, "code": {"c"}}, begun, time.Unix(0, 0).Add(d))
}

// LetIn makes a key as somebody gets it whom the provider lets in.
func LetIn(ctx context.Context, hub *fanfare.Hub, name string) error {
	_, err := hub.CreateKey(ctx, &fanfare.Key{Name: loginOf + name, Scopes: []fanfare.Scope{fanfare.ScopeAdmin}, ExpiresAt: time.Now().Add(loginLasts)})
	return err
}

// Hurry gives the provider so long to answer.
func (h *Handler) Hurry(d time.Duration) { h.provider.client.Timeout = d }

// AskAgain forgets when the provider was last asked about itself in vain.
func (h *Handler) AskAgain() { h.provider.asked = time.Time{} }

// Offers reports whether a visitor of the console with a cookie is offered what is at a
// path.
func (h *Handler) Offers(cookie, method, path string) bool {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", cookie)
	v := h.consoleVisit(httptest.NewRecorder(), r)
	var err error
	if v.token, err = h.consoleUser(r); err != nil {
		return false
	}
	return v.learn() == nil && v.opens(method, path)
}

// ConsolePatterns are those of all pages of the console.
func ConsolePatterns() (all []string) {
	for pattern := range consolePages() {
		all = append(all, pattern)
	}
	for pattern := range ofApplication() {
		method, path, _ := strings.Cut(pattern, " ")
		all = append(all, method+" /app/{app}"+path)
	}
	return all
}
