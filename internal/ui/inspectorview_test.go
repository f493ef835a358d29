package ui_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
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

// come sends a body of a type to a bin.
func (w *world) come(hook, kind, body string) {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, hook, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	if a := w.arrive(r); a.Code != http.StatusOK {
		w.t.Fatalf("it was answered %d", a.Code)
	}
}

func TestBodiesAreShownAsWhatTheyAre(t *testing.T) {
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	w.come(hook, "image/svg+xml", `<svg onload="alert(1)"/>`)
	d := w.get(200, page).says("text, 24 bytes", `<svg onload="alert(1)"/>`)
	if imgs := d.all("img", "src"); len(imgs) != 0 {
		t.Errorf("a drawing is shown as an image: %q", imgs)
	}
	w.get(404, page+"/request/1/image")
	w.come(hook, "text/html", string(picture(t)))
	d = w.get(200, page).says("an image")
	at := page + "/request/2/image"
	if imgs := d.all("img", "src"); !slices.Equal(imgs, []string{at}) {
		t.Fatalf("the images are %q", imgs)
	}
	a := w.send(httptest.NewRequest(http.MethodGet, at, nil))
	if h := a.Header(); a.Code != 200 || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") || !bytes.Equal(a.Body.Bytes(), picture(t)) {
		t.Errorf("the image is answered %d %v", a.Code, h)
	}
	w.come(hook, "application/octet-stream", "\x00\x01\xfe\xff")
	d = w.get(200, page).says("no text, 4 bytes", "00000000 00 01 fe ff")
	if opened := d.all("details", "open"); len(opened) != 1 {
		t.Errorf("%d parts are open", len(opened))
	}

	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	m.WriteField("note", "with <b>tags</b>")
	file, _ := m.CreateFormFile("scan", "a.png")
	file.Write(picture(t))
	page2, _ := m.CreateFormFile("page", "x.html")
	io.WriteString(page2, "<script>alert(1)</script>")
	m.Close()
	w.come(hook, m.FormDataContentType(), b.String())
	d = w.get(200, page).says("several parts", "note", "with <b>tags</b>", "file a.png", "file x.html", "25 bytes", "SHA-256")
	if imgs := d.all("img", "src"); !slices.Equal(imgs, []string{page + "/request/4/image?part=1"}) {
		t.Errorf("the images are %q", imgs)
	}
	if a := w.send(httptest.NewRequest(http.MethodGet, page+"/request/4/image?part=1", nil)); !bytes.Equal(a.Body.Bytes(), picture(t)) {
		t.Errorf("the part is answered %d", a.Code)
	}
	for _, no := range []string{"0", "2", "3", "-1", "x"} {
		w.get(404, page+"/request/4/image?part="+no)
	}
	w.get(404, page+"/request/9/image")
}

// TestWhatCameIsInert puts each hostile string wherever something that came is shown.
func TestWhatCameIsInert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	for _, evil := range hostile {
		r := httptest.NewRequest(http.MethodPost, hook+"/"+url.PathEscape(evil)+"?"+url.QueryEscape(evil)+"="+url.QueryEscape(evil), strings.NewReader(evil))
		r.Header.Set("Content-Type", strings.Map(ascii, evil))
		r.Header.Set("X-Said", evil)
		r.Header.Set("Webhook-Event-Type", evil)
		w.arrive(r)
		w.submit(303, w.get(200, page), "Note it", "note", evil).inert(t)
		d := w.get(200, page)
		d.inert(t)
		if words := d.words(); strings.Count(words, strings.Join(strings.Fields(evil), " ")) < 3 {
			t.Errorf("%q is shown too seldom: the test does not test what it says: %s", evil, words)
		}
		w.submit(303, w.get(200, page+"/confirm/empty"), "Empty it")
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		m.WriteField(strings.Map(ascii, evil), evil)
		m.Close()
		w.come(hook, m.FormDataContentType(), b.String())
		w.come(hook, "application/x-www-form-urlencoded", url.Values{evil: {evil}}.Encode())
		said, _ := json.Marshal(map[string]string{evil: evil, "type": evil})
		w.come(hook, "application/json", string(said))
		last := 0
		for _, id := range w.get(200, page).all("tr", "id") {
			last = max(last, number(id))
		}
		for i := range 3 {
			w.get(200, page+"?request="+digits(last-i)).inert(t)
		}
		w.get(200, page+"/compare?a="+digits(last)+"&b="+digits(last-1)).inert(t)
		w.get(200, page+"/request/"+digits(last)+"/send").inert(t)
		w.get(200, page+"/request/"+digits(last)+"/example").inert(t)
		w.get(200, page+"?search="+url.QueryEscape(evil)).inert(t)
		w.submit(303, w.get(200, page+"/confirm/empty"), "Empty it")
	}
}

