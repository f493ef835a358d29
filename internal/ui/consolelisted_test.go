package ui_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// disabled has the receiver answer that it is gone for these, so that they are disabled.
func (w *world) disabled(all ...*fanfare.Endpoint) {
	w.t.Helper()
	w.answers(http.StatusGone, "gone")
	for _, app := range []string{"acme", "other"} {
		if _, err := w.hub.Send(w.t.Context(), app, "record.created", []byte(`{}`)); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, ep := range all {
		w.until(ep.Description+" is disabled", func() bool { return w.stored(ep).Disabled })
	}
}

func TestEndpointsOfAHostAreEnabledTogether(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, alone := w.several(503)
	byHand := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.Disabled = "Put aside", true })
	w.get(200, "/issue/group?cause=status-503&host="+w.host()).lacks("Enable all")
	w.disabled(three...)
	ep := w.stored(alone)
	ep.Disabled = true
	if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	d := w.get(200, "/issue/group?cause=status-503&host="+w.host()).says("Nothing fails so any more", "Enable all at "+w.host())
	if at := w.link(w.get(200, "/issue"), "Enable all at "+w.host()+"…"); at != w.link(d, "Enable all at "+w.host()+"…") {
		t.Errorf("the issues lead to %s", at)
	}
	d = w.get(200, w.link(d, "Enable all at "+w.host()+"…")).says("Enable these endpoints?", "3 endpoints of 2 applications at "+w.host()+". Fanfare has disabled them itself.",
		"Nothing waits for them.", "was not kept for them", "Books of Acme: ", "Shelf of Other: ", "410").lacks("Elsewhere", "Put aside")
	if !w.stored(three[0]).Disabled {
		t.Error("the page that asks has enabled it")
	}
	if err := w.hub.DeleteEndpoint(t.Context(), three[2].Application, three[2].ID); err != nil {
		t.Fatal(err)
	}
	w.submit(303, d, "Enable 3 endpoints").says("It was done with the endpoints that are still there")
	if w.stored(three[0]).Disabled || w.stored(three[1]).Disabled || !w.stored(alone).Disabled {
		t.Error("others are disabled than should be")
	}
	if !w.stored(byHand).Disabled {
		t.Error("what somebody has disabled is enabled too")
	}
	w.get(200, "/issue").lacks("Enable all")
	w.get(200, "/endpoint?host="+w.host()).says("Put aside", "Host")
	w.get(200, "/endpoint?host=nowhere.example").says("No endpoint that was looked at is at that host")
	w.get(200, "/endpoint/confirm/enable?host="+w.host()).says("No endpoint that was asked for and looked at is disabled.").lacks("Enable 3")
	w.get(200, "/endpoint/confirm/enable").says("2 endpoints of 1 application. Somebody has disabled them.", "Elsewhere of Acme", "Put aside")
	w.get(404, "/endpoint/confirm/pause")
	w.get(404, "/endpoint/confirm/delete")
}

// TestWhatAListIsAskedForIsBounded has more endpoints paused than are done at once.
func TestWhatAListIsAskedForIsBounded(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	for i := range 27 {
		w.endpoint(func(ep *fanfare.Endpoint) {
			ep.Description, ep.Paused = fmt.Sprintf("Shop %02d", i), true
		})
	}
	w.message(0, `{}`)
	d := w.get(200, "/endpoint?state=paused&search=shop")
	d = w.get(200, w.link(d, "Resume the newest 25 endpoints…")).says("Resume these endpoints?", "25 endpoints of 1 application. 25 deliveries wait for them",
		"25 at most; do it again for those that are left", "Shop 26 of Acme", "Shop 02 of Acme").lacks("Shop 01")
	if back := w.link(d, "Leave it as it is"); !strings.HasPrefix(back, "/endpoint?") || !strings.Contains(back, "state=paused") || !strings.Contains(back, "search=shop") {
		t.Errorf("it leads back to %s", back)
	}
	w.submit(303, d, "Resume 25 endpoints").says("The endpoints are resumed")
	w.get(200, "/endpoint/confirm/resume").says("2 endpoints of 1 application", "Shop 00", "Shop 01", "2 deliveries wait for them").lacks("Shop 02", "do it again")
	w.visitor(nil, fanfare.ScopeReadEndpoints)
	w.get(200, "/endpoint?state=paused").says("Shop 00").lacks("Resume these")
}

func TestAllThatIsMutedIsUnmuted(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	three, _ := w.several(503)
	mute := func(ep *fanfare.Endpoint, cause string) {
		t.Helper()
		if err := w.hub.Mute(t.Context(), &fanfare.Mute{Application: ep.Application, Endpoint: ep.ID, Cause: cause}); err != nil {
			t.Fatal(err)
		}
	}
	mute(three[0], "status-503")
	w.get(200, "/issue/muted").lacks("Unmute all")
	mute(three[0], "tls")
	mute(three[2], "status-503")
	d := w.get(200, w.link(w.get(200, "/issue/muted"), "Unmute all…")).says("Unmute these issues?", "3 issues of 2 endpoints: each is listed again",
		"503 Service Unavailable: Books of Acme", "No trusted TLS connection: Books of Acme", "503 Service Unavailable: Shelf of Other")
	mutes := func() []*fanfare.Mute {
		t.Helper()
		all, err := w.hub.Mutes(t.Context(), fanfare.MuteFilter{Page: fanfare.Page{Limit: 100}})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if n := len(mutes()); n != 3 {
		t.Fatalf("after the page that asks %d are muted", n)
	}
	w.submit(303, w.get(200, "/issue/muted"), "Unmute") // somebody is faster with one
	w.submit(303, d, "Unmute 3 issues").says("The issues are not muted any more", "Nothing is muted")
	if all := mutes(); len(all) != 0 {
		t.Errorf("the store still has %v", all)
	}
	w.get(200, "/issue/muted/confirm").says("There is nothing to unmute").lacks("Unmute 3")
	for i := range 27 {
		mute(three[i%2], fmt.Sprintf("status-%d", 500+i))
	}
	d = w.get(200, "/issue/muted/confirm").says("25 issues of 2 endpoints", "the 25 that were muted last; do it again for those that are left")
	w.submit(303, d, "Unmute 25 issues").says("501", "500")
	if n := len(mutes()); n != 2 {
		t.Errorf("%d are still muted", n)
	}
	w.post(422, "/issue/group/do/unmute").says("Name between 1 and 25 issues")
}
