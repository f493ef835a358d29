package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// TestTheLaterOneIsAsked when somebody else has changed the same field of an endpoint, what that
// is by now, and what is to stay. What they have not changed themselves is never in question.
func TestTheLaterOneIsAsked(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "record.created"}); err != nil {
		t.Fatal(err)
	}
	ep := w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Description, ep.RateLimit, ep.Headers = "First", 1, map[string]string{"X-One": "1"}
	})
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	for _, c := range []struct {
		name, label, now, mine string
		theirs, ours           []string // as they are said
		is                     func(*fanfare.Endpoint) string
	}{
		{"name", "Name", "<Theirs>", "Mine", []string{"description", "<Theirs>"}, []string{"description", "Mine"}, func(ep *fanfare.Endpoint) string { return ep.Description }},
		{"URL", "URL", w.rcv.URL + "/theirs", w.rcv.URL + "/mine", []string{"url", w.rcv.URL + "/theirs"}, []string{"url", w.rcv.URL + "/mine"}, func(ep *fanfare.Endpoint) string { return ep.URL }},
		{"events", "Which events", "record.created", "Everything", []string{"events", "some", "type", "record.created"}, nil, nil},
		{"filter", "Only some of them", "payload.n > 1", "payload.n > 2", []string{"filter", "payload.n > 1"}, []string{"filter", "payload.n > 2"}, func(ep *fanfare.Endpoint) string { return ep.Filter }},
		{"limit", "Messages a second at most", "nothing", "7", []string{"rateLimit", ""}, []string{"rateLimit", "7"}, func(ep *fanfare.Endpoint) string { return strings.TrimPrefix(fmt.Sprint(ep.RateLimit), "0") }},
		{"time", "Seconds to wait for an answer", "3", "4.5", []string{"timeout", "3"}, []string{"timeout", "4.5"}, func(ep *fanfare.Endpoint) string { return fmt.Sprint(ep.Timeout.Seconds()) }},
		{"signature", "Signature", "Like GitHub", "None", []string{"signature", "github"}, []string{"signature", "none"}, func(ep *fanfare.Endpoint) string {
			return map[string]string{"github": "Like GitHub", "none": "None"}[ep.Signature]
		}},
		{"what counts", "What counts as taken", "What Google Apps Script answers", "An answer from 200 to 299", []string{"success", "apps-script"}, nil, nil},
		{"headers", "Headers", "X-Two: 2\nX-Zero: 0", "X-One: 3", []string{"headers", "X-Zero: 0\r\nX-Two: 2"}, []string{"headers", "X-One: 3"}, func(ep *fanfare.Endpoint) string {
			var lines []string
			for name, value := range ep.Headers {
				lines = append(lines, name+": "+value)
			}
			slices.Sort(lines)
			return strings.Join(lines, "\n")
		}},
		{"auth", "How the receiver knows who comes", "Also by a name and a password, theirs", "Also by a name and a password, mine, another secret",
			[]string{"auth", "basic", "auth.basic.username", "theirs", "auth.basic.password", "pass-theirs"}, []string{"auth", "basic", "auth.basic.username", "mine", "auth.basic.password", "pass-mine"},
			func(ep *fanfare.Endpoint) string {
				if b := ep.Auth.Basic; b.Username != strings.TrimPrefix(b.Password, "pass-") {
					return fmt.Sprintf("%+v", *b)
				}
				return "Also by a name and a password, " + ep.Auth.Basic.Username
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func(all *testing.T) { w.t = all }(w.t)
			w.t = t
			if c.ours == nil { // one that has only changed another field keeps what is there
				opened := w.get(200, at)
				w.submit(303, w.get(200, at), "Save", c.theirs...)
				w.submit(303, opened, "Save", "description", "Only that").says("The settings are saved", "Only that")
				if now := w.stored(ep); len(now.EventTypes) == 0 && now.Success.Preset == "" {
					t.Errorf("the endpoint is %+v", now)
				}
				return
			}
			opened := w.get(200, at)
			w.submit(303, w.get(200, at), "Save", c.theirs...)
			if c.name != "auth" { // where a secret cannot be seen to be the same
				w.submit(303, opened, "Save", c.theirs...).says("The settings are saved")
			}
			d := w.submit(409, opened, "Save", append(c.ours, "onPause", "cancel")...).
				says("Somebody else has changed it meanwhile", c.label, "You: "+c.mine).lacks("The settings are saved", "pass-mine", "pass-theirs")
			if !strings.Contains(oneSpace(d.words()), oneSpace("Now: "+c.now)) {
				t.Errorf("it does not say that it is now %q: %s", c.now, d.words())
			}
			if now := c.is(w.stored(ep)); now != c.now && now != "" || w.stored(ep).OnPause == "cancel" {
				t.Errorf("%s is %q, and something was saved before it was asked", c.name, now)
			}
			secret := []string{}
			if c.name == "auth" { // without the secret, which no page has, it would be one of theirs
				w.submit(422, d, "Save mine anyway").says("type it once more").lacks("pass-")
				w.submit(422, w.submit(422, d, "Save mine anyway"), "Save").says("type it once more")
				secret = []string{"auth.basic.password", "pass-mine"}
			}
			kept := w.submit(303, d, "Keep what is there").says("The settings are saved") // the other field was ours alone
			if now := w.stored(ep); c.is(now) != c.now && c.is(now) != "" || now.OnPause != "cancel" {
				t.Errorf("with what is there kept, %s is %q and on pause it does %q", c.name, c.is(now), now.OnPause)
			}
			kept.lacks("meanwhile")
			w.submit(303, d, "Save mine anyway", secret...).says("The settings are saved")
			if now := c.is(w.stored(ep)); now != strings.TrimSuffix(c.mine, ", another secret") {
				t.Errorf("saved anyway, %s is %q", c.name, now)
			}
			w.submit(303, w.get(200, at), "Save", "onPause", "hold")
		})
	}
	opened := w.get(200, at)
	own := w.stored(ep)
	own.Retry = fanfare.Retry{Delays: []time.Duration{time.Second}}
	if err := w.hub.UpdateEndpoint(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	w.submit(409, opened, "Save", "retry", "standard").says("Retries", "Now: something of its own", "You: standard: ")

	opened = w.get(200, at)
	w.submit(303, w.get(200, at), "Save", "description", "Theirs")
	d := w.submit(409, opened, "Save", "description", "Mine")
	w.submit(303, d, "Keep what is there").says("It is left as it is there", "Theirs")
	w.submit(303, w.get(200, at), "Save", "description", "A third one's")
	w.submit(409, d, "Save mine anyway").says("Now: A third one's", "You: Mine") // they have not seen that
	w.submit(409, w.submit(200, d, "Add a condition"), "Save", "filter", "").says("Now: A third one's", "You: Mine")
	w.submit(422, d, "Save mine anyway", "rateLimit", "many").says("a whole number from 1 on")
}

