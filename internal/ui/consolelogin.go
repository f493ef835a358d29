package ui

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
)

// Who logs in, by a key or by the provider, gets a key of their own for this browser
// alone: it ends after a while and when they leave, and works no longer than the key it
// was made with. It opens what that one does. What was done with it stands under its own
// id in the audit log, with who logged in.
const (
	loginLasts = 12 * time.Hour
	loginOf    = api.LoginPrefix // what the names of such keys begin with; then who logged in
	loginAdmin = "the admin key"
	maxLogins  = 20 // of one person by the provider; the oldest beyond them end
)

// doorRoutes are the addresses of the console for those who are not let in yet.
func (h *Handler) doorRoutes() {
	h.mux.HandleFunc("GET "+loginPath, h.atConsoleDoor(showLogin))
	h.mux.HandleFunc("POST "+loginPath, h.atConsoleDoor(logIn))
	h.mux.HandleFunc("POST /leave", h.inConsole(logOut))
	if h.provider != nil {
		h.mux.HandleFunc("GET "+oidcPath, h.atConsoleDoor(beginOIDC))
		h.mux.HandleFunc("GET "+oidcPath+"/callback", h.atConsoleDoor(endOIDC))
	}
}

type loginBody struct {
	To       string // where they were going
	Problem  string
	Provider *providerLink // nil: there is none
	Outside  string        // what went wrong with the provider
}

func showLogin(v *visit) error { return v.showLogin(http.StatusOK, loginBody{To: v.asked("to")}) }

func (v *visit) showLogin(status int, body loginBody) error {
	v.token = "" // whoever comes here sees no navigation
	if v.r.Method == http.MethodPost {
		body.To = v.said("to")
	}
	if v.provider != nil {
		body.Provider = v.provider.link(v, &body)
	}
	return v.showAs(status, "console/login", "Log in", body)
}

// tooMany is what those are told who knock too often.
func (v *visit) tooMany() error {
	v.w.Header().Set("Retry-After", "60")
	return v.showLogin(http.StatusTooManyRequests, loginBody{Problem: "There were too many attempts from where you are. Wait a minute, then try again."})
}

const invalidKey = "That key is not valid, or is no longer. \"fanfare key create\" makes another, and \"fanfare serve --new-admin-key\" replaces the admin key."

// logIn lets in whoever has a key.
func logIn(v *visit) error {
	if !v.doors.admit(v.r.RemoteAddr, v.now) {
		return v.tooMany()
	}
	v.token = v.said("key")
	err := v.learn()
	if told, refused := isRefused(err); refused && told.Status == http.StatusUnauthorized {
		return v.showLogin(told.Status, loginBody{Problem: invalidKey})
	}
	if err != nil {
		return err
	}
	who := v.rights
	v.rights = nil
	if who.Kind == "session" || who.Portal {
		return v.showLogin(http.StatusForbidden, loginBody{Problem: "That opens a portal, not the console. Log in with an API key of the provider's."})
	}
	k := &fanfare.Key{Name: loginOf + loginAdmin, Scopes: who.Scopes, Application: who.Application, Channels: who.Channels, ExpiresAt: v.now.Add(loginLasts)}
	actor := "admin"
	if who.ID != "" {
		k.Name, actor = loginOf+who.ID, who.ID
	}
	if end := who.ExpiresAt; !end.IsZero() && end.Before(k.ExpiresAt) {
		k.ExpiresAt = end
	}
	return v.begin(k, actor, func() error { return v.goOn(v.said("to")) })
}

// begin makes the key of a login, gives it to the browser and goes on. The audit log notes
// whose doing it is.
func (v *visit) begin(k *fanfare.Key, actor string, then func() error) error {
	secret, err := v.hub.CreateKey(v.r.Context(), k)
	_, invalid := errors.AsType[*fanfare.InvalidError](err)
	switch {
	case errors.Is(err, fanfare.ErrTooMany):
		return v.showLogin(http.StatusConflict, loginBody{Problem: "There are as many API keys as there can be, and a login takes one. Revoke some that are not used any more."})
	case errors.Is(err, fanfare.ErrNotFound) || invalid: // it ended, or its application was deleted, just now
		return v.showLogin(http.StatusUnauthorized, loginBody{Problem: invalidKey})
	case err != nil:
		return err
	}
	if err := v.note(actor, "api-key.create", k, "name", "scopes", "application", "channels", "expiresAt"); err != nil {
		return err
	}
	if err := v.tidyLogins(k); err != nil {
		return err
	}
	v.setLogin(secret, k.ExpiresAt)
	return then()
}

