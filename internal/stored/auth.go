package stored

import "github.com/fanfarehq/fanfare"

// auth is how an endpoint's auth is kept, among its settings.
type auth struct {
	Basic       *basicAuth  `json:"basic,omitempty"`
	Bearer      *bearerAuth `json:"bearer,omitempty"`
	OAuth2      *oauth2     `json:"oauth2,omitempty"`
	Certificate string      `json:"certificate,omitempty"`
	Key         string      `json:"key,omitempty"`
	CA          string      `json:"ca,omitempty"`
}

type basicAuth struct {
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

type bearerAuth struct {
	Token string `json:"token"`
}

type oauth2 struct {
	TokenURL     string   `json:"tokenUrl"`
	ClientID     string   `json:"clientId"`
	ClientSecret string   `json:"clientSecret"`
	Scopes       []string `json:"scopes,omitempty"`
	Audience     string   `json:"audience,omitempty"`
	Style        string   `json:"style,omitempty"`
}

// authOf returns nil for none, so that nothing is stored.
func authOf(a fanfare.Auth) *auth {
	if a == (fanfare.Auth{}) {
		return nil
	}
	return &auth{(*basicAuth)(a.Basic), (*bearerAuth)(a.Bearer), (*oauth2)(a.OAuth2), a.Certificate, a.Key, a.CA}
}

func (a *auth) fanfare() fanfare.Auth {
	if a == nil {
		return fanfare.Auth{}
	}
	return fanfare.Auth{
		Basic: (*fanfare.BasicAuth)(a.Basic), Bearer: (*fanfare.BearerAuth)(a.Bearer), OAuth2: (*fanfare.OAuth2)(a.OAuth2),
		Certificate: a.Certificate, Key: a.Key, CA: a.CA,
	}
}

// A handshake is one as the database keeps it, among an endpoint's settings.
type handshake struct {
	Kind       string `json:"kind"`
	AskedAt    int64  `json:"askedAt,omitempty"`
	VerifiedAt int64  `json:"verifiedAt,omitempty"`
	Problem    string `json:"problem,omitempty"`
	Subject    string `json:"subject,omitempty"`
	Token      string `json:"token,omitempty"`
}

func handshakeOf(h fanfare.Handshake) *handshake {
	if h == (fanfare.Handshake{}) {
		return nil
	}
	return &handshake{h.Kind, Micros(h.AskedAt), Micros(h.VerifiedAt), h.Problem, h.Subject, h.Token}
}

func (h *handshake) handshake() fanfare.Handshake {
	if h == nil {
		return fanfare.Handshake{}
	}
	return fanfare.Handshake{
		Kind: h.Kind, AskedAt: Instant(h.AskedAt), VerifiedAt: Instant(h.VerifiedAt),
		Problem: h.Problem, Subject: h.Subject, Token: h.Token,
	}
}
