package fanfare

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// sample is a message whose every part shows in some format.
func sample(payload []byte, contentType string) *Message {
	return &Message{
		ID: "msg_1", Application: "app_1", EventID: "e", EventType: "random_number:generate",
		Payload: payload, ContentType: contentType,
		CreatedAt: time.Date(2017, 2, 10, 3, 46, 14, 123456000, time.FixedZone("", 3600)),
	}
}

func TestEachFormatByteForByte(t *testing.T) {
	const (
		text   = "text/plain; charset=utf-8"
		octets = "application/octet-stream"
	)
	tests := map[string]struct {
		payload, declared string
		data              string // the last member of a JSON document
		form              string
		contentType       string // of what CloudEvents holds
	}{
		"an object":              {`{"zen":"Keep it logically awesome."}`, "", `"data":{"zen":"Keep it logically awesome."}`, "%7B%22zen%22%3A%22Keep+it+logically+awesome.%22%7D", typeJSON},
		"a bare number":          {"863", "", `"data":863`, "863", typeJSON},
		"a string":               {`"a\/b"`, typeJSON, `"data":"a\/b"`, "%22a%5C%2Fb%22", typeJSON},
		"null":                   {"null", "", `"data":null`, "null", typeJSON},
		"spaces around it":       {" {\"b\" :1,\"a\":2, \"a\":3}\r\n\t ", "", "\"data\": {\"b\" :1,\"a\":2, \"a\":3}\r\n\t ", "+%7B%22b%22+%3A1%2C%22a%22%3A2%2C+%22a%22%3A3%7D%0D%0A%09+", typeJSON},
		"a number beyond floats": {"1e400", "", `"data":1e400`, "1e400", typeJSON},
		"a big integer":          {"12345678901234567890.10", "", `"data":12345678901234567890.10`, "12345678901234567890.10", typeJSON},
		"letters of all kinds":   {`{"ü":"日本 😀\u2028\ud800<&>"}`, "", `"data":{"ü":"日本 😀\u2028\ud800<&>"}`, "%7B%22%C3%BC%22%3A%22%E6%97%A5%E6%9C%AC+%F0%9F%98%80%5Cu2028%5Cud800%3C%26%3E%22%7D", typeJSON},
		"another kind of JSON":   {`{"a":1}`, "application/vnd.acme+json; v=1", `"data":{"a":1}`, "%7B%22a%22%3A1%7D", "application/vnd.acme+json; v=1"},
		"JSON with a bad option": {`1`, "text/JSON; v", `"data":1`, "1", "text/json"},
		"a type of no sense":     {`1`, "£", `"data":1`, "1", typeJSON},
		"text":                   {"a=1&b=\"\\\x00\x1f\x7f\r\n\t+ü <&>", "", `"data":"a=1&b=\"\\\u0000\u001f` + "\x7f" + `\r\n\t+ü <&>"`, "a%3D1%26b%3D%22%5C%00%1F%7F%0D%0A%09%2B%C3%BC+%3C%26%3E", text},
		"text declared as JSON":  {`{"a":1} {"a":2}`, typeJSON, `"data":"{\"a\":1} {\"a\":2}"`, "%7B%22a%22%3A1%7D+%7B%22a%22%3A2%7D", text},
		"text that is a number":  {"863", "text/csv", `"data":"863"`, "863", "text/csv"},
		"a byte order mark":      {"\ufeff1", "", "\"data\":\"\ufeff1\"", "%EF%BB%BF1", text},
		"nothing":                {"", "", `"data":""`, "", text},
		"bytes":                  {"\xff\x00\xfe", "", `"data_base64":"/wD+"`, "%FF%00%FE", octets},
		"bytes of a type":        {"\xff\x00", "image/png", `"data_base64":"/wA="`, "%FF%00", "image/png"},
		"a string of bytes":      {"\"\xff\"", "", `"data_base64":"Iv8i"`, "%22%FF%22", octets},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plain := orDefault(test.declared, typeJSON)
			const cloud = `"specversion":"1.0","id":"msg_1","source":"/app/acme","type":"random_number:generate","time":"2017-02-10T02:46:14.123456Z"`
			event := url.QueryEscape("{" + test.data + "}")
			if test.data == `"data":`+test.payload {
				event = test.form
			}
			want := map[string][2]string{
				"":                   {test.payload, plain},
				"raw":                {test.payload, plain},
				"envelope":           {`{"id":"msg_1","created":1486694774,"type":"random_number:generate",` + test.data + `}`, typeJSON},
				"event":              {`{"id":"msg_1","event":"random_number:generate",` + test.data + `}`, typeJSON},
				"fulcrum":            {`{"id":"msg_1","type":"random_number:generate","owner_id":"acme",` + test.data + `}`, typeJSON},
				"thin":               {`{"id":"msg_1","type":"random_number:generate","created":1486694774,"resource_url":"/api/v1/app/app_1/msg/msg_1"}`, typeJSON},
				"form":               {"payload=" + test.form, "application/x-www-form-urlencoded"},
				"mandrill":           {"mandrill_events=%5B" + event + "%5D", "application/x-www-form-urlencoded"},
				"cloudevents":        {`{` + cloud + `,"datacontenttype":"` + test.contentType + `",` + test.data + `}`, "application/cloudevents+json"},
				"cloudevents-binary": {test.payload, plain},
			}
			if len(want) != len(Formats)+1 {
				t.Fatalf("%d formats are tested, there are %q and none", len(want), Formats)
			}
			for format, want := range want {
				got := formatNamed(format)(sample([]byte(test.payload), test.declared), "acme")
				if string(got.body) != want[0] || got.contentType != want[1] {
					t.Errorf("%q gives %s\n  %q\nwant %s\n  %q", format, got.contentType, got.body, want[1], want[0])
				}
				var header []Header
				if format == "cloudevents-binary" {
					header = []Header{
						{"ce-specversion", "1.0"}, {"ce-id", "msg_1"}, {"ce-source", "/app/acme"},
						{"ce-type", "random_number:generate"}, {"ce-time", "2017-02-10T02:46:14.123456Z"},
					}
				}
				if !slices.Equal(got.header, header) {
					t.Errorf("%q adds the header %q, want %q", format, got.header, header)
				}
			}
		})
	}
}

