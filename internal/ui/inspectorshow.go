package ui

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/inspect"
)

// An arrivalBody is a request in full.
type arrivalBody struct {
	inspect.Request
	At       string // what addresses about it begin with
	When     when
	Kind     string // what its body is, in words
	Head     [][2]string
	Query    [][2]string
	Form     [][2]string
	Parts    []partRow
	Partial  bool     // there are more parts, or what follows them cannot be read
	Image    string   // its address; "": it is none
	Shown    *payload // nil: there is a better view
	Hex      *copyable
	Bytes    bool         // it is shown in hexadecimal digits first
	Findings []findingRow // what it shows a signature of, or is checked for
	Absent   []findingRow
	Curl     *copyable // nil: it is too long to be copied
	GoTest   *copyable
	Took     string
	Acts     []*act
	Sends    string  // where it can be changed and sent; "": nowhere
	Example  string  // where it becomes an example; "": nowhere
	Notes    *field  // nil: it cannot be noted
	With     []field // what to compare it with; none: there is nothing
	Compare  string  // where
}

type findingRow struct {
	inspect.Finding
	State badge
}

// A partRow is a part of a body of several.
type partRow struct {
	inspect.Part
	Source string // address of the image that it is; "": it is none
}

// maxHex bounds what is shown in hexadecimal digits, in bytes.
const maxHex = 4 << 10

var kindWords = map[string]string{
	inspect.KindEmpty: "empty", inspect.KindJSON: "JSON", inspect.KindForm: "a form", inspect.KindMultipart: "several parts",
	inspect.KindImage: "an image", inspect.KindText: "text", inspect.KindBinary: "no text",
}

func (v *visit) arrival(b *found, req *inspect.Request, findings []inspect.Finding) *arrivalBody {
	kind := req.Kind()
	a := &arrivalBody{
		Request: *req, At: b.at + "/request/" + strconv.Itoa(req.ID), When: v.when(req.At), Kind: kindWords[kind],
		Took: req.Took.Round(time.Microsecond).String(), Compare: b.at + "/compare",
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, value := range req.Header[name] {
			a.Head = append(a.Head, [2]string{name, text([]byte(value))})
		}
	}
	if _, query, ok := strings.Cut(req.Target, "?"); ok {
		a.Query = pairs(query)
	}
	a.view(kind)
	if len(req.Body) > 0 {
		a.Hex = &copyable{Text: hex.Dump(req.Body[:min(maxHex, len(req.Body))]), Label: "the bytes", Block: true}
	}
	if len(req.Body) <= maxShown {
		a.Curl = &copyable{Text: req.Curl(), Label: "the request as curl", Block: true}
		a.GoTest = &copyable{Text: req.GoTest(), Label: "the request in Go", Block: true}
	}
	for _, f := range findings {
		row := findingRow{f, verdictBadge(f.State)}
		if f.State == "absent" {
			a.Absent = append(a.Absent, row)
		} else {
			a.Findings = append(a.Findings, row)
		}
	}
	if other := otherRequests(b, req.ID); len(other.Options) > 0 {
		a.With = []field{other}
	}
	if b.shelf != nil && b.shelf.may {
		v.manage(b, a)
	}
	return a
}

// view chooses how the body is shown.
func (a *arrivalBody) view(kind string) {
	req := &a.Request
	switch kind {
	case inspect.KindImage:
		a.Image = a.At + "/image"
		return
	case inspect.KindBinary:
		a.Bytes = true
		return
	case inspect.KindForm:
		if len(req.Body) <= maxShown {
			a.Form = pairs(string(req.Body))
		}
	case inspect.KindMultipart:
		parts, whole := req.Parts()
		a.Partial = !whole
		for i, p := range parts {
			row := partRow{Part: p}
			if p.Image {
				row.Source = a.At + "/image?part=" + strconv.Itoa(i)
			}
			a.Parts = append(a.Parts, row)
		}
		if len(parts) > 0 {
			return
		}
	}
	a.Shown = newPayload("body", "Body", text(req.Body))
	if req.Cut {
		a.Shown.Note = "This is the beginning of what was sent: more is not kept."
	}
}

// manage adds what can be done with the request.
func (v *visit) manage(b *found, a *arrivalBody) {
	do := b.shelf.at + "/" + b.ID + "/request/" + strconv.Itoa(a.ID) + "/do/"
	pin := v.act(do+"pin", "Pin", "")
	if a.Pinned {
		pin = v.act(do+"unpin", "Unpin", "")
	}
	a.Acts = []*act{pin, v.act(do+"again", "Send again", ""), v.act(do+"delete", "Remove", "danger")}
	a.Sends = a.At + "/send"
	if v.app == "" && a.Request.Kind() == inspect.KindJSON && !a.Cut {
		a.Example = a.At + "/example"
	}
	a.Notes = &field{Name: "note", Label: "Note", Kind: "text", Value: a.Note}
}

