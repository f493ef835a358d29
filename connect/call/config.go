// Package call makes HTTP requests from templates: those of endpoints of the kind http,
// and those that other connectors make for a message beside what they are about.
package call

import (
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/internal/expression"
)

// Hidden and Where are those of a Connector whose config has the members of Config.
var (
	Hidden = []string{"password", "token", "secretHeaders", "clientSecret"}
	Where  = []string{"url", "tokenUrl"}
)

// Methods are those that a request may have.
var Methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodGet, http.MethodDelete}

// Bounds of a request.
const (
	maxHeaders = 40
	maxURL     = 8 << 10 // bytes
	maxSecret  = 8 << 10 // bytes of one
)

// Config is what a config says of a request, and of what is a success.
type Config struct {
	Method        string            `json:"method"`
	URL           string            `json:"url"`
	Headers       map[string]string `json:"headers"`
	SecretHeaders Secrets           `json:"secretHeaders"`
	ContentType   string            `json:"contentType"`
	Body          json.RawMessage   `json:"body"`
	Success       Success           `json:"success"`
	Credentials

	// Under is where in the config these members are, such as "find."; with it,
	// SecretHeaders is the member findSecretHeaders.
	Under string `json:"-"`
}

// Secrets are values by name: an object, or a text that holds one as JSON, such as that
// of a variable of the environment.
type Secrets map[string]string

// UnmarshalJSON is json.Unmarshaler's.
func (s *Secrets) UnmarshalJSON(value []byte) error {
	var text string
	if json.Unmarshal(value, &text) == nil {
		value = []byte(text)
	}
	return json.Unmarshal(value, (*map[string]string)(s))
}

// Success says which answers mean that the message was taken: what [fanfare.Success]
// says, and that of the answer an expression is true.
type Success struct {
	Preset   string `json:"preset"`
	Statuses string `json:"statuses"`
	Contains string `json:"contains"`
	Lacks    string `json:"lacks"`
	Expect   string `json:"expect"`
}

// A Caller makes requests. It may be used by many at once.
type Caller struct {
	way         fanfare.Way
	method      string
	host        string
	url         *connect.Template
	header      []line
	fixed       http.Header // what is the same each time, secrets included
	secret      []string    // names of those that are recorded masked
	values      []string    // which are taken out of answers
	contentType string
	text        *connect.Template // of the body; nil: see shape
	shape       *connect.Shape    // of the body; nil with text: the payload as it came in
	success     fanfare.Success
	expect      *expression.Filter // nil: whatever
	tokens      *tokens            // nil: none is fetched
	under       string
}

// A line is a header field made from a template.
type line struct {
	name  string
	value *connect.Template
}

