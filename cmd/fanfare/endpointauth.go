package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
)

// endpointAuth are the flags that say how a receiver knows who comes.
type endpointAuth struct {
	basic, bearer          string
	tokenURL, audience     string
	clientID, clientSecret string
	style                  string
	scopes                 []string
	clientCert, clientKey  string // files
	ca                     string // a file
}

func (a *endpointAuth) flags(flags *pflag.FlagSet) {
	flags.StringVar(&a.basic, "auth-basic", "", `name and password to send, as name:password; empty removes them`)
	flags.StringVar(&a.bearer, "auth-bearer", "", "token to send; empty removes it")
	flags.StringVar(&a.tokenURL, "auth-oauth2-token-url", "", "where access tokens are fetched by OAuth 2.0 client credentials; empty stops that")
	flags.StringVar(&a.clientID, "auth-oauth2-client-id", "", "client id to fetch access tokens with")
	flags.StringVar(&a.clientSecret, "auth-oauth2-client-secret", "", "client secret to fetch access tokens with")
	flags.StringSliceVar(&a.scopes, "auth-oauth2-scope", nil, "scopes to ask for")
	flags.StringVar(&a.audience, "auth-oauth2-audience", "", "audience to ask for")
	flags.StringVar(&a.style, "auth-oauth2-style", "basic", "how the client proves who it is: "+strings.Join(fanfare.OAuth2Styles, ", "))
	flags.StringVar(&a.clientCert, "client-cert", "", "file of the certificate to show in the TLS handshake, in PEM; empty removes it")
	flags.StringVar(&a.clientKey, "client-key", "", "file of its private key, in PEM")
	flags.StringVar(&a.ca, "ca", "", "file of the certificates of which one must vouch for the receiver, in PEM; empty removes them")
}

// body is what the flags that were given ask of the API, or nil if there is none.
func (a *endpointAuth) body(r *request) (map[string]any, error) {
	auth := make(map[string]any)
	if r.given("auth-basic") {
		auth["basic"] = nil
		if a.basic != "" {
			name, password, ok := strings.Cut(a.basic, ":")
			if !ok {
				return nil, usagef("--auth-basic is name:password; there is no colon in it")
			}
			auth["basic"] = map[string]any{"username": name, "password": password}
		}
	}
	if r.given("auth-bearer") {
		auth["bearer"] = nil
		if a.bearer != "" {
			auth["bearer"] = map[string]any{"token": a.bearer}
		}
	}
	a.oauth2(r, auth)
	if err := a.certificates(r, auth); err != nil {
		return nil, err
	}
	if len(auth) == 0 {
		return nil, nil
	}
	return auth, nil
}

func (a *endpointAuth) oauth2(r *request, auth map[string]any) {
	if r.given("auth-oauth2-token-url") && a.tokenURL == "" {
		auth["oauth2"] = nil
		return
	}
	o := make(map[string]any)
	for flag, field := range map[string]struct {
		name  string
		value any
	}{
		"auth-oauth2-token-url":     {"tokenUrl", a.tokenURL},
		"auth-oauth2-client-id":     {"clientId", a.clientID},
		"auth-oauth2-client-secret": {"clientSecret", a.clientSecret},
		"auth-oauth2-scope":         {"scopes", a.scopes},
		"auth-oauth2-audience":      {"audience", a.audience},
		"auth-oauth2-style":         {"style", a.style},
	} {
		if r.given(flag) {
			o[field.name] = field.value
		}
	}
	if len(o) > 0 {
		auth["oauth2"] = o
	}
}

func (a *endpointAuth) certificates(r *request, auth map[string]any) error {
	mtls := make(map[string]any)
	for _, f := range []struct {
		flag, file, field string
		into              map[string]any
	}{
		{"client-cert", a.clientCert, "certificate", mtls},
		{"client-key", a.clientKey, "key", mtls},
		{"ca", a.ca, "ca", auth},
	} {
		switch {
		case !r.given(f.flag):
		case f.file == "":
			f.into[f.field] = nil
		default:
			text, err := os.ReadFile(f.file)
			if err != nil {
				return fmt.Errorf("--%s: %w", f.flag, err)
			}
			f.into[f.field] = string(text)
		}
	}
	if len(mtls) > 0 {
		auth["mtls"] = mtls
	}
	if r.given("client-cert") && a.clientCert == "" {
		auth["mtls"] = nil
	}
	return nil
}

// An auth is how a receiver knows who comes, as the API shows it.
type auth struct {
	Basic  *struct{ Username string }
	Bearer *struct{ HasToken bool }
	OAuth2 *struct{ TokenURL, ClientID string }
	MTLS   *struct{ Certificate string }
	CA     string
}

func (a *auth) String() string {
	if a == nil {
		return ""
	}
	var parts []string
	if a.Basic != nil {
		parts = append(parts, fmt.Sprintf("basic, as %q", a.Basic.Username))
	}
	if a.Bearer != nil {
		parts = append(parts, "a bearer token")
	}
	if a.OAuth2 != nil {
		parts = append(parts, fmt.Sprintf("OAuth 2.0, as %q at %s", a.OAuth2.ClientID, a.OAuth2.TokenURL))
	}
	if a.MTLS != nil {
		parts = append(parts, "a client certificate"+subject(a.MTLS.Certificate))
	}
	if a.CA != "" {
		parts = append(parts, "a CA of its own"+subject(a.CA))
	}
	return strings.Join(parts, "; ")
}

// subject says whose the first certificate in a PEM is, and until when.
func subject(text string) string {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return ""
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (%s, until %s)", c.Subject, c.NotAfter.UTC().Format(time.DateOnly))
}
