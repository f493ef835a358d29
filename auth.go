package fanfare

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fanfarehq/fanfare/internal/post"
	"github.com/fanfarehq/fanfare/webhook"
)

// Auth is how an endpoint's receiver knows who comes, beside the signature, and how
// Fanfare knows the receiver. At most one of Basic, Bearer and OAuth2 is set; a
// certificate and a CA go with any. The zero value is none of it.
type Auth struct {
	Basic  *BasicAuth
	Bearer *BearerAuth
	OAuth2 *OAuth2

	// Certificate is shown to a receiver that asks for one in the TLS handshake:
	// PEM, the leaf first. Key is its private key, in PEM too.
	Certificate, Key string

	// CA holds the certificates, in PEM, one of which must vouch for the
	// receiver's; "" means those that the system trusts. The token endpoint of
	// OAuth2 may be vouched for by either.
	CA string
}

// BasicAuth is a name and a password, sent with each attempt (RFC 7617).
type BasicAuth struct{ Username, Password string }

// BearerAuth is a token that is sent with each attempt (RFC 6750).
type BearerAuth struct{ Token string }

// Bounds on what proves who we are. Tokens are long where they are signed claims.
const (
	maxCredential = 1024
	maxToken      = 16 << 10
)

// header is what each attempt carries; none for OAuth2, whose tokens pass.
func (a *Auth) header() []Header {
	switch {
	case a.Basic != nil:
		pair := base64.StdEncoding.EncodeToString([]byte(a.Basic.Username + ":" + a.Basic.Password))
		return []Header{{Name: "Authorization", Value: "Basic " + pair}}
	case a.Bearer != nil:
		return []Header{bearerHeader(a.Bearer.Token)}
	}
	return nil
}

func bearerHeader(token string) Header {
	return Header{Name: "Authorization", Value: "Bearer " + token}
}

// checkAuth also gives the token URL the spelling in which it is called.
func (h *Hub) checkAuth(ep *Endpoint) error {
	a := &ep.Auth
	if *a == (Auth{}) {
		return nil
	}
	if err := a.checkAlone(ep); err != nil {
		return err
	}
	if a.OAuth2 != nil {
		if err := h.checkOAuth2(a.OAuth2); err != nil {
			return err
		}
	}
	for _, check := range []error{a.Basic.check(), a.Bearer.check(), a.checkCertificate(ep.URL), a.checkCA()} {
		if check != nil {
			return check
		}
	}
	return nil
}

// checkAlone makes sure that the Authorization header is set by one thing only.
func (a *Auth) checkAlone(ep *Endpoint) error {
	by := ""
	for name, set := range map[string]bool{"basic": a.Basic != nil, "bearer": a.Bearer != nil, "oauth2": a.OAuth2 != nil} {
		if set && by != "" {
			return &InvalidError{"auth", "give one of basic, bearer and oauth2: each sets the Authorization header"}
		}
		if set {
			by = name
		}
	}
	if by == "" {
		return nil
	}
	if headers, _ := ep.profile().Adds(); slices.Contains(headers, "Authorization") {
		return &InvalidError{"auth." + by, fmt.Sprintf("the signature %s sets the Authorization header already; choose another signature", ep.profile())}
	}
	for name := range ep.Headers {
		if strings.EqualFold(name, "Authorization") {
			return &InvalidError{"headers", fmt.Sprintf("Authorization is set by auth.%s; remove one of the two", by)}
		}
	}
	return nil
}

func (b *BasicAuth) check() error {
	switch {
	case b == nil:
		return nil
	case b.Username == "" && b.Password == "":
		return &InvalidError{"auth.basic", "give a username, a password, or both"}
	case len(b.Username) > maxCredential || strings.Contains(b.Username, ":") || !speakable(b.Username):
		return &InvalidError{"auth.basic.username", fmt.Sprintf("at most %d bytes, without a colon or control characters", maxCredential)}
	case len(b.Password) > maxCredential || !speakable(b.Password):
		return &InvalidError{"auth.basic.password", fmt.Sprintf("at most %d bytes, without control characters", maxCredential)}
	}
	return nil
}

// speakable reports whether s is text without control characters, which RFC 7617
// keeps out of names and passwords.
func speakable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func (b *BearerAuth) check() error {
	if b != nil && !isToken(b.Token) {
		return &InvalidError{"auth.bearer.token", fmt.Sprintf("1 to %d printable ASCII characters, without spaces", maxToken)}
	}
	return nil
}

// isToken reports whether s can stand behind "Bearer".
func isToken(s string) bool {
	return s != "" && len(s) <= maxToken && printable(s) && !strings.Contains(s, " ")
}

// SensitiveHeader reports whether a header of that name is likely to carry
// something that opens a door. The values of such headers are not recorded.
func SensitiveHeader(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"auth", "cookie", "token", "secret", "password", "api-key", "apikey", "access-key", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// isSpecial reports whether attempts to ep, which carry that header, take more than
// to send it and to record the answer.
func (ep *Endpoint) isSpecial(header []Header) bool {
	p := ep.profile()
	return ep.Auth.OAuth2 != nil || ep.Success.followsRedirects() || p == webhook.Basic || p == webhook.BodyToken ||
		slices.ContainsFunc(header, func(h Header) bool { return SensitiveHeader(h.Name) })
}

// notShown stands for what opens doors, wherever something is recorded.
const notShown = "(not shown)"

// minHidden is the length of the shortest value that is looked for in answers:
// a shorter one would be found in everything.
const minHidden = 8

// hide takes what opens doors out of a header, in place, and returns it.
func hide(header []Header) (hidden []string) {
	for i, h := range header {
		if !SensitiveHeader(h.Name) {
			continue
		}
		value := h.Value
		if _, credential, ok := strings.Cut(value, " "); ok {
			value = credential // the scheme, such as Bearer, is no secret
		}
		if len(value) >= minHidden {
			hidden = append(hidden, value)
		}
		header[i].Value = notShown
	}
	return hidden
}

// conceal takes hidden values out of text.
func conceal(hidden []string, text string) string {
	for _, value := range hidden {
		text = strings.ReplaceAll(text, value, notShown)
	}
	return text
}

// concealAnswer takes them out of what a receiver answers, as some do with all
// that they were sent.
func concealAnswer(hidden []string, res *post.Response) {
	for _, value := range hidden {
		if bytes.Contains(res.Body, []byte(value)) {
			res.Body = bytes.ReplaceAll(res.Body, []byte(value), []byte(notShown))
		}
	}
	if len(hidden) == 0 {
		return
	}
	res.Header = res.Header.Clone()
	for _, values := range res.Header {
		for i := range values {
			values[i] = conceal(hidden, values[i])
		}
	}
}