// The body in GitHub's form is that of a vector for its signature.
func TestFormIsWhatGitHubSigns(t *testing.T) {
	body := form(sample([]byte(`{"zen":"Keep it logically awesome."}`), ""), "").body
	mac := hmac.New(sha256.New, []byte("It's a Secret to Everybody"))
	mac.Write(body)
	if got, want := hex.EncodeToString(mac.Sum(nil)), "1fc8bf6145b8e3b76b01404760bc7e884a641ad0fe4b9b66ced27d4a983cce1c"; got != want {
		t.Errorf("%s is signed %s, want %s", body, got, want)
	}
}

func TestRawIsThePayloadItself(t *testing.T) {
	msg := sample(bytes.Repeat([]byte("1"), 1<<20), "")
	for _, name := range []string{"", "raw"} {
		var got formatted
		f := formatNamed(name)
		if allocs := testing.AllocsPerRun(100, func() { got = f(msg, "acme") }); allocs != 0 {
			t.Errorf("%q allocates %v times", name, allocs)
		}
		if &got.body[0] != &msg.Payload[0] || len(got.body) != len(msg.Payload) {
			t.Errorf("%q gives another body than the payload", name)
		}
	}
}

func TestAFormatThatIsNotThereIsRefused(t *testing.T) {
	for _, name := range append(slices.Clone(Formats), "") {
		if err := (&Endpoint{Format: name}).checkFormat(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"xml", "Raw", " raw", "cloudevents-structured"} {
		err := (&Endpoint{Format: name}).checkFormat()
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "format" {
			t.Errorf("%q: %v", name, err)
			continue
		}
		for _, known := range Formats {
			if !slices.Contains(strings.FieldsFunc(err.Error(), func(r rune) bool { return strings.ContainsRune(" ,", r) }), known) {
				t.Errorf("%q: %v does not name %s", name, err, known)
			}
		}
	}
	if _, err := newTarget(&Application{ID: "app_1"}, &Endpoint{URL: "http://receiver.example/", Format: "xml"}, time.Now()); err == nil {
		t.Error("a format from a store that knows more is taken for another one")
	}
}

func TestHeadersOfCloudEventsAreNotSetTwice(t *testing.T) {
	for name, want := range map[string]bool{
		"ce-id": false, "Ce-Type": false, "CE-SOURCE": false, "ce-specversion": false, "ce-time": false,
		"ce-tenant": true, "ce-": true, "X-ce-id": true,
	} {
		headers := map[string]string{name: "1"}
		err := (&Endpoint{Format: "cloudevents-binary", Headers: headers}).checkFormat()
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err := (&Endpoint{Format: "cloudevents", Headers: headers}).checkFormat(); err != nil {
			t.Errorf("%s in another format: %v", name, err)
		}
	}
}

// Whatever the payload, a JSON format is one valid document in UTF-8 that gives
// the payload back byte for byte, and the form does too.
func FuzzAPayloadComesBack(f *testing.F) {
	for _, payload := range []string{
		`{"a":1}`, "863", `"x"`, "", " 1 ", "1e400", "-0", "a=b", "\xff", "\"\xff\"", "\x00", "\ufeff1", "\u2028",
		`{"a":1,"a":2}`, `}`, `1,"id":"x"`, `"\ud800"`, "nul", `"`, `\`, strings.Repeat("[", 100),
	} {
		for _, declared := range []string{"", typeJSON, "text/plain", `a/b; c="\"`, "a/b;\xff", "a/b; c=\"\xff\t\"", "x+json"} {
			f.Add([]byte(payload), declared)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, declared string) {
		msg := sample(payload, declared)
		for _, name := range []string{"envelope", "event", "fulcrum", "cloudevents"} {
			body := formatNamed(name)(msg, "acme").body
			comesBack(t, name, body, payload)
			verbatim := bytes.HasSuffix(body, slices.Concat([]byte(`"data":`), payload, []byte("}")))
			if isJSON := utf8.Valid(payload) && json.Valid(payload); isJSON && declared == "" && !verbatim {
				t.Errorf("%s: the payload %q is not as it came in: %s", name, payload, body)
			}
		}
		values, err := url.ParseQuery(string(form(msg, "acme").body))
		if err != nil || len(values) != 1 || values.Get("payload") != string(payload) {
			t.Errorf("form: %q, %v", values, err)
		}
	})
}

