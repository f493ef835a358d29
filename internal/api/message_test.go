package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMessages(t *testing.T) {
	w := newWorld(t)
	app := w.app("acme")
	at := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	a := w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"record.created","eventId":"e1","payload":{"a": 1},"channels":["c1","c2"],"tags":["t"],"orderingKey":"k","deliverAt":"`+at+`"}`).want(202)
	id := a.id()
	a.has(map[string]any{"eventType": "record.created", "eventId": "e1", "channels": []any{"c1", "c2"}, "tags": []any{"t"}, "orderingKey": "k", "deliverAt": at})
	for _, ref := range []string{id, "e1"} {
		for _, p := range []string{"acme", app} {
			if got := w.do("GET", "/api/v1/app/"+p+"/msg/"+ref, "").want(200); string(got.body) != string(a.body) {
				t.Errorf("reading gives %s, creating gave %s", got.body, a.body)
			}
		}
	}
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x","eventId":"e1","payload":1}`).want(409).has(map[string]any{"code": "conflict"})
	for _, p := range []string{"/msg/e1?with_content=false"} {
		w.do("GET", "/api/v1/app/acme"+p, "").want(200).has(map[string]any{"payload": map[string]any{}})
	}
	w.do("POST", "/api/v1/app/acme/msg?with_content=false", `{"eventType":"x","payload":{"a":1}}`).want(202).has(map[string]any{"payload": map[string]any{}})
	w.do("DELETE", "/api/v1/app/acme/msg/e1/content", "").want(204)
	w.do("GET", "/api/v1/app/acme/msg/e1", "").want(200).has(map[string]any{"payload": map[string]any{"expired": true}})
	w.do("POST", "/api/v1/app/nobody/msg", `{"eventType":"x","payload":1}`).want(404)

	w.endpoint("acme", "ep")
	w.message("acme", `{"eventType":"x","eventId":"e2","payload":1}`)
	w.do("DELETE", "/api/v1/app/acme/msg/e2/pending", "").want(200).has(map[string]any{"cancelled": 1})
	w.do("DELETE", "/api/v1/app/acme/msg/e2/pending", "").want(200).has(map[string]any{"cancelled": 0})
}

