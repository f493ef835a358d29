package ui

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// wantsPage reports whether a browser asks for a page outside the API.
func wantsPage(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	return reads && r.URL.Path != "/api" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// serveBehind has next serve what is no page, and says with one when there is nothing.
func (h *Handler) serveBehind(next http.Handler, w http.ResponseWriter, r *http.Request) {
	a := &behind{w: w, header: http.Header{}}
	next.ServeHTTP(a, r)
	if a.status == http.StatusNotFound {
		h.handle(h.consoleVisit(w, r), nowhere)
	}
}

// nowhere says that there is no such page, to who is logged in with the ways elsewhere.
func nowhere(v *visit) error {
	token, err := v.consoleUser(v.r)
	if err == nil {
		v.token = token
		err = v.learn()
	}
	if told, refused := isRefused(err); errors.Is(err, fanfare.ErrNotFound) || refused && told.Status == http.StatusUnauthorized {
		v.token, err = "", nil
	}
	if err != nil {
		return err
	}
	return &refusal{Status: http.StatusNotFound, Detail: "There is no such page."}
}

// behind is the answer of what is behind the pages. It keeps back that there is nothing.
type behind struct {
	w      http.ResponseWriter
	header http.Header // until it is known that there is something
	status int         // 0: as yet unknown
}

func (a *behind) known() bool { return a.status != 0 && a.status != http.StatusNotFound }

func (a *behind) Header() http.Header {
	if a.known() {
		return a.w.Header()
	}
	return a.header
}

func (a *behind) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	if status < 200 && status != http.StatusSwitchingProtocols { // others follow
		h := a.w.Header()
		before := h.Clone()
		maps.Copy(h, a.header)
		a.w.WriteHeader(status)
		clear(h)
		maps.Copy(h, before)
		return
	}
	a.status = status
	if a.known() {
		maps.Copy(a.w.Header(), a.header)
		a.w.WriteHeader(status)
	}
}

func (a *behind) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	if !a.known() {
		return len(p), nil
	}
	return a.w.Write(p)
}
