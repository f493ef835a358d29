package ui

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/fanfarehq/fanfare"
)

// OIDC is a provider of OpenID Connect by which people log in to the console, and who of
// them are let in. Each of those who are is told by an e-mail address, which the provider
// has to have verified, by a domain of such addresses (@example.com), or by a claim and
// its value (groups=operators).
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret string          // "": the server is a public client, which PKCE alone shows to be the same
	Request      []string        // scopes that the provider is asked for beside openid; none: email and profile
	Allow        []string        // who is let in
	Scopes       []fanfare.Scope // of the keys that these get; none: admin
	AllowRead    []string        // who is let in with all scopes that read
	Loopback     bool            // whether the provider may be on this machine, by http
}

// Bounds on what the provider is asked for.
const (
	providerTime   = 10 * time.Second
	discoverTime   = 4 * time.Second
	discoverAgain  = 10 * time.Second // after it did not answer
	providerAnswer = 1 << 20          // bytes
)

// A provider is an OIDC that has been checked, and what the provider says of itself once
// it was asked.
type provider struct {
	OIDC
	host   string
	site   string // where people reach this server; the provider sends them back below it
	guests []guest
	client *http.Client

	mu     sync.Mutex // held while it is asked about itself
	found  *oidc.Provider
	failed error // the last time
	asked  time.Time
}

// provider checks o. It asks the provider nothing yet, which may be away.
func (o *OIDC) provider(site string) (*provider, error) {
	if o == nil {
		return nil, nil
	}
	p := &provider{OIDC: *o, site: site}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || p.secure(u) != nil {
		return nil, &fanfare.InvalidError{Field: "oidc.issuer", Reason: "must be an https address such as https://accounts.example.com; http is for a provider on this machine and a server that is tried out there"}
	}
	p.host = u.Host
	if o.ClientID == "" || len(o.ClientID) > 512 {
		return nil, &fanfare.InvalidError{Field: "oidc.clientId", Reason: "must be what the provider knows this server by"}
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []fanfare.Scope{fanfare.ScopeAdmin}
	}
	for i, s := range p.Scopes {
		if !slices.Contains(fanfare.Scopes(), s) || slices.Contains(p.Scopes[:i], s) {
			return nil, &fanfare.InvalidError{Field: "oidc.scopes", Reason: fmt.Sprintf("%q is none, or is there twice", s)}
		}
	}
	if len(p.Request) == 0 {
		p.Request = []string{oidc.ScopeEmail, oidc.ScopeProfile}
	}
	if p.guests, err = o.guests(p.Scopes); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes, transport.ResponseHeaderTimeout = 64<<10, providerTime
	p.client = &http.Client{
		Timeout: providerTime, Transport: bounded{transport, p},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p, nil
}

// secure is nil for addresses that the provider may have.
func (p *provider) secure(u *url.URL) error {
	if u.Scheme == "https" {
		return nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && p.Loopback && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("the provider is not asked at %s://%s, which is not https", u.Scheme, u.Host)
}

// A bounded transport asks the provider by https, and reads so much of its answers.
type bounded struct {
	http.RoundTripper
	of *provider
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b.of.secure(r.URL); err != nil {
		return nil, err
	}
	a, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		a.Body = http.MaxBytesReader(nil, a.Body, providerAnswer)
	}
	return a, err
}

// An outsider is somebody whom a login by the provider does not let in, or a provider that
// did not do its part.
type outsider struct {
	status int
	told   string // to the visitor
	cause  string // to the operator; it has nothing of tokens and codes
}

func (o *outsider) Error() string { return o.cause }

// discover asks the provider about itself, until it has answered once.
func (p *provider) discover(ctx context.Context, log *slog.Logger) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil || p.failed != nil && time.Since(p.asked) < discoverAgain {
		return p.found, p.failed
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), p.client), discoverTime)
	defer cancel()
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err == nil {
		err = p.fit(found)
	}
	if p.asked = time.Now(); err == nil {
		p.found, p.failed = found, nil
		return found, nil
	}
	told := "It does not answer, or not as a provider does; the server's log says more."
	if _, other := errors.AsType[*oidc.IssuerMismatchError](err); other {
		told = "It goes by another address than the one this server was told, which has to be the same to the letter."
	}
	log.WarnContext(ctx, "the OpenID provider cannot be used", "issuer", p.Issuer, "error", cut(err.Error(), 300))
	p.failed = &outsider{http.StatusServiceUnavailable, told, "discovery failed"}
	return nil, p.failed
}

