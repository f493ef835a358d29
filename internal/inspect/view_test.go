package inspect

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// picture is a small PNG.
func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func of(kind, body string) *Request {
	return &Request{Method: "POST", Target: Path + "token", Header: http.Header{"Content-Type": {kind}}, Body: []byte(body)}
}

func TestBodiesAreWhatTheyAre(t *testing.T) {
	png := string(picture(t))
	cut := of("image/png", png)
	cut.Cut = true
	for name, c := range map[string]struct {
		req  *Request
		want string
	}{
		"nothing":                  {of("", ""), KindEmpty},
		"JSON":                     {of("application/json", `{"a":1}`), KindJSON},
		"JSON without a type":      {of("", `[1]`), KindJSON},
		"broken JSON":              {of("application/json", `{"a":`), KindText},
		"form":                     {of("application/x-www-form-urlencoded", "a=1"), KindForm},
		"text":                     {of("text/plain", "hello\n\tyou"), KindText},
		"HTML":                     {of("text/html", "<script>alert(1)</script>"), KindText},
		"SVG":                      {of("image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), KindText},
		"image":                    {of("image/png", png), KindImage},
		"image by its bytes alone": {of("text/html", png), KindImage},
		"image that is none":       {of("image/png", "<script>alert(1)</script>"), KindText},
		"part of an image":         {cut, KindBinary},
		"bytes":                    {of("application/octet-stream", "\x00\x01\xff"), KindBinary},
		"bytes said to be a form":  {of("application/x-www-form-urlencoded", "a=\x00"), KindBinary},
		"several parts":            {of("multipart/form-data; boundary=x", "--x--"), KindMultipart},
		"parts without a boundary": {of("multipart/form-data", "--x--"), KindText},
	} {
		if got := c.req.Kind(); got != c.want {
			t.Errorf("%s is %s, want %s", name, got, c.want)
		}
	}
}

func TestPartsAreTakenApart(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	field, _ := w.CreateFormField("note")
	io.WriteString(field, "as written\r\nin two lines")
	file, _ := w.CreateFormFile("scan", `scan"1.png`)
	file.Write(picture(t))
	script, _ := w.CreateFormFile("page", "page.svg")
	io.WriteString(script, `<svg onload=alert(1)>`)
	w.Close()
	req := of(w.FormDataContentType(), b.String())
	parts, whole := req.Parts()
	if len(parts) != 3 || !whole {
		t.Fatalf("there are %d, all of them: %v", len(parts), whole)
	}
	sum := sha256.Sum256(picture(t))
	if p := parts[0]; p.Name != "note" || p.File != "" || p.Text != "as written\r\nin two lines" || p.Size != 24 || p.Image {
		t.Errorf("the field is %+v", p)
	}
	if p := parts[1]; p.Name != "scan" || p.File != `scan"1.png` || !p.Image || p.SHA256 != hex.EncodeToString(sum[:]) || p.Size != len(picture(t)) || p.Text != "" {
		t.Errorf("the image is %+v", p)
	}
	if kind, data := parts[1].Data(); kind != "image/png" || !bytes.Equal(data, picture(t)) {
		t.Errorf("the image is %s of %d bytes", kind, len(data))
	}
	if p := parts[2]; p.File != "page.svg" || p.Image || p.Text != "" {
		t.Errorf("the drawing is %+v", p)
	}
	b.Reset()
	w = multipart.NewWriter(&b)
	for range MaxParts + 1 {
		w.WriteField("a", strings.Repeat("x", MaxPartText+1))
	}
	w.Close()
	parts, whole = of(w.FormDataContentType(), b.String()).Parts()
	if len(parts) != MaxParts || whole || len(parts[0].Text) != MaxPartText || !parts[0].More {
		t.Errorf("of many there are %d, all: %v, of %d bytes", len(parts), whole, len(parts[0].Text))
	}
	if parts, whole := of("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nhalf").Parts(); len(parts) != 1 || whole || parts[0].Text != "half" {
		t.Errorf("of one that breaks off there are %+v, all: %v", parts, whole)
	}
}

func TestFiltersPickRequests(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	req := &Request{
		At: now.Add(-90 * time.Minute), Method: "PUT", Target: Path + "token/hooks/in?b=2", Address: "203.0.113.7", Answer: 503, Type: "Record.created",
		Header: http.Header{"X-Mine": {"it's Mine"}}, Body: []byte(`{"name":"Small"}`), Note: "odd",
	}
	for text, want := range map[string]bool{
		"": true, "small": true, "SMALL mine": true, "small large": false, "odd": true, "name\":\"": true, "token": true, "put": true,
		"type:record.*": true, "type:record.created": true, "type:record": false, "type:*.created": true, "type:*": true,
		"status:503": true, "status:5xx": true, "status:4xx": false, "status:50x": true, "status:": false,
		"method:put": true, "method:post": false, "path:/hook": true, "path:/hooks/*": true, "path:/in": false, "path:*/in": true, "path:/hooks/in?": false,
		"from:203.0.113.*": true, "from:203.0.113.8": false,
		"after:2h": true, "after:1h": false, "before:1h": true, "before:2h": false, "after:2026-01-02T10:00:00Z": true, "after:2026-01-02T11:00:00Z": false, "after:yesterday": false,
		"is:noted": true, "is:pinned": false, "is:other": false, "unknown:thing": false, "x-mine": true, "type:record.* status:5xx after:2h small": true, "type:record.* status:2xx": false,
	} {
		if got := ParseFilter(text, now).Matches(req); got != want {
			t.Errorf("%q picks it: %v, want %v", text, got, want)
		}
	}
	req.Pinned = true
	if !ParseFilter("is:pinned", now).Matches(req) {
		t.Error("it is not found to be pinned")
	}
}

func TestEventTypesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		header, value, body, want string
	}{
		"header":         {"webhook-event-type", "a.b", `{"type":"c"}`, "a.b"},
		"GitHub":         {"X-GitHub-Event", "push", `{}`, "push"},
		"CloudEvents":    {"ce-type", "com.example", ``, "com.example"},
		"body":           {"X", "x", `{"id":1,"data":{"type":"no"},"type":"record.created"}`, "record.created"},
		"no text":        {"X", "x", `{"type":1}`, ""},
		"a list":         {"X", "x", `[{"type":"a"}]`, ""},
		"broken":         {"X", "x", `{"type`, ""},
		"too long":       {"X", "x", `{"type":"` + strings.Repeat("a", 300) + `"}`, ""},
		"none":           {"X", "x", ``, ""},
		"too far behind": {"X", "x", `{` + strings.Repeat(`"a":1,`, 40) + `"type":"b"}`, ""},
	} {
		s := New("")
		b := s.Create("me", time.Now())
		r := httptest.NewRequest("POST", Path+b.Token, strings.NewReader(c.body))
		r.Header.Set(c.header, c.value)
		s.ServeHTTP(httptest.NewRecorder(), r)
		got, _ := s.Read("me", b.ID, time.Now())
		if got.Requests[0].Type != c.want {
			t.Errorf("%s: %q, want %q", name, got.Requests[0].Type, c.want)
		}
	}
}

