package ui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// TestHostileTextInTheConsole puts each string wherever the store keeps what people and
// receivers say, and opens every page that shows it.
func TestHostileTextInTheConsole(t *testing.T) {
	t.Parallel()
	for _, evil := range hostile {
		w := newWorld(t, nil).asOperator()
		app := &fanfare.Application{Name: evil, Metadata: map[string]string{strings.Map(ascii, evil): evil}}
		if err := w.hub.CreateApplication(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		w.app = app
		said, err := json.Marshal(map[string]string{evil: evil})
		if err != nil {
			t.Fatal(err)
		}
		w.answers(500, evil, "X-Said", strings.Map(ascii, evil), "Location", "javascript:alert(1)")
		ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = evil })
		other := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = evil }) // with which it is one issue
		tag := strings.Map(ascii, evil)
		msg := &fanfare.Message{EventType: "a.b", Payload: said, Tags: []string{tag[:min(len(tag), 60)]}, Channels: []string{"c"}}
		errs, err := w.hub.SendBatch(t.Context(), string(app.ID), []*fanfare.Message{msg}, nil)
		if err != nil || errs[0] != nil {
			t.Fatal(err, errs)
		}
		w.attempts(msg, 2)
		w.until("the endpoints fail", func() bool { return !w.stored(ep).FailingSince.IsZero() && !w.stored(other).FailingSince.IsZero() })
		w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.Paused = evil, true })
		w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.Disabled = evil, true })
		if err := w.hub.Mute(t.Context(), &fanfare.Mute{Application: app.ID, Endpoint: other.ID, Cause: "status-404"}); err != nil {
			t.Fatal(err)
		}
		told := w.operational(func(op *fanfare.Endpoint) { op.Description, op.URL = evil, w.rcv.URL+"/told" })
		w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = evil }) // of which it is told
		w.told(told, 1)
		at := "/app/" + string(app.ID)
		ofMessage, ofEndpoint := at+"/message/"+string(msg.ID), at+"/endpoint/"+string(ep.ID)
		shown := 0
		for _, path := range []string{
			"/", "/issue", "/issue/muted", "/issue/muted/confirm", "/endpoint/confirm/resume", "/endpoint/confirm/enable", "/app", at, at + "/recover", at + "/settings", at + "/delete", at + "/expire", at + "/send", at + "/send?copy=" + string(msg.ID), at + "/send?type=a.b",
			"/message", ofMessage, ofMessage + "/to/" + string(ep.ID), "/delivery", "/endpoint", "/operational", "/operational/endpoint/" + string(told.ID), "/operational/endpoint/" + string(told.ID) + "/settings", "/operational/endpoint/" + string(told.ID) + "/confirm/delete", at + "/log", ofEndpoint, ofEndpoint + "/settings", ofEndpoint + "/confirm/delete",
			ofEndpoint + "/confirm/cancel", ofEndpoint + "/confirm/retry", "/issue/of/" + string(app.ID) + "/" + string(ep.ID),
			"/issue/group?cause=status-500&host=" + w.host(), "/issue/group/confirm/pause?cause=status-500&host=" + w.host(),
		} {
			d := w.get(200, path)
			d.inert(t)
			if strings.Contains(d.words(), strings.Join(strings.Fields(evil), " ")) {
				shown++
			}
		}
		if shown < 10 {
			t.Errorf("%q is shown on %d pages only: the test does not test what it says", evil, shown)
		}
		for _, path := range []string{"/app?search=", "/message?id=", "/message?type=", "/message?app=", "/message?text=", "/message?from=", "/message?channel=", "/delivery?outcome=", "/delivery?at=", "/endpoint?state=", "/endpoint?at=", "/issue?at=", "/issue/group?cause=status-500&host=", "/issue/group/confirm/mute?host=" + w.host() + "&cause="} {
			path += url.QueryEscape(evil)
			w.parse(w.send(httptest.NewRequest(http.MethodGet, path, nil)), path).inert(t)
		}
		w.post(422, at+"/send", "payload", evil+"{", "eventType", evil, "channels", evil).inert(t)
		w.post(422, at+"/settings", "name", evil, "uid", evil+"/").inert(t)
		w.post(422, at+"/delete", "confirm", evil+"x").inert(t)
	}
}
