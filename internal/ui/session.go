package ui

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Cookies of the portal. The first holds the secret of the session, where no script
// can read it; it goes with the portal's pages only, and not to the API.
const (
	sessionCookie = "fanfare_portal"
	themeCookie   = "fanfare_theme"
	keysCookie    = "fanfare_keys"
)

// portalPath is where the portal is, behind the site's root.
const portalPath = "/portal"

// enter lets in whoever has a link's secret, and takes them to the portal without it.
func enter(v *visit) error {
	token := v.said("key")
	if token == "" {
		token = v.asked("key")
	}
	// A whole link may be pasted.
	if _, after, ok := strings.Cut(token, "key="); ok {
		token = after
	}
	b, err := v.hub.Identify(v.r.Context(), token)
	switch {
	case errors.Is(err, fanfare.ErrNotFound) && token != "":
		return over
	case errors.Is(err, fanfare.ErrNotFound):
		return v.show("portal/enter", "Open the portal", false)
	case err != nil:
		return err
	case b.Session == nil:
		return &refusal{Status: http.StatusForbidden, Heading: "That is an API key",
			Detail: "The portal is opened by a link. \"fanfare portal create\" makes one, or POST /api/v1/auth/app-portal-access/{app}."}
	}
	http.SetCookie(v.w, v.cookie(sessionCookie, token, b.Session.ExpiresAt))
	http.Redirect(v.w, v.r, v.root+portalPath, http.StatusSeeOther)
	return nil
}

// cookie is one for the portal. Where other sites may show the portal in a frame, the
// browser has to send it there, and keeps it apart for each of them.
func (v *visit) cookie(name, value string, until time.Time) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: v.root + portalPath, Expires: until, HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode}
	if len(v.frames) > 0 && v.secure {
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	return c
}

// leave closes the portal in this browser. The link stays as good as it was.
func leave(v *visit) error {
	v.forget()
	return v.to("", "left")
}

func (v *visit) forget() { http.SetCookie(v.w, v.cookie(sessionCookie, "", time.Unix(1, 0))) }

// endSelf ends the session, for everybody who has its link.
func endSelf(v *visit) error {
	if err := v.ask(http.MethodPost, "/auth/logout", nil, nil, nil); err != nil {
		return err
	}
	v.forget()
	return v.to("", "sessionended")
}

// identify finds whose visit it is. It returns false for somebody who is not let in.
func (v *visit) identify() (bool, error) {
	c, err := v.r.Cookie(sessionCookie)
	if err != nil {
		return false, nil
	}
	b, err := v.hub.Identify(v.r.Context(), c.Value)
	if errors.Is(err, fanfare.ErrNotFound) || err == nil && b.Session == nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	v.token, v.session, v.app = c.Value, b.Session, b.Session.Application
	return true, nil
}

// theme is what the visitor has chosen; "": the browser decides.
func (v *visit) theme() string {
	chosen := v.r.URL.Query().Get("theme")
	if c, err := v.r.Cookie(themeCookie); err == nil && chosen == "" {
		chosen = c.Value
	}
	if chosen == "light" || chosen == "dark" {
		return chosen
	}
	return ""
}

// setTheme keeps the visitor's choice.
func setTheme(v *visit) error {
	v.keepTheme(v.said("theme"))
	return v.to(v.back(), "")
}

func (v *visit) keepTheme(theme string) {
	http.SetCookie(v.w, v.cookie(themeCookie, theme, v.now.AddDate(1, 0, 0)))
}

// keyless reports whether the visitor has turned off the keys of one letter.
func (v *visit) keyless() bool {
	c, err := v.r.Cookie(keysCookie)
	return err == nil && c.Value == "off"
}

// setKeys keeps whether the visitor wants them.
func setKeys(v *visit) error {
	cookie, keys := v.cookie, "on"
	if v.console {
		cookie = v.consoleCookie
	}
	if v.said("keys") == "off" {
		keys = "off"
	}
	http.SetCookie(v.w, cookie(keysCookie, keys, v.now.AddDate(1, 0, 0)))
	return v.to(v.back(), "")
}

// back is the page that a form was on, as it says itself, below v.base.
func (v *visit) back() string {
	path, ok := strings.CutPrefix(v.said("here"), v.base)
	if !ok || path != "" && path[0] != '/' && path[0] != '?' || strings.HasPrefix(path, "//") || strings.Contains(path, "\\") {
		return ""
	}
	return path
}