// otherRequests are those that one can be compared with.
func otherRequests(b *found, than int) field {
	f := field{Name: "b", Label: "Compare with", Kind: "select"}
	for i := range b.Requests {
		if req := &b.Requests[i]; req.ID != than {
			f.Options = append(f.Options, option{strconv.Itoa(req.ID), fmt.Sprintf("%d %s %s", req.ID, req.Method, cut(text([]byte(req.Type)), 40)), false})
		}
	}
	return f
}

// text is bytes as a page can show them.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

// pairs are the names and values of a form, in order of name.
func pairs(form string) (all [][2]string) {
	values, _ := url.ParseQuery(form) // what can be read of it
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			all = append(all, [2]string{text([]byte(name)), text([]byte(value))})
		}
	}
	return all
}

// imageOfRequest serves an image that came, which is one by its bytes, and none in which
// anything could run. It is shown nowhere but on these pages.
func imageOfRequest(v *visit) error {
	_, req, err := v.arrived()
	if err != nil {
		return err
	}
	kind, ok := req.Image()
	data := req.Body
	if at := v.asked("part"); at != "" {
		parts, _ := req.Parts()
		n, err := strconv.Atoi(at)
		if ok = err == nil && n >= 0 && n < len(parts) && parts[n].Image; ok {
			kind, data = parts[n].Data()
		}
	}
	if !ok {
		return &refusal{Status: http.StatusNotFound, Detail: "There is no image there that could be shown."}
	}
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	v.w.Write(data) // the visitor may be gone, which is their own affair
	return nil
}

// rawRequest gives a request as a file, as it goes over a connection.
func rawRequest(v *visit) error {
	_, req, err := v.arrived()
	if err != nil {
		return err
	}
	return v.download(fmt.Sprintf("request-%d.http", req.ID), "application/octet-stream", req.Raw())
}

// exportBin gives all requests of a bin as a file.
func exportBin(v *visit) error {
	b, err := v.bin()
	if err != nil {
		return err
	}
	var file []byte
	switch v.asked("as") {
	case "json":
		file, err = b.JSON()
	case "har":
		file, err = b.HAR()
	default:
		return &refusal{Status: http.StatusNotFound, Detail: "There are two kinds of files: json and har."}
	}
	if err != nil {
		return err
	}
	return v.download("requests."+v.asked("as"), "application/json", file)
}

// download gives a file, which no browser shows.
func (v *visit) download(name, kind string, file []byte) error {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	v.w.Write(file) // the visitor may be gone, which is their own affair
	return nil
}

type comparisonBody struct {
	inspect.Comparison
	Back     string
	A, B     int
	Fields   []field
	Sections []comparedSection
	Bodies   string // how they stand to each other, in words
}

// A comparedSection is a table of what differs in one part of two requests.
type comparedSection struct {
	Heading string
	Rows    []comparedRow
	None    string // said when there is nothing
}

type comparedRow struct {
	inspect.Difference
	What badge
}

var differences = map[string]badge{"changed": {"wait", "Changed"}, "added": {"ok", "Added"}, "removed": {"bad", "Removed"}}

// compareRequests says in what two requests differ.
func compareRequests(v *visit) error {
	b, err := v.bin()
	if err != nil {
		return err
	}
	first, _ := strconv.Atoi(v.asked("a")) // what is no number is no request
	second, _ := strconv.Atoi(v.asked("b"))
	x, y := b.Find(first), b.Find(second)
	if x == nil || y == nil {
		return &refusal{Status: http.StatusNotFound, Detail: "One of the two requests is not there, or no longer."}
	}
	c := inspect.Compare(x, y)
	body := comparisonBody{Comparison: c, A: first, B: second, Back: b.at + "?request=" + strconv.Itoa(first)}
	choose := func(name, label string, chosen int) field {
		f := otherRequests(b, 0)
		f.Name, f.Label = name, label
		for i := range f.Options {
			f.Options[i].Chosen = f.Options[i].Value == strconv.Itoa(chosen)
		}
		return f
	}
	body.Fields = []field{choose("a", "Request", first), choose("b", "and request", second)}
	section := func(heading, none string, all []inspect.Difference) {
		s := comparedSection{Heading: heading, None: none}
		for _, d := range all {
			s.Rows = append(s.Rows, comparedRow{d, differences[d.State]})
		}
		body.Sections = append(body.Sections, s)
	}
	section("Request", "Method, path, sender and answer are the same.", c.Line)
	section("Headers", "The headers are the same.", c.Header)
	section("Query", "The query is the same.", c.Query)
	section("Body", bodiesInWords(&c), c.Body)
	return v.show("console/bincompare", fmt.Sprintf("Requests %d and %d", first, second), body)
}

func bodiesInWords(c *inspect.Comparison) string {
	switch {
	case c.Equal:
		return "The bodies are the same, byte for byte."
	case c.Alike:
		return "The bodies say the same, though they are written otherwise: signatures of one are not good for the other."
	}
	return "The bodies differ in their bytes."
}
