// Package ui is what people see of Fanfare: the portal, where a customer looks after
// the endpoints of one application. Its pages are made on the server, from templates
// and typed data, and can be read and used without scripts.
//
// It is a client of the HTTP API in the same process: whatever a page reads or does, it
// asks the API for with the visitor's own key or session. So it decides nothing about
// who may do what or what is valid, and what is done here is audited like anything else.
// What it knows of permissions only leaves away controls that the API would refuse.
package ui

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/inspect"
)

// Options are the settings of the pages. The zero value of each field is a good
// default.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()

	// BaseURL is where people reach the server, with the path that the handler is
	// mounted at. Cookies are for https only if it begins so.
	BaseURL string

	Portal     Portal
	PortalOnly bool // there is no console

	OIDC *OIDC // by which people log in to the console; nil: by keys alone

	Settings []Setting // what the server runs with, for the console to show; no secrets

	Loopback bool // endpoints may be on this machine, as [fanfare.Options].AllowLoopback lets them

	// Bins are those that the hub sends to, by [fanfare.Options].Bins: customers can have
	// test inboxes then. nil: there are others, for operators alone.
	Bins *inspect.Bins
}

// A Handler serves the pages. It never changes once New has returned, but for what its
// fields guard themselves.
type Handler struct {
	hub    *fanfare.Hub
	api    http.Handler
	log    *slog.Logger
	root   string // path that all addresses begin with, without a slash at its end; ""
	secure bool   // people come by https
	alone  bool   // the portal is: there is no console
	look   look
	frames []string // other sites that may show the portal in a frame
	assets *assets
	mux    *http.ServeMux
	guard  *http.CrossOriginProtection
	site   string // address at which people reach it, with root
	pace   pace

	settings []Setting
	bins     *inspect.Bins
	loopback bool         // endpoints may be on this machine
	inboxes  bool         // endpoints may have them
	shares   bool         // there are links to them
	watching atomic.Int64 // pages that are told of changes in bins
	doors    doors
	provider *provider // nil: there is none
}

// New returns the pages over hub and over its API. It returns what is wrong with the
// options.
func New(hub *fanfare.Hub, api http.Handler, opt *Options) (*Handler, error) {
	if opt == nil {
		opt = &Options{}
	}
	h := &Handler{hub: hub, api: api, log: opt.Logger, frames: opt.Portal.Frames, mux: http.NewServeMux(), guard: http.NewCrossOriginProtection()}
	if h.log == nil {
		h.log = slog.Default()
	}
	base, err := url.Parse(opt.BaseURL)
	if err != nil {
		return nil, &fanfare.InvalidError{Field: "baseUrl", Reason: "is no address"}
	}
	h.root, h.secure = strings.TrimRight(base.Path, "/"), base.Scheme == "https"
	if h.site = strings.TrimRight(opt.BaseURL, "/"); h.site == "" {
		h.site = "http://127.0.0.1:8080"
	}
	if h.look, err = opt.Portal.look(); err != nil {
		return nil, err
	}
	if h.assets, err = newAssets(h.look.css()); err != nil {
		return nil, err
	}
	if h.provider, err = opt.OIDC.provider(h.site); err != nil {
		return nil, err
	}
	h.mux.HandleFunc("GET "+assetPath+"{name}", h.assets.serve)
	h.settings, h.bins, h.inboxes, h.loopback = opt.Settings, opt.Bins, opt.Bins != nil, opt.Loopback
	if h.bins == nil {
		h.bins = inspect.New(opt.BaseURL)
	} else if opt.PortalOnly {
		h.mux.Handle(inspect.Path, h.bins)
	}
	h.portalRoutes()
	if h.alone = opt.PortalOnly; !h.alone {
		h.consoleRoutes()
	}
	return h, nil
}

// Before serves the pages, and has next serve all else. None is below /api/, so that what
// goes there need not be looked at twice. Where next has nothing either, a browser gets a
// page of the console that says so.
func (h *Handler) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			next.ServeHTTP(w, r)
			return
		}
		if _, pattern := h.mux.Handler(r); pattern != "" {
			h.ServeHTTP(w, r)
			return
		}
		if !h.alone && wantsPage(r) {
			h.serveBehind(next, w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mux.ServeHTTP(w, r)
}

// maxForm bounds the body of a form, in bytes: more than a script or a URL takes.
const maxForm = 256 << 10

// handle serves what one visitor asks for. It is the only place where faults of pages
// are logged.
func (h *Handler) handle(v *visit, serve func(*visit) error) {
	defer v.recovered()
	head(v.w, h.policy(v))
	if err := h.guard.Check(v.r); err != nil {
		h.fail(v, &refusal{Status: http.StatusForbidden, Detail: "This came from another site, and was not done. Go back, load the page anew and do it there."})
		return
	}
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.parseForm(); err != nil {
			h.fail(v, &refusal{Status: http.StatusBadRequest, Detail: "The form could not be read, or is larger than 256 KiB. Go back and send less."})
			return
		}
	}
	if err := serve(v); err != nil {
		h.fail(v, err)
	}
}

// fail answers with what went wrong, unless who asked has gone.
func (h *Handler) fail(v *visit, err error) {
	if v.r.Context().Err() != nil {
		return
	}
	var told *refusal
	if !errors.As(err, &told) {
		h.log.ErrorContext(v.r.Context(), "page failed", "method", v.r.Method, "page", v.r.Pattern, "error", err)
		told = &refusal{Status: http.StatusInternalServerError, Detail: "Something went wrong on the server. It has been logged; try again, and tell whoever gave you this link if it stays."}
	}
	if err := v.showAs(told.Status, "problem", told.title(), told); err != nil {
		h.log.ErrorContext(v.r.Context(), "page failed", "page", "problem", "error", err)
		http.Error(v.w, told.Detail, told.Status)
	}
}

func (v *visit) recovered() {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	v.log.ErrorContext(v.r.Context(), "panic", "page", v.r.Pattern, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	http.Error(v.w, "internal error", http.StatusInternalServerError)
}

// render writes a page, all of it or nothing.
func (h *Handler) render(w http.ResponseWriter, status int, name string, p *page) error {
	t, err := pageTemplate(name)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", p); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if p.visit != nil {
		w.Write(narrow(out.Bytes(), p.visit.opens, p.visit.instead))
		return nil
	}
	w.Write(out.Bytes()) // the visitor may be gone, which is their own affair
	return nil
}

// now is the time by which a page tells how long ago something was.
func now() time.Time { return time.Now() }
