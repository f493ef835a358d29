package call

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// Credentials are the members of a config that prove who sends: a name and a password,
// or a token, or what an access token is fetched with (RFC 6749, section 4.4).
type Credentials struct {
	Username     string   `json:"username"`
	Password     string   `json:"password"`
	Token        string   `json:"token"`
	TokenURL     string   `json:"tokenUrl"`
	ClientID     string   `json:"clientId"`
	ClientSecret string   `json:"clientSecret"`
	ClientIn     string   `json:"clientIn"`
	Scopes       []string `json:"scopes"`
	Audience     string   `json:"audience"`
}

// clientStyles are where client id and secret may stand.
var clientStyles = map[string]oauth2.AuthStyle{"": oauth2.AuthStyleInHeader, "header": oauth2.AuthStyleInHeader, "body": oauth2.AuthStyleInParams}

// prove has requests carry what c says.
func (r *Caller) prove(c *Credentials) error {
	fetched := c.TokenURL != "" || c.ClientID != "" || c.ClientSecret != ""
	ways := 0
	for _, given := range []bool{c.Username != "" || c.Password != "", c.Token != "", fetched, r.fixed.Get("Authorization") != ""} {
		if given {
			ways++
		}
	}
	errs := []error{
		connect.Must(ways <= 1, "token", "give one of username with password, token, tokenUrl with clientId and clientSecret, or a secret header Authorization"),
		connect.Must(httpguts.ValidHeaderFieldValue(c.Token) && len(c.Token) <= maxSecret, "token", "has characters that no token has"),
		connect.Must(len(c.Username) <= maxSecret && len(c.Password) <= maxSecret, "password", "is too long"),
	}
	switch {
	case fetched:
		errs = append(errs, r.fetchTokens(c))
	case c.Token != "":
		r.fixed.Set("Authorization", "Bearer "+c.Token)
		r.conceal(c.Token)
	case c.Username != "" || c.Password != "":
		pair := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))
		r.fixed.Set("Authorization", "Basic "+pair)
		r.conceal(pair)
		r.conceal(c.Password)
	}
	return errors.Join(errs...)
}

func (r *Caller) fetchTokens(c *Credentials) error {
	to, err := connect.URL("tokenUrl", c.TokenURL, "https://login.example.com/oauth2/token")
	style, known := clientStyles[c.ClientIn]
	if err := errors.Join(err,
		connect.Must(c.ClientID != "", "clientId", "is missing"),
		connect.Must(c.ClientSecret != "", "clientSecret", "is missing"),
		connect.Must(known, "clientIn", "must be one of header, body"),
	); err != nil {
		return err
	}
	t := &tokens{way: r.way, turn: make(chan struct{}, 1), grant: clientcredentials.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: to.String(), Scopes: c.Scopes, AuthStyle: style,
	}}
	if c.Audience != "" {
		t.grant.EndpointParams = url.Values{"audience": {c.Audience}}
	}
	r.tokens = t
	r.conceal(c.ClientSecret)
	r.conceal(url.QueryEscape(c.ClientSecret))
	return nil
}

// maxLifetime is how long a token is used at most, whatever its server says of it.
const maxLifetime = 24 * time.Hour

// tokens fetches access tokens, one at a time, and keeps the last one while it is good.
type tokens struct {
	way   fanfare.Way
	grant clientcredentials.Config

	// turn holds a value while somebody fetches one: unlike for a mutex, one can give up
	// waiting for it.
	turn chan struct{}

	mu    sync.Mutex
	kept  *oauth2.Token // nil: none
	until time.Time
}

// take is the token that is kept, or a new one.
func (t *tokens) take(ctx context.Context) (string, error) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-t.turn }()
	if kept := t.good(); kept != "" {
		return kept, nil
	}
	token, err := t.grant.Token(context.WithValue(ctx, oauth2.HTTPClient, t.way.HTTP))
	if err != nil {
		return "", fmt.Errorf("no access token could be had: %w", inWords(err))
	}
	if !httpguts.ValidHeaderFieldValue(token.AccessToken) {
		return "", errors.New("no access token could be had: what came in its place cannot be sent")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.until = token, time.Now().Add(maxLifetime)
	return token.AccessToken, nil
}

// good is the token that is kept, if it can still be used.
func (t *tokens) good() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept.Valid() && time.Now().Before(t.until) {
		return t.kept.AccessToken
	}
	t.kept = nil
	return ""
}

// inWords is err without what the token's server said at length.
func inWords(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		said := refused.ErrorCode
		if refused.ErrorDescription != "" {
			said += " (" + refused.ErrorDescription + ")"
		}
		if said == "" {
			said = connect.FirstLine(refused.Body)
		}
		return fmt.Errorf("%s: %s", refused.Response.Status, said)
	}
	var shown *url.Error
	if errors.As(err, &shown) {
		return shown.Err
	}
	return err
}

// forget drops a token that was refused, unless there is another by now.
func (t *tokens) forget(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept != nil && t.kept.AccessToken == token {
		t.kept = nil
	}
}
