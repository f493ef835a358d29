package ui

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/fanfarehq/fanfare"
)

// A sourceForm is the form of a source: of a new one, or of one that is changed.
type sourceForm struct {
	Heading, About string
	Action, Back   string // addresses
	Button         string
	Fields, More   []field // More are seldom needed
	Open           bool    // one of these is filled in
	Problem        string
	Once           string
}

// sourceFields are all that can be said of a source, with these values, the first ones being
// what most need. A secret stands among those of a new source only: afterwards there is
// another form for it.
func sourceFields(values map[string]string) (fields, more []field) {
	var profiles []option
	for _, p := range fanfare.SourceProfiles() {
		profiles = append(profiles, option{p, p, p == values["profile"]})
	}
	fields = []field{
		{Name: "name", Label: "Name", Kind: "text", Required: true, Hint: "For people, and in the event type of its messages."},
		{Name: "profile", Label: "How requests are verified", Kind: "select", Options: profiles, Hint: "none: whoever knows the address may send."},
		{Name: "hmac.header", Label: "Header of the signature", Kind: "text", Code: true, Placeholder: "X-Signature", Hint: "Of the profile hmac only, as the next three."},
		{Name: "hmac.prefix", Label: "What stands before it", Kind: "text", Code: true, Placeholder: "sha256="},
		{Name: "hmac.algorithm", Label: "Digest", Kind: "select", Options: options(values["hmac.algorithm"], "sha256", "SHA-256", "sha1", "SHA-1", "sha512", "SHA-512")},
		{Name: "hmac.encoding", Label: "Written in", Kind: "select", Options: options(values["hmac.encoding"], "hex", "hex", "base64", "base 64")},
		{Name: "eventType", Label: "Event type", Kind: "text", Code: true, Placeholder: "crm.{{payload.kind}}", Hint: "A name, or a template for it; what suits the profile unless told."},
		{Name: "filter", Label: "Filter", Kind: "textarea", Rows: 2, Code: true, Hint: "An expression (CEL) over eventType, payload, headers and tags that a message has to match to be kept. The sender is not told."},
	}
	more = []field{
		{Name: "uid", Label: "Your own id for it", Kind: "text", Code: true},
		{Name: "description", Label: "Description", Kind: "text"},
		{Name: "publicUrl", Label: "Its address as the sender knows it", Kind: "text", Code: true, Hint: "For mandrill and twilio, which sign that, if it is another than the one here."},
		{Name: "dedupe", Label: "Known again by", Kind: "text", Code: true, Placeholder: "header:X-Event-Id", Hint: "header: and its name, body, or off; what the profile has unless told."},
		{Name: "response.status", Label: "Status of the answer", Kind: "number", Placeholder: "202", Hint: "200 to 299; what suits the profile unless told."},
		{Name: "response.body", Label: "Body of the answer", Kind: "textarea", Rows: 3, Code: true, Hint: "A template: what begins with { or [ is JSON, what begins with < is XML."},
		{Name: "rateLimit", Label: "Requests taken a second", Kind: "number", Hint: "Any number unless you say so."},
	}
	for _, some := range [][]field{fields, more} {
		for i := range some {
			some[i].Value = values[some[i].Name]
		}
	}
	return fields, more
}

// said is the source as a form says it.
func (s *sourceFull) said() map[string]string {
	values := map[string]string{
		"name": s.Name, "uid": s.UID, "description": s.Description, "profile": s.Profile, "publicUrl": s.PublicURL,
		"eventType": s.EventType, "filter": s.Filter, "dedupe": s.Dedupe, "response.body": s.Response.Body,
	}
	if s.HMAC != nil {
		values["hmac.header"], values["hmac.prefix"] = s.HMAC.Header, s.HMAC.Prefix
		values["hmac.algorithm"], values["hmac.encoding"] = s.HMAC.Algorithm, s.HMAC.Encoding
	}
	for name, n := range map[string]int{"response.status": s.Response.Status, "rateLimit": s.RateLimit} {
		if n > 0 {
			values[name] = strconv.Itoa(n)
		}
	}
	return values
}