// Open reads what c says of a request. Its errors are *InvalidErrors.
func Open(c *Config, way fanfare.Way) (*Caller, error) {
	r := &Caller{way: way, method: c.Method, contentType: c.ContentType, fixed: http.Header{}, under: c.Under}
	err := errors.Join(
		connect.Must(slices.Contains(Methods, c.Method), c.Under+"method", "must be one of "+strings.Join(Methods, ", ")),
		r.readURL(c),
		r.readHeaders(c),
		r.readBody(c),
		r.readSuccess(c),
		r.prove(&c.Credentials),
	)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// readURL wants scheme and host to stand there: what proves who sends goes to no place
// that a message names.
func (r *Caller) readURL(c *Config) error {
	const example = "https://api.example.com/v1/things/{{payload.id}}"
	member := c.Under + "url"
	fixed, _, templated := strings.Cut(c.URL, "{{")
	u, err := connect.URL(member, fixed, example)
	if err != nil {
		return err
	}
	if templated && u.Path == "" && !strings.Contains(fixed, "?") {
		return connect.Must(false, member, "has an expression in or before the host, which must be there as it is, as in "+example)
	}
	r.host = u.Host
	r.url, err = connect.Text(member, c.URL)
	return err
}

// ours are the fields that no config sets.
var ours = map[string]string{
	"Host": "is made from url", "Content-Length": "is made from the body", "Transfer-Encoding": "is made from the body",
	"Content-Type": "is what contentType says", "Connection": "is not for endpoints", "Upgrade": "is not for endpoints",
	"Te": "is not for endpoints", "Trailer": "is not for endpoints", fanfare.HeaderHops: "is added to each request",
}

func (r *Caller) readHeaders(c *Config) error {
	secret := "secretHeaders"
	if c.Under != "" {
		secret = strings.TrimSuffix(c.Under, ".") + "SecretHeaders"
	}
	var errs []error
	errs = append(errs, connect.Must(len(c.Headers)+len(c.SecretHeaders) <= maxHeaders, c.Under+"headers", "are more than 40 fields with those of "+secret))
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		member := c.Under + "headers." + name
		errs = append(errs, checkName(member, name))
		value, err := connect.Text(member, c.Headers[name])
		errs = append(errs, err)
		r.header = append(r.header, line{http.CanonicalHeaderKey(name), value})
	}
	for _, name := range slices.Sorted(maps.Keys(c.SecretHeaders)) {
		value := c.SecretHeaders[name]
		errs = append(errs, checkName(secret+"."+name, name),
			connect.Must(value != "" && len(value) <= maxSecret && httpguts.ValidHeaderFieldValue(value), secret+"."+name, "is not a value that can be sent"))
		r.fixed.Set(name, value)
		r.secret = append(r.secret, name)
		r.conceal(value)
	}
	return errors.Join(errs...)
}

func checkName(member, name string) error {
	why, taken := ours[http.CanonicalHeaderKey(name)]
	return errors.Join(
		connect.Must(httpguts.ValidHeaderFieldName(name) && len(name) <= 256, member, "is not the name of a header field"),
		connect.Must(!taken, member, why),
	)
}

// conceal has a secret taken out of what is recorded of answers.
func (r *Caller) conceal(secret string) { r.values = append(r.values, secret) }

func (r *Caller) readBody(c *Config) (err error) {
	member := c.Under + "body"
	if _, _, bad := mime.ParseMediaType(c.ContentType); c.ContentType != "" && bad != nil {
		err = connect.Must(false, c.Under+"contentType", "is not a media type such as application/json")
	}
	if len(c.Body) == 0 || string(c.Body) == "null" {
		return err
	}
	bodiless := r.method == http.MethodGet || r.method == http.MethodDelete
	var text string
	if json.Unmarshal(c.Body, &text) != nil {
		var bad error
		r.shape, bad = connect.ValuesOf(member, c.Body)
		err = errors.Join(err, bad)
	} else {
		var bad error
		r.text, bad = connect.Text(member, text)
		err = errors.Join(err, bad)
	}
	return errors.Join(err, connect.Must(!bodiless, member, "is nothing that "+c.Method+" sends"))
}

func (r *Caller) readSuccess(c *Config) error {
	s := c.Success
	r.success = fanfare.Success{Preset: s.Preset, Statuses: s.Statuses, Contains: s.Contains, Lacks: s.Lacks}
	var errs []error
	var invalid *fanfare.InvalidError
	if err := r.success.Check(); errors.As(err, &invalid) {
		errs = append(errs, connect.Must(false, c.Under+invalid.Field, invalid.Reason))
	}
	if s.Expect != "" {
		var err error
		r.expect, err = Condition(c.Under+"success.expect", s.Expect)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Condition reads an expression that is true or false, which is what the member of that
// name holds. It is nil for "".
func Condition(member, source string) (*expression.Filter, error) {
	if source == "" {
		return nil, nil
	}
	f, err := expression.ParseFilter(source)
	if err != nil {
		return nil, connect.Must(false, member, err.Error())
	}
	return f, nil
}

// Target is the host that is called, and how.
func (r *Caller) Target() string { return r.method + " " + r.host }

// escapeURL makes of what comes from a message a part of a path or a query that means
// nothing else there.
func escapeURL(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