func TestMessageShowsWhatTheDocumentSays(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	got := w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x","payload":1}`).want(202).object()
	var names []string
	typ := reflect.TypeFor[messageOut]()
	for i := range typ.NumField() {
		names = append(names, typ.Field(i).Tag.Get("json"))
	}
	for _, name := range names {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if len(got) != len(names) {
		t.Errorf("%d members, want %q", len(got), names)
	}
}

// payloads are such as an encoder would tidy up.
var payloads = []string{
	`12345678901234567890`, `-0`, `1.0`, `1e2`, `0.1e-7`, `null`, `true`, `"text"`, `""`, `[]`, `{}`, `[ ]`,
	`{"b": 1,  "a":2}`, `{"a":1,"a":2}`, `{"a":{"a":1,"a":2}}`, `"\u0000"`, `"\ud800"`, `"\udc00\ud800x"`, `{"\ud800":1}`,
	"{\n\t\"a\" :\r\n [ 1 , 2 ]\n}", `"\/\u002f\u00e9é"`, `"</script><img src=x onerror=1>\u2028"`, "\"\u2028\"", `"{{7*7}} ${7*7} =cmd|"`,
	`{"__proto__":{"x":1},"constructor":{"prototype":1}}`, strings.Repeat("[", 62) + strings.Repeat("]", 62), `"` + strings.Repeat("é", 1000) + `"`,
	`"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["`,
}

func TestPayloadsStayAsTheyCame(t *testing.T) {
	w := newWorld(t)
	app := w.app("acme")
	for _, payload := range payloads {
		a := w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x" , "payload" : `+payload+`   ,"tags":[]}`).want(202)
		stored, err := w.store.Message(t.Context(), "", "")
		if err == nil {
			t.Fatalf("a message without an application: %v", stored)
		}
		var out struct {
			ID      string
			Payload json.RawMessage
		}
		a.decode(&out)
		kept := w.kept(app, out.ID)
		if kept != payload {
			t.Errorf("stored %q, want %q", kept, payload)
		}
		for _, body := range [][]byte{a.body, w.do("GET", "/api/v1/app/acme/msg/"+out.ID, "").want(200).body, w.do("GET", "/api/v1/app/acme/msg?limit=1", "").want(200).body} {
			if !strings.Contains(string(body), `"payload":`+payload+`,`) {
				t.Errorf("%q is shown as %s", payload, body)
			}
		}
	}
}

// kept is a message's payload as it lies in the store.
func (w *world) kept(app, id string) string {
	w.t.Helper()
	found, err := w.hub.Application(w.t.Context(), app)
	if err != nil {
		w.t.Fatal(err)
	}
	msg, err := w.hub.Message(w.t.Context(), found.ID, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(msg.Payload)
}

func TestRawPayloadIsThePayload(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for _, body := range []string{
		`{"eventType":"x","payload":{},"transformationsParams":{"rawPayload":"a=1&b=%C3%A9\n","headers":{"Content-Type":"application/x-www-form-urlencoded"}}}`,
		`{"transformationsParams":{"rawPayload":"a=1&b=%C3%A9\n","headers":{"content-type":"application/x-www-form-urlencoded"}},"payload":{},"eventType":"x"}`,
		`{"eventType":"x","transformationsParams":{"rawPayload":"a=1&b=%C3%A9\n","headers":{"content-type":"application/x-www-form-urlencoded"}}}`,
	} {
		a := w.do("POST", "/api/v1/app/acme/msg", body).want(202).has(map[string]any{"payload": "a=1&b=%C3%A9\n"})
		if got := w.kept("acme", a.id()); got != "a=1&b=%C3%A9\n" {
			t.Errorf("stored %q", got)
		}
	}
	id := w.message("acme", `{"eventType":"x","payload":{"a":1},"transformationsParams":{"x":1}}`)
	if got := w.kept("acme", id); got != `{"a":1}` {
		t.Errorf("stored %q", got)
	}
}

// TestClientsOfTheFieldAreShownObjects has payloads that are not objects shown to
// clients whose types have room for nothing else.
func TestClientsOfTheFieldAreShownObjects(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for body, want := range map[string]any{
		`{"eventType":"x","transformationsParams":{"rawPayload":"<a>\n"}}`:        map[string]any{"rawPayload": "<a>\n"},
		`{"eventType":"x","payload":863}`:                                         map[string]any{"rawPayload": "863"},
		`{"eventType":"x","payload":[1, 2]}`:                                      map[string]any{"rawPayload": "[1, 2]"},
		`{"eventType":"x","payload":{"a":1}}`:                                     map[string]any{"a": 1.0},
		`{"eventType":"x","payload":1,"transformationsParams":{"rawPayload":""}}`: map[string]any{"rawPayload": ""},
	} {
		const agent = "User-Agent: svix-libs/1.99.1/python"
		id := w.do("POST", "/api/v1/app/acme/msg", body, agent).want(202).has(map[string]any{"payload": want}).id()
		w.do("GET", "/api/v1/app/acme/msg/"+id, "", agent).want(200).has(map[string]any{"payload": want})
		listed := w.do("GET", "/api/v1/app/acme/msg", "", agent).want(200).items()[0]["payload"]
		if !reflect.DeepEqual(listed, want) {
			t.Errorf("%s is listed with %v, want %v", body, listed, want)
		}
	}
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x","payload":863}`).want(202).has(map[string]any{"payload": 863.0})
}

func TestMessageCreatesItsApplication(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/app/new/msg", `{"eventType":"x","payload":1,"application":{"name":"New"}}`).want(202)
	w.do("GET", "/api/v1/app/new", "").want(200).has(map[string]any{"name": "New", "uid": "new"})
	w.do("POST", "/api/v1/app/new/msg", `{"eventType":"x","payload":1,"application":{"name":"Other","uid":"new"}}`).want(202)
	w.do("GET", "/api/v1/app/new", "").want(200).has(map[string]any{"name": "New"})
	w.do("POST", "/api/v1/app/other/msg", `{"eventType":"x","payload":1,"application":{"name":"N","uid":"different"}}`).want(422)
	w.do("POST", "/api/v1/app/other/msg", `{"eventType":"x","payload":1,"application":{"name":""}}`).want(422)
	w.do("POST", "/api/v1/app/app_00000000000000000000000000/msg", `{"eventType":"x","payload":1,"application":{"name":"N"}}`).want(404)
	w.do("GET", "/api/v1/app/other", "").want(404)
}

func TestIgnoredFieldsAreNamed(t *testing.T) {
	w := newWorld(t)
	a := w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme","colour":"red","é\n":1}`).want(201)
	if got, want := a.header.Get("Fanfare-Ignored-Fields"), `colour, \u00e9\n`; got != want {
		t.Errorf("ignored %q, want %q", got, want)
	}
	a = w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"x","payload":1,"payloadRetentionHours":3}`).want(202)
	if got := a.header.Get("Fanfare-Ignored-Fields"); got != "payloadRetentionHours" {
		t.Errorf("ignored %q", got)
	}
	a = w.do("POST", "/api/v1/app/acme/msg/batch", `[{"eventType":"x","payload":1,"q":3},{"eventType":"x","payload":1,"q":3,"r":1}]`).want(202)
	if got := a.header.Get("Fanfare-Ignored-Fields"); got != "q, r" {
		t.Errorf("ignored %q", got)
	}
}

func TestMessageFilters(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	for _, m := range []string{
		`{"eventType":"a","eventId":"1","payload":1,"channels":["c"]}`, `{"eventType":"b","eventId":"2","payload":1,"tags":["t"]}`,
		`{"eventType":"c","eventId":"3","payload":1,"channels":["c"],"tags":["t"]}`,
	} {
		w.message("acme", m)
	}
	middle, _ := w.do("GET", "/api/v1/app/acme/msg/2", "").object()["timestamp"].(string)
	for query, want := range map[string]string{
		"": "321", "?order=ascending": "123", "?event_types=a,b": "21", "?event_types=a&event_types=c": "31", "?channel=c": "31", "?tag=t": "32",
		"?channel=c&tag=t": "3", "?before=" + middle: "1", "?after=" + middle: "3", "?limit=2": "32", "?event_types=zzz": "",
	} {
		got := ""
		for _, item := range w.do("GET", "/api/v1/app/acme/msg"+query, "").want(200).object()["data"].([]any) {
			got += item.(map[string]any)["eventId"].(string)
		}
		if got != want {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
	}
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	one := func(i int) string { return fmt.Sprintf(`{"eventType":"x","eventId":"b%d","payload":{"n": %d}}`, i, i) }
	results := func(a *answer) (got []string) {
		a.want(202)
		for _, item := range a.object()["data"].([]any) {
			item := item.(map[string]any)
			if e, refused := item["error"].(map[string]any); refused {
				got = append(got, fmt.Sprint(e["status"], " ", e["code"]))
			} else {
				got = append(got, fmt.Sprint(item["eventId"]))
			}
		}
		return got
	}
	const path = "/api/v1/app/acme/msg/batch"
	for i, a := range []*answer{
		w.do("POST", path, "["+one(0)+","+one(1)+"]"),
		w.do("POST", path, `{"messages":[`+one(2)+","+one(3)+"]}"),
		w.do("POST", path, one(4)+"\n\n"+one(5)+"\r\n", "Content-Type: application/x-ndjson"),
	} {
		want := []string{fmt.Sprint("b", 2*i), fmt.Sprint("b", 2*i+1)}
		if got := results(a); !slices.Equal(got, want) {
			t.Errorf("results %q, want %q", got, want)
		}
		if got := w.kept("acme", fmt.Sprint("b", 2*i)); got != fmt.Sprintf(`{"n": %d}`, 2*i) {
			t.Errorf("stored %q", got)
		}
	}
	got := results(w.do("POST", path, "["+one(6)+","+one(0)+`,{"eventType":"x"},7,{"eventType":"x","payload":{"a":1,"a":2}},{"a":1,"a":2},`+one(7)+"]"))
	if want := []string{"b6", "409 conflict", "422 invalid", "422 invalid", "<nil>", "400 bad_request", "b7"}; !slices.Equal(got, want) {
		t.Errorf("results %q, want %q", got, want)
	}
	a := w.do("POST", path+"?with_content=true", "["+one(8)+"]").want(202)
	if !strings.Contains(string(a.body), `"payload":{"n": 8}`) {
		t.Errorf("with_content shows %s", a.body)
	}
	many := strings.Repeat(`{"eventType":"x","payload":1},`, 1001)
	w.do("POST", path, "["+many[:1000*30-1]+"]").want(202)
	w.do("POST", path, "["+many[:1001*30-1]+"]").want(413)
	w.do("POST", path, "[]").want(422)
	w.do("POST", path, "{}").want(422)
	w.do("POST", path, "[1,").want(400)
	w.do("POST", path, `{"messages":7}`).want(422)
	w.do("POST", path, "\n", "Content-Type: application/x-ndjson").want(422)
	w.do("POST", "/api/v1/app/fresh/msg/batch", `[{"eventType":"x","payload":1,"application":{"name":"Fresh"}}]`).want(202)
	w.do("POST", "/api/v1/app/none/msg/batch", `[{"eventType":"x","payload":1}]`).want(404)
	key := "Idempotency-Key: k"
	first := w.do("POST", path, "["+one(20)+"]", key).want(202)
	if again := w.do("POST", path, "["+one(20)+"]", key).want(202); string(again.body) != string(first.body) {
		t.Errorf("again %s, first %s", again.body, first.body)
	}
	w.do("POST", path, "["+one(21)+"]", key).want(409)
}