// sourceSaid is what the form says, by field and as the API takes it.
func (v *visit) sourceSaid() (values map[string]string, in map[string]any) {
	values = map[string]string{}
	fields, more := sourceFields(nil)
	for _, f := range append(fields, more...) {
		values[f.Name] = v.said(f.Name)
	}
	values["response.body"] = oneLine(v.r.PostFormValue("response.body"))
	in = map[string]any{"hmac": nil, "response": nil}
	for _, name := range []string{"name", "description", "profile"} {
		in[name] = values[name]
	}
	for _, name := range []string{"uid", "publicUrl", "eventType", "filter", "dedupe"} {
		in[name] = orNull(values[name])
	}
	in["rateLimit"] = numberOf(values["rateLimit"])
	if values["profile"] == fanfare.ProfileHMAC {
		in["hmac"] = map[string]any{
			"header": values["hmac.header"], "prefix": values["hmac.prefix"], "algorithm": values["hmac.algorithm"], "encoding": values["hmac.encoding"],
		}
	}
	if values["response.status"]+values["response.body"] != "" {
		answer := map[string]any{"body": values["response.body"]}
		if n := numberOf(values["response.status"]); n != nil {
			answer["status"] = n
		}
		in["response"] = answer
	}
	return values, in
}

// numberOf is a number as the API takes it; nil: there is none. What is no number stays as
// it is, for the API to refuse.
func numberOf(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return orNull(text)
}

func newSource(v *visit) error { return v.showNewSource(http.StatusOK, nil, nil) }

// showNewSource shows the form for a new source. A secret is not written into it again.
func (v *visit) showNewSource(status int, values map[string]string, told *refusal) error {
	app, err := v.brief()
	if err != nil {
		return err
	}
	fields, more := sourceFields(values)
	secret := field{Name: "secret", Label: "Secret", Kind: "password", Code: true, Hint: "What the sender signs with, or sends. It is not shown again. Some services show it only after they have the address: then add it afterwards."}
	if v.said("secret") != "" {
		secret.Problem = "Type it once more: a secret is not written into a page."
	}
	fields = append(fields[:2:2], append([]field{secret}, fields[2:]...)...)
	return v.showSourceForm(status, "New source", sourceForm{
		Heading: "New source", About: "Of " + app.Name, Action: v.base + "/source/new", Back: v.base + "/source", Button: "Make the source", Fields: fields, More: more,
	}, told)
}

// showSourceForm shows the form, with what is wrong with it if told says so.
func (v *visit) showSourceForm(status int, title string, body sourceForm, told *refusal) error {
	body.Once = once()
	if told != nil {
		fields := maps.Clone(told.Fields)
		if msg := fields["hmac"]; msg != "" { // as a whole, which begins with its header
			fields["hmac.header"] = msg
			delete(fields, "hmac")
		}
		n := len(body.Fields)
		all := append(body.Fields[:n:n], body.More...)
		body.Problem = cmp.Or(placed(all, &refusal{Detail: told.Detail, Fields: fields}), "It is not saved: see what is said beside the fields.")
		body.Fields, body.More = all[:n], all[n:]
	}
	for _, f := range body.More {
		body.Open = body.Open || f.Value+f.Problem != ""
	}
	return v.showAs(status, "console/sourceform", title, body)
}

func addSource(v *visit) error {
	values, in := v.sourceSaid()
	if secret := v.said("secret"); secret != "" {
		in["secret"] = secret
	}
	var made sourceFull
	err := v.ask(http.MethodPost, v.of("source"), nil, in, &made)
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showNewSource(told.Status, values, told)
	}
	return v.after(err, "/source/"+url.PathEscape(made.ID), "source")
}

// source reads the one that the path names.
func (v *visit) source() (*sourceFull, error) {
	s := &sourceFull{}
	return s, v.read(s, v.of("source", v.r.PathValue("source")))
}

func editSource(v *visit) error {
	s, err := v.source()
	if err != nil {
		return err
	}
	return v.showEditSource(http.StatusOK, s, s.said(), nil)
}

// showEditSource shows the form for a source that there is.
func (v *visit) showEditSource(status int, s *sourceFull, values map[string]string, told *refusal) error {
	app, err := v.brief()
	if err != nil {
		return err
	}
	at := v.base + "/source/" + url.PathEscape(s.ID)
	fields, more := sourceFields(values)
	return v.showSourceForm(status, "Change "+s.Name, sourceForm{
		Heading: "Change " + s.Name, About: "A source of " + app.Name + ". Its address stays as it is, and so do its secrets, unless it is to be verified by none.",
		Action: at + "/edit", Back: at, Button: "Save", Fields: fields, More: more,
	}, told)
}

// saveSource changes a source to what the form says.
func saveSource(v *visit) error {
	s, err := v.source()
	if err != nil {
		return err
	}
	values, in := v.sourceSaid()
	err = v.ask(http.MethodPatch, v.of("source", s.ID), nil, in, nil)
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showEditSource(told.Status, s, values, told)
	}
	return v.after(err, "/source/"+url.PathEscape(s.ID), "sourcesaved")
}
