package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// refused makes sure that an answer is 422 for the value at loc, and says so in words
// that contain text.
func (a *answer) refused(loc, text string) {
	a.t.Helper()
	var out struct {
		Detail []struct {
			Loc []any
			Msg string
		}
	}
	a.want(422).decode(&out)
	got := strings.Trim(strings.ReplaceAll(fmt.Sprint(out.Detail[0].Loc), " ", "."), "[]")
	if got != "body."+loc || !strings.Contains(out.Detail[0].Msg, text) {
		a.t.Errorf("refused %s: %q, want body.%s: %q", got, out.Detail[0].Msg, loc, text)
	}
}

func TestMessagesOfVersions(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/event-type", `{"name":"a","schemas":{"1":{},"2":{"type":"object"}},"validation":"reject"}`).want(201)
	const path = "/api/v1/app/acme/msg"
	one := w.do("POST", path, `{"eventType":"a","eventTypeVersion":1,"eventId":"e","payload":7}`).want(202).has(map[string]any{"eventTypeVersion": 1.0}).id()
	two := w.do("POST", path, `{"eventType":"a","eventTypeVersion":2,"eventId":"e","payload":{}}`).want(202).id()
	w.do("POST", path, `{"eventType":"a","eventTypeVersion":2,"eventId":"e","payload":{}}`).want(409)
	w.do("POST", path, `{"eventType":"a","eventTypeVersion":2,"payload":7}`).refused("payload", "must be object")
	w.do("POST", path, `{"eventType":"a","eventTypeVersion":null,"payload":{}}`).want(202).has(map[string]any{"eventTypeVersion": nil})
	w.do("GET", path+"/e", "").want(200).has(map[string]any{"id": two, "eventTypeVersion": 2.0})
	w.do("GET", path+"/"+one, "").want(200).has(map[string]any{"eventId": "e", "eventTypeVersion": 1.0})
	if a := w.do("GET", path+"/"+one, "", "User-Agent: svix-libs/1.44.0/go").want(200); strings.Contains(string(a.body), "eventTypeVersion") {
		t.Errorf("a strict client is shown %s", a.body)
	}
	for _, list := range []string{"/msg?order=ascending", "/log?order=ascending"} {
		items := w.do("GET", "/api/v1/app/acme"+list, "").want(200).items()
		if len(items) != 3 || items[0]["eventTypeVersion"] != 1.0 || items[1]["eventTypeVersion"] != 2.0 || items[2]["eventTypeVersion"] != nil {
			t.Errorf("%s lists %v", list, items)
		}
	}

	for value, text := range map[string]string{
		`3`: "there is no version 3; there are 1, 2", `0`: "from 1", `-1`: "from 1", `1.5`: "from 1", `1e0`: "from 1", `2147483648`: "from 1",
		`99999999999999999999`: "from 1", `"1"`: "must be a whole number, not this string", `true`: "a whole number", `{}`: "a whole number", `[1]`: "a whole number",
	} {
		w.do("POST", path, `{"eventType":"a","payload":{},"eventTypeVersion":`+value+`}`).refused("eventTypeVersion", text)
	}
	w.do("POST", path, `{"eventType":"b","payload":{},"eventTypeVersion":1}`).refused("eventTypeVersion", "the event type has no versions")
	w.do("POST", path, `{"eventType":"a","payload":{},"eventTypeVersion":1,"eventTypeVersion":2}`).want(400)
	w.do("POST", path, `{"eventType":"a","payload":{},"eventTypeVersion":1`).want(400)

	var out struct {
		Data []struct {
			EventTypeVersion int
			Error            *batchError
		}
	}
	w.do("POST", path+"/batch", `[{"eventType":"a","eventTypeVersion":1,"eventId":"f","payload":{}},{"eventType":"a","eventTypeVersion":2,"eventId":"f","payload":{}},{"eventType":"a","eventTypeVersion":9,"payload":{}}]`).want(202).decode(&out)
	if d := out.Data; len(d) != 3 || d[0].EventTypeVersion != 1 || d[1].EventTypeVersion != 2 || d[2].Error == nil || d[2].Error.Status != 422 {
		t.Errorf("of a batch became %+v", out.Data)
	}
}

