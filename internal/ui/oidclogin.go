package ui

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/fanfarehq/fanfare"
)

// oidcPath is where people are sent to the provider from; they come back below it.
const oidcPath = loginPath + "/oidc"

// A login that was begun is kept in a cookie, sealed, for as long as it may take. It goes
// with pages of the login only, also when the provider leads to them.
const (
	pendingCookie  = "fanfare_login"
	pendingLasts   = 10 * time.Minute
	pendingSetting = "login_key" // the store's setting with the key that it is sealed with
	maxTo          = 1000        // bytes of the address where somebody was going
)

// A pending login is what was sent to the provider, and has to come back.
type pending struct {
	State, Nonce, Verifier string
	To                     string // a page of ours
	Until                  time.Time
}

// A providerLink leads to the provider from the page of the login.
type providerLink struct {
	URL, Name string
	Problem   string // why it does not work; "": it does
}

func (p *provider) link(v *visit, body *loginBody) *providerLink {
	l := &providerLink{Name: p.host, URL: address(v.root+oidcPath, url.Values{"to": {v.ours(body.To)}}.Encode())}
	if _, err := p.discover(v.r.Context(), v.log); err != nil {
		l.Problem = toldOf(err)
	}
	return l
}

// toldOf is what the visitor is told of a login that did not work out.
func toldOf(err error) string {
	if out, ok := errors.AsType[*outsider](err); ok {
		return out.told
	}
	return "It does not work at present."
}

// beginOIDC sends somebody to the provider.
func beginOIDC(v *visit) error {
	found, err := v.provider.discover(v.r.Context(), v.log)
	if err != nil {
		return v.showLogin(http.StatusServiceUnavailable, loginBody{To: v.asked("to")})
	}
	begun := &pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: v.ours(v.asked("to")), Until: v.now.Add(pendingLasts)}
	if len(begun.To) > maxTo {
		begun.To = v.root + "/"
	}
	if err := v.keep(begun); err != nil {
		return err
	}
	to := v.provider.config(found).AuthCodeURL(begun.State, oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Verifier))
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// endOIDC lets in who comes back from the provider.
func endOIDC(v *visit) error {
	if !v.doors.admit(v.r.RemoteAddr, v.now) {
		return v.tooMany()
	}
	begun, err := v.begun()
	if err != nil {
		return err
	}
	v.setPending("", time.Unix(1, 0)) // whatever comes of it, it is over
	if err := v.provider.fits(v.r.URL.Query(), begun, v.now); err != nil {
		return v.outside(begun, err)
	}
	who, err := v.provider.identify(v.r.Context(), v.log, v.asked("code"), begun)
	if err != nil {
		return v.outside(begun, err)
	}
	k := &fanfare.Key{Name: loginOf + who.name(), Scopes: who.scopes, ExpiresAt: v.now.Add(loginLasts)}
	return v.begin(k, "oidc", func() error { return v.welcome(begun.To) })
}

// welcome leads on by a page of ours: a browser that was led here by another site does not
// send the cookie of the login along when it is led on at once.
func (v *visit) welcome(to string) error {
	v.w.Header().Set("Refresh", "0; url="+to)
	return v.show("console/welcome", "You are logged in", to)
}

// fits makes sure that an answer is to the login that this browser has begun.
func (p *provider) fits(answer url.Values, begun *pending, now time.Time) error {
	code := answer.Get("error")
	again := func(told string) error {
		return &outsider{status: http.StatusBadRequest, told: told + " Log in again."}
	}
	switch {
	case begun == nil || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(begun.State)) != 1:
		return again("This browser has begun no such login at " + p.site + ", or it is over already.")
	case !now.Before(begun.Until):
		return again("This login took longer than ten minutes.")
	case answer.Has("iss") && answer.Get("iss") != p.Issuer:
		return again("The answer is from another provider than this login was begun with.")
	case code == "access_denied":
		return &outsider{status: http.StatusForbidden, told: "The provider has let nobody in: it was declined there, by you or by its rules."}
	case code != "":
		return &outsider{http.StatusBadGateway, "The provider could not do it, and says: " + cut(code, 60) + ".", "the provider answered " + cut(code, 60)}
	case answer.Get("code") == "":
		return again("The provider's answer has no code.")
	}
	return nil
}

// outside shows why somebody was not let in. What the operator has to see to is logged;
// who is known and not let in is noted in the audit log.
func (v *visit) outside(begun *pending, err error) error {
	out, ok := errors.AsType[*outsider](err)
	if !ok {
		return err
	}
	body := loginBody{Outside: out.told}
	if begun != nil {
		body.To = begun.To
	}
	switch {
	case out.status == http.StatusForbidden && out.cause != "":
		e := &fanfare.AuditEntry{Actor: "oidc", Action: "api-key.create", Address: v.address(), Refused: true, Detail: "by " + out.cause}
		if err := v.hub.Audit(context.WithoutCancel(v.r.Context()), e); err != nil {
			return err
		}
	case out.cause != "":
		v.log.WarnContext(v.r.Context(), "login by the OpenID provider failed", "issuer", v.provider.Issuer, "cause", out.cause)
	}
	return v.showLogin(out.status, body)
}

// keep has the browser keep a login that was begun.
func (v *visit) keep(begun *pending) error {
	seal, err := v.seal()
	if err != nil {
		return err
	}
	plain, err := json.Marshal(begun)
	if err != nil {
		return err
	}
	v.setPending(base64.RawURLEncoding.EncodeToString(seal.Seal(nil, nil, plain, []byte(pendingCookie))), begun.Until)
	return nil
}

func (v *visit) setPending(value string, until time.Time) {
	c := v.consoleCookie(pendingCookie, value, until)
	c.Path = v.root + loginPath
	http.SetCookie(v.w, c)
}

// begun is the login that this browser has begun; nil: none, or none any more.
func (v *visit) begun() (*pending, error) {
	seal, err := v.seal()
	if err != nil {
		return nil, err
	}
	c, err := v.r.Cookie(pendingCookie)
	if err != nil {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil, nil
	}
	plain, err := seal.Open(nil, nil, text, []byte(pendingCookie))
	if err != nil {
		return nil, nil // it was not made here
	}
	begun := &pending{}
	return begun, json.Unmarshal(plain, begun)
}

// seal is what logins under way are sealed with, by all servers on the store alike.
func (v *visit) seal() (cipher.AEAD, error) {
	key, err := v.hub.StoredKey(v.r.Context(), pendingSetting)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
