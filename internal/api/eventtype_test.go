package api

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/openapi"
)

// enough is how long hostile input may take on a machine that is busy with
// much else. Without bounds it would take hours.
const enough = 20 * time.Second

func TestEventTypeFields(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/event-type/a.b"
	w.do("POST", "/api/v1/event-type", `{"name":"a.b"}`).want(201).has(map[string]any{"validation": "off", "examples": nil, "schemas": nil})
	a := w.do("PATCH", path, `{"schemas":{ "1":{"type":"object"}},"validation":"reject","examples":[ {"n": 1.0}]}`).want(200)
	for _, part := range []string{`"schemas":{"1":{"type":"object"}}`, `"validation":"reject"`, `"examples":[{"n":1.0}]`} {
		if !strings.Contains(string(a.body), part) {
			t.Errorf("%s has no %s", a.body, part)
		}
	}
	if again := w.do("GET", path, "").want(200); !strings.Contains(string(again.body), `"examples":[{"n":1.0}]`) {
		t.Errorf("read back: %s", again.body)
	}
	// Clients that know nothing of them replace the rest.
	w.do("PUT", path, `{"description":"d","schemas":{"1":{"type":"object"}}}`).want(200).has(map[string]any{"validation": "reject", "description": "d"})
	if a := w.do("PUT", path, `{"description":"d"}`).want(422); !strings.Contains(string(a.body), `"validation"`) {
		t.Errorf("checked by no schema: %s", a.body)
	}
	w.do("GET", "/api/v1/event-type?with_content=false", "").want(200)
	w.do("PATCH", path, `{"validation":null,"examples":null}`).want(200).has(map[string]any{"validation": "off", "examples": nil})
	for body, loc := range map[string]string{
		`{"validation":"maybe"}`: "validation", `{"validation":1}`: "validation", `{"examples":{}}`: "examples", `{"examples":1}`: "examples",
		`{"validation":"warn","schemas":null}`: "validation", `{"validation":"warn","schemas":{}}`: "validation",
		`{"validation":"warn","schemas":{"1":1}}`: "schemas 1", `{"validation":"reject","schemas":{"1":{"type":"object"},"2":{"properties":{"a":{"type":"obj"}}}}}`: "schemas 2",
	} {
		var refused invalidOut
		w.do("PATCH", path, body).want(422).decode(&refused)
		if got := strings.Join(refused.Detail[0].Loc, " "); got != "body "+loc {
			t.Errorf("%s: loc %q, want body %s", body, got, loc)
		}
	}
}

