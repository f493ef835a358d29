package fanfare

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// OAuth2 is what an access token is fetched with, which each attempt then carries:
// the client credentials grant of RFC 6749, section 4.4. A token is fetched when
// one is needed and kept while it is good.
type OAuth2 struct {
	TokenURL     string
	ClientID     string
	ClientSecret string
	Scopes       []string // to ask for; none: the server's default
	Audience     string   // whom the token is for, which some servers ask to be told; no RFC has it
	// Style is how the client proves who it is (RFC 6749, section 2.3.1), one of
	// OAuth2Styles; "" is "basic".
	Style string
}

// OAuth2Styles are what OAuth2.Style may be: credentials as HTTP Basic, or in the
// body of the form.
var OAuth2Styles = []string{"basic", "body"}

const maxScopes = 50

func (h *Hub) checkOAuth2(o *OAuth2) error {
	u, err := h.guard.CheckURL(o.TokenURL)
	if err != nil {
		return &InvalidError{"auth.oauth2.tokenUrl", err.Error()}
	}
	o.TokenURL = u.String()
	switch {
	case o.ClientID == "" || len(o.ClientID) > maxCredential || !printable(o.ClientID):
		return &InvalidError{"auth.oauth2.clientId", fmt.Sprintf("1 to %d printable ASCII characters", maxCredential)}
	case o.ClientSecret == "" || len(o.ClientSecret) > maxCredential || !printable(o.ClientSecret):
		return &InvalidError{"auth.oauth2.clientSecret", fmt.Sprintf("1 to %d printable ASCII characters", maxCredential)}
	case len(o.Audience) > maxCredential || !printable(o.Audience):
		return &InvalidError{"auth.oauth2.audience", fmt.Sprintf("at most %d printable ASCII characters", maxCredential)}
	case o.Style != "" && !slices.Contains(OAuth2Styles, o.Style):
		return &InvalidError{"auth.oauth2.style", oneOf(OAuth2Styles)}
	case len(o.Scopes) > maxScopes:
		return &InvalidError{"auth.oauth2.scopes", fmt.Sprintf("at most %d", maxScopes)}
	}
	for _, s := range o.Scopes {
		if s == "" || len(s) > 256 || !printable(s) || strings.ContainsAny(s, ` "\`) {
			return &InvalidError{"auth.oauth2.scopes", `each has 1 to 256 printable ASCII characters other than space, " and \`}
		}
	}
	return nil
}

// request is what asks for a token, but for where.
func (o *OAuth2) request() (header []Header, body string) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(o.Scopes) > 0 {
		form.Set("scope", strings.Join(o.Scopes, " "))
	}
	if o.Audience != "" {
		form.Set("audience", o.Audience)
	}
	header = []Header{
		{Name: "User-Agent", Value: userAgent},
		{Name: "Accept", Value: "application/json"},
		{Name: "Content-Type", Value: "application/x-www-form-urlencoded"},
	}
	if o.Style == "body" {
		form.Set("client_id", o.ClientID)
		form.Set("client_secret", o.ClientSecret)
	} else {
		header = append(header, Header{Name: "Authorization", Value: "Basic " + o.basic()})
	}
	return header, form.Encode()
}

// basic is client id and secret, each encoded as in a form before they are joined.
func (o *OAuth2) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(o.ClientID) + ":" + url.QueryEscape(o.ClientSecret)))
}

// Bounds on tokens and the asking for them.
const (
	tokenTimeout  = 10 * time.Second // at most, of what an attempt may take
	tokenLifetime = 5 * time.Minute  // of a token whose end is not told
	maxLifetime   = 24 * time.Hour   // that is believed
	tokenMargin   = time.Minute      // before its end, at most, a token is not used any more
)

// A grant fetches the access tokens of one endpoint. It keeps the last one, and
// never has more than one request under way.
type grant struct {
	of          *post.Target
	made        string // all that it is made of: what differs in it is another grant
	lines, body []byte
	hidden      []string // what no error of it may show

	mu       sync.Mutex
	token    string
	until    time.Time // the token is good before that
	fetching *fetch    // the request under way, or nil
}

// A fetch is a request for a token, for which others wait too.
type fetch struct {
	done  chan struct{} // closed once it has ended, after which the others do not change
	token string
	err   error
}

func newGrant(a *Auth) (*grant, error) {
	u, err := url.Parse(a.OAuth2.TokenURL)
	if err != nil {
		return nil, fmt.Errorf("token URL: %w", err)
	}
	header, body := a.OAuth2.request()
	lines := appendLines(nil, header)
	g := &grant{of: post.NewTarget(u, nil).Over(a.tokenConfig()), lines: lines, body: []byte(body)}
	g.made = strings.Join([]string{a.OAuth2.TokenURL, a.CA, string(lines), body}, "\n")
	for _, value := range []string{a.OAuth2.ClientSecret, url.QueryEscape(a.OAuth2.ClientSecret), a.OAuth2.basic()} {
		if len(value) >= minHidden {
			g.hidden = append(g.hidden, value)
		}
	}
	return g, nil
}

