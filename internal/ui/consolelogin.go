package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A login by a key makes another key, for this browser alone: it ends after a while and
// when they leave, and works no longer than the key it was made with. What was done with
// it stands under its own id in the audit log.
const (
	loginLasts = 12 * time.Hour
	loginOf    = "Console: " // what the names of such keys begin with; then who logged in
	loginAdmin = "the admin key"
)

// doorRoutes are the addresses of the console for those who are not let in yet.
func (h *Handler) doorRoutes() {
	h.mux.HandleFunc("GET "+loginPath, h.atConsoleDoor(showLogin))
	h.mux.HandleFunc("POST "+loginPath, h.atConsoleDoor(logIn))
	h.mux.HandleFunc("POST /leave", h.inConsole(logOut))
}

type loginBody struct {
	To      string // where they were going
	Problem string
}

func showLogin(v *visit) error { return v.showLogin(http.StatusOK, "") }

func (v *visit) showLogin(status int, problem string) error {
	v.token = "" // whoever comes here sees no navigation
	to := v.asked("to")
	if v.r.Method == http.MethodPost {
		to = v.said("to")
	}
	return v.showAs(status, "console/login", "Log in", loginBody{To: to, Problem: problem})
}

// logIn lets in whoever has a key that may do everything.
func logIn(v *visit) error {
	if !v.doors.admit(v.r.RemoteAddr, v.now) {
		v.w.Header().Set("Retry-After", "60")
		return v.showLogin(http.StatusTooManyRequests, "There were too many attempts from where you are. Wait a minute, then try again.")
	}
	v.token = v.said("key")
	who, until := loginAdmin, v.now.Add(loginLasts)
	switch b, err := v.hub.Identify(v.r.Context(), v.token); {
	case err == nil && b.Session != nil:
		return v.showLogin(http.StatusForbidden, "That opens a portal, not the console. Log in with an API key.")
	case err == nil:
		who = string(b.Key.ID)
		if end := b.ExpiresAt(); !end.IsZero() && end.Before(until) {
			until = end
		}
	case !errors.Is(err, fanfare.ErrNotFound):
		return err
	}
	err := v.begin(loginOf+who, until)
	told, refused := isRefused(err)
	switch {
	case refused && told.Status == http.StatusUnauthorized:
		return v.showLogin(told.Status, "That key is not valid, or is no longer. \"fanfare key create\" makes another, and \"fanfare serve --new-admin-key\" replaces the admin key.")
	case refused && told.Status == http.StatusForbidden:
		return v.showLogin(told.Status, "The console needs a key with the scope admin that is for all applications. That key is for less: it goes with the API.")
	case err != nil:
		return err
	}
	return v.goOn(v.said("to"))
}

// begin makes the key of a login with that of the visit, and gives it to the browser.
func (v *visit) begin(name string, until time.Time) error {
	var made struct{ Token string }
	in := map[string]any{"name": name, "scopes": []string{"admin"}, "expiresAt": until.UTC().Format(time.RFC3339)}
	if err := v.ask(http.MethodPost, "/api-key", nil, in, &made); err != nil {
		return err
	}
	v.setLogin(made.Token, until)
	return v.tidyLogins()
}

func (v *visit) setLogin(secret string, until time.Time) {
	c := v.consoleCookie(consoleCookie, secret, until)
	c.SameSite = http.SameSiteStrictMode
	http.SetCookie(v.w, c)
}

// tidyLogins removes the newest keys of logins that are over, so that they do not add up.
func (v *visit) tidyLogins() error {
	keys, err := v.hub.Keys(v.r.Context(), fanfare.Page{Limit: fanfare.MaxPage})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !strings.HasPrefix(k.Name, loginOf) || k.ExpiresAt.After(v.now) {
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
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(to, v.root+"/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
		to = v.root + "/"
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// logOut ends the login of this browser.
func logOut(v *visit) error {
	b, err := v.hub.Identify(v.r.Context(), v.token)
	if err != nil {
		return err
	}
	if strings.HasPrefix(b.Key.Name, loginOf) {
		if err := v.ask(http.MethodDelete, "/api-key/"+url.PathEscape(string(b.Key.ID)), nil, nil, nil); err != nil {
			return err
		}
	}
	v.setLogin("", time.Unix(1, 0))
	http.Redirect(v.w, v.r, v.root+loginPath, http.StatusSeeOther)
	return nil
}

// lasts reports whether a login is still good as far as the key it was made with goes:
// with that one it ends.
func (h *Handler) lasts(ctx context.Context, k *fanfare.Key) (bool, error) {
	who, is := strings.CutPrefix(k.Name, loginOf)
	if !is || !strings.HasPrefix(who, "key_") {
		return true, nil
	}
	of, err := h.hub.Key(ctx, fanfare.KeyID(who))
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
