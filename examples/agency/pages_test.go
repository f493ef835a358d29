package agency_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/fanfaretest"
)

// page asks for a page, and wants the status.
func (w *world) page(status int, r *http.Request) (string, http.Header) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.a.ServeHTTP(rec, r)
	if rec.Code != status {
		w.t.Errorf("%s %s: answered %d %s, want %d", r.Method, r.URL, rec.Code, rec.Body, status)
	}
	text, err := io.ReadAll(rec.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text), rec.Header()
}

func get(path string) *http.Request { return httptest.NewRequest("GET", path, nil) }

func post(path string, values ...string) *http.Request {
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// elements are the texts of all elements of a name, and the values of an attribute.
func elements(t *testing.T, page, name, attribute string) (texts, values []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != name {
			continue
		}
		text := ""
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				text += c.Data
			}
		}
		texts = append(texts, strings.TrimSpace(text))
		for _, a := range n.Attr {
			if a.Key == attribute {
				values = append(values, a.Val)
			}
		}
	}
	return texts, values
}

func TestAReportIsFiledOnThePage(t *testing.T) {
	w := newWorld(t)
	if err := w.a.Establish(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.hub.Settle()
	rcv := w.receiver(&fanfare.Endpoint{EventTypes: []string{"record.*"}, Ordered: true})
	at := "/forms/" + agency.BearAttackForm
	text, _ := w.page(200, get(at))
	_, names := elements(t, text, "select", "name")
	if want := []string{"value-be02", "value-be03", "value-be04", "by"}; !slices.Equal(names, want) {
		t.Errorf("the form has %v to choose from, want %v", names, want)
	}
	if options, _ := elements(t, text, "option", ""); !slices.Contains(options, "Brown bear / Grizzly") {
		t.Errorf("one cannot choose a grizzly: %q", options)
	}

	const evil = "<script>alert(1)</script>"
	var body, photo bytes.Buffer
	if err := png.Encode(&photo, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	form := multipart.NewWriter(&body)
	for _, field := range [][2]string{
		{"value-be01", evil}, {"value-be02", "Brown bear / Grizzly"}, {"other-be03", "a \"roof\""}, {"value-be04", "no"}, {"value-be05", "3"},
		{"latitude", "44.43"}, {"longitude", "-110.59"}, {"by", agency.Rangers[0].ID},
	} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := form.CreateFormFile("value-be06", "bear.png")
	if err != nil {
		t.Fatal(err)
	}
	file.Write(photo.Bytes())
	form.Close()
	r := httptest.NewRequest("POST", at, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	_, header := w.page(303, r)
	record := header.Get("Location")

	text, _ = w.page(200, get(record))
	if strings.Contains(text, "<script") {
		t.Error("what somebody typed runs")
	}
	cells, _ := elements(t, text, "td", "")
	for _, want := range []string{evil, "Brown bear / Grizzly", `a "roof"`, "no", "3", "44.43 -110.59"} {
		if !slices.Contains(cells, want) {
			t.Errorf("the record shows %q, without %q", cells, want)
		}
	}
	_, images := elements(t, text, "img", "src")
	if len(images) != 1 {
		t.Fatalf("the record has the photos %v", images)
	}
	if got, header := w.page(200, get(images[0])); got != photo.String() || header.Get("Content-Type") != "image/png" || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the photo is %q, %v", got, header)
	}

	w.page(303, post(record, "status", agency.StatusUrgent, "assigned_to_id", agency.Rangers[2].ID))
	text, _ = w.page(422, post(record, "status", "eaten"))
	if alerts, _ := elements(t, text, "li", ""); !slices.Equal(alerts, []string{"status: is not included in the list"}) {
		t.Errorf("a status that there is not: %q", alerts)
	}
	_, header = w.page(303, post(record+"/delete"))
	if header.Get("Location") != at {
		t.Errorf("after it was deleted one is at %s", header.Get("Location"))
	}
	w.page(404, get(record))
	got := events(t, rcv.WaitFor(3))
	if got[0].Type != "record.create" || got[0].Data["created_by"] != "Ranger North" || got[0].Data["id"] != path.Base(record) {
		t.Errorf("announced first was %+v", got[0])
	}
	if got[1].Type != "record.update" || got[1].Data["status"] != agency.StatusUrgent || got[1].Data["assigned_to"] != "Ranger East" || got[1].Previous["status"] != agency.StatusReported {
		t.Errorf("announced then was %+v", got[1])
	}
	if got[2].Type != "record.delete" {
		t.Errorf("announced last was %+v", got[2])
	}
}

func TestAReportThatDoesNotDo(t *testing.T) {
	w := newWorld(t)
	if err := w.a.Establish(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := "/forms/" + agency.BearAttackForm
	text, _ := w.page(422, post(at, "value-be05", "many", "value-be04", "no", "latitude", "1", "longitude", "2"))
	problems, _ := elements(t, text, "li", "")
	want := []string{"form_values.be01: What happened can't be blank", "form_values.be05: How many people were there is not a number"}
	if !slices.Equal(problems, want) {
		t.Errorf("it says %q, want %q", problems, want)
	}
	if _, typed := elements(t, text, "input", "value"); !slices.Equal(typed, []string{"", "many", "1", "2"}) {
		t.Errorf("what was typed is %q", typed)
	}
	text, _ = w.page(422, post(at, "latitude", "north"))
	if problems, _ := elements(t, text, "li", ""); !slices.Equal(problems, []string{"latitude: is not a number of degrees such as 44.43"}) {
		t.Errorf("it says %q", problems)
	}
	if records, err := w.a.Records(t.Context(), agency.Filter{}); err != nil || len(records) != 0 {
		t.Errorf("there are %d records (%v)", len(records), err)
	}
	w.page(404, get("/forms/none"))
	w.page(404, post("/records/none", "status", "x"))
	w.page(404, get("/photos/none"))
	w.page(404, post("/portal"))
}

func TestWebhooksAreAddedOnThePage(t *testing.T) {
	w := newWorld(t)
	w.page(303, post("/webhooks", "name", "<b>Mine</b>", "url", "https://example.com/hooks"))
	text, _ := w.page(200, get("/"))
	if cells, _ := elements(t, text, "td", ""); !slices.Equal(cells, []string{"<b>Mine</b>", "https://example.com/hooks", "yes"}) {
		t.Errorf("the page shows %q", cells)
	}
	if buttons, _ := elements(t, text, "button", ""); !slices.Equal(buttons, []string{"Add the webhook"}) {
		t.Errorf("without a portal the page has the buttons %q", buttons)
	}
	text, _ = w.page(422, post("/webhooks", "name", "", "url", "ftp://example.com"))
	if problems, _ := elements(t, text, "li", ""); !slices.Equal(problems, []string{"name: can't be blank"}) {
		t.Errorf("it says %q", problems)
	}
}

func TestThePortalIsALinkAway(t *testing.T) {
	hub := fanfaretest.New(t, nil)
	a, err := agency.New(t.Context(), agency.Options{
		Dir: t.TempDir(), Hub: hub.Hub, Portal: agency.Portal(hub.Hub, agency.DefaultOwner, "https://fanfare.example"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	w := &world{t: t, a: a}
	_, header := w.page(303, post("/portal"))
	key, ok := strings.CutPrefix(header.Get("Location"), "https://fanfare.example/portal#key=")
	who, err := hub.Identify(t.Context(), key)
	app, noApp := hub.ApplicationID(t.Context(), agency.DefaultOwner)
	if !ok || err != nil || noApp != nil || who.Session == nil || who.Session.Application != app {
		t.Errorf("the link %s is for %+v (%v)", header.Get("Location"), who, err)
	}
}
