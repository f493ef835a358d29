package api

import (
	"cmp"

	"github.com/fanfarehq/fanfare"
)

// authIn is what can be written of how an endpoint's receiver knows who comes. What
// is left out stays as it is, unlike in other objects: secrets are not shown, so
// nobody could put them back. Null takes a part away. What was read may be written:
// members such as hasPassword are taken, and mean nothing.
type authIn struct {
	Basic  field[*basicIn]  `json:"basic,omitzero" doc:"A name and a password, sent with every attempt. Of basic, bearer and oauth2 the one that is set replaces the others."`
	Bearer field[*bearerIn] `json:"bearer,omitzero" doc:"A token, sent with every attempt."`
	OAuth2 field[*oauth2In] `json:"oauth2,omitzero" doc:"Client credentials, for which access tokens are fetched."`
	MTLS   field[*mtlsIn]   `json:"mtls,omitzero" doc:"A certificate, shown to receivers that ask for one in the TLS handshake."`
	CA     field[string]    `json:"ca,omitzero" doc:"In PEM: the certificates of which one must vouch for the receiver, instead of those the system trusts."`
}

type basicIn struct {
	Username    field[string] `json:"username,omitzero"`
	Password    field[string] `json:"password,omitzero" doc:"Never shown; left out, it stays as it is."`
	HasPassword bool          `json:"hasPassword,omitzero" doc:"Of no meaning in a request."`
}

type bearerIn struct {
	Token    field[string] `json:"token,omitzero" doc:"Never shown; left out, it stays as it is."`
	HasToken bool          `json:"hasToken,omitzero" doc:"Of no meaning in a request."`
}

type oauth2In struct {
	TokenURL        field[string]   `json:"tokenUrl,omitzero" doc:"Where access tokens are fetched."`
	ClientID        field[string]   `json:"clientId,omitzero"`
	ClientSecret    field[string]   `json:"clientSecret,omitzero" doc:"Never shown; left out, it stays as it is."`
	HasClientSecret bool            `json:"hasClientSecret,omitzero" doc:"Of no meaning in a request."`
	Scopes          field[[]string] `json:"scopes,omitzero" doc:"To ask for; none: the server's default."`
	Audience        field[string]   `json:"audience,omitzero" doc:"Whom tokens are for, where the server asks to be told."`
	Style           field[string]   `json:"style,omitzero" doc:"How the client proves who it is: basic (unless told), or body."`
}

type mtlsIn struct {
	Certificate field[string] `json:"certificate,omitzero" doc:"In PEM, the leaf first."`
	Key         field[string] `json:"key,omitzero" doc:"The certificate's private key in PEM, not encrypted. Never shown; left out, it stays as it is."`
	HasKey      bool          `json:"hasKey,omitzero" doc:"Of no meaning in a request."`
}

// apply changes a, whose parts may be shared with nobody.
func (in *authIn) apply(a *fanfare.Auth) {
	if in == nil {
		*a = fanfare.Auth{}
		return
	}
	was := *a
	if in.Basic.value != nil || in.Bearer.value != nil || in.OAuth2.value != nil {
		a.Basic, a.Bearer, a.OAuth2 = nil, nil, nil
	}
	if in.Basic.set {
		a.Basic = in.Basic.value.over(was.Basic)
	}
	if in.Bearer.set {
		a.Bearer = in.Bearer.value.over(was.Bearer)
	}
	if in.OAuth2.set {
		a.OAuth2 = in.OAuth2.value.over(was.OAuth2)
	}
	if m := in.MTLS.value; m != nil {
		m.Certificate.into(&a.Certificate)
		m.Key.into(&a.Key)
	} else if in.MTLS.set {
		a.Certificate, a.Key = "", ""
	}
	in.CA.into(&a.CA)
}

func (in *basicIn) over(was *fanfare.BasicAuth) *fanfare.BasicAuth {
	if in == nil {
		return nil
	}
	b := *cmp.Or(was, &fanfare.BasicAuth{})
	in.Username.into(&b.Username)
	in.Password.into(&b.Password)
	return &b
}

func (in *bearerIn) over(was *fanfare.BearerAuth) *fanfare.BearerAuth {
	if in == nil {
		return nil
	}
	b := *cmp.Or(was, &fanfare.BearerAuth{})
	in.Token.into(&b.Token)
	return &b
}

func (in *oauth2In) over(was *fanfare.OAuth2) *fanfare.OAuth2 {
	if in == nil {
		return nil
	}
	o := *cmp.Or(was, &fanfare.OAuth2{})
	in.TokenURL.into(&o.TokenURL)
	in.ClientID.into(&o.ClientID)
	in.ClientSecret.into(&o.ClientSecret)
	in.Scopes.into(&o.Scopes)
	in.Audience.into(&o.Audience)
	in.Style.into(&o.Style)
	return &o
}

// authOut is what is shown of it: of secrets, whether they are there.
type authOut struct {
	Basic  *basicOut  `json:"basic,omitzero"`
	Bearer *bearerOut `json:"bearer,omitzero"`
	OAuth2 *oauth2Out `json:"oauth2,omitzero"`
	MTLS   *mtlsOut   `json:"mtls,omitzero"`
	CA     string     `json:"ca,omitzero"`
}

type basicOut struct {
	Username    string `json:"username"`
	HasPassword bool   `json:"hasPassword"`
}

type bearerOut struct {
	HasToken bool `json:"hasToken"`
}

type oauth2Out struct {
	TokenURL        string   `json:"tokenUrl"`
	ClientID        string   `json:"clientId"`
	HasClientSecret bool     `json:"hasClientSecret"`
	Scopes          []string `json:"scopes"`
	Audience        string   `json:"audience"`
	Style           string   `json:"style" enum:"basic,body"`
}

type mtlsOut struct {
	Certificate string `json:"certificate"`
	HasKey      bool   `json:"hasKey"`
}

func showAuth(a *fanfare.Auth) *authOut {
	if *a == (fanfare.Auth{}) {
		return nil
	}
	out := &authOut{CA: a.CA}
	if b := a.Basic; b != nil {
		out.Basic = &basicOut{b.Username, b.Password != ""}
	}
	if b := a.Bearer; b != nil {
		out.Bearer = &bearerOut{b.Token != ""}
	}
	if o := a.OAuth2; o != nil {
		out.OAuth2 = &oauth2Out{o.TokenURL, o.ClientID, o.ClientSecret != "", o.Scopes, o.Audience, cmp.Or(o.Style, "basic")}
	}
	if a.Certificate != "" {
		out.MTLS = &mtlsOut{a.Certificate, a.Key != ""}
	}
	return out
}
