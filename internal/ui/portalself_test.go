package ui_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

func TestVisitorsSeeWhatTheirLinkLets(t *testing.T) {
	w := newWorld(t, nil)
	w.get(200, "/portal/settings").says("Addresses to let in", "has not named", "See signing secrets", "Add, change, pause", "As the system")
	w.enter(fanfare.CreateAttempts)
	d := w.get(200, "/portal/settings").says("Send again").lacks("See signing secrets", "Add, change")
	w.submit(303, d, "Dark")
	r := httptest.NewRequest(http.MethodGet, "/portal/settings?theme=dark", nil)
	if a := w.send(r); !strings.Contains(a.Body.String(), `data-theme="dark"`) {
		t.Error("?theme=dark is not dark")
	}
}

// TestLeavingIsNotEnding leaves the portal, which the link opens again, and ends the link,
// which it then does not.
func TestLeavingIsNotEnding(t *testing.T) {
	w := newWorld(t, nil)
	token := w.enter(fanfare.CreateAttempts)
	opened := w.cookie
	r := httptest.NewRequest(http.MethodPost, "/portal/leave", nil)
	a := w.send(r)
	if c := a.Result().Cookies(); a.Code != 303 || len(c) != 1 || c[0].Name != "fanfare_portal" || c[0].Value != "" || c[0].MaxAge >= 0 && c[0].Expires.Unix() > 1 {
		t.Errorf("who leaves is answered %d with %v", a.Code, c)
	}
	w.cookie = ""
	w.get(200, a.Header().Get("Location")).says("You have left the portal", "Open the portal")
	w.get(303, "/portal?key="+token)
	w.cookie = opened
	w.get(200, "/portal/settings").says("ends it at once for all of them", "in this browser only", "End this link…")
	d := w.get(200, "/portal/settings/end").says("you too, is let in no more")
	if status := w.ask("/portal/settings/end", "x=1"); status != 303 || !slices.Contains(d.all("form", "action"), "/portal/settings/end") {
		t.Errorf("to end the link is answered %d", status)
	}
	if status := w.ask("/portal/leave", "x=1"); status != 303 {
		t.Errorf("who leaves afterwards is answered %d", status)
	}
	w.cookie = ""
	w.get(401, "/portal?key="+token).says("This link has expired or was ended")
}

// TestVisitorsTakeTheirMessages downloads some messages, and those of a group only.
func TestVisitorsTakeTheirMessages(t *testing.T) {
	w := newWorld(t, nil)
	w.endpoint()
	for range 45 {
		w.message(0, "{\n\"n\": 1.10\n}")
	}
	if _, err := w.hub.Send(t.Context(), "acme", "other.thing", []byte(`no JSON`)); err != nil {
		t.Fatal(err)
	}
	lines := func(query string) (types []string) {
		t.Helper()
		a := w.send(httptest.NewRequest(http.MethodGet, "/portal/settings/export?"+query, nil))
		if a.Code != 200 || !strings.HasPrefix(a.Header().Get("Content-Disposition"), `attachment; filename="messages-`) {
			t.Fatalf("%d %v", a.Code, a.Header())
		}
		in := bufio.NewScanner(a.Body)
		for in.Scan() {
			var line struct {
				EventType  string
				Payload    json.RawMessage
				Deliveries []struct{ Status int }
			}
			if err := json.Unmarshal(in.Bytes(), &line); err != nil {
				t.Fatalf("%v: %s", err, in.Bytes())
			}
			if line.EventType == "record.created" && (!strings.Contains(string(line.Payload), "1.10") || len(line.Deliveries) != 1) {
				t.Errorf("a line is %s", in.Bytes())
			}
			types = append(types, line.EventType)
		}
		return types
	}
	if got := lines("span=24h"); len(got) != 46 || got[0] != "other.thing" {
		t.Errorf("there are %d lines, the first of %q", len(got), got[0])
	}
	if got := lines("type=record.*"); len(got) != 45 || slices.Contains(got, "other.thing") {
		t.Errorf("of the group there are %d lines", len(got))
	}
	w.cookie = ""
	w.get(401, "/portal/settings/export")
}

// TestLogByGroup lists what is of a group of event types.
func TestLogByGroup(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	w.message(1, `{}`)
	if _, err := w.hub.Send(t.Context(), "acme", "other.thing", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/portal/log", "/portal/endpoint/" + string(ep.ID)} {
		w.get(200, path+"?type=record.*").says("record.created").lacks("other.thing")
		w.get(200, path+"?type=other.*").says("other.thing").lacks("record.created")
		w.get(200, path+"?type=rec*").says("Nothing like that")
	}
}

// TestLogoForEachPage has a logo for dark pages, and corners as the provider has them.
func TestLogoForEachPage(t *testing.T) {
	w := newWorld(t, &ui.Options{Portal: ui.Portal{Logo: "https://a.example/l.svg", LogoDark: "https://b.example/d.svg", Radius: "3"}})
	d := w.get(200, "/portal")
	if got := d.all("img", "src"); !slices.Equal(got, []string{"https://a.example/l.svg", "https://b.example/d.svg"}) {
		t.Errorf("the logos are %q", got)
	}
	a := w.send(httptest.NewRequest(http.MethodGet, "/portal", nil))
	if got := a.Header().Get("Content-Security-Policy"); !strings.Contains(got, "img-src 'self' data: https://a.example https://b.example;") {
		t.Errorf("the policy is %q", got)
	}
	for _, path := range d.all("link", "href") {
		if strings.Contains(path, "theme.") && !strings.Contains(w.send(httptest.NewRequest(http.MethodGet, path, nil)).Body.String(), "--round:3px") {
			t.Error("corners are not as they were told")
		}
	}
	for _, bad := range []ui.Portal{{LogoDark: "javascript:x"}, {Radius: "-1"}, {Radius: "25"}, {Radius: "8px"}} {
		if _, err := ui.New(nil, nil, &ui.Options{Portal: bad}); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestHowLongItTakes says how long an endpoint with a rate takes for what is sent again.
func TestHowLongItTakes(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(500, "")
	ep := w.endpoint()
	for range 5 {
		w.message(1, `{}`)
	}
	ep = w.stored(ep)
	ep.RateLimit = 2
	if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	w.get(200, "/portal/endpoint/"+string(ep.ID)+"/confirm/recover").says("5 deliveries were given up", "At 2 messages a second")
}
