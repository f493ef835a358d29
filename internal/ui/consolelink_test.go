package ui_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestLinksAreListedAndEnded(t *testing.T) {
	w := newWorld(t, nil)
	token := w.enter(fanfare.CreateAttempts)
	portal := w.cookie
	w.logIn(adminKey)
	at := "/app/" + string(w.app.ID)
	d := w.get(200, at).says("Unknown", "Send again, and send examples")
	made := w.submit(200, d, "Make a link", "expiry", "3600")
	made.says("This is the link", "Add, change and delete endpoints, See signing secrets")
	secret := made.text[strings.Index(made.text, "#key=")+5:]
	secret = secret[:strings.IndexAny(secret, `"<`)]
	d = w.get(200, at+"/link").says("Links to the portal of Acme", "Unknown", "in 59 min")
	for _, s := range []string{secret, token} {
		if strings.Contains(d.text, s) {
			t.Error("the page has what opens a link")
		}
	}
	live := func() []*fanfare.Session {
		t.Helper()
		all, err := w.hub.Sessions(t.Context(), w.app.ID)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := live()
	if len(all) != 3 || all[0].CreatedBy == "" || all[1].CreatedBy != "" { // the third is the world's own visitor's
		t.Fatalf("there are %+v", all)
	}
	w.post(303, at+"/link/"+all[1].ID()+"/end", "x", "1").says("The link has ended", "59 min")
	w.post(303, at+"/link/"+all[2].ID()+"/end", "x", "1").lacks("Unknown")
	if left := live(); len(left) != 1 || left[0].ID() != all[0].ID() {
		t.Errorf("left are %+v", left)
	}
	w.post(303, at+"/link/"+all[1].ID()+"/end", "x", "1").says("The link has ended") // as good as now
	w.submit(303, w.get(200, at+"/link"), "End it").says("No link is good", "Nobody is let into the portal of Acme")
	if len(live()) != 0 {
		t.Error("the link is still good")
	}
	w.get(200, at).lacks("End it")
	admin := w.cookie
	w.cookie = portal
	if status, _ := w.open("/portal"); status == 200 {
		t.Error("the portal is still open by the link that has ended")
	}
	w.cookie = admin
	audit, err := w.hub.AuditEntries(t.Context(), fanfare.AuditFilter{Object: all[0].ID(), Page: fanfare.Page{Limit: 10}})
	if err != nil || len(audit) != 1 || audit[0].Action != "portal-session.end" {
		t.Errorf("the audit log has %+v, %v", audit, err)
	}
}

func TestLinksSayWhoseTheyAre(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 60 {
		s := &fanfare.Session{
			Application: w.app.ID, Label: fmt.Sprintf("label-%d", i), CreatedBy: "key_1", CreatedByName: `Billing <b>"`, Channels: []string{"eu"},
		}
		if _, err := w.hub.CreateSession(t.Context(), s, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	w.logIn(adminKey)
	d := w.get(200, "/app/acme").says("label-59", "label-55", "All links").lacks("label-54")
	d.inert(t)
	d = w.get(200, w.link(d, "All links")).says(`Billing <b>"`, "Look at all but secrets", "in eu only", "label-59")
	d.inert(t)
	if ids, pages := w.listed("/app/acme/link"); len(ids) != 61 || pages != 2 { // with that of the world's visitor
		t.Errorf("there are %d on %d pages", len(ids), pages)
	}
	w.submit(303, w.get(200, "/app/acme/expire"), "End all links").says("All links to the portal have ended")
	w.get(200, "/app/acme/link").says("No link is good")

	w.visitor(nil, fanfare.ScopeReadApplications) // who may not see links
	w.get(200, "/app/acme").lacks("Make a link", "End it", "label-")
	w.get(403, "/app/acme/link")
}

// TestANewLinkIsSeenAtOnce has it before all else of the page, made just now.
func TestANewLinkIsSeenAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	d := w.submit(200, w.get(200, "/app/acme"), "Make a link", "expiry", "3600").says("This is the link. It is not shown again.")
	if link, first := strings.Index(d.text, "#key="), strings.Index(d.text, "<h2"); link < 0 || link > first {
		t.Errorf("the link is at byte %d, the first part of the page at %d", link, first)
	}
	d.says("just now").lacks("in 1 s", "in 2 s")
}