func said(all []Difference) (lines []string) {
	for _, d := range all {
		lines = append(lines, fmt.Sprintf("%s %s: %s > %s", d.State, d.Where, d.A, d.B))
	}
	return lines
}

func TestRequestsAreCompared(t *testing.T) {
	a := of("application/json", `{"id":1,"same":{"x":[1]},"list":[1,2,{"deep":"a"}],"gone":true,"n":1.0,"turned":{}}`)
	a.Target += "?q=1&r=2"
	a.Header["X-Old"] = []string{"1"}
	b := of("application/json", `{"id":2,"same":{"x":[1]},"list":[1,{"deep":"b"}],"new":null,"n":1,"turned":[]}`)
	b.Method, b.Target = "PUT", b.Target+"?r=2&s=3"
	b.Header["X-New"] = []string{"2", "3"}
	c := Compare(a, b)
	for name, pair := range map[string][2][]string{
		"line":   {said(c.Line), {"changed Method: POST > PUT"}},
		"header": {said(c.Header), {"added X-New:  > 2, 3", "removed X-Old: 1 > "}},
		"query":  {said(c.Query), {"removed q: 1 > ", "added s:  > 3"}},
		"body": {said(c.Body), {
			"removed gone: true > ", "changed id: 1 > 2", `changed list[1]: 2 > {"deep":"b"}`, `removed list[2]: {"deep":"a"} > `, "changed n: 1.0 > 1", "added new:  > null", "changed turned: {} > []",
		}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s: %q, want %q", name, pair[0], pair[1])
		}
	}
	if c.By != "JSON" || c.Equal || c.Alike || c.Common != 1 || c.More {
		t.Errorf("it is %+v", c)
	}
	if c := Compare(of("", `{"a":1, "b":2}`), of("", `{"b":2,"a":1}`)); !c.Alike || c.Equal {
		t.Errorf("the same in another order is %+v", c)
	}
	if c := Compare(a, a); !c.Equal || c.By != "" || len(c.Header)+len(c.Body)+len(c.Line)+len(c.Query) != 0 {
		t.Errorf("a request with itself is %+v", c)
	}
	form := "application/x-www-form-urlencoded"
	if c := Compare(of(form, "a=1&b=2"), of(form, "b=3&a=1")); c.By != "fields" || !slices.Equal(said(c.Body), []string{"changed b: 2 > 3"}) {
		t.Errorf("forms: %+v", c)
	}
	if c := Compare(of("", "one\ntwo\nthree"), of("", "one\n2\nthree\nfour")); c.By != "lines" || !slices.Equal(said(c.Body), []string{"removed line 2: two > ", "added line 2:  > 2", "added line 4:  > four"}) {
		t.Errorf("lines: %q", said(c.Body))
	}
	if c := Compare(of("", "\x00\x01"), of("", "\x00")); c.By != "bytes" || !slices.Equal(said(c.Body), []string{"changed Bytes: 2 > 1"}) {
		t.Errorf("bytes: %+v", c)
	}
}

