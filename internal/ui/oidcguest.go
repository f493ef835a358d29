package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/fanfarehq/fanfare"
)

// A guest is who is let in: whoever has an e-mail address, one of a domain, or a claim
// with a value. Addresses and domains are in small letters.
type guest struct {
	mail, domain string
	claim, value string
	scopes       []fanfare.Scope
}

// A person is somebody whom the provider knows and who is let in.
type person struct {
	mail    string // verified; "": there is none
	subject string
	scopes  []fanfare.Scope
}

// name is what the audit log calls them.
func (p *person) name() string {
	if p.mail != "" {
		return p.mail
	}
	return "subject " + p.subject
}

// readScopes are all that read.
var readScopes = []fanfare.Scope{fanfare.ScopeReadApplications, fanfare.ScopeReadEndpoints, fanfare.ScopeReadEventTypes, fanfare.ScopeReadMessages}

// guests are all who are let in, those with more first.
func (o *OIDC) guests(scopes []fanfare.Scope) (all []guest, err error) {
	for _, some := range []struct {
		field  string
		told   []string
		scopes []fanfare.Scope
	}{{"oidc.allow", o.Allow, scopes}, {"oidc.allowRead", o.AllowRead, readScopes}} {
		for _, text := range some.told {
			g, ok := readGuest(text)
			if !ok {
				return nil, &fanfare.InvalidError{Field: some.field, Reason: fmt.Sprintf("%q is neither an e-mail address, nor a domain such as @example.com, nor a claim and its value such as groups=operators", cut(text, 100))}
			}
			g.scopes = some.scopes
			all = append(all, g)
		}
	}
	if len(all) == 0 {
		return nil, &fanfare.InvalidError{Field: "oidc.allow", Reason: "say who is let in: an e-mail address, a domain such as @example.com, or a claim and its value such as groups=operators"}
	}
	return all, nil
}

func readGuest(text string) (g guest, ok bool) {
	text = strings.TrimSpace(text)
	at, is := strings.IndexByte(text, '@'), strings.IndexByte(text, '=')
	switch {
	case is > 0 && (at < 0 || is < at):
		g.claim, g.value = text[:is], text[is+1:]
		return g, g.value != ""
	case at == 0:
		g.domain = small(text[1:])
		return g, g.domain != "" && !strings.ContainsAny(g.domain, "@ ")
	}
	g.mail = small(text)
	return g, isMail(text)
}

// isMail reports whether a text can be an e-mail address, and can be shown in a line.
func isMail(text string) bool {
	name, domain, ok := strings.Cut(text, "@")
	return ok && name != "" && domain != "" && len(text) <= 200 && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

// small writes A to Z in small letters, and nothing else: of other letters some are not
// the ones that their small letters are.
func small(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// admit finds who it is that the provider tells such claims of, or why they are not let in.
func (p *provider) admit(claims map[string]any) (*person, error) {
	mail, _ := claims["email"].(string)
	if !isMail(mail) {
		mail = ""
	}
	verified := claims["email_verified"] == true || claims["email_verified"] == "true"
	who := &person{mail: mail}
	if who.subject, _ = claims["sub"].(string); who.subject == "" || len(who.subject) > 200 || strings.ContainsFunc(who.subject, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return nil, distrusted("the subject is missing, or is none")
	}
	if !verified {
		who.mail = ""
	}
	for _, g := range p.guests {
		if g.is(who.mail, claims) {
			who.scopes = g.scopes
			return who, nil
		}
	}
	told := who.name() + " is not among those who are let in here. Ask the operator of this server, or log in at the provider as somebody else."
	if mail != "" && !verified {
		told = "The provider has not verified that the address " + mail + " is yours, so that it lets nobody in here. Have it verified there, then log in again."
	}
	return nil, &outsider{status: http.StatusForbidden, told: told, cause: who.name()}
}

// is reports whether it is somebody with a verified address, or none, and these claims.
func (g *guest) is(mail string, claims map[string]any) bool {
	switch {
	case g.mail != "":
		return small(mail) == g.mail
	case g.domain != "":
		return mail != "" && small(mail[strings.LastIndexByte(mail, '@')+1:]) == g.domain
	}
	return has(valueIn(claims, g.claim), g.value)
}

// valueIn finds a claim by its name, or one within others by names with points between.
func valueIn(claims map[string]any, name string) any {
	if value, told := claims[name]; told {
		return value
	}
	first, rest, further := strings.Cut(name, ".")
	if within, ok := claims[first].(map[string]any); ok && further {
		return valueIn(within, rest)
	}
	return nil
}

// has reports whether a claim is a value, or a list with it.
func has(claim any, value string) bool {
	switch claim := claim.(type) {
	case string:
		return claim == value
	case bool:
		return fmt.Sprint(claim) == value
	case []any:
		return slices.Contains(claim, any(value))
	}
	return false
}