func number(id string) (n int) {
	for _, c := range strings.TrimPrefix(id, "r") {
		n = 10*n + int(c-'0')
	}
	return n
}

func digits(n int) string {
	text, _ := json.Marshal(n) // a number is always JSON
	return string(text)
}

func TestRequestsAreComparedOnAPage(t *testing.T) {
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	w.come(hook, "application/json", `{"id":1,"same":true}`)
	w.come(hook+"/b", "application/json", `{"id":2,"same":true}`)
	d := w.get(200, page).says("Compare with")
	if to := d.all("form", "action"); !slices.Contains(to, page+"/compare") {
		t.Errorf("there is no way to compare: %q", to)
	}
	w.get(200, page+"/compare?a=1&b=2").says("Requests 1 and 2", "idChanged12", "The headers are the same.", "The query is the same.", "compared as JSON").lacks("same Changed")
	w.get(200, page+"/compare?a=1&b=1").says("the same, byte for byte")
	for _, no := range []string{"", "?a=1", "?a=1&b=9", "?a=x&b=1"} {
		w.get(404, page+"/compare"+no)
	}
}

func TestRequestsArePinnedNotedAndRemoved(t *testing.T) {
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	w.come(hook, "text/plain", "first")
	w.come(hook, "text/plain", "second")
	first := page + "?request=1"
	w.submit(303, w.get(200, first), "Pin").says("stays while newer ones come", "pinned ·", "Request 1")
	w.submit(303, w.get(200, first), "Note it", "note", "the odd one").says("The note is saved", "the odd one")
	w.submit(422, w.get(200, first), "Note it", "note", strings.Repeat("x", 600)).says("at most 500 bytes")
	d := w.get(200, page+"?search=is:pinned").lacks("Request 2")
	d.says("Request 1", "the odd one")
	w.submit(303, w.get(200, first), "Unpin").says("let go when newer ones come").lacks("pinned ·")
	w.submit(303, w.get(200, first), "Remove").says("The request is removed", "Request 2").lacks("Request 1")
	w.submit(303, w.get(200, page), "Send again").says("It was sent", "Request 3", "second")
	w.get(200, page+"?search=nothing+like+that").says("None is as the filter says")
}

func TestRequestsAreSaved(t *testing.T) {
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	w.come(hook, "application/json", `{"a":"<script>"}`)
	for path, want := range map[string][2]string{
		page + "/request/1/raw":  {"application/octet-stream", "POST " + hook + " HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + `{"a":"<script>"}`},
		page + "/export?as=json": {"application/json", ""}, page + "/export?as=har": {"application/json", ""},
	} {
		a := w.send(httptest.NewRequest(http.MethodGet, path, nil))
		h := a.Header()
		if a.Code != 200 || h.Get("Content-Type") != want[0] || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; filename=") || h.Get("X-Content-Type-Options") != "nosniff" || want[1] != "" && a.Body.String() != want[1] {
			t.Errorf("%s is answered %d %v %q", path, a.Code, h, a.Body)
		}
		if want[1] == "" && !json.Valid(a.Body.Bytes()) {
			t.Errorf("%s is %s", path, a.Body)
		}
	}
	w.get(404, page+"/export?as=exe")
	w.get(404, page+"/request/2/raw")
}

