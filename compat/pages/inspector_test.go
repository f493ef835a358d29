package pages_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// bin makes one, and returns the address that it takes requests at. The tab shows it.
func (b *tab) bin() string {
	b.t.Helper()
	b.open("/inspector")
	b.press("New bin")
	b.shows("Send something to this address")
	return eval[string](b, `document.querySelector("main code").textContent`)
}

// arrives sends something to a bin, and returns what is answered.
func (w *world) arrives(address, body string, header ...string) (status int, answer string) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// signed sends something to a bin, signed in a profile.
func (w *world) signed(p webhook.Profile, secret, address, body string) {
	w.t.Helper()
	m := &webhook.Message{ID: "msg_1", Type: "a.b", Time: time.Now(), URL: address, ContentType: "application/json", Body: []byte(body)}
	s, err := p.Sign(m, secret)
	if err != nil {
		w.t.Fatal(err)
	}
	if s.Body != nil {
		body = string(s.Body)
	}
	header := []string{"Content-Type", "application/json"}
	for _, f := range s.Header {
		header = append(header, f.Name, f.Value)
	}
	w.arrives(webhook.AddQuery(address, s.Query), body, header...)
}

// dot is a PNG of some pixels in one colour.
func dot(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range m.Pix {
		m.Pix[i] = 200
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seen reports whether the page has an image that the browser has drawn.
func (b *tab) seen() bool {
	return b.soon(`[...document.querySelectorAll("main img")].some(i => i.complete && i.naturalWidth === 40)`)
}

// TestInspector goes through all that operators do with what arrives.
func TestInspector(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		w.api("POST", "/event-type", `{"name":"record.created","schemas":{"1":{"type":"object","required":["id"]}}}`, nil)
		address := b.bin()
		page := eval[string](b, `location.pathname`)
		w.arrives(address+"/hook?x=1", `{"type":"record.created","id":1,"name":"small"}`, "Content-Type", "application/json", "X-Mine", "first")
		w.arrives(address+"/hook?x=2", `{"type":"record.created","id":2,"name":"small"}`, "Content-Type", "application/json", "X-Mine", "second")
		b.open(page + "?request=1")
		b.shows("Request 1")
		b.shows(`"name": "small"`)

		b.press("Pin")
		b.shows("The request stays while newer ones come")
		b.fill("note", "the odd one")
		b.press("Note it")
		b.shows("The note is saved")
		b.fill("search", "is:pinned type:record.*")
		b.press("Filter")
		b.shows("the odd one")
		if !b.soon(`document.querySelectorAll("#requests tbody tr").length === 1`) {
			t.Error("of what is pinned there is not one")
		}
		b.open(page + "?request=1")
		b.press("Compare")
		b.shows("Requests 1 and 2")
		b.reads("id", "Changed", "1", "2")
		b.reads("X-Mine", "first", "second")

		b.open(page)
		b.press("What it answers: 200")
		b.fill("status", "503")
		b.set("textarea[name=body]", "later")
		b.fill("times", "1")
		b.press("Answer so")
		b.shows("503 to the next 1 request, then 200")
		if status, answer := w.arrives(address, "x"); status != 503 || answer != "later" {
			t.Errorf("it is answered %d %q", status, answer)
		}
		if status, _ := w.arrives(address, "x"); status != 200 {
			t.Errorf("the one after is answered %d", status)
		}

		got := make(chan string, 1)
		rcv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			rw.WriteHeader(http.StatusConflict)
			io.WriteString(rw, "<b>in the way</b>")
			got <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Mine") + " " + string(body)
		}))
		defer rcv.Close()
		b.open(page + "/request/1/send")
		b.fill("to", rcv.URL+"/local")
		b.fill("method", "PUT")
		b.press("Send it")
		b.shows("409 Conflict")
		b.shows("<b>in the way</b>")
		if s, want := <-got, `PUT /local first {"type":"record.created","id":1,"name":"small"}`; s != want {
			t.Errorf("it came as %q, want %q", s, want)
		}
		b.open(page + "/request/1/send")
		b.set("textarea[name=body]", `{"changed":true}`)
		b.press("Send it")
		b.shows("It was sent")
		b.shows(`"changed": true`)

		b.open(page + "/request/1/example")
		b.press("Save it")
		b.shows("The event type is saved")
		var kind struct{ Examples []any }
		w.api("GET", "/event-type/record.created", "", &kind)
		if len(kind.Examples) != 1 {
			t.Errorf("there are %d examples", len(kind.Examples))
		}
		b.open(page + "?request=1")
		b.press("Remove")
		b.shows("The request is removed")
		b.press("Share a link")
		b.shows("Whoever has this link")
		link := eval[string](b, `[...document.querySelectorAll("main code")].map(c => c.textContent).find(c => c.includes("/inspect/"))`)
		other := w.tab(b.scripts())
		other.open(link)
		other.shows(`"changed": true`)
		other.lacks("Delete it")
		b.press("Take the link back")
		b.shows("leads nowhere any more")
		b.press("Empty it…")
		b.shows("pinned or not")
		b.press("Empty it")
		b.shows("The bin is empty")
		b.press("Delete it…")
		b.shows("takes nothing any more")
		b.press("Delete it")
		b.shows("The bin is deleted")
	})
}

