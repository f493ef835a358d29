package ui

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/fanfarehq/fanfare"
)

type editSourceBody struct {
	sourceFull
	AppName string
	Fields  []field
	Problem string
	Once    string
}

func editSource(v *visit) error {
	s, err := v.source()
	if err != nil {
		return err
	}
	return v.showEditSource(http.StatusOK, s, s.said(), nil)
}

// source reads the one that the path names.
func (v *visit) source() (*sourceFull, error) {
	s := &sourceFull{}
	return s, v.read(s, v.of("source", v.r.PathValue("source")))
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

// sourceFields are all that can be changed of a source, with these values.
func sourceFields(values map[string]string) []field {
	var profiles []option
	for _, p := range fanfare.SourceProfiles() {
		profiles = append(profiles, option{p, p, p == values["profile"]})
	}
	fields := []field{
		{Name: "name", Label: "Name", Kind: "text", Required: true, Hint: "For people, and in the event type of its messages."},
		{Name: "uid", Label: "Your own id for it", Kind: "text", Code: true},
		{Name: "description", Label: "Description", Kind: "text"},
		{Name: "profile", Label: "How requests are verified", Kind: "select", Options: profiles, Hint: "none: whoever knows the address may send. Its secrets stay, unless it is that."},
		{Name: "hmac.header", Label: "Header of the signature", Kind: "text", Code: true, Placeholder: "X-Signature", Hint: "Of the profile hmac only, as the next three."},
		{Name: "hmac.prefix", Label: "What stands before it", Kind: "text", Code: true, Placeholder: "sha256="},
		{Name: "hmac.algorithm", Label: "Digest", Kind: "select", Options: options(values["hmac.algorithm"], "sha256", "SHA-256", "sha1", "SHA-1", "sha512", "SHA-512")},
		{Name: "hmac.encoding", Label: "Written in", Kind: "select", Options: options(values["hmac.encoding"], "hex", "hex", "base64", "base 64")},
		{Name: "publicUrl", Label: "Its address as the sender knows it", Kind: "text", Code: true, Hint: "For mandrill and twilio, which sign that, if it is another than the one here."},
		{Name: "eventType", Label: "Event type", Kind: "text", Code: true, Placeholder: "crm.{{payload.kind}}", Hint: "A name, or a template for it; what suits the profile unless told."},
		{Name: "filter", Label: "Filter", Kind: "textarea", Rows: 2, Code: true, Hint: "An expression (CEL) over eventType, payload, headers and tags that a message has to match to be kept. The sender is not told."},
		{Name: "dedupe", Label: "Known again by", Kind: "text", Code: true, Placeholder: "header:X-Event-Id", Hint: "header: and its name, body, or off; what the profile has unless told."},
		{Name: "response.status", Label: "Status of the answer", Kind: "number", Placeholder: "202", Hint: "200 to 299; what suits the profile unless told."},
		{Name: "response.body", Label: "Body of the answer", Kind: "textarea", Rows: 3, Code: true, Hint: "A template: what begins with { or [ is JSON, what begins with < is XML."},
		{Name: "rateLimit", Label: "Requests taken a second", Kind: "number", Hint: "Any number unless you say so."},
	}
	for i := range fields {
		fields[i].Value = values[fields[i].Name]
	}
	return fields
}

// showEditSource shows the form, with what is wrong with it if told says so.
func (v *visit) showEditSource(status int, s *sourceFull, values map[string]string, told *refusal) error {
	app, err := v.brief()
	if err != nil {
		return err
	}
	body := editSourceBody{sourceFull: *s, AppName: app.Name, Fields: sourceFields(values), Once: once()}
	if told != nil {
		if msg := told.Fields["hmac"]; msg != "" { // as a whole, which begins with its header
			told.Fields["hmac.header"] = msg
			delete(told.Fields, "hmac")
		}
		body.Problem = placed(body.Fields, told)
	}
	return v.showAs(status, "console/editsource", "Change "+s.Name, body)
}

// saveSource changes a source to what the form says.
func saveSource(v *visit) error {
	s, err := v.source()
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, f := range sourceFields(nil) {
		values[f.Name] = v.said(f.Name)
	}
	values["response.body"] = oneLine(v.r.PostFormValue("response.body"))
	in := map[string]any{"hmac": nil, "response": nil}
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
	err = v.ask(http.MethodPatch, v.of("source", s.ID), nil, in, nil)
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showEditSource(told.Status, s, values, told)
	}
	return v.after(err, "/source/"+url.PathEscape(s.ID), "sourcesaved")
}

// numberOf is a number as the API takes it; nil: there is none. What is no number stays as
// it is, for the API to refuse.
func numberOf(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return orNull(text)
}
