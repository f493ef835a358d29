package ui_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestGoLeadsWhereItIsAsked(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	ep := w.endpoint()
	msg := w.message(1, `{}`)
	src := &fanfare.Source{Application: w.app.ID, Name: "Shop", Profile: "none"}
	if err := w.hub.CreateSource(t.Context(), src); err != nil {
		t.Fatal(err)
	}
	if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "book.sold"}); err != nil {
		t.Fatal(err)
	}
	app := "/app/" + string(w.app.ID)
	attempt := w.attempts(msg, 1)[0].ID
	newest := &fanfare.Application{Name: "Café Zwei", Metadata: map[string]string{"mail": "ops@zwei.example"}} // so that what is looked for is not the newest's
	if err := w.hub.CreateApplication(t.Context(), newest); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"acme": "/app/acme", string(w.app.ID): app, string(ep.ID): app + "/endpoint/" + string(ep.ID), string(src.ID): app + "/source/" + string(src.ID),
		string(msg.ID): app + "/message/" + string(msg.ID), "book.sold": "/catalogue/type/book.sold",
		string(attempt): app + "/message/" + string(msg.ID) + "/to/" + string(ep.ID), "caf%C3%A9+zwei": "/app/" + string(newest.ID),
		"audit": "/audit", "operational": "/operational", "queue": "/queue", "in": "/inspector",
		"replay+failed+since+2h+acme": "/app/acme/recover?since=2h", "recover+failed+since+2026-01-02T15:04:05Z": "/task/new?kind=recover&since=2026-01-02T15%3A04%3A05Z", "OPS@zwei.example": "/app/" + string(newest.ID), "resend+acme": "/task/new?app=acme&kind=again&since=24h",
	} {
		d := w.get(200, "/go?q="+query)
		if links := d.all("a", "href"); !slices.Contains(links, want) {
			t.Errorf("%s leads to %q, want %s among them", query, links, want)
		}
	}
	if a := w.send(httptest.NewRequest(http.MethodGet, "/go?q=book.sold&go=yes", nil)); a.Code != http.StatusSeeOther || a.Header().Get("Location") != "/catalogue/type/book.sold" {
		t.Errorf("what there is one way to is answered %d, %q", a.Code, a.Header().Get("Location"))
	}
	d := w.get(200, "/go?q=nothing.of.that.name").says("Nothing has this name or id")
	if to := w.link(d, "Look for messages that contain it"); to != "/message?text=nothing.of.that.name" {
		t.Errorf("the search is at %s", to)
	}
	w.get(200, "/app/acme/recover?since=2h").says("Of messages accepted since " + time.Now().Add(-2*time.Hour).UTC().Format("2006-01-02 15:"))
	w.get(200, "/task/new?app=acme&kind=missing&since=2h").says("New bulk operation")
	w.get(200, "/help").says("Ctrl K", "g q", "Queue", "g r", "Recipes", "g p", "Settings")
	w.enter(fanfare.ViewBase)
	w.get(200, w.link(w.get(200, "/portal"), "Keyboard")).says("g d", "Deliveries", "g i", "Test inboxes", "j, k").lacks("Ctrl K", "Queue")
	w.cookie = ""
	w.get(401, "/portal/help")
}

// TestGoToFindsEventIdsAndEndpoints by what they are called.
func TestGoToFindsEventIdsAndEndpoints(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.UID = "Books and more", "shelf-7" })
	msg := &fanfare.Message{EventType: "a.b", EventID: "order-4711", Payload: []byte(`1`)}
	if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
		t.Fatal(errs, err)
	}
	at := "/app/" + string(w.app.ID)
	for query, to := range map[string]string{"order-4711": at + "/message/" + string(msg.ID), "books+and": at + "/endpoint/" + string(ep.ID), "SHELF-7": at + "/endpoint/" + string(ep.ID)} {
		if got := w.moved("/go?go=yes&q=" + query); got != to {
			t.Errorf("%s leads to %s, want %s", query, got, to)
		}
	}
	w.get(200, "/go?q=order-47").says("Nothing has this name or id")
}