// TestArrivals are shown by themselves, whatever they are.
func TestArrivals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.desk(true)
	address := b.bin()
	page := eval[string](b, `location.pathname`)
	began := time.Now()
	w.arrives(address, `{"n":1}`, "Content-Type", "application/json")
	b.shows(`"n": 1`)
	t.Logf("it was there after %v", time.Since(began).Round(time.Millisecond))

	w.arrives(address, string(dot(t)), "Content-Type", "image/png")
	b.shows("Request 2")
	if !b.seen() {
		t.Error("the image is not drawn")
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	m.WriteField("note", "<b>bold</b>")
	file, _ := m.CreateFormFile("scan", "dot.png")
	file.Write(dot(t))
	m.Close()
	w.arrives(address, form.String(), "Content-Type", m.FormDataContentType())
	b.shows("Request 3")
	b.shows("<b>bold</b>")
	b.shows("dot.png")
	if !b.seen() {
		t.Error("the part is not drawn")
	}
	w.arrives(address, "a=1&b=two+words", "Content-Type", "application/x-www-form-urlencoded")
	b.shows("two words")
	w.arrives(address, "\x00\x01\xff")
	b.shows("00000000  00 01 ff")
	w.arrives(address, `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>`, "Content-Type", "image/svg+xml")
	b.shows("Request 6")
	if n := eval[int](b, `document.querySelectorAll("main img").length`); n != 0 {
		t.Error("a drawing is shown as an image")
	}
	for _, path := range []string{"/request/6/image", "/request/6/raw"} { // as links on other sites would
		if text := eval[string](b, `fetch(`+quoted(page+path)+`).then(r => r.status + " " + r.headers.get("content-disposition") + " " + r.headers.get("content-security-policy"))`); !strings.HasPrefix(text, "404") && !strings.HasPrefix(text, "200 attachment") {
			t.Errorf("%s is answered %s", path, text)
		}
	}
	// What is looked at stays: a request that was chosen is not replaced.
	b.open(page + "?request=1")
	w.arrives(address, "later")
	b.shows("Request 1")
	b.reads("7")
	b.shows(`"n": 1`)
}

// TestVerdicts signs in several ways, with the right secret and with another.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.desk(true)
	address := b.bin()
	for _, p := range []webhook.Profile{webhook.Standard, webhook.Stripe, webhook.Query} {
		secret := p.GenerateSecret()
		w.signed(p, secret, address, `{"by":"`+string(p)+`"}`)
		b.shows(`"by": "` + string(p) + `"`)
		b.shows("Signed, not checked")
		b.press("Secrets to check signatures with")
		b.fill("profile", string(p))
		b.fill("secret", secret)
		b.press("Check with it")
		b.reads(string(p), "Signature good")
		w.signed(p, p.GenerateSecret(), address, `{"not by":"`+string(p)+`"}`)
		b.shows(`"not by": "` + string(p) + `"`)
		b.reads(string(p), "Signature wrong")
		b.press("Empty it…")
		b.shows("pinned or not")
		b.press("Empty it")
		b.shows("The bin is empty")
		b.open(eval[string](b, `location.pathname`)) // without what was done
		b.press("Secrets to check signatures with: " + string(p))
		b.fill("profile", string(p))
		b.press("Check with it")
		b.shows("Signatures are checked so")
	}
}