// Such schemas must be refused, and quickly.
func TestHostileSchemasAreRefused(t *testing.T) {
	w := newWorld(t)
	var wide strings.Builder
	for i := range 100_000 {
		wide.WriteString(`"` + string(rune('a'+i%26)) + strings.Repeat("x", i%7) + strings.Repeat("y", i/7%11) + string(json.Number(itoa(i))) + `":{},`)
	}
	for _, schema := range []string{
		`{"$ref":"#"}`, `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, `{"$ref":"#/nowhere"}`,
		`{"$ref":"http://169.254.169.254/latest"}`, `{"$ref":"file:///etc/passwd"}`, `{"$schema":"https://example.com/"}`, `{"$dynamicRef":"#a","$dynamicAnchor":"a"}`,
		strings.Repeat(`{"items":`, 63) + "{}" + strings.Repeat("}", 63), strings.Repeat(`{"not":`, 5000) + "{}" + strings.Repeat("}", 5000),
		`{"properties":{` + strings.TrimSuffix(wide.String(), ",") + `}}`,
		`{"pattern":"(a+)+(?=b)"}`, `{"pattern":"(x{1000}){1000}"}`, `{"pattern":"` + strings.Repeat("(", 2000) + `"}`,
		`{"maximum":1e400}`, `{"maxLength":1e999999999}`, `{"multipleOf":1e-999999999}`, `{"const":1e99999}`,
		`{"type":"nothing"}`, `{"properties":1}`, `"x"`, `1`, `null`,
	} {
		begun := time.Now()
		a := w.do("POST", "/api/v1/event-type", `{"name":"bad","validation":"reject","schemas":{"1":`+schema+`}}`)
		if a.status != 422 && a.status != 400 && a.status != 413 || w.log.Len() > 0 {
			t.Errorf("%.80s: %d %s %s", schema, a.status, a.body, w.log)
		}
		if took := time.Since(begun); took > enough {
			t.Errorf("%.80s took %v", schema, took)
		}
	}
	w.do("GET", "/api/v1/event-type/bad", "").want(404)
}

func itoa(i int) string {
	text, _ := json.Marshal(i)
	return string(text)
}

const orders = `{"name":"order.created","validation":"VALIDATION","schemas":{"1":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"lines":{"items":{"properties":{"n":{"minimum":1}}}}}}}}`

func TestMessagesAreRefusedBySchema(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/event-type", strings.Replace(orders, "VALIDATION", "reject", 1)).want(201)
	send := func(payload string, headers ...string) *answer {
		t.Helper()
		return w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"order.created","payload":`+payload+`}`, headers...)
	}
	send(`{"id":"a"}`).want(202)
	var refused invalidOut
	send(`{"lines":[{"n":1},{"n":0}],"id":7}`, "Idempotency-Key: k").want(422).decode(&refused)
	if len(refused.Detail) != 2 || !slices.Equal(refused.Detail[0].Loc, []string{"body", "payload", "id"}) || refused.Detail[0].Msg != "must be string, not number" ||
		!slices.Equal(refused.Detail[1].Loc, []string{"body", "payload", "lines", "1", "n"}) {
		t.Errorf("%+v", refused)
	}
	send(`{"id":"b"}`, "Idempotency-Key: k").want(202) // nothing was kept under the key
	for _, payload := range []string{
		`{"id":"x","lines":[` + strings.Repeat(`{"n":0},`, 50_000) + `1]}`, `{"id":1e400}`, `{"id":1e999999999}`, `{"id":{"` + strings.Repeat("k", 100_000) + `":1}}`,
		`[` + strings.Repeat("1,", 200_000) + `1]`, `"` + strings.Repeat("x", 200_000) + `"`, strings.Repeat("[", 60) + strings.Repeat("]", 60), `null`,
	} {
		begun := time.Now()
		if a := send(payload).want(422); len(a.body) > 4096 || time.Since(begun) > enough {
			t.Errorf("%.60s: %d bytes after %v", payload, len(a.body), time.Since(begun))
		}
	}
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"order.created","transformationsParams":{"rawPayload":"<xml/>"}}`).want(422)

	a := w.do("POST", "/api/v1/app/acme/msg/batch", `[{"eventType":"order.created","payload":{"id":"c"}},{"eventType":"order.created","payload":{}},{"eventType":"other","payload":{}}]`).want(202)
	var out struct {
		Data []struct {
			ID    string
			Error *struct {
				Status int
				Detail []fieldError
			}
		}
	}
	a.decode(&out)
	if out.Data[0].ID == "" || out.Data[2].ID == "" || out.Data[1].Error == nil || out.Data[1].Error.Status != 422 || !slices.Equal(out.Data[1].Error.Detail[0].Loc, []string{"body", "payload", "id"}) {
		t.Errorf("of a batch: %s", a.body)
	}
	var list struct{ Data []any }
	w.do("GET", "/api/v1/app/acme/msg", "").want(200).decode(&list)
	if len(list.Data) != 4 {
		t.Errorf("%d messages are stored, want 4", len(list.Data))
	}
	if m := w.do("GET", "/metrics", ""); !strings.Contains(string(m.body), `fanfare_schema_violations_total{validation="reject"} 11`) {
		t.Errorf("the metrics say %s", lineWith(m.body, "fanfare_schema"))
	}
}

func lineWith(text []byte, word string) string {
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, word) {
			return line
		}
	}
	return ""
}

func TestMessagesAreWarnedOf(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/event-type", strings.Replace(orders, "VALIDATION", "warn", 1)).want(201)
	const path = "/api/v1/app/acme/msg"
	const body = `{"eventType":"order.created","payload":{"lines":[{"n":0}],"é\r\n":1}}`
	for range 2 { // the second is a repeat
		a := w.do("POST", path, body, "Idempotency-Key: k").want(202)
		if got := a.header.Get("Fanfare-Schema-Warnings"); got != "at /id: is missing, at /lines/0/n: must be at least 1" {
			t.Errorf("warned of %q", got)
		}
	}
	if a := w.do("POST", path, `{"eventType":"order.created","payload":{"id":"a"}}`).want(202); a.header.Get("Fanfare-Schema-Warnings") != "" {
		t.Errorf("warned of nothing: %v", a.header)
	}
	a := w.do("POST", path+"/batch", `[{"eventType":"order.created","payload":{}},{"eventType":"order.created","payload":{"id":"a"}}]`).want(202)
	var out struct{ Data []map[string]any }
	a.decode(&out)
	if got, _ := json.Marshal(out.Data[0]["warnings"]); string(got) != `["at /id: is missing"]` || out.Data[0]["id"] == "" {
		t.Errorf("of a batch: %s", a.body)
	}
	if _, ok := out.Data[1]["warnings"]; ok {
		t.Errorf("of a batch: %s", a.body)
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "openapi", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestImportOpenAPI(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/event-type", `{"name":"old.one"}`).want(201)
	const path = "/api/v1/event-type/import/openapi"
	raw := func(more string) string {
		text, err := json.Marshal(document(t, "shop.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return `{"specRaw":` + string(text) + more + `}`
	}
	var out struct {
		Data struct {
			Modified []string
			ToModify []map[string]any `json:"to_modify"`
		}
	}
	for _, dry := range []string{`,"dryRun":true`, `,"dry_run":true`} {
		w.do("POST", path, raw(dry+`,"replaceAll":true,"withDiff":true`)).want(200).decode(&out)
		if len(out.Data.Modified) != 0 || len(out.Data.ToModify) != 5 || out.Data.ToModify[1]["name"] != "order.cancelled" || out.Data.ToModify[1]["deprecated"] != true || out.Data.ToModify[1]["change"] != "created" || out.Data.ToModify[4]["change"] != "archived" {
			t.Errorf("would change %+v", out)
		}
	}
	w.do("GET", "/api/v1/event-type/ping", "").want(404)
	a := w.do("POST", path, raw(`,"replaceAll":true`)).want(200)
	if string(a.body) != `{"data":{"modified":["category.moved","order.cancelled","order.created","ping","old.one"],"to_modify":null}}` {
		t.Errorf("%s", a.body)
	}
	w.do("GET", "/api/v1/event-type/old.one", "").want(200).has(map[string]any{"archived": true})
	w.do("GET", "/api/v1/event-type/order.created", "").want(200).has(map[string]any{"groupName": "orders", "description": "Sent once for each order, as soon as it is paid for.", "validation": "off"})
	if a := w.do("POST", path, raw("")).want(200); string(a.body) != `{"data":{"modified":[],"to_modify":null}}` {
		t.Errorf("again: %s", a.body)
	}
	if a := w.do("POST", path, `{"spec":`+document(t, "old.json")+`}`).want(200); string(a.body) != `{"data":{"modified":["user.updated"],"to_modify":null}}` {
		t.Errorf("as an object: %s", a.body)
	}

	const spec = `{"openapi":"3.1.0","info":{"title":"x","version":"1"},"webhooks":{"category.moved":{"post":{"requestBody":{"content":{"application/json":{"schema":{"required":["at"],"properties":{"at":{"type":"string"}}}}}}}}}}`
	if a := w.do("POST", path, `{"dryRun":true,"spec":`+spec+`}`).want(200); strings.Contains(string(a.body), `"change"`) {
		t.Errorf("without withDiff it says what older clients do not know: %s", a.body)
	}
	a = w.do("POST", path, `{"dryRun":true,"withDiff":true,"spec":`+spec+`}`).want(200)
	if !strings.Contains(string(a.body), `"change":"changed","diff":{"from":"1","to":"1","added":[],"removed":[{"path":"/category","type":"object","required":true}],"retyped":[],"required":["/at"],"optional":[]}`) {
		t.Errorf("would change %s", a.body)
	}

	// What was imported is obeyed.
	w.app("acme")
	w.do("PATCH", "/api/v1/event-type/order.created", `{"validation":"reject"}`).want(200)
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"order.created","payload":{"id":"o_1","total":1}}`).want(202)
	w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"order.created","payload":{"id":"o_1"}}`).want(422)
	w.endpoint("acme", "ep")
	w.do("POST", "/api/v1/app/acme/endpoint/ep/send-example", `{"eventType":"order.created","exampleIndex":1}`).want(202).has(map[string]any{"payload": map[string]any{"id": "o_2", "total": 12.5}})
	w.do("POST", "/api/v1/app/acme/endpoint/ep/send-example", `{"eventType":"category.moved"}`).want(202)

	for body, status := range map[string]int{
		`{}`: 400, `{"spec":null}`: 400, `{"specRaw":""}`: 400, `{"spec":{},"specRaw":"a: b"}`: 400, ``: 400,
		`{"spec":[]}`: 422, `{"spec":"x"}`: 422, `{"spec":{}}`: 422, `{"specRaw":1}`: 422, `{"specRaw":"\u0000"}`: 422, `{"specRaw":"a: &a [*a]"}`: 422, `{"dryRun":"yes"}`: 422,
		`{"spec":{"openapi":"3.1.0","webhooks":{"a b":{"post":{}}}}}`:                                           422,
		`{"spec":{"openapi":"3.1.0","webhooks":{"` + strings.Repeat("a", 300) + `":{"post":{}}}}}`:              422,
		`{"spec":{"openapi":"3.1.0","webhooks":{"a":{"post":{"description":"\u0007"}}}}}`:                       422,
		`{"specRaw":"` + strings.Repeat("# ", openapi.MaxText/2) + `"}`:                                         422,
		`{"specRaw":"` + strings.Repeat("x", 3*openapi.MaxText) + `"}`:                                          413,
		`{"spec":{"openapi":"3.1.0","webhooks":{"a":{"post":{"tags":["` + strings.Repeat("g", 5000) + `"]}}}}}`: 422,
	} {
		if a := w.do("POST", path, body); a.status != status {
			t.Errorf("%.80s: %d, want %d: %.300s", body, a.status, status, a.body)
		}
	}
	if w.log.Len() > 0 {
		t.Errorf("logged: %s", w.log)
	}
}