// note keeps in the audit log what was done to the key of a login.
func (v *visit) note(actor, action string, k *fanfare.Key, fields ...string) error {
	who := strings.TrimPrefix(k.Name, loginOf)
	return v.hub.Audit(context.WithoutCancel(v.r.Context()), &fanfare.AuditEntry{
		Actor: actor, Action: action, Application: string(k.Application), Object: string(k.ID), Address: v.address(), Fields: fields, Detail: "by " + who,
	})
}

// address is where the visit comes from.
func (v *visit) address() string {
	host, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if err != nil {
		return v.r.RemoteAddr
	}
	return host
}

func (v *visit) setLogin(secret string, until time.Time) {
	c := v.consoleCookie(consoleCookie, secret, until)
	c.SameSite = http.SameSiteStrictMode
	http.SetCookie(v.w, c)
}

// tidyLogins removes the newest keys of logins that are over, so that they do not add up,
// and the oldest of those whom the provider has let in very often.
func (v *visit) tidyLogins(made *fanfare.Key) error {
	keys, err := v.hub.Keys(v.r.Context(), fanfare.Page{Limit: fanfare.MaxPage})
	if err != nil {
		return err
	}
	same := 0
	for _, k := range keys {
		if !strings.HasPrefix(k.Name, loginOf) {
			continue
		}
		if k.Name == made.Name && byProvider(k) {
			same++
		}
		if k.ExpiresAt.After(v.now) && (k.Name != made.Name || same <= maxLogins) {
			continue
		}
		if err := v.hub.RevokeKey(v.r.Context(), k.ID); err != nil && !errors.Is(err, fanfare.ErrNotFound) {
			return err
		}
	}
	return nil
}

// goOn sends somebody who has come in to where they were going, if that is a page of ours.
func (v *visit) goOn(to string) error {
	http.Redirect(v.w, v.r, v.ours(to), http.StatusSeeOther)
	return nil
}

// ours is an address if it is a page of ours, and else that of the first one.
func (v *visit) ours(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(to, v.root+"/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
		to = v.root + "/"
	}
	return to
}

// logOut ends the login of this browser.
func logOut(v *visit) error {
	b, err := v.hub.Identify(v.r.Context(), v.token)
	if err != nil {
		return err
	}
	err = v.hub.RevokeKey(v.r.Context(), b.Key.ID)
	if err == nil {
		err = v.note(string(b.Key.ID), "api-key.revoke", b.Key)
	}
	if err != nil && !errors.Is(err, fanfare.ErrNotFound) { // it was revoked just now
		return err
	}
	v.setLogin("", time.Unix(1, 0))
	http.Redirect(v.w, v.r, v.root+loginPath, http.StatusSeeOther)
	return nil
}

// loginWith is the key that a login was made with; false for the admin key, and where the
// provider let somebody in.
func loginWith(k *fanfare.Key) (id fanfare.KeyID, ok bool) {
	who, is := strings.CutPrefix(k.Name, loginOf)
	_, ok = fanfare.DecodeID("key_", who)
	return fanfare.KeyID(who), is && ok
}

// byProvider reports whether it is the key of somebody whom the provider let in.
func byProvider(k *fanfare.Key) bool {
	_, ok := loginWith(k)
	return !ok && strings.HasPrefix(k.Name, loginOf) && k.Name != loginOf+loginAdmin
}

// lasts reports whether a key is that of a login, and still good as far as what it was
// made with goes: with the key it ends, and with people being let in by a provider.
func (h *Handler) lasts(ctx context.Context, k *fanfare.Key) (bool, error) {
	id, with := loginWith(k)
	switch {
	case !strings.HasPrefix(k.Name, loginOf), byProvider(k) && h.provider == nil:
		return false, nil
	case !with:
		return true, nil
	}
	of, err := h.hub.Key(ctx, id)
	if errors.Is(err, fanfare.ErrNotFound) {
		return false, nil
	}
	return err == nil && (of.ExpiresAt.IsZero() || of.ExpiresAt.After(now())), err
}

// EndLogins ends the logins that were made with the admin key, as is right once there is
// another.
func EndLogins(ctx context.Context, hub *fanfare.Hub) error {
	for page := (fanfare.Page{Limit: fanfare.MaxPage}); ; {
		keys, err := hub.Keys(ctx, page)
		if err != nil {
			return err
		}
		for _, k := range keys {
			page.After = string(k.ID)
			if k.Name != loginOf+loginAdmin {
				continue
			}
			if err := hub.RevokeKey(ctx, k.ID); err != nil && !errors.Is(err, fanfare.ErrNotFound) {
				return err
			}
		}
		if len(keys) < page.Limit {
			return nil
		}
	}
}