func TestEndpointsPinVersions(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/event-type", `{"name":"a","schemas":{"1":{},"2":{}}}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"bare"}`).want(201)
	const list, ep = "/api/v1/app/acme/endpoint", "/api/v1/app/acme/endpoint/ep"
	with := func(pins string) string {
		return `{"uid":"ep","url":"https://a.example/","eventTypeVersions":` + pins + `}`
	}
	for pins, text := range map[string]string{
		`{"a":3}`: "there is no version 3; there are 1, 2", `{"a":0}`: "there is no version 0", `{"later":0}`: "must be from 1", `{"later":-1}`: "must be from 1",
		`{"later":2147483648}`: "must be from 1", `{"a.*":1}`: "letters", `{"":1}`: "name the event type",
	} {
		w.do("POST", list, with(pins)).refused("eventTypeVersions", text)
		w.do("PUT", list+"/other", with(pins)).refused("eventTypeVersions", text)
	}
	for _, pins := range []string{`[]`, `7`, `"a"`, `{"a":"1"}`, `{"a":1.5}`, `{"a":{}}`, `{"a":9999999999999999999}`} {
		w.do("POST", list, with(pins)).want(422)
	}
	w.do("POST", list, with(`{"a":1,"later":7,"bare":2}`)).want(201).has(map[string]any{"eventTypeVersions": map[string]any{"a": 1.0, "later": 7.0, "bare": 2.0}})
	w.do("PATCH", ep, `{"eventTypeVersions":{"a":9}}`).refused("eventTypeVersions", "there is no version 9")
	w.do("PUT", ep, `{"uid":"ep","url":"https://b.example/"}`).want(200).has(map[string]any{"eventTypeVersions": map[string]any{"a": 1.0, "later": 7.0, "bare": 2.0}})
	w.do("PATCH", "/api/v1/event-type/a", `{"schemas":{"2":{}}}`).want(200)
	w.do("PATCH", ep, `{"description":"still pinned to what is gone"}`).want(200)
	w.do("PATCH", ep, `{"eventTypeVersions":{"a":2}}`).want(200).has(map[string]any{"eventTypeVersions": map[string]any{"a": 2.0}})
	w.do("PATCH", ep, `{"eventTypeVersions":null}`).want(200).has(map[string]any{"eventTypeVersions": map[string]any{}})
}

func TestEventTypesGoOutOfUse(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/event-type/a"
	const from, until = "2020-01-01T00:00:00Z", "2999-06-30T00:00:00Z"
	w.do("POST", "/api/v1/event-type", `{"name":"a","schemas":{"1":{},"2":{}}}`).want(201).
		has(map[string]any{"deprecated": false, "deprecatedAt": nil, "sunsetAt": nil, "currentVersion": nil, "versions": map[string]any{}})
	is := func(a *answer, deprecated bool, at, sunset any) {
		t.Helper()
		a.want(200).has(map[string]any{"deprecated": deprecated, "deprecatedAt": at, "sunsetAt": sunset})
		w.do("GET", path, "").want(200).has(map[string]any{"deprecated": deprecated, "deprecatedAt": at, "sunsetAt": sunset})
	}
	before := time.Now().Add(-time.Second)
	at, err := time.Parse(time.RFC3339, fmt.Sprint(w.do("PATCH", path, `{"deprecated":true}`).want(200).object()["deprecatedAt"]))
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("deprecated without a date it has the date %v, %v", at, err)
	}
	now := w.do("GET", path, "").object()["deprecatedAt"]
	is(w.do("PATCH", path, `{"deprecated":true,"description":"d"}`), true, now, nil)
	is(w.do("PUT", path, `{"description":"d","deprecated":true,"schemas":{"1":{},"2":{}}}`), true, now, nil)
	is(w.do("PATCH", path, `{"deprecated":false}`), false, nil, nil)
	is(w.do("PATCH", path, `{"deprecatedAt":"`+from+`","sunsetAt":"`+until+`"}`), true, from, until)
	is(w.do("PATCH", path, `{"sunsetAt":null}`), true, from, nil)
	is(w.do("PATCH", path, `{"deprecatedAt":"`+from+`","deprecated":false,"sunsetAt":"`+until+`"}`), true, from, until)
	is(w.do("PATCH", path, `{"deprecatedAt":null}`), false, nil, nil)
	is(w.do("PATCH", path, `{"deprecatedAt":"`+until+`"}`), false, until, nil)
	is(w.do("PUT", path, `{"description":"d","schemas":{"1":{},"2":{}}}`), false, until, nil)
	is(w.do("PATCH", path, `{"deprecatedAt":"`+from+`"}`), true, from, nil)
	is(w.do("PUT", path, `{"description":"d","schemas":{"1":{},"2":{}}}`), false, nil, nil) // as clients say it that know no dates

	w.do("PATCH", path, `{"currentVersion":1,"versions":{"1":{"deprecatedAt":"`+from+`"},"2":{}}}`).want(200).
		has(map[string]any{"currentVersion": 1.0, "versions": map[string]any{"1": map[string]any{"deprecatedAt": from}}})
	w.do("PUT", path, `{"description":"d","schemas":{"2":{}}}`).want(200).has(map[string]any{"currentVersion": nil, "versions": map[string]any{}})
	if a := w.do("GET", path, "", "User-Agent: svix-libs/1.44.0/go").want(200); strings.Contains(string(a.body), "ersion") || strings.Contains(string(a.body), "deprecatedAt") {
		t.Errorf("a strict client is shown %s", a.body)
	}

	for body, refused := range map[string][2]string{
		`{"sunsetAt":"` + until + `"}`:                                           {"sunsetAt", "needs a deprecatedAt"},
		`{"deprecatedAt":"` + until + `","sunsetAt":"` + from + `"}`:             {"sunsetAt", "must not be before"},
		`{"deprecatedAt":"1969-01-01T00:00:00Z"}`:                                {"deprecatedAt", "from 1970"},
		`{"currentVersion":1}`:                                                   {"currentVersion", "there is no version 1; there are 2"},
		`{"currentVersion":-1}`:                                                  {"currentVersion", "must be a version"},
		`{"versions":{"1":{"deprecatedAt":"` + from + `"}}}`:                     {"versions", "there is no version 1"},
		`{"versions":{"02":{"deprecatedAt":"` + from + `"}}}`:                    {"versions", `"02" is not a version`},
		`{"versions":{"two":{}}}`:                                                {"versions", `"two" is not a version`},
		`{"versions":{"2":{"sunsetAt":"` + from + `"}}}`:                         {"versions.2.sunsetAt", "needs a deprecatedAt"},
		`{"schemas":{"1":{}},"currentVersion":2}`:                                {"currentVersion", "there is no version 2; there are 1"},
		`{"schemas":{"1":{}},"currentVersion":2,"validation":"reject"}`:          {"currentVersion", "there is no version 2; there are 1"},
		`{"schemas":null,"versions":{"2":{"deprecatedAt":"` + from + `"}}}`:      {"versions", "has no versions"},
		`{"versions":{"99999999999999999999":{"deprecatedAt":"` + from + `"}}}`:  {"versions", "is not a version"},
		`{"versions":{"2":{"deprecatedAt":"2020-01-01T00:00:00Z","sunset":""}}}`: {"versions.2.sunset", ""},
	} {
		w.do("PATCH", path, body).refused(refused[0], refused[1])
	}
	for _, body := range []string{`{"deprecatedAt":7}`, `{"deprecatedAt":"soon"}`, `{"sunsetAt":[]}`, `{"versions":[]}`, `{"versions":{"2":7}}`, `{"currentVersion":"2"}`, `{"currentVersion":1.5}`} {
		w.do("PATCH", path, body).want(422)
	}
}

