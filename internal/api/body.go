package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds how deep JSON may nest.
const maxDepth = 64

// A shape is what an object of a body may have: the names known, and of those
// the ones that must be there.
type shape struct {
	known    map[string]bool
	required []string
}

// shapeOf reads a type's tags: a field without omitzero must be there.
func shapeOf(t reflect.Type) *shape {
	s := &shape{known: map[string]bool{}}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		s.known[name] = true
		if !strings.Contains(options, "omitzero") {
			s.required = append(s.required, name)
		}
	}
	return s
}

// decode reads the request's body into in. An absent body is an empty object if
// nothing is required.
func (c *call) decode(in any, s *shape) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if len(body) == 0 && len(s.required) == 0 {
		return nil
	}
	names, err := checkJSON(body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, in); err != nil {
		return jsonProblem(err)
	}
	var missing []fieldError
	c.given = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !s.known[name] })
	unknown := slices.DeleteFunc(names, func(name string) bool { return s.known[name] })
	for _, name := range s.required {
		if !slices.Contains(c.given, name) {
			missing = append(missing, absent(name, unknown))
		}
	}
	if missing != nil {
		return invalid(missing...)
	}
	if c.route.exact && len(unknown) > 0 {
		return invalid(fieldError{[]string{"body", unknown[0]}, "is not known here; check its spelling, or leave it out", "value_error"})
	}
	c.ignored(unknown)
	return nil
}

// absent says that a name is missing, and which one of those that mean nothing
// here may have been meant for it.
func absent(name string, unknown []string) fieldError {
	says := "is missing"
	for _, other := range unknown {
		if folded(other) == folded(name) {
			says = "is missing; did you mean " + name + " by " + echo(other) + "?"
		}
	}
	return fieldError{[]string{"body", name}, says, "value_error.missing"}
}

// folded is a name without what people spell in different ways: event_type and
// Event-Type are eventType.
func folded(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// checkJSON holds a body to what this API reads, an object of valid UTF-8 that
// nests no deeper than maxDepth, and returns the names of its members.
func checkJSON(body []byte) (names []string, err error) {
	if err := checkText(body); err != nil {
		return nil, err
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	if err := openObject(dec, body); err != nil {
		return nil, err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, jsonProblem(err)
		}
		names = append(names, name.String())
		if err := dec.SkipValue(); err != nil {
			return nil, jsonProblem(err)
		}
	}
	return names, closeObject(dec)
}

// checkText refuses what no JSON decoder need look at.
func checkText(body []byte) error {
	switch {
	case len(body) == 0:
		return badRequest("The body is empty; send a JSON object.")
	case !utf8.Valid(body):
		return badRequest("The body is not valid UTF-8; send JSON in UTF-8 without a byte order mark.")
	case tooDeep(body):
		return badRequest("The body nests deeper than 64 levels.")
	}
	return nil
}

// tooDeep reports whether brackets outside strings nest beyond maxDepth.
func tooDeep(body []byte) bool {
	if bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("[")) <= maxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return false
}

// openObject reads the brace that a body begins with.
func openObject(dec *jsontext.Decoder, body []byte) error {
	kind := dec.PeekKind()
	if kind != '{' && kind != 0 && !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)) {
		kind = 0
	}
	if kind != '{' && kind != 0 {
		return invalid(fieldError{[]string{"body"}, "must be an object, not " + jsonKind(kind), "type_error"})
	}
	if _, err := dec.ReadToken(); err != nil {
		return jsonProblem(err)
	}
	return nil
}

// closeObject reads the brace that a body ends with, and that nothing follows.
func closeObject(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return jsonProblem(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return badRequest("Something follows the JSON object; send exactly one.")
	}
	return nil
}

// ignored tells the client which of its fields, and with a question mark which of
// its parameters, mean nothing here.
func (c *call) ignored(names []string) {
	if len(names) == 0 {
		return
	}
	h := c.w.Header()
	list := h["Fanfare-Ignored-Fields"]
	for _, name := range names[:min(len(names), 16)] {
		list = append(list, strings.Trim(strconv.QuoteToASCII(cut(name, maxLoc)), `"`))
	}
	h.Set("Fanfare-Ignored-Fields", strings.Join(list, ", "))
}

// body reads the whole of the request's body, as its route admits it.
func (c *call) body() ([]byte, error) {
	limit := c.maxBody
	if c.route.maxBody > 0 {
		limit = c.route.maxBody
	}
	r := c.r
	if c.taken != nil {
		return c.taken, c.checkType(len(c.taken) == 0)
	}
	if r.ContentLength == 0 || r.Body == http.NoBody {
		return nil, c.checkType(true)
	}
	if err := c.checkType(false); err != nil {
		return nil, err
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	switch encoding := r.Header["Content-Encoding"]; {
	case len(encoding) == 0, len(encoding) == 1 && (encoding[0] == "identity" || encoding[0] == ""):
		return readAll(r.Body, r.ContentLength, limit)
	case len(encoding) == 1 && strings.EqualFold(encoding[0], "gzip"):
		return inflate(r.Body, limit)
	}
	return nil, refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", "Send the body as it is or with Content-Encoding gzip, once.")
}

func tooLarge(limit int64) *problem {
	p := refuse(http.StatusRequestEntityTooLarge, "payload_too_large", "The body has more than the "+strconv.FormatInt(limit, 10)+" bytes that are taken here; send less at a time.")
	p.closing = true
	return p
}

// readAll reads length bytes, or, if that is negative, up to limit.
func readAll(r io.Reader, length, limit int64) ([]byte, error) {
	if length >= 0 {
		body := make([]byte, length)
		_, err := io.ReadFull(r, body)
		return body, readProblem(err)
	}
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, tooLarge(limit)
	}
	return body, readProblem(err)
}

func readProblem(err error) error {
	if err == nil {
		return nil
	}
	p := badRequest("The body broke off before its end.")
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		p = refuse(http.StatusRequestTimeout, "request_timeout", "The body did not arrive in time; send it again.")
	}
	p.closing = true
	return p
}

// inflate reads a gzipped body, whose bound is on what comes out.
func inflate(r io.Reader, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(io.LimitReader(r, limit))
	if err != nil {
		return nil, badRequest("The body is not valid gzip, though Content-Encoding says so.")
	}
	body, err := io.ReadAll(io.LimitReader(z, limit+1))
	switch {
	case int64(len(body)) > limit:
		return nil, tooLarge(limit)
	case err != nil:
		return nil, badRequest("The body is not valid gzip, though Content-Encoding says so.")
	}
	return body, nil
}

// checkType holds the body's media type to JSON in UTF-8, and what else the
// route takes. Without a body it need not be told.
func (c *call) checkType(empty bool) error {
	types := c.r.Header["Content-Type"]
	if len(types) == 1 && types[0] == "application/json" || empty && len(types) == 0 {
		return nil
	}
	wrong := refuse(http.StatusUnsupportedMediaType, "unsupported_media_type", `Send JSON in UTF-8, with "Content-Type: application/json".`)
	if len(types) != 1 {
		return wrong
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil {
		return wrong
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return wrong
	}
	if media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") || slices.Contains(c.route.alternatives, media) {
		return nil
	}
	return wrong
}