func TestARequestIsChangedAndSent(t *testing.T) {
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	body := "{ \"a\": 1,\r\n\"b\":2}"
	w.come(hook+"/deep?x=1", "application/json", body)
	d := w.get(200, page+"/request/1/send").says("Edit and send request 1", "into this bin again")
	w.submit(303, d, "Send it").says("It was sent", "Request 2", "/deep?x=1")
	if raw := w.send(httptest.NewRequest(http.MethodGet, page+"/request/2/raw", nil)).Body.String(); !strings.HasSuffix(raw, body) {
		t.Errorf("what was not changed came as %q", raw)
	}
	w.submit(303, d, "Send it", "method", "PUT", "path", "other", "headers", "X-Mine: 1\nX-Mine: 2\nHost: elsewhere", "body", "changed").says("PUT "+hook+"/other", "changed", "X-Mine1", "X-Mine2").lacks("elsewhere")
	w.submit(422, d, "Send it", "headers", "no header").says("not of the form Name: value")
	w.submit(422, d, "Send it", "path", "/%zz").says("no address has")

	got := make(chan string, 1)
	w.answer = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Answered", "yes")
		rw.WriteHeader(http.StatusTeapot)
		io.WriteString(rw, "<b>short and stout</b>")
		got <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Mine")
	}
	d = w.submit(200, d, "Send it", "to", w.rcv.URL+"/local", "method", "PATCH", "headers", "X-Mine: it", "body", "{}")
	if s := <-got; s != "PATCH /local it" {
		t.Errorf("it was sent as %q", s)
	}
	d.says("Not taken", "418 I'm a teapot", "<b>short and stout</b>", "X-Answeredyes")
	d.inert(t)
	for to, says := range map[string]string{"http://10.1.2.3/": "private address", "ftp://x": "scheme"} {
		w.submit(422, w.get(200, page+"/request/1/send"), "Send it", "to", to).says(says)
	}
	w.come(hook, "application/octet-stream", "\x00\xff")
	if names := w.get(200, page+"/request/4/send").all("textarea", "name"); slices.Contains(names, "body") {
		t.Error("what is no text can be changed as text")
	}
	w.submit(303, w.get(200, page+"/request/4/send"), "Send it").says("00000000 00 ff")
}

func TestARequestBecomesAnExample(t *testing.T) {
	w := newWorld(t, nil)
	_, page, hook := w.bin()
	for _, et := range []*fanfare.EventType{
		{Name: "free.form", Examples: []byte(`[{"old":true}]`)},
		{Name: "has.schema", Schemas: []byte(`{"1":{"type":"object","required":["id"]}}`)},
	} {
		if err := w.hub.CreateEventType(t.Context(), et); err != nil {
			t.Fatal(err)
		}
	}
	w.come(hook, "application/json", `{"type":"free.form", "n": 1.0}`)
	at := page + "/request/1/example"
	examples := func(name string) string {
		et, err := w.hub.EventType(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return string(et.Examples)
	}
	d := w.get(200, at).says("Save request 1 as an example")
	w.submit(303, d, "Save it").says("The event type is saved")
	if got, want := examples("free.form"), `[{"old":true},{"type":"free.form", "n": 1.0}]`; got != want {
		t.Errorf("the examples are %s, want %s", got, want)
	}
	w.submit(303, w.get(200, at), "Save it", "first", "on")
	if got := examples("free.form"); !strings.HasPrefix(got, `[{"type":"free.form", "n": 1.0},{"old"`) {
		t.Errorf("the examples are %s", got)
	}
	w.submit(422, w.get(200, at), "Save it", "type", "has.schema").says("The schema of has.schema does not allow it")
	w.submit(422, w.get(200, at), "Save it", "type", "nowhere")
	if got := examples("has.schema"); got != "" {
		t.Errorf("what the schema does not allow became an example: %s", got)
	}
	w.come(hook, "text/plain", "no JSON")
	w.get(409, page+"/request/2/example").says("cannot be an example")
}

func TestASharedBinShowsAllThatCameAndChangesNothing(t *testing.T) {
	w := newWorld(t, nil)
	d, page, hook := w.bin()
	w.come(hook, "image/png", string(picture(t)))
	w.come(hook, "application/json", `{"a":1}`)
	share := ""
	for _, code := range w.submit(303, d, "Share a link").all("code", "") {
		if i := strings.Index(code, "/inspect/"); i >= 0 {
			share = code[i:]
		}
	}
	w.cookie = ""
	d = w.get(200, share).says("Request 2").lacks("Pin", "Edit and send", "Note it", "Remove")
	d.inert(t)
	w.get(200, share+"/compare?a=1&b=2").says("Requests 1 and 2")
	for _, path := range []string{"/request/1/image", "/request/2/raw", "/export?as=har"} {
		if a := w.send(httptest.NewRequest(http.MethodGet, share+path, nil)); a.Code != 200 {
			t.Errorf("%s is answered %d", path, a.Code)
		}
	}
	for _, path := range []string{"/answer", "/do/delete", "/request/1/do/delete", "/request/1/note", "/request/1/send"} {
		if a := w.send(httptest.NewRequest(http.MethodPost, share+path, nil)); a.Code < 400 {
			t.Errorf("POST %s is answered %d", path, a.Code)
		}
		if a := w.send(httptest.NewRequest(http.MethodPost, page+path, nil)); a.Code < 400 {
			t.Errorf("without a login POST %s is answered %d", path, a.Code)
		}
	}
}