// accessToken returns the token that is kept, or fetches one before deadline.
// What went wrong is a *tokenError.
func (g *grant) accessToken(ctx context.Context, client *post.Client, deadline time.Time) (string, error) {
	g.mu.Lock()
	if time.Now().Before(g.until) {
		defer g.mu.Unlock()
		return g.token, nil
	}
	if f := g.fetching; f != nil {
		g.mu.Unlock()
		return f.wait(ctx, deadline)
	}
	f := &fetch{done: make(chan struct{})}
	g.fetching = f
	g.mu.Unlock()

	var until time.Time
	f.token, until, f.err = g.fetch(ctx, client, deadline)
	g.mu.Lock()
	g.token, g.until, g.fetching = f.token, until, nil
	g.mu.Unlock()
	close(f.done)
	return f.token, f.err
}

func (f *fetch) wait(ctx context.Context, deadline time.Time) (string, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", &tokenError{context.Cause(ctx)}
	}
}

// forget drops a token that a receiver has refused, unless there is another by now.
func (g *grant) forget(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.token == token {
		g.until = time.Time{}
	}
}

// fetch asks for a token, once. A time that is zero means to use it, but not to
// keep it.
func (g *grant) fetch(ctx context.Context, client *post.Client, deadline time.Time) (token string, until time.Time, err error) {
	asked := time.Now()
	if latest := asked.Add(tokenTimeout); deadline.After(latest) {
		deadline = latest
	}
	res, err := client.Post(ctx, deadline, g.of, g.lines, g.body)
	if err != nil {
		return "", until, &tokenError{err}
	}
	token, lifetime, err := readToken(res)
	if err != nil {
		return "", until, &tokenError{errors.New(conceal(g.hidden, err.Error()))}
	}
	return token, asked.Add(lifetime - min(lifetime/10, tokenMargin)), nil
}

// A tokenError is why there is no access token.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return e.err.Error() }

// Unwrap returns what went wrong.
func (e *tokenError) Unwrap() error { return e.err }

// readToken reads the answer of a token endpoint (RFC 6749, section 5).
func readToken(res *post.Response) (token string, lifetime time.Duration, err error) {
	said := "it answered " + statusText(res.Status)
	if res.Status != http.StatusOK {
		return "", 0, errors.New(said + tokenFault(res.Body))
	}
	var answer struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	switch err := json.Unmarshal(res.Body, &answer); {
	case res.Truncated:
		return "", 0, errors.New(said + " and more than is read")
	case err != nil:
		return "", 0, errors.New(said + ", but not in the JSON of RFC 6749")
	case !isToken(answer.AccessToken):
		return "", 0, errors.New(said + ", but without an access_token that can be sent")
	case !strings.EqualFold(answer.TokenType, "bearer"):
		return "", 0, fmt.Errorf("%s with a token of type %q, which is not Bearer", said, bound(answer.TokenType, 32))
	}
	lifetime = tokenLifetime
	if seconds, err := answer.ExpiresIn.Float64(); err == nil {
		lifetime = time.Duration(min(max(seconds, 0), maxLifetime.Seconds()) * float64(time.Second))
	}
	return answer.AccessToken, lifetime, nil
}

// tokenFaults are what a token endpoint may say is wrong (RFC 6749, section 5.2).
var tokenFaults = map[string]string{
	"invalid_request":        "it misses something in the request; some servers want an audience",
	"invalid_client":         "it does not know a client of this id and secret, or wants them in the other style",
	"invalid_grant":          "it does not accept the client's credentials",
	"unauthorized_client":    "this client may not fetch tokens by client credentials",
	"unsupported_grant_type": "it gives no tokens for client credentials",
	"invalid_scope":          "a scope is unknown to it, or not granted to this client",
}

func tokenFault(body []byte) string {
	var fault struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &fault) != nil || fault.Error == "" {
		return ""
	}
	text := ", " + bound(fault.Error, 64)
	if meaning := tokenFaults[fault.Error]; meaning != "" {
		text += ": " + meaning
	}
	if fault.Description != "" {
		text += fmt.Sprintf("; it says %q", bound(fault.Description, 100))
	}
	return text
}

// maxGrants bounds the grants that are kept; beyond it, they begin anew.
const maxGrants = 10_000

// grants are those of the endpoints in use, kept so that a token outlives changes
// to other things.
type grants struct {
	mu         sync.Mutex
	byEndpoint map[EndpointID]*grant
}

// of returns the grant of an endpoint with OAuth2.
func (gs *grants) of(ep *Endpoint) (*grant, error) {
	g, err := newGrant(&ep.Auth)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", ep.ID, err)
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if kept := gs.byEndpoint[ep.ID]; kept != nil && kept.made == g.made {
		return kept, nil
	}
	if gs.byEndpoint == nil || len(gs.byEndpoint) >= maxGrants {
		gs.byEndpoint = make(map[EndpointID]*grant)
	}
	gs.byEndpoint[ep.ID] = g
	return g, nil
}

func (gs *grants) forget(id EndpointID) {
	gs.mu.Lock()
	defer gs.mu.Unlock()
	delete(gs.byEndpoint, id)
}
