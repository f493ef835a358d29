package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// oidcSecretVariable names the environment variable that may have the secret which the
// provider of logins gave this server.
const oidcSecretVariable = "FANFARE_OIDC_CLIENT_SECRET"

// maxOIDCSecret bounds that secret in a file, in bytes.
const maxOIDCSecret = 4 << 10

// oidcSettings are by which provider people log in to the console, and who.
type oidcSettings struct {
	issuer, clientID, secretFile string
	request                      []string
	allow, scopes, allowRead     []string
}

func (s *oidcSettings) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.issuer, "oidc-issuer", "", "address of an OpenID Connect provider by which people log in to the console, such as https://accounts.example.com; it sends them back to /login/oidc/callback below --public-url")
	flags.StringVar(&s.clientID, "oidc-client-id", "", "what that provider knows this server by")
	flags.StringVar(&s.secretFile, "oidc-client-secret-file", "", "file of the secret that the provider gave this server, unless "+oidcSecretVariable+" has it; none: a public client")
	flags.StringSliceVar(&s.request, "oidc-request", nil, "scope that the provider is asked for, such as groups; repeatable (default email,profile)")
	flags.StringSliceVar(&s.allow, "oidc-allow", nil, "who is let into the console by the provider: a verified e-mail address, a domain of them such as @example.com, or a claim and its value such as groups=operators; repeatable")
	flags.StringSliceVar(&s.scopes, "oidc-scopes", nil, "what those may do, such as messages:read; repeatable (default admin)")
	flags.StringSliceVar(&s.allowRead, "oidc-allow-read", nil, "who is let in to look, told as by --oidc-allow; repeatable")
}

// provider is what the console is told; nil: people log in by keys alone. On this machine
// alone, dev, the provider may be there too.
func (s *oidcSettings) provider(e *env, publicURL string, dev bool) (*ui.OIDC, error) {
	if s.issuer == "" {
		if s.clientID != "" || s.secretFile != "" || len(s.request)+len(s.allow)+len(s.scopes)+len(s.allowRead) > 0 {
			return nil, usagef("the flags --oidc-… need --oidc-issuer, the address of the provider")
		}
		return nil, nil
	}
	if publicURL == "" && !dev {
		return nil, usagef("--oidc-issuer needs --public-url, where the provider sends people back to")
	}
	secret, err := s.secret(e)
	if err != nil {
		return nil, err
	}
	o := &ui.OIDC{Issuer: s.issuer, ClientID: s.clientID, ClientSecret: secret, Request: s.request, Allow: s.allow, AllowRead: s.allowRead, Loopback: dev}
	for _, scope := range s.scopes {
		o.Scopes = append(o.Scopes, fanfare.Scope(scope))
	}
	return o, nil
}

// secret is what the provider gave this server; "": nothing.
func (s *oidcSettings) secret(e *env) (string, error) {
	given := e.getenv(oidcSecretVariable)
	switch {
	case given != "" && s.secretFile != "":
		return "", usagef("the secret of the OpenID provider is given by both --oidc-client-secret-file and %s; leave one out", oidcSecretVariable)
	case s.secretFile == "":
		return given, nil
	}
	file, err := os.Open(s.secretFile)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxOIDCSecret+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || len(text) > maxOIDCSecret {
		return "", usagef("--oidc-client-secret-file %s must have the secret and nothing else", s.secretFile)
	}
	return secret, nil
}

// oidcMistake names the flag that the provider cannot be as it says.
func oidcMistake(err error) error {
	flags := map[string]string{"oidc.issuer": "--oidc-issuer", "oidc.clientId": "--oidc-client-id", "oidc.allow": "--oidc-allow", "oidc.allowRead": "--oidc-allow-read", "oidc.scopes": "--oidc-scopes"}
	if wrong, ok := errors.AsType[*fanfare.InvalidError](err); ok && flags[wrong.Field] != "" {
		return usagef("%s: %s", flags[wrong.Field], wrong.Reason)
	}
	return err
}
