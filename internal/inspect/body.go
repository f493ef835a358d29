package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is shown of a body.
const (
	MaxParts    = 100
	MaxPartText = 16 << 10 // bytes
)

// What a body is, for those who look at it.
const (
	KindEmpty     = "empty"
	KindJSON      = "json"
	KindForm      = "form"
	KindMultipart = "multipart"
	KindImage     = "image"
	KindText      = "text"
	KindBinary    = "binary"
)

// Kind says what a request's body is: by its content type, where it is what that says,
// or else by its looks.
func (req *Request) Kind() string {
	kind, params := req.media()
	_, image := req.Image()
	switch {
	case len(req.Body) == 0:
		return KindEmpty
	case image:
		return KindImage
	case strings.HasPrefix(kind, "multipart/") && params["boundary"] != "":
		return KindMultipart
	case !isText(req.Body):
		return KindBinary
	case kind == "application/x-www-form-urlencoded":
		return KindForm
	case json.Valid(req.Body):
		return KindJSON
	}
	return KindText
}

func (req *Request) media() (kind string, params map[string]string) {
	kind, params, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return kind, params
}

// isText reports whether people can read it.
func isText(b []byte) bool {
	return utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' && r != '\f'
	})
}

// images are the types that browsers show and nothing runs in. SVG is none of them.
var images = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// imageType is the type of an image by its bytes, whatever it was said to be.
func imageType(b []byte) (string, bool) {
	kind := http.DetectContentType(b)
	return kind, slices.Contains(images, kind)
}

// Image is the type of the image that the body is, and whether it is one that can be
// shown: by its bytes, and only if all of them are here.
func (req *Request) Image() (kind string, ok bool) {
	if req.Cut || len(req.Body) == 0 {
		return "", false
	}
	return imageType(req.Body)
}

// A Part is one of a body of several.
type Part struct {
	Name, File string // as it calls itself
	Type       string
	Size       int
	SHA256     string // in hexadecimal digits
	Text       string // its beginning, if it is text and no file
	More       bool   // there is more of the text
	Image      bool   // it can be shown
	data       []byte
}

// Data are the bytes of a part, and the type of the image that they are.
func (p *Part) Data() (kind string, data []byte) {
	kind, _ = imageType(p.data)
	return kind, p.data
}

// Parts reads a body of several parts, MaxParts of them. It returns false if there is
// more, or what follows cannot be read.
func (req *Request) Parts() (all []Part, whole bool) {
	_, params := req.media()
	if params["boundary"] == "" {
		return nil, false
	}
	r := multipart.NewReader(bytes.NewReader(req.Body), params["boundary"])
	for len(all) < MaxParts {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return all, !req.Cut
		}
		if err != nil {
			return all, false
		}
		data, err := io.ReadAll(p)
		all = append(all, partOf(p, data, err == nil))
		if err != nil {
			return all, false
		}
	}
	return all, false
}

func partOf(p *multipart.Part, data []byte, whole bool) Part {
	sum := sha256.Sum256(data)
	part := Part{
		Name: valid(p.FormName()), File: valid(p.FileName()), Type: valid(p.Header.Get("Content-Type")), Size: len(data), SHA256: hex.EncodeToString(sum[:]), data: data,
	}
	if part.Name == "" {
		_, params, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition")) // what is none names nothing
		part.Name = valid(params["name"])
	}
	if _, image := imageType(data); image && whole {
		part.Image = true
	} else if part.File == "" && isText(data) {
		end := min(len(data), MaxPartText)
		part.Text, part.More = valid(string(data[:end])), end < len(data)
	}
	return part
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// typeInBody is the type that a JSON object says it is of; "": none.
func typeInBody(body []byte) string {
	if len(body) == 0 || body[0] != '{' && body[0] != ' ' && body[0] != '\n' {
		return ""
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for range 32 { // it stands at the beginning, or nowhere that is worth the search
		name, err := dec.Token()
		if err != nil {
			return ""
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return ""
		}
		var text string
		if name == "type" && json.Unmarshal(value, &text) == nil && len(text) <= maxType {
			return text
		}
	}
	return ""
}