func TestSendersAreToldWhatGoesOutOfUse(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	const path = "/api/v1/app/acme/msg"
	w.do("POST", "/api/v1/event-type", `{"name":"a","schemas":{"1":{},"2":{}},"versions":{"1":{"deprecatedAt":"2026-11-11T23:59:59Z","sunsetAt":"2027-06-30T00:00:00Z"}}}`).want(201)
	w.do("POST", "/api/v1/event-type", `{"name":"b","deprecatedAt":"2030-01-01T00:00:00Z"}`).want(201)
	is := func(a *answer, deprecation, sunset, warning string) {
		t.Helper()
		h := a.want(202).header
		if h.Get("Deprecation") != deprecation || h.Get("Sunset") != sunset || h.Get("Fanfare-Warnings") != warning {
			t.Errorf("told %v", h)
		}
	}
	const gone = "Version 1 of the event type a is deprecated from 2026-11-11 on, and is to be gone by 2027-06-30."
	is(w.do("POST", path, `{"eventType":"a","payload":1}`), "", "", "")
	is(w.do("POST", path, `{"eventType":"a","eventTypeVersion":2,"payload":1}`), "", "", "")
	is(w.do("POST", path, `{"eventType":"a","eventTypeVersion":1,"payload":1}`), "@1794441599", "Wed, 30 Jun 2027 00:00:00 GMT", gone)
	is(w.do("POST", path, `{"eventType":"b","payload":1}`), "@1893456000", "", "The event type b is deprecated from 2030-01-01 on.")
	a := w.do("POST", path+"/batch", `[{"eventType":"b","payload":1},{"eventType":"a","payload":1},{"eventType":"a","eventTypeVersion":1,"payload":1}]`)
	is(a, "@1794441599", "Wed, 30 Jun 2027 00:00:00 GMT", "")
	if !strings.Contains(string(a.body), gone) || strings.Count(string(a.body), `"warnings":`) != 2 {
		t.Errorf("a batch is answered %s", a.body)
	}
	is(w.do("POST", path+"/batch", `[{"eventType":"a","payload":1}]`), "", "", "")
}