func comesBack(t *testing.T, name string, body, payload []byte) {
	t.Helper()
	var doc struct {
		ID, Type, Event string
		DataContentType *string
		Data            json.RawMessage
		Base64          *string `json:"data_base64"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || !utf8.Valid(body) {
		t.Fatalf("%s: %q: %v", name, body, err)
	}
	if doc.ID != "msg_1" || doc.Type+doc.Event != "random_number:generate" {
		t.Errorf("%s: the payload got out of its place: %s", name, body)
	}
	var text string
	var back []byte
	switch {
	case doc.Base64 != nil:
		back, _ = base64.StdEncoding.DecodeString(*doc.Base64)
	case bytes.HasSuffix(body, slices.Concat([]byte(`"data":`), payload, []byte("}"))):
		back = payload
	case json.Unmarshal(doc.Data, &text) == nil:
		back = []byte(text)
	}
	if !bytes.Equal(back, payload) || (doc.Base64 == nil) == (doc.Data == nil) || doc.Base64 != nil && utf8.Valid(payload) {
		t.Errorf("%s: the payload %q comes back as %q in %s", name, payload, back, body)
	}
	if name == "cloudevents" && (doc.DataContentType == nil || *doc.DataContentType == "") {
		t.Errorf("the content type is missing in %s", body)
	}
}