func oneSpace(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestTheLaterOneIsAskedAboutAnApplication, in the console, and in the portal about the address
// that both have.
func TestTheLaterOneIsAskedAboutAnApplication(t *testing.T) {
	w := newWorld(t, nil)
	visitor := w.cookie
	inPortal := w.get(200, "/portal/settings")
	w.asOperator()
	at := "/app/acme/settings"
	opened, again := w.get(200, at), w.get(200, at)
	w.submit(303, again, "Save", "name", "Theirs", "alertEmail", "theirs@example.com")
	d := w.submit(409, opened, "Save", "name", "Mine", "rateLimit", "7", "alertEmail", "mine@example.com").
		says("Somebody else has changed it meanwhile", "Name", "Now: Theirs", "You: Mine", "Alert e-mail", "Now: theirs@example.com", "You: mine@example.com").lacks("At most a second Now")
	operator := w.cookie
	w.cookie = visitor
	p := w.submit(409, inPortal, "Save the address", "alertEmail", "portal@example.com").says("Now: theirs@example.com", "You: portal@example.com")
	w.submit(303, p, "Keep what is there").says("It is left as it is there")
	w.is(t, "Theirs", 0, "theirs@example.com")
	w.submit(303, p, "Save mine anyway").says("The address is saved")
	w.is(t, "Theirs", 0, "portal@example.com")
	w.cookie = operator
	d = w.submit(409, d, "Save mine anyway").says("Now: portal@example.com", "You: mine@example.com").lacks("Now: Theirs")
	w.submit(303, d, "Keep what is there").says("The application is saved")
	w.is(t, "Mine", 7, "portal@example.com")
	w.submit(303, w.get(200, at), "Save", "name", "Mine", "alertEmail", "").says("The application is saved")
	w.is(t, "Mine", 7, "")
}

// is fails the test if the application is otherwise.
func (w *world) is(t *testing.T, name string, limit int, alert string) {
	t.Helper()
	app, err := w.hub.Application(t.Context(), "acme")
	if err != nil || app.Name != name || app.RateLimit != limit || app.AlertEmail != alert {
		t.Errorf("the application is %+v, %v", app, err)
	}
}

// TestTheLaterOneIsAskedAboutAScript, and what it is by now, before theirs takes its place or
// it is taken away.
func TestTheLaterOneIsAskedAboutAScript(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Transformation = "first" })
	at := "/portal/endpoint/" + string(ep.ID) + "/transform"
	script := func(want string) {
		t.Helper()
		if now := w.stored(ep).Transformation; now != want {
			t.Errorf("the script is %q, want %q", now, want)
		}
	}
	opened := w.get(200, at)
	w.submit(303, w.get(200, at), "Save", "code", "theirs\r\n<b>")
	w.submit(303, opened, "Save").says("It is left as it is there", "theirs") // which they had left alone
	w.submit(303, opened, "Save", "code", "theirs\r\n<b>")                    // to the same
	d := w.submit(409, opened, "Save", "code", "mine").says("Somebody else has changed it meanwhile", "Now: theirs <b>", "You: mine", "Take it away")
	script("theirs\r\n<b>")
	tried := w.submit(200, d, "Try it", "code", "up").says("Before")
	w.submit(409, w.submit(200, opened, "Try it", "code", "mine"), "Save").says("You: mine")
	w.submit(303, tried, "Save", "code", "after all").says("The transformation is saved")
	script("after all")
	w.submit(303, w.submit(409, d, "Save mine anyway"), "Keep what is there").says("It is left as it is there")
	script("after all")
	gone := w.submit(409, opened, "Take it away").says("Now: after all", "You: nothing")
	script("after all")
	w.submit(303, gone, "Keep what is there")
	w.submit(200, gone, "Save mine anyway").says("not applied any more")
	script("")
	w.submit(303, w.submit(409, d, "Save mine anyway").says("Now: nothing", "You: mine"), "Save mine anyway").says("The transformation is saved")
	script("mine")
}