// fit makes sure that people and codes are sent by https only.
func (p *provider) fit(found *oidc.Provider) error {
	at := found.Endpoint()
	for _, address := range []string{at.AuthURL, at.TokenURL} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return errors.New("its authorization_endpoint or token_endpoint is no address")
		}
		if err := p.secure(u); err != nil {
			return err
		}
	}
	return nil
}

// config is how the provider is asked for tokens.
func (p *provider) config(found *oidc.Provider) *oauth2.Config {
	c := &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.site + oidcPath + "/callback", Scopes: append([]string{oidc.ScopeOpenID}, p.Request...)}
	var ways struct {
		Auth []string `json:"token_endpoint_auth_methods_supported"`
	}
	_ = found.Claims(&ways) // what it does not say is basic
	c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.ClientSecret == "" || slices.Contains(ways.Auth, "client_secret_post") && !slices.Contains(ways.Auth, "client_secret_basic") {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return c
}

// identify finds who it is that came back with a code, of those who are let in.
func (p *provider) identify(ctx context.Context, log *slog.Logger, code string, begun *pending) (*person, error) {
	found, err := p.discover(ctx, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerTime)
	defer cancel()
	token, err := p.config(found).Exchange(ctx, code, oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return nil, notExchanged(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, distrusted(err.Error())
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(begun.Nonce)) != 1 {
		return nil, distrusted("the ID token has another nonce")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, distrusted("the claims cannot be read")
	}
	if azp, told := claims["azp"]; told && azp != p.ClientID || !told && len(id.Audience) > 1 {
		return nil, distrusted("the ID token was issued to another client")
	}
	if who, err := p.admit(claims); err == nil && who.mail != "" || found.UserInfoEndpoint() == "" {
		return who, err
	}
	if err := p.askMore(ctx, found, token, id.Subject, claims); err != nil {
		return nil, err
	}
	return p.admit(claims)
}

// askMore adds to the claims what the provider tells of somebody when it is asked apart.
func (p *provider) askMore(ctx context.Context, found *oidc.Provider, token *oauth2.Token, subject string, claims map[string]any) error {
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return &outsider{http.StatusBadGateway, "The provider does not say who you are. Try again in a while; the server's log says more.", "the userinfo endpoint failed"}
	}
	if info.Subject != subject {
		return distrusted("the userinfo is of another subject")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return distrusted("the userinfo cannot be read")
	}
	if _, told := claims["email"]; told {
		delete(more, "email_verified") // which is said of the address that stands beside it
	}
	for name, value := range more {
		if _, told := claims[name]; !told {
			claims[name] = value
		}
	}
	return nil
}

// notExchanged is what is told of a code that the provider gives nothing for. What it
// answered is not: there may be a token in it.
func notExchanged(err error) error {
	told, refused := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case refused && told.ErrorCode == "invalid_grant":
		return &outsider{http.StatusBadRequest, "The provider does not take the code of this login any more: it is good once, and for a short while. Log in again.", "the code was refused: invalid_grant"}
	case refused:
		return &outsider{http.StatusBadGateway, "The provider gives this server no token. The operator has to see to it; the server's log says more.", fmt.Sprintf("the token endpoint answered %s %q", told.Response.Status, cut(told.ErrorCode, 60))}
	}
	return &outsider{http.StatusBadGateway, "The provider does not answer this server. Try again in a while, or log in with a key.", "the token endpoint failed: " + reason(err)}
}

// reason is why a request failed, without what was answered.
func reason(err error) string {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return cut(failed.Err.Error(), 200)
	}
	return "its answer cannot be read"
}

func distrusted(cause string) error {
	return &outsider{http.StatusBadGateway, "What the provider sent cannot be trusted, and you were not let in. Log in again; if it stays, the server's log says more.", "the ID token is not accepted: " + cut(cause, 200)}
}