func TestComparisonsAreBounded(t *testing.T) {
	many := func(value string) string {
		return "[" + strings.Repeat(`"`+value+`",`, 5000) + `"` + strings.Repeat(value, 1000) + `"]`
	}
	c := Compare(of("", many("a")), of("", many("b")))
	if len(c.Body) != maxDifferences || !c.More {
		t.Errorf("%d are listed, more: %v", len(c.Body), c.More)
	}
	began := time.Now()
	c = Compare(of("", strings.Repeat("a\n", 300_000)), of("", strings.Repeat("b\n", 300_000)))
	if took := time.Since(began); len(c.Body) > maxDifferences || !c.More || took > 10*time.Second {
		t.Errorf("%d lines, more: %v, after %v", len(c.Body), c.More, took)
	}
	deep := strings.Repeat(`{"a":`, 5000) + "%d" + strings.Repeat("}", 5000)
	c = Compare(of("", fmt.Sprintf(deep, 1)), of("", fmt.Sprintf(deep, 2)))
	if len(c.Body) != 1 || len(c.Body[0].Where) > maxShownValue+3 {
		t.Errorf("deep ones: %d", len(c.Body))
	}
}

// TestRequestsComeBackAsTheyWere sends what is exported, and compares what arrives.
func TestRequestsComeBackAsTheyWere(t *testing.T) {
	s := New("")
	server := httptest.NewServer(s)
	defer server.Close()
	b := s.Create("me", time.Now())
	bodies := []string{`{"it's":"\u00e9 \"quoted\""}`, "\x00\xff\r\n'binary'", "", "two\nlines `ticks` $HOME \\ %s", "x=1&y=%27"}
	for i, body := range bodies {
		r, _ := http.NewRequest("PUT", server.URL+Path+b.Token+"/a%20b?q=it%27s", strings.NewReader(body))
		r.Header.Set("X-Odd", `it's "odd" $x \`)
		r.Header.Add("X-Twice", "1")
		r.Header.Add("X-Twice", "2")
		r.Header.Set("Content-Type", "application/x-y")
		r.Header.Set("User-Agent", fmt.Sprint("test ", i))
		if resp, err := http.DefaultClient.Do(r); err != nil || resp.Body.Close() != nil {
			t.Fatal(err)
		}
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("there is no curl to run what is made for it")
	}
	read := func() Bin { got, _ := s.Read("me", b.ID, time.Now()); return got }
	same := func(how string, was *Request) {
		t.Helper()
		got := read().Requests[0]
		c := Compare(was, &got)
		c.Header = slices.DeleteFunc(c.Header, func(d Difference) bool {
			return slices.Contains([]string{"Accept", "Accept-Encoding", "Content-Length"}, d.Where)
		})
		if got.ID <= len(bodies) || !c.Equal || len(c.Header)+len(c.Query) != 0 || got.Method != was.Method || got.Target != was.Target {
			t.Errorf("%s: request %d came back as %+v", how, was.ID, c)
		}
	}
	for _, was := range read().Requests {
		if curl != "" {
			if out, err := exec.CommandContext(t.Context(), "sh", "-c", was.Curl()+" -s").CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s", was.Curl(), err, out)
			}
			same("curl", &was)
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(was.Raw())))
		if err != nil {
			t.Fatal(err)
		}
		s.ServeHTTP(httptest.NewRecorder(), r)
		same("raw", &was)
	}
}

func TestBinsAreExported(t *testing.T) {
	s := New("https://hooks.example.com")
	b := s.Create("me", time.Now())
	send(s, b.Token+"/x?b=2&a=1", `{"a":"<b>"}`)
	send(s, b.Token, "\xff\x00")
	got, _ := s.Read("me", b.ID, time.Now())
	text, err := got.JSON()
	var list []struct {
		ID           int
		URL, Method  string
		Body, Base64 *string
		BodyBase64   []byte
		Headers      [][2]string
	}
	if err != nil || json.Unmarshal(text, &list) != nil || len(list) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	if one := list[1]; one.Body == nil || *one.Body != `{"a":"<b>"}` || one.URL != "https://hooks.example.com"+Path+b.Token+"/x?b=2&a=1" || one.Method != "POST" {
		t.Errorf("the first is %s", text)
	}
	if one := list[0]; one.Body != nil || string(one.BodyBase64) != "\xff\x00" {
		t.Errorf("the second is %s", text)
	}
	text, err = got.HAR()
	var har struct {
		Log struct {
			Version string
			Entries []struct {
				Request struct {
					Method, URL string
					QueryString []struct{ Name, Value string }
					PostData    struct{ Text, Encoding string }
				}
				Response struct{ Status int }
			}
		}
	}
	if err != nil || json.Unmarshal(text, &har) != nil || har.Log.Version != "1.2" || len(har.Log.Entries) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	first, second := har.Log.Entries[0], har.Log.Entries[1]
	if q := first.Request.QueryString; len(q) != 2 || q[0].Name != "a" || q[1].Value != "2" || first.Request.PostData.Text != `{"a":"<b>"}` || first.Response.Status != 200 {
		t.Errorf("the first is %s", text)
	}
	if d := second.Request.PostData; d.Encoding != "base64" || d.Text != "/wA=" {
		t.Errorf("the second is %s", text)
	}
}