// TestASecretThatWasTypedIsNotLost when the page comes back for something else.
func TestASecretThatWasTypedIsNotLost(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Auth.Basic = &fanfare.BasicAuth{Username: "u", Password: "pass-old"}
	})
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	password := func(want string) {
		t.Helper()
		if now := w.stored(ep).Auth.Basic; now == nil || now.Password != want {
			t.Errorf("it is %+v, want the password %q", now, want)
		}
	}
	opened := w.get(200, at)
	w.submit(303, w.get(200, at), "Save", "description", "Theirs")
	for _, button := range []string{"Keep what is there", "Save mine anyway"} {
		d := w.submit(409, opened, "Save", "description", "Mine", "auth.basic.password", "pass-new").lacks("pass-new")
		again := w.submit(422, d, button).says("type it once more", "open the settings anew")
		password("pass-old")
		w.submit(303, again, "Save", "auth", "none")
		w.submit(303, w.get(200, at), "Save", "auth", "basic", "auth.basic.username", "u", "auth.basic.password", "pass-old", "description", "Theirs")
	}
	d := w.submit(422, w.get(200, at), "Save", "rateLimit", "many", "auth.basic.password", "pass-new")
	d = w.submit(422, d, "Save", "rateLimit", "5").says("type it once more")
	w.submit(303, d, "Save", "auth.basic.password", "pass-new").says("The settings are saved")
	password("pass-new")
}

// TestWhatHasSeveralLinesIsNotChangedByAForm in which it has one.
func TestWhatHasSeveralLinesIsNotChangedByAForm(t *testing.T) {
	w := newWorld(t, nil)
	const filter = "payload.a > 1 // big ones\n && payload.b > 2"
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Filter, ep.Description = filter, "two\nlines" })
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	opened := w.get(200, at)
	w.submit(303, w.get(200, at), "Save", "timeout", "7").says("The settings are saved")
	if now := w.stored(ep); now.Filter != filter || now.Description != "two\nlines" || now.Timeout != 7*time.Second {
		t.Errorf("the endpoint is %+v", now)
	}
	w.submit(303, w.get(200, at), "Save", "filter", filter+"\n && payload.c > 3", "description", "Theirs")
	w.submit(303, opened, "Save", "onPause", "cancel") // who touched neither
	if now := w.stored(ep); now.Filter != filter+"\n && payload.c > 3" || now.Description != "Theirs" || now.OnPause != "cancel" {
		t.Errorf("the endpoint is %+v", now)
	}
}

// TestEventTypesThatNoListHasAreSaved too, when somebody else took them away.
func TestEventTypesThatNoListHasAreSaved(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.EventTypes = []string{"grp.*", "x.y"} })
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	_, mine := w.fieldsOf(w.get(200, at), "Save")
	mine["type"] = []string{"grp.*", "x.y", "y.z"}
	_, theirs := w.fieldsOf(w.get(200, at), "Save")
	theirs["type"] = []string{"x.y"}
	w.sendForm(303, at, theirs)
	w.submit(303, w.sendForm(409, at, mine).says("You: grp.*, x.y, y.z"), "Save mine anyway")
	if now := w.stored(ep).EventTypes; !slices.Equal(slices.Sorted(slices.Values(now)), []string{"grp.*", "x.y", "y.z"}) {
		t.Errorf("it wants %q", now)
	}
}

