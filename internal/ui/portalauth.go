package ui

import (
	"net/url"
	"slices"
	"strings"
)

// authOut is what the API shows of how a receiver knows who comes: of secrets, whether
// they are there.
type authOut struct {
	Basic *struct {
		Username    string
		HasPassword bool
	}
	Bearer *struct{ HasToken bool }
	OAuth2 *struct {
		TokenURL, ClientID string
		HasClientSecret    bool
		Scopes             []string
		Audience, Style    string
	}
}

// Kind is one of authKinds.
func (a *authOut) Kind() string {
	switch {
	case a.Basic != nil:
		return "basic"
	case a.Bearer != nil:
		return "bearer"
	case a.OAuth2 != nil:
		return "oauth2"
	}
	return "none"
}

// authKinds are ways to tell a receiver who comes, each with its words.
var authKinds = []string{
	"none", "By the signature only", "basic", "Also by a name and a password", "bearer", "Also by a token", "oauth2", "Also by tokens fetched with OAuth 2 client credentials",
}

// An authPart is where a form says how the receiver knows who comes. Secrets go in, and
// are never shown again.
type authPart struct {
	Problem string
	Kinds   []option
	Parts   []authFields
	Lost    []string // secrets that were typed, and are not in the page
}

const secretAgain = "type it once more: a secret is not written into a page"

// authFields are what belongs to one kind.
type authFields struct {
	Kind   string
	Fields []field
}

// authPart is that of the form; ep is what is stored, nil if nothing is.
func (v *visit) authPart(ep *endpointOut) *authPart {
	kind, stored := v.said("auth"), &authOut{}
	if ep != nil {
		stored = &ep.Auth
	}
	if kind == "" {
		kind = "none"
	}
	has := map[string]bool{
		"auth.basic.password": stored.Basic != nil && stored.Basic.HasPassword, "auth.bearer.token": stored.Bearer != nil && stored.Bearer.HasToken,
		"auth.oauth2.clientSecret": stored.OAuth2 != nil && stored.OAuth2.HasClientSecret,
	}
	var lost []string
	text := func(name, label, hint string) field {
		return field{Name: name, Label: label, Kind: "text", Value: v.said(name), Code: true, Hint: hint}
	}
	secret := func(name, label string) field {
		f := field{Name: name, Label: label, Kind: "password", Code: true, Hint: "It is kept, and not shown again."}
		if has[name] {
			f.Hint = "There is one. Leave this empty to keep it."
		}
		if v.said(name) != "" || slices.Contains(v.r.PostForm[lostField], name) {
			f.Problem = secretAgain
			lost = append(lost, name)
		}
		return f
	}
	style := field{Name: "auth.oauth2.style", Label: "Where its server looks for them", Kind: "select", Options: options(v.said("auth.oauth2.style"), "basic", "In the header, as HTTP Basic", "body", "In the body of the form")}
	p := &authPart{Kinds: options(kind, authKinds...), Parts: []authFields{
		{"basic", []field{text("auth.basic.username", "Name", ""), secret("auth.basic.password", "Password")}},
		{"bearer", []field{secret("auth.bearer.token", "Token")}},
		{"oauth2", []field{
			text("auth.oauth2.tokenUrl", "Where tokens are fetched", "A URL, of your authorization server."), text("auth.oauth2.clientId", "Client id", ""), secret("auth.oauth2.clientSecret", "Client secret"),
			text("auth.oauth2.scopes", "Scopes", "With spaces between; none: as the server has it."), text("auth.oauth2.audience", "Audience", "If the server asks for one."), style,
		}},
	}}
	p.Lost = lost
	return p
}

// explain puts what is wrong with auth.basic.username, say, where it belongs, and reports
// whether there is such a place.
func (p *authPart) explain(name, msg string) bool {
	if p == nil || name != "auth" && !strings.HasPrefix(name, "auth.") {
		return false
	}
	for _, part := range p.Parts {
		for i := range part.Fields {
			if part.Fields[i].Name == name {
				part.Fields[i].Problem = msg
				return true
			}
		}
	}
	p.Problem = msg
	return true
}

// fill puts what is stored into a form.
func (a *authOut) fill(form url.Values) {
	set := form.Set
	set("auth", a.Kind())
	if b := a.Basic; b != nil {
		set("auth.basic.username", b.Username)
	}
	if o := a.OAuth2; o != nil {
		set("auth.oauth2.tokenUrl", o.TokenURL)
		set("auth.oauth2.clientId", o.ClientID)
		set("auth.oauth2.scopes", strings.Join(o.Scopes, " "))
		set("auth.oauth2.audience", o.Audience)
		set("auth.oauth2.style", o.Style)
	}
}

// saidAuth is what the form says of it, as the API is told; nil: nothing. A secret that is
// left empty stays as it is.
func (v *visit) saidAuth() map[string]any {
	part := func(kind string, names ...string) map[string]any {
		in := map[string]any{}
		for _, name := range names {
			in[name] = v.said("auth." + kind + "." + name)
		}
		return in
	}
	secret := func(in map[string]any, kind, name string) map[string]any {
		if text := v.r.PostFormValue("auth." + kind + "." + name); text != "" {
			in[name] = text
		}
		return map[string]any{kind: in}
	}
	switch v.said("auth") {
	case "none":
		return map[string]any{"basic": nil, "bearer": nil, "oauth2": nil}
	case "basic":
		return secret(part("basic", "username"), "basic", "password")
	case "bearer":
		return secret(part("bearer"), "bearer", "token")
	case "oauth2":
		in := part("oauth2", "tokenUrl", "clientId", "audience", "style")
		in["scopes"] = strings.Fields(v.said("auth.oauth2.scopes"))
		return secret(in, "oauth2", "clientSecret")
	}
	return nil
}

// About is what those may know who may only look; "": there is none.
func (a *authOut) About() string {
	switch {
	case a.Basic != nil:
		return "Basic, as " + a.Basic.Username
	case a.Bearer != nil:
		return "A bearer token"
	case a.OAuth2 != nil:
		return "OAuth 2 client credentials, as " + a.OAuth2.ClientID + " at " + a.OAuth2.TokenURL
	}
	return ""
}