// TestTestInbox is the way of a customer who has no server: an inbox becomes the endpoint,
// shows what arrives, fails as it is told, and takes a copy that was changed.
func TestTestInbox(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		b.press("No server? Use a test inbox")
		b.shows("whatever it is sent is shown on its page at once")
		b.press("Make a test inbox")
		b.shows("The endpoint is there")
		page := eval[string](b, `location.pathname`)
		again := func(text string) { // without scripts one loads the page anew
			t.Helper()
			if !b.scripts() {
				w.until(func() bool {
					b.open(page)
					return eval[bool](b, `document.body.innerText.includes(`+quoted(text)+`)`)
				})
			}
			b.shows(text)
		}
		again("It works: this endpoint can be reached")
		b.reads("ping", "Signature good")
		msg := w.send(1, `{"name":"small"}`)
		again(`"name": "small"`)
		eps := w.endpoints()
		if len(eps) != 1 || !strings.HasPrefix(eps[0].URL, w.url+"/bin/") {
			t.Fatalf("the endpoints are %v", eps)
		}
		b.open("/portal/message/" + msg.ID + "/to/" + eps[0].ID)
		b.press("Edit and resend…")
		b.shows("signed in its way")
		b.set("textarea[name=payload]", `{"name":"changed"}`)
		b.press("Send the copy")
		b.shows("The copy was sent here")
		b.shows(`"name": "changed"`)
		b.shows("Signature good")
		if n := w.attempts(msg); n != 1 {
			t.Errorf("the message has %d attempts", n)
		}
		b.open(page)
		b.press("What it answers: 200")
		b.fill("status", "500")
		b.press("Answer so")
		b.shows("The test inbox answers so from now on")
		msg = w.send(1, `{}`)
		b.open("/portal/message/" + msg.ID + "/to/" + eps[0].ID)
		b.shows("The endpoint answered 500")

		b.open("/portal/endpoint/new")
		b.press("No server? Use a test inbox")
		b.shows("Something listens there")
		b.press("Add endpoint")
		b.shows("It works")
		b.press("See what arrives in the test inbox")
		b.shows("Signature good")
	})
}

// TestInspectorIsAccessible looks at every page of it, in the console and in the portal,
// and goes through it by the keyboard.
func TestInspectorIsAccessible(t *testing.T) {
	t.Parallel()
	program := axe(t)
	w := newWorld(t)
	w.api("POST", "/event-type", `{"name":"record.created"}`, nil)
	ep := w.endpoint("")
	msg := w.send(1, `{"name":"small"}`)
	b := w.desk(true)
	address := b.bin()
	page := eval[string](b, `location.pathname`)
	b.accessible(program, page)
	w.arrives(address+"?x=1", `{"type":"record.created","id":1}`, "Content-Type", "application/json")
	w.arrives(address, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n--x\r\nContent-Disposition: form-data; name=\"b\"; filename=\"dot.png\"\r\n\r\n"+string(dot(t))+"\r\n--x--\r\n", "Content-Type", "multipart/form-data; boundary=x")
	w.arrives(address, "a=1", "Content-Type", "application/x-www-form-urlencoded")
	for _, path := range []string{"?request=2", "/compare?a=1&b=3", "/request/1/send", "/request/1/example", "/confirm/delete"} {
		b.accessible(program, page+path)
	}
	b.accessible(program, "/app/acme/message/"+msg.ID+"/to/"+ep.ID+"/edit")

	b.as(ways[0])
	b.open(page)
	b.shows("Request 3")
	b.key("j", "KeyJ", 74, "j")
	b.key("j", "KeyJ", 74, "j")
	b.enterKey()
	b.shows("Request 2")
	b.tabTo("Pin")
	b.enterKey()
	b.shows("The request stays while newer ones come")
	w.until(func() bool { // once the page's script is there
		b.key("/", "Slash", 191, "/")
		return eval[string](b, `document.activeElement.id`) == "f-search"
	})
	b.set("#f-search", "") // of what came before
	b.types("is:pinned")
	b.enterKey()
	if !b.soon(`document.querySelectorAll("#requests tbody tr").length === 1`) {
		t.Errorf("the filter does nothing: %s %s", eval[string](b, `location.href`), eval[string](b, `document.querySelector("#requests").innerText`))
	}

	c := w.tab(true)
	c.enter(w.link(`{}`))
	c.accessible(program, "/portal/inbox/start")
	c.as(ways[0])
	c.open("/portal/inbox/start")
	c.tabTo("Make a test inbox")
	c.enterKey()
	c.shows("The endpoint is there")
	c.shows("Signature good")
}
