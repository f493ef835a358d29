package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// nest is n lists in each other.
func nest(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestBadBodies(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	const msg, ep, app, epID, types = "POST /api/v1/app/acme/msg", "POST /api/v1/app/acme/endpoint", "POST /api/v1/app", "PATCH /api/v1/app/acme/endpoint/ep", "POST /api/v1/event-type"
	const precheck, send = "POST /api/v1/app/acme/msg/precheck/active", "POST /api/v1/app/acme/endpoint/ep/send-example"
	e := func(field string) string { return `{"eventType":"x","payload":1,` + field + `}` }
	u := func(field string) string { return `{"url":"https://example.com/",` + field + `}` }
	n := func(field string) string { return `{"name":"n",` + field + `}` }
	for _, c := range []struct {
		op, body string
		status   int
		loc      string // of the first thing wrong, if 422
	}{
		// Not JSON, or not JSON as it must be (§4 C).
		{msg, "", 400, ""}, {app, "", 400, ""}, {msg, " ", 400, ""}, {app, " ", 400, ""},
		{msg, "{", 400, ""}, {app, "{", 400, ""}, {msg, `{"eventType":"x","payload":1`, 400, ""}, {app, `{"name":"n"`, 400, ""},
		{msg, `{"eventType":"x","payload":NaN}`, 400, ""}, {app, n(`"rateLimit":NaN`), 400, ""}, {msg, e(`"q":Infinity`), 400, ""},
		{msg, `{"eventType":"x","payload":01}`, 400, ""}, {msg, `{"eventType":"x","payload":1.}`, 400, ""}, {msg, `{"eventType":"x","payload":.5}`, 400, ""},
		{msg, `{"eventType":"x","payload":+1}`, 400, ""}, {msg, `{"eventType":"x","payload":0x1}`, 400, ""}, {msg, `{"eventType":"x","payload":'a'}`, 400, ""},
		{msg, `{"eventType":"x","payload":1,}`, 400, ""}, {app, `{"name":"n",}`, 400, ""}, {msg, `{"eventType":"x","payload":1} //`, 400, ""},
		{msg, `{"eventType":"x","payload":1}{}`, 400, ""}, {app, n(`"uid":"q"`) + "1", 400, ""}, {msg, `{"eventType":"x",/**/"payload":1}`, 400, ""},
		{msg, "\xef\xbb\xbf" + `{"eventType":"x","payload":1}`, 400, ""}, {app, "\xef\xbb\xbf{\"name\":\"n\"}", 400, ""},
		{msg, "\xff\xfe{\x00}\x00", 400, ""}, {msg, "{\"eventType\":\"x\",\"payload\":\"\xff\"}", 400, ""}, {app, "{\"name\":\"\xc3\"}", 400, ""},
		{msg, "{\"eventType\":\"x\",\"payload\":\"\x00\"}", 400, ""}, {msg, "{\"eventType\":\"x\",\"payload\":\"\n\"}", 400, ""}, {app, "{\"name\":\"\n\"}", 400, ""},
		{msg, `{"eventType":"x","eventType":"x","payload":1}`, 400, ""}, {msg, e(`"payload":1`), 400, ""}, {msg, e(`"q":1,"q":2`), 400, ""}, {msg, e(`"event\u0054ype":"x"`), 400, ""},
		{app, n(`"name":"n"`), 400, ""}, {app, n(`"q":1,"q":1`), 400, ""}, {app, n(`"metadata":{"a":"1","a":"2"}`), 400, ""}, {ep, u(`"q":{"a":1,"a":1}`), 400, ""},
		{msg, `{"eventType":"x","payload":` + nest(64) + `}`, 400, ""}, {app, n(`"q":` + nest(64)), 400, ""}, {msg, nest(100_000), 400, ""}, {app, strings.Repeat(`{"a":`, 100_000), 400, ""},
		{app, `{"name":"\ud800"}`, 400, ""},
		// JSON, but not an object, or with something missing.
		{msg, "null", 422, "body"}, {msg, "[]", 422, "body"}, {msg, `"x"`, 422, "body"}, {msg, "1", 422, "body"}, {msg, "true", 422, "body"},
		{app, "null", 422, "body"}, {app, "[]", 422, "body"}, {app, `"x"`, 422, "body"}, {app, "1", 422, "body"}, {app, "false", 422, "body"},
		{msg, "{}", 422, "body eventType"}, {msg, `{"eventType":"x"}`, 422, "body payload"}, {msg, `{"payload":1}`, 422, "body eventType"}, {app, "{}", 422, "body name"}, {ep, "{}", 422, "body url"}, {types, "{}", 422, "body name"},
		// Of the wrong type.
		{msg, `{"eventType":1,"payload":1}`, 422, "body eventType"}, {msg, `{"eventType":null,"payload":1}`, 422, "body eventType"}, {msg, `{"eventType":["x"],"payload":1}`, 422, "body eventType"},
		{msg, e(`"eventId":1`), 422, "body eventId"}, {msg, e(`"channels":"c"`), 422, "body channels"}, {msg, e(`"channels":[1]`), 422, "body channels"}, {msg, e(`"tags":{}`), 422, "body tags"},
		{msg, e(`"deliverAt":1`), 422, "body deliverAt"}, {msg, e(`"deliverAt":"tomorrow"`), 422, "body deliverAt"}, {msg, e(`"deliverAt":"2999-01-01T00:00:00Z"`), 422, "body deliverAt"},
		{msg, e(`"application":1`), 422, "body application"}, {msg, e(`"application":{"name":1}`), 422, "body application name"}, {msg, e(`"transformationsParams":[]`), 422, "body transformationsParams"},
		{msg, e(`"transformationsParams":{"rawPayload":1}`), 422, "body transformationsParams rawPayload"},
		{app, `{"name":1}`, 422, "body name"}, {app, `{"name":null}`, 422, "body name"}, {app, n(`"uid":1`), 422, "body uid"}, {app, n(`"metadata":{"a":1}`), 422, "body metadata a"}, {app, n(`"metadata":[]`), 422, "body metadata"},
		{ep, `{"url":1}`, 422, "body url"}, {ep, u(`"eventTypes":"x"`), 422, "body eventTypes"}, {ep, u(`"filterTypes":[1]`), 422, "body filterTypes 0"}, {ep, u(`"disabled":"yes"`), 422, "body disabled"},
		{ep, u(`"retry":{"delays":["1"]}`), 422, "body retry delays 0"}, {ep, u(`"retry":[]`), 422, "body retry"}, {ep, u(`"success":1`), 422, "body success"}, {ep, u(`"timeout":"5"`), 422, "body timeout"},
		{types, `{"name":"x","schemas":[]}`, 422, "body schemas"}, {types, `{"name":"x","schemas":"s"}`, 422, "body schemas"}, {types, `{"name":"x","archived":1}`, 422, "body archived"},
		{precheck, "{}", 422, "body eventType"}, {precheck, "", 400, ""}, {precheck, "[]", 422, "body"}, {precheck, `{"eventType":1}`, 422, "body eventType"}, {precheck, `{"eventType":null}`, 422, "body eventType"},
		{precheck, `{"eventType":"x","channels":"c"}`, 422, "body channels"}, {precheck, `{"eventType":"x","channels":[1]}`, 422, "body channels 0"}, {precheck, `{"eventType":"x","channels":[""]}`, 422, "body channels"},
		{precheck, `{"eventType":"x","channels":["1","2","3","4","5","6","7","8","9","10","11"]}`, 422, "body channels"}, {precheck, `{"eventType":"a b"}`, 422, "body eventType"}, {precheck, `{"eventType":"a.*"}`, 422, "body eventType"},
		{send, "{}", 422, "body eventType"}, {send, "", 400, ""}, {send, `"x"`, 422, "body"}, {send, `{"eventType":[]}`, 422, "body eventType"}, {send, `{"eventType":null}`, 422, "body eventType"}, {send, `{"eventType":""}`, 422, "body eventType"},
		{send, `{"eventType":"x","exampleIndex":"1"}`, 422, "body exampleIndex"}, {send, `{"eventType":"x","exampleIndex":0.5}`, 422, "body exampleIndex"}, {send, `{"eventType":"x","exampleIndex":1e99}`, 422, "body exampleIndex"},
		{send, `{"eventType":"x","exampleIndex":99999999999999999999}`, 422, "body exampleIndex"}, {send, `{"eventType":"unknown"}`, 404, ""},
		// Event types (§4 D).
		{msg, `{"eventType":"","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":".","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":"a..b","payload":1}`, 422, "body eventType"},
		{msg, `{"eventType":".a","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":"a.","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":"a b","payload":1}`, 422, "body eventType"},
		{msg, `{"eventType":"/","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":"😀","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":"a。b","payload":1}`, 422, "body eventType"},
		{msg, `{"eventType":"` + strings.Repeat("a", 257) + `","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":"\u0000","payload":1}`, 422, "body eventType"}, {msg, `{"eventType":"\ud800","payload":1}`, 422, "body eventType"},
		{ep, u(`"eventTypes":["a*"]`), 422, "body eventTypes"}, {ep, u(`"eventTypes":["**"]`), 422, "body eventTypes"}, {ep, u(`"eventTypes":["*.*"]`), 422, "body eventTypes"}, {ep, u(`"filterTypes":[""]`), 422, "body eventTypes"},
		{types, `{"name":"a b"}`, 422, "body name"}, {types, `{"name":"a/../b"}`, 422, "body name"},
		{msg, e(`"eventId":"é"`), 422, "body eventId"}, {msg, e(`"eventId":"` + strings.Repeat("a", 257) + `"`), 422, "body eventId"}, {msg, e(`"tags":[""]`), 422, "body tags"},
		{msg, e(`"channels":["1","2","3","4","5","6","7","8","9","10","11"]`), 422, "body channels"}, {msg, e(`"orderingKey":"\ud800"`), 422, "body orderingKey"},
		// Names and numbers.
		{app, `{"name":""}`, 422, "body name"}, {app, `{"name":"\u0000"}`, 422, "body name"}, {app, `{"name":"` + strings.Repeat("a", 257) + `"}`, 422, "body name"}, {app, n(`"uid":"a b"`), 422, "body uid"},
		{app, n(`"uid":"../x"`), 422, "body uid"}, {app, n(`"uid":"app_00000000000000000000000000"`), 422, "body uid"}, {app, n(`"uid":"` + strings.Repeat("a", 257) + `"`), 422, "body uid"},
		{app, n(`"rateLimit":-1`), 422, "body rateLimit"}, {app, n(`"rateLimit":1.5`), 422, "body rateLimit"}, {app, n(`"rateLimit":"1"`), 422, "body rateLimit"}, {app, n(`"rateLimit":1000000000`), 422, "body rateLimit"},
		{app, n(`"throttleRate":1e99`), 422, "body throttleRate"}, {app, n(`"metadata":{"k":"` + strings.Repeat("a", 65536) + `"}`), 422, "body metadata"},
		{ep, u(`"timeout":-1`), 422, "body timeout"}, {ep, u(`"timeout":0.5`), 422, "body timeout"}, {ep, u(`"timeout":1e300`), 422, "body timeout"}, {ep, u(`"maxInFlight":-1`), 422, "body maxInFlight"},
		{ep, u(`"retry":{"preset":"never"}`), 422, "body retry preset"}, {ep, u(`"retry":{"delays":[-1]}`), 422, "body retry delays"}, {ep, u(`"retry":{"delays":[1e12]}`), 422, "body retry delays"},
		{ep, u(`"retry":{"delays":[` + strings.Repeat("1,", 100) + `1]}`), 422, "body retry delays"}, {ep, u(`"retry":{"preset":"none","delays":[1]}`), 422, "body retry"},
		{ep, u(`"format":"xml"`), 422, "body format"}, {ep, u(`"format":"RAW"`), 422, "body format"}, {ep, u(`"format":1`), 422, "body format"},
		{ep, u(`"success":{"statuses":"600"}`), 422, "body success statuses"}, {ep, u(`"success":{"statuses":"9-1"}`), 422, "body success statuses"}, {ep, u(`"description":"` + strings.Repeat("a", 65536) + `"`), 422, "body description"},
		// URLs (§4 E).
		{ep, `{"url":""}`, 422, "body url"}, {ep, `{"url":"   "}`, 422, "body url"}, {ep, `{"url":"http://127.0.0.1/"}`, 422, "body url"}, {ep, `{"url":"http://127.1/"}`, 422, "body url"}, {ep, `{"url":"http://localhost/"}`, 422, "body url"},
		{ep, `{"url":"http://[::1]/"}`, 422, "body url"}, {ep, `{"url":"http://[::ffff:127.0.0.1]/"}`, 422, "body url"}, {ep, `{"url":"http://169.254.169.254/"}`, 422, "body url"}, {ep, `{"url":"http://10.0.0.1/"}`, 422, "body url"},
		{ep, `{"url":"http://user:pass@example.com/"}`, 422, "body url"}, {ep, `{"url":"file:///etc/passwd"}`, 422, "body url"}, {ep, `{"url":"gopher://x/"}`, 422, "body url"}, {ep, `{"url":"//example.com/"}`, 422, "body url"},
		{ep, `{"url":"/path"}`, 422, "body url"}, {ep, `{"url":"http://"}`, 422, "body url"}, {ep, `{"url":"http://example.com:0/"}`, 422, "body url"}, {ep, `{"url":"http://example.com:99999/"}`, 422, "body url"},
		{ep, `{"url":"http://example.com/\r\nX: y"}`, 422, "body url"}, {ep, `{"url":"http://example.com/` + strings.Repeat("a", 100_000) + `"}`, 422, "body url"}, {epID, `{"url":"http://0x7f.1/"}`, 422, "body url"}, {epID, `{"url":null}`, 422, "body url"},
		// Headers and secrets (§4 F).
		{ep, u(`"headers":{"X A":"1"}`), 422, "body headers"}, {ep, u(`"headers":{"":"1"}`), 422, "body headers"}, {ep, u(`"headers":{"Ünï":"1"}`), 422, "body headers"}, {ep, u(`"headers":{"X":"a\r\nY: z"}`), 422, "body headers"},
		{ep, u(`"headers":{"X":"\u0000"}`), 422, "body headers"}, {ep, u(`"headers":{"X":"\u007f"}`), 422, "body headers"}, {ep, u(`"headers":{"Host":"x"}`), 422, "body headers"}, {ep, u(`"headers":{"webhook-id":"x"}`), 422, "body headers"},
		{ep, u(`"headers":{"X":"1","x":"2"}`), 422, "body headers"}, {ep, u(`"headers":{"X":"` + strings.Repeat("a", 4097) + `"}`), 422, "body headers"}, {ep, u(`"headers":{"X":1}`), 422, "body headers X"},
		{ep, u(`"secret":"whsec_AAAA"`), 422, "body secret"}, {ep, u(`"secret":"whsec_!"`), 422, "body secret"}, {ep, u(`"secret":"é"`), 422, "body secret"}, {ep, u(`"secret":"whsec_` + strings.Repeat("QUJD", 22) + `"`), 422, "body secret"},
		{"PUT /api/v1/app/acme/endpoint/ep/headers", `{"headers":{"Content-Length":"1"}}`, 422, "body headers"}, {"PUT /api/v1/app/acme/endpoint/ep/headers", `{}`, 422, "body headers"},
		{"PATCH /api/v1/app/acme/endpoint/ep/headers", `{"headers":{"X":1}}`, 422, "body headers X"},
		{"POST /api/v1/app/acme/endpoint/ep/secret/rotate", `{"key":"short"}`, 422, "body secret"}, {"POST /api/v1/app/acme/endpoint/ep/pause", `{"waiting":"drop"}`, 422, "body waiting"},
		{"POST /api/v1/app/acme/endpoint/ep/recover", `{}`, 422, "body since"}, {"POST /api/v1/app/acme/endpoint/ep/recover", `{"since":"yesterday"}`, 422, "body since"},
		{"POST /api/v1/app/acme/endpoint/ep/recover", `{"since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, 422, "body until"},
	} {
		method, path, _ := strings.Cut(c.op, " ")
		a := w.do(method, path, c.body, "Content-Type: application/json")
		if a.status != c.status {
			t.Errorf("%s %.80q: %d, want %d: %s", c.op, c.body, a.status, c.status, a.body)
			continue
		}
		if c.status == 422 {
			var out invalidOut
			a.decode(&out)
			if got := strings.Join(out.Detail[0].Loc, " "); got != c.loc {
				t.Errorf("%s %.80q: loc %q, want %q: %s", c.op, c.body, got, c.loc, a.body)
			}
		}
		if len(c.body) > 200 && len(a.body) > 600 {
			t.Errorf("%s %.80q is echoed: %s", c.op, c.body, a.body)
		}
	}
	if w.log.Len() > 0 {
		t.Errorf("logged: %s", w.log)
	}
}

func TestBadQueries(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	w.message("acme", `{"eventType":"x","payload":1,"eventId":"m"}`)
	for path, queries := range map[string][]string{
		"/api/v1/app": {"limit=0", "limit=-1", "limit=1e3", "limit=251", "limit=10001", "limit=9999999999999999999", "limit=abc", "limit=", "limit=5&limit=5",
			"order=up", "order=", "order=ascending&order=ascending", "limit=%zz", "a;b"},
		"/api/v1/app/acme/msg": {"before=now", "after=2026", "with_content=1", "with_content=", "with_content=true&with_content=true", "channel=" + strings.Repeat("c", 257),
			"event_types=" + strings.Repeat("a,", 101), "tag=a&tag=b", "before=9999999-01-01T00:00:00Z"},
		"/api/v1/app/acme/attempt/endpoint/ep":       {"status=5", "status=x", "status=-1", "status_code_class=250", "status_code_class=600", "with_msg=maybe"},
		"/api/v1/app/acme/endpoint/ep/msg":           {"status=9", "expanded_statuses=x"},
		"/api/v1/app/acme/endpoint/ep/stats":         {"since=x", "until=1"},
		"/api/v1/app/acme/msg/m":                     {"with_content=no"},
		"/api/v1/event-type":                         {"include_archived=2", "limit=0"},
		"/api/v1/app/acme/msg/m/endpoint":            {"limit=0"},
		"/api/v1/app/acme/attempt/msg/m":             {"limit=0", "after=x"},
		"/api/v1/app/acme/msg/m/attempt":             {"limit=0"},
		"/api/v1/app/acme/msg/m/endpoint/ep/attempt": {"limit=0"},
	} {
		for _, q := range queries {
			a := w.do("GET", path+"?"+q, "").want(422)
			var out invalidOut
			a.decode(&out)
			if out.Detail[0].Loc[0] != "query" {
				t.Errorf("%s?%s: %s", path, q, a.body)
			}
		}
	}
	w.do("POST", "/api/v1/app/acme/msg?with_content=x", `{"eventType":"x","payload":1}`).want(422)
	w.do("POST", "/api/v1/app?get_if_exists=x", `{"name":"n"}`).want(422)
	w.do("DELETE", "/api/v1/event-type/x?expunge=x", "").want(422)
	w.do("GET", "/api/v1/app?unknown=1&limit=1", "").want(200)
}

func TestMediaTypes(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	body := `{"eventType":"x","payload":1}`
	for ct, want := range map[string]int{
		"application/json": 202, "application/json;charset=UTF-8": 202, "application/json; charset=\"utf-8\"": 202, "Application/JSON": 202, "application/vnd.x+json": 202,
		"-": 415, "text/plain": 415, "multipart/form-data; boundary=x": 415, "application/json; charset=utf-16": 415, "application/json; charset=latin1": 415,
		"application/x-www-form-urlencoded": 415, "text/json+json": 415, "application/jsonx": 415, "application/x-ndjson": 415, "/": 415, "application/json;;": 415,
	} {
		w.do("POST", "/api/v1/app/acme/msg", body, "Content-Type: "+ct).want(want)
	}
	w.do("POST", "/api/v1/app", `{"name":"n"}`, "Content-Type: text/plain").want(415)
	w.do("POST", "/api/v1/app/acme/msg/batch", "["+body+"]", "Content-Type: text/csv").want(415)
	w.do("GET", "/api/v1/app", "{}", "Content-Type: text/plain").want(200) // a body nobody reads
	w.do("GET", "/api/v1/app", "", "Accept: application/xml").want(200)

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(body))
	z.Close()
	w.do("POST", "/api/v1/app/acme/msg", zipped.String(), "Content-Encoding: gzip").want(202)
	w.do("POST", "/api/v1/app/acme/msg", body, "Content-Encoding: identity").want(202)
	w.do("POST", "/api/v1/app/acme/msg", zipped.String()[:20], "Content-Encoding: gzip").want(400)
	w.do("POST", "/api/v1/app/acme/msg", body, "Content-Encoding: gzip").want(400)
	for _, encoding := range []string{"br", "zstd", "gzip, gzip", "deflate", "x"} {
		w.do("POST", "/api/v1/app/acme/msg", zipped.String(), "Content-Encoding: "+encoding).want(415)
	}
	zipped.Reset()
	z = gzip.NewWriter(&zipped)
	z.Write(bytes.Repeat([]byte(" "), 1<<30/64)) // 16 MiB in a few kilobytes
	z.Close()
	w.do("POST", "/api/v1/app/acme/msg", zipped.String(), "Content-Encoding: gzip").want(413)
}

// counting notices whether a body is read.
type counting struct{ n int }

func (c *counting) Read(b []byte) (int, error) {
	c.n += len(b)
	return len(b), nil
}

func TestBodiesHaveALimit(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	fill := func(size int) string {
		head, tail := `{"eventType":"x","payload":"`, `"}`
		return head + strings.Repeat("a", size-len(head)-len(tail)) + tail
	}
	w.do("POST", "/api/v1/app/acme/msg", fill(1<<20)).want(202)
	if a := w.do("POST", "/api/v1/app/acme/msg", fill(1<<20+1)).want(413); a.header.Get("Connection") != "close" {
		t.Error("413 keeps the connection")
	}
	for _, length := range []int64{1<<20 + 1, -1} {
		body := &counting{}
		r := httptest.NewRequest("POST", "/api/v1/app/acme/msg", body)
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer "+testKey)
		r.Header.Set("Content-Type", "application/json")
		w.send(r).want(413)
		if length > 0 && body.n > 0 || body.n > 4<<20 {
			t.Errorf("with Content-Length %d, %d bytes were read", length, body.n)
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.endpoint("acme", "ep")
	for _, path := range []string{"/", "/api", "/api/v1", "/api/v2/app", "/api/v1/nothing", "/api/v1//app", "/api/v1/./app", "/api/v1/../v1/app", "//api/v1/app", "/api/v1/app/acme/..", "/api/v1/app/acme//", "/api/v1/event-type/a/b"} {
		w.do("GET", path, "").want(404)
	}
	for path, allow := range map[string]string{
		"/api/v1/app": "GET, HEAD, POST", "/api/v1/app/acme": "GET, HEAD, PUT, PATCH, DELETE", "/api/v1/app/acme/msg/batch": "GET, HEAD, POST",
		"/api/v1/health": "GET, HEAD", "/openapi.json": "GET, HEAD", "/metrics": "GET, HEAD", "/api/v1/app/": "GET, HEAD, POST",
	} {
		for _, method := range []string{"FOO", "TRACE", "OPTIONS", "CONNECT"} {
			a := w.do(method, path, "", "Origin: https://evil.example").want(405)
			if got := a.header.Get("Allow"); got != allow {
				t.Errorf("%s %s allows %q, want %q", method, path, got, allow)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s lets other origins in", method, path)
			}
		}
	}
	for _, method := range []string{"FOO", "TRACE", "OPTIONS", "CONNECT"} {
		if a := w.do(method, "/api/v1/nothing", "").want(405); a.header.Get("Allow") != strings.Join(methods, ", ") {
			t.Errorf("%s allows %q", method, a.header.Get("Allow"))
		}
	}
	w.do("GET", "/api/v1/app/", "").want(200)
	w.do("GET", "/api/v1/app/acme/", "").want(200)
	w.do("POST", "/api/v1/app/acme/msg/", `{"eventType":"x","payload":1}`).want(202)
	w.do("GET", "/api/v1/app/acme", "", "X-HTTP-Method-Override: DELETE").want(200)
	w.do("POST", "/api/v1/app/acme/endpoint/ep/resume?_method=DELETE", "", "X-Method-Override: DELETE").want(200)
	w.do("GET", "/api/v1/app/acme", "", "Upgrade: websocket").want(400)
	w.do("GET", "/api/v1/app/acme", "", "Upgrade: h2c").want(200)
	w.do("HEAD", "/api/v1/health", "", "Authorization: -").want(204)
	w.do("GET", "/api/v1/health/ping", "", "Authorization: -").want(204)
	w.do("HEAD", "/api/v1/health/ping", "", "Authorization: -").want(204)

	w.do("GET", "/api/v1/app?x="+strings.Repeat("a", 20<<10), "").want(414)
	w.do("GET", "/api/v1/app", "", "X-Long: "+strings.Repeat("a", 17<<10)).want(431)
	r := httptest.NewRequest("GET", "/api/v1/app", nil)
	r.Header.Set("Authorization", "Bearer "+testKey)
	for i := range 200 {
		r.Header.Set(fmt.Sprint("X-", i), "1")
	}
	w.send(r).want(431)
	r = httptest.NewRequest("GET", "http://evil.example/api/v1/app/acme", nil)
	r.Header.Set("Authorization", "Bearer "+testKey)
	if a := w.send(r).want(200); strings.Contains(string(a.body)+fmt.Sprint(a.header), "evil") {
		t.Error("the host of the request is in the answer")
	}
}

func TestWhatBelongsToOthersIsNotFound(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.app("other")
	ours := map[string]string{"endpoint": w.do("POST", operational, `{"url":"https://example.com/"}`).want(201).id()}
	ep := w.endpoint("other", "theirs")
	news, err := w.hub.Messages(t.Context(), fanfare.OperationalApplication, fanfare.MessageFilter{Page: fanfare.Page{Limit: 1}})
	if err != nil || len(news) != 1 {
		t.Fatal(news, err)
	}
	ours["msg"] = string(news[0].ID)
	msg := w.message("other", `{"eventType":"x","payload":1,"eventId":"e"}`)
	fresh := map[string]string{"endpoint": "ep_0000000000000000000000000Z", "msg": "msg_0000000000000000000000000Z", "attempt": "atmpt_0000000000000000000000000Z"}
	theirs := map[string][]string{"endpoint": {ep, "theirs"}, "msg": {msg, "e"}}
	mine := map[string]string{"endpoint": w.endpoint("acme", "mine"), "msg": w.message("acme", `{"eventType":"x","payload":1}`)}
	strange := []string{"..%2f", "%00", "a%00b", "%ff", "%F0%9F%98%80", "__proto__", "constructor", "%E2%80%8F", strings.Repeat("a", 300), ".", "app_", "ep_zzz", "'%20or%201=1--"}
	for op, spec := range w.operations() {
		method, path, _ := strings.Cut(op, " ")
		for _, param := range []string{"endpoint", "msg", "attempt"} {
			if !strings.Contains(path, "{"+param+"}") {
				continue
			}
			fill := func(ref string) string {
				own := mine
				if strings.HasPrefix(path, operational) {
					own = ours
				}
				p := strings.ReplaceAll(path, "{"+param+"}", ref)
				return strings.NewReplacer("{app}", "acme", "{endpoint}", own["endpoint"], "{msg}", own["msg"], "{attempt}", fresh["attempt"]).Replace(p)
			}
			body := ""
			if spec["requestBody"] != nil {
				body = `{"url":"https://example.com/","headers":{},"since":"2026-01-01T00:00:00Z","eventType":"x"}`
			}
			if strings.HasSuffix(path, "/recover") || strings.HasSuffix(path, "-missing") || strings.HasSuffix(path, "-replay") {
				body = `{"since":"2026-01-01T00:00:00Z"}` // they take nothing else
			}
			if known := bodies[method+" "+strings.TrimPrefix(path, "/api/v1")]; known != "" {
				body = known
			}
			if method == http.MethodDelete && (strings.HasSuffix(path, "/hooks/{endpoint}") || strings.HasSuffix(path, "/subscriptions/{endpoint}")) {
				continue // what is not there is as good as unsubscribed
			}
			if method == http.MethodPut && strings.HasSuffix(path, "{endpoint}") {
				continue // creates what is not there, under a uid of its own application
			}
			unknown := w.do(method, fill(fresh[param]), body).want(404)
			for _, ref := range theirs[param] {
				a := w.do(method, fill(ref), body)
				if want := strings.ReplaceAll(string(unknown.body), fresh[param], ref); a.status != 404 || string(a.body) != want || !strings.Contains(want, ref) {
					t.Errorf("%s %s: %d %s, want %s", method, fill(ref), a.status, a.body, want)
				}
			}
			for _, ref := range strange {
				a := w.do(method, fill(ref), body)
				if a.status != 404 || ref != "." && !strings.Contains(string(a.body), `"not_found"`) {
					t.Errorf("%s %s: %d %s, want as for an unknown one: %s", method, fill(ref), a.status, a.body, unknown.body)
				}
			}
		}
	}
	for _, ref := range strange {
		w.do("GET", "/api/v1/app/"+ref, "").want(404)
	}
	if a := w.do("GET", "/api/v1/app/other/endpoint/theirs", ""); a.status != 200 {
		t.Errorf("what is theirs has changed: %d", a.status)
	}
}
