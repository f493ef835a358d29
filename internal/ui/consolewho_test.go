package ui_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// TestHomeSaysWhoIsLoggedIn, what they may do, and where that is done.
func TestHomeSaysWhoIsLoggedIn(t *testing.T) {
	w := newWorld(t, nil)
	of := func(k *fanfare.Key) { k.Application = w.app.ID }
	own := "/app/" + string(w.app.ID)
	for _, c := range []struct {
		with   func(*fanfare.Key)
		scopes []fanfare.Scope
		says   []string
		leads  []string
		lacks  []string
	}{
		{nil, []fanfare.Scope{fanfare.ScopePortal}, []string{"make and end links to the portal", "The console has no page for that"}, nil, []string{"/app", "/task/new"}},
		{nil, []fanfare.Scope{fanfare.ScopeWriteMessages}, []string{"send messages, and send them again"}, []string{"/task/new"}, []string{"/message"}},
		{nil, []fanfare.Scope{fanfare.ScopeReadEventTypes}, []string{"read event types"}, []string{"/catalogue"}, []string{"/catalogue/new"}},
		{of, []fanfare.Scope{fanfare.ScopeReadEndpoints}, []string{"read endpoints", "It is of one application: " + string(w.app.ID)}, []string{"/endpoint"}, []string{own, own + "/log", "/delivery"}},
		{of, allReads, []string{"read applications; read endpoints", "It is of one application: Acme"}, []string{own, own + "/catalogue", "/endpoint", "/delivery", "/message"}, []string{"/endpoint/new", "/queue"}},
		{nil, []fanfare.Scope{fanfare.ScopeAdmin}, []string{"This key may do everything"}, nil, nil},
	} {
		key := &fanfare.Key{Name: "Billing <b>", Scopes: c.scopes}
		if c.with != nil {
			c.with(key)
		}
		secret, err := w.hub.CreateKey(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		w.cookie = ""
		w.logIn(secret)
		d := w.get(200, "/").says(append(c.says, "Logged in as Billing <b>")...)
		links := d.all("a", "href")
		for _, to := range c.leads {
			if !slices.Contains(links, to) {
				t.Errorf("home of %v does not lead to %s: %q", c.scopes, to, links)
			}
		}
		for _, to := range c.lacks {
			if slices.Contains(links, to) {
				t.Errorf("home of %v leads to %s", c.scopes, to)
			}
		}
	}
}

// TestKeyOfOneApplicationHasItsPages below the addresses that others have for all.
func TestKeyOfOneApplicationHasItsPages(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	of := func(k *fanfare.Key) { k.Application = w.app.ID }
	own := "/app/" + string(w.app.ID)
	w.visitor(of, allReads...)
	if to := w.moved("/endpoint"); to != own {
		t.Errorf("the endpoints are at %s", to)
	}
	if to := w.moved("/delivery"); to != own+"/log" {
		t.Errorf("the deliveries are at %s", to)
	}
	w.visitor(of, fanfare.ScopeReadEndpoints)
	d := w.get(200, "/endpoint").says("Books").lacks("Add endpoint")
	if to := own + "/endpoint/" + string(ep.ID) + "/settings"; !slices.Contains(d.all("a", "href"), to) {
		t.Errorf("the list does not lead to %s: %q", to, d.all("a", "href"))
	}
	for range 20 {
		w.endpoint()
	}
	d = w.get(200, "/endpoint").lacks("Books")
	i := slices.IndexFunc(d.all("a", "href"), func(to string) bool { return strings.HasPrefix(to, "/endpoint?at=") })
	if i < 0 {
		t.Fatalf("there is no further page: %q", d.all("a", "href"))
	}
	w.get(200, d.all("a", "href")[i]).says("Books")
	w.visitor(of, fanfare.ScopePortal)
	w.get(403, "/endpoint").says("endpoints:read")
}
