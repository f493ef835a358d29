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
	"html/template"
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

	Settings []Setting // what the server runs with, for the console to show; no secrets
}

// A Handler serves the pages. It never changes once New has returned, but for what its
// fields guard themselves.
type Handler struct {
	hub    *fanfare.Hub
	api    http.Handler
	log    *slog.Logger
	root   string // path that all addresses begin with, without a slash at its end; ""
	secure bool   // people come by https
	look   look
	frames []string // other sites that may show the portal in a frame
	pages  map[string]*template.Template
	assets *assets
	mux    *http.ServeMux
	guard  *http.CrossOriginProtection
	site   string // address at which people reach it, with root
	pace   pace

	settings []Setting
	bins     *inspect.Bins
	watching atomic.Int64 // pages that are told of changes in bins
	doors    doors
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
	if h.pages, err = parsePages(); err != nil {
		return nil, err
	}
	h.mux.HandleFunc("GET "+assetPath+"{name}", h.assets.serve)
	h.settings, h.bins = opt.Settings, inspect.New(opt.BaseURL)
	h.portalRoutes()
	if !opt.PortalOnly {
		h.consoleRoutes()
	}
	return h, nil
}

// Before serves the pages, and has next serve all else.
func (h *Handler) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := h.mux.Handler(r); pattern != "" {
			h.ServeHTTP(w, r)
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

// fail answers with what went wrong.
func (h *Handler) fail(v *visit, err error) {
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
	t, ok := h.pages[name]
	if !ok {
		return fmt.Errorf("there is no page %q", name)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", p); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(out.Bytes()) // the visitor may be gone, which is their own affair
	return nil
}

// now is the time by which a page tells how long ago something was.
func now() time.Time { return time.Now() }
