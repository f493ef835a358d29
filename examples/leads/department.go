package leads

import (
	"crypto/rand"
	"net/url"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// A Department wants the leads of one program, at a URL of its own and with a token
// that shows who comes.
type Department struct {
	Slug    string // names it in paths, and its program among a message's channels
	Name    string
	Program string // as the form offers it
	Filter  string // what a lead has to be beside; "": nothing
	Token   string // how it is shown: one of the ways below
	Keeps   string // what becomes of a lead there: crm, table, or nothing more than a count
}

// The ways in which a token is shown.
const (
	InBearer = "bearer" // Authorization: Bearer …
	InBasic  = "basic"  // Authorization: Basic …
	InURL    = "url"    // …?token=…
	InBody   = "body"   // "token":"…" in the payload
)

// What may become of a lead.
const (
	InCRM   = "crm"   // it is created in another system, over HTTP
	InTable = "table" // it is a row of a database
)

// Departments are the four that the talk names, and fifteen more.
var Departments = []Department{
	{"bde", "BDE", "Starting or moving a business", "", InBearer, InCRM},
	{"cce", "CCE", "Clean and careful energy use", "", InBasic, InTable},
	{"tourism", "Tourism", "Tourism", "", InURL, ""},
	{"film", "Film", "Making a film here", "", InBody, ""},
	{"agriculture", "Agriculture", "Farming and ranching", "", InBearer, ""},
	{"arts", "Arts", "Grants for the arts", "", InBasic, ""},
	{"aviation", "Aviation", "Airports", "", InURL, ""},
	{"broadband", "Broadband", "Broadband", "", InBody, ""},
	{"education", "Education", "Schools and training", "", InBearer, ""},
	{"energy", "Energy", "Power stations and lines", "", InBasic, ""},
	{"exports", "Exports", "Selling abroad", "", InURL, ""},
	{"forestry", "Forestry", "Forests", "", InBody, ""},
	{"housing", "Housing", "Housing", "", InBearer, ""},
	{"logistics", "Logistics", "Rail and road freight", "", InBasic, ""},
	{"manufacturing", "Manufacturing", "Manufacturing", "", InURL, ""},
	{"parks", "Parks", "Business in parks", "", InBody, ""},
	{"research", "Research", "Research and laboratories", "", InBearer, ""},
	{"small-business", "Small Business", "Loans for small businesses", "payload.employees < 50", InBasic, ""},
	{"workforce", "Workforce", "Hiring and training people", "", InURL, ""},
}

// department is the one of that slug; nil: there is none.
func department(slug string) *Department {
	for i := range Departments {
		if Departments[i].Slug == slug {
			return &Departments[i]
		}
	}
	return nil
}

// endpoint is where d wants its leads: below base, with the token.
func (d *Department) endpoint(app fanfare.ApplicationID, base, token string) *fanfare.Endpoint {
	ep := &fanfare.Endpoint{
		Application: app, UID: d.Slug, Description: d.Name, URL: strings.TrimRight(base, "/") + "/" + d.Slug,
		EventTypes: []string{EventType}, Channels: []string{d.Slug}, Filter: d.Filter,
	}
	switch d.Token {
	case InBearer:
		ep.Auth.Bearer = &fanfare.BearerAuth{Token: token}
	case InBasic:
		ep.Auth.Basic = &fanfare.BasicAuth{Username: d.Slug, Password: token}
	case InURL:
		ep.URL += "?token=" + url.QueryEscape(token)
	case InBody:
		ep.Signature, ep.Secrets = "body-token", []fanfare.Secret{{Text: token}}
	}
	return ep
}

// newToken makes a token of 130 random bits.
func newToken() string { return rand.Text() }