// TestTwoThatNoFormCanSayDiffer, so that who takes the second away is asked.
func TestTwoThatNoFormCanSayDiffer(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) {
		ep.Retry, ep.Success = fanfare.Retry{Delays: []time.Duration{time.Second}}, fanfare.Success{Statuses: "204"}
	})
	at := "/portal/endpoint/" + string(ep.ID) + "/settings"
	opened := w.get(200, at)
	w.submit(303, w.get(200, at), "Save", "description", "Theirs")
	own := w.stored(ep)
	own.Retry.Delays[0], own.Success.Statuses = time.Minute, "200-204"
	if err := w.hub.UpdateEndpoint(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	w.submit(303, opened, "Save", "timeout", "8")
	if now := w.stored(ep); now.Retry.Delays[0] != time.Minute || now.Success.Statuses != "200-204" || now.Timeout != 8*time.Second {
		t.Errorf("who changed neither has it be %+v", now)
	}
	w.submit(409, opened, "Save", "timeout", "8", "retry", "standard", "success", "").says("Retries", "What counts as taken", "Now: something of its own", "You: standard: ")
}

// TestWhoMayOnlyLookIsToldSo whatever they send.
func TestWhoMayOnlyLookIsToldSo(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.Transformation = "First", "first" })
	w.enter(fanfare.ViewBase)
	at := "/portal/endpoint/" + string(ep.ID)
	for _, form := range [][]string{{"description", "First"}, {"description", "Mine", "was-description", "Other"}, {"do", "keep", "description", "Mine"}} {
		w.post(403, at+"/settings", form...).says("lets you look")
	}
	for _, form := range [][]string{{"code", "first"}, {"code", "mine", "was-code", "other"}, {"do", "keep"}} {
		w.post(403, at+"/transform", form...).says("lets you look")
	}
}

// TestOfTwoAtOnceOneIsAsked, however close together they are.
func TestOfTwoAtOnceOneIsAsked(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint()
	of := "/portal/endpoint/" + string(ep.ID) + "/settings"
	for _, c := range []struct{ at, field string }{{of, "description"}, {of, "headers"}, {"/portal/endpoint/" + string(ep.ID) + "/transform", "code"}, {"/portal/settings", "alertEmail"}, {"/app/acme/settings", "name"}} {
		button, said := "Save", "X-%d-%d: %d"
		switch c.field {
		case "name":
			w.asOperator()
		case "alertEmail":
			button, said = "Save the address", "a%d.%d.%d@example.com"
		}
		for n := range 40 {
			action, f := w.fieldsOf(w.get(200, c.at), button)
			var statuses [2]int
			var wg sync.WaitGroup
			for i := range statuses {
				form := url.Values{}
				for name, values := range f {
					form[name] = values
				}
				form[c.field] = []string{fmt.Sprintf(said, n, i, time.Now().UnixNano())}
				wg.Go(func() {
					r := httptest.NewRequest(http.MethodPost, action, strings.NewReader(form.Encode()))
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					r.Header.Set("Sec-Fetch-Site", "same-origin")
					statuses[i] = w.send(r).Code
				})
			}
			wg.Wait()
			if slices.Sort(statuses[:]); statuses != [2]int{303, 409} {
				t.Fatalf("%s: both at once are answered %v the %dth time", c.field, statuses, n)
			}
		}
	}
}

// TestTheLaterOneIsAskedAboutAnOperationalEndpoint too.
func TestTheLaterOneIsAskedAboutAnOperationalEndpoint(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	op := w.operational()
	at := "/operational/endpoint/" + string(op.ID) + "/settings"
	opened := w.get(200, at)
	w.submit(303, w.get(200, at), "Save", "description", "Theirs", "headers", "X-One: 1").says("The settings are saved")
	d := w.submit(409, opened, "Save", "description", "Mine", "headers", "X-One: 2", "timeout", "3").says("Now: Theirs", "You: Mine", "Now: X-One: 1", "You: X-One: 2")
	w.submit(303, d, "Save mine anyway")
	if now, err := w.hub.Endpoint(t.Context(), fanfare.OperationalApplication, string(op.ID)); err != nil || now.Description != "Mine" || now.Headers["X-One"] != "2" || now.Timeout != 3*time.Second {
		t.Errorf("the endpoint is %+v, %v", now, err)
	}
}
