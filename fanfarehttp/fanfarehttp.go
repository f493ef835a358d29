// Package fanfarehttp has Fanfare's HTTP API and its portal as a handler, for programs
// that serve them beside their own pages:
//
//	api, err := fanfarehttp.New(hub, store, key, &fanfarehttp.Options{PublicURL: "https://example.com/webhooks"})
//	mux.Handle("/webhooks/", http.StripPrefix("/webhooks", api))
//
// It is the API that the server has, and its clients work with it: they are given
// https://example.com/webhooks as the address of the server. What else the program
// serves, who may reach it and TLS are the program's.
package fanfarehttp

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/ui"
	"github.com/fanfarehq/fanfare/source"
)

// Options are the settings of the API. The zero value of each field is a good
// default.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()

	// PublicURL is where the world reaches the handler, with the path it is mounted
	// at. It stands in the OpenAPI document and in links to the portal. "": the
	// document goes by its own address, and links lead to http://127.0.0.1:8080.
	PublicURL string

	Version   string         // of the program, for the OpenAPI document; "": dev
	MaxBody   int64          // bytes of a request's body; 0: 1 MiB
	RateLimit float64        // requests a second that each key may make, but for the admin key; 0: any
	Egress    []netip.Prefix // where deliveries come from, as consumers are told to let in

	Portal Portal
}

// Portal is what the portal looks like: the pages on which a customer looks after the
// endpoints of one application. Every field may be left zero.
type Portal struct {
	Name     string   // of your product
	Accent   string   // colour of links and buttons, such as #3451d1
	Logo     string   // address of an image, https or data:
	LogoDark string   // the same for dark pages, if it differs
	Radius   string   // of corners, in pixels from 0 to 24; 8 unless told
	Frames   []string // origins such as https://app.example.com whose pages may show the portal in a frame
}

// minKey is the least that keeps an admin key from being guessed, maxKey the most
// that is read of one.
const (
	minKey = 16
	maxKey = 256
)

// NewKey makes an admin key. It is to be kept as the secret it is: whoever has it
// may do everything.
func NewKey() string { return api.NewAdminKey() }

// New returns the API of hub, with its routes below /api/v1, and /openapi.json,
// /metrics and /.well-known/webhook-ips.json, its sources below /in/, and the portal at
// /portal, whose pages load files below /assets/. The store is the hub's.
//
// The key opens everything; with it, keys that open less are made through the API.
func New(hub *fanfare.Hub, store fanfare.Store, key string, opt *Options) (http.Handler, error) {
	if opt == nil {
		opt = &Options{}
	}
	if len(key) < minKey || len(key) > maxKey || strings.ContainsAny(key, " \t\r\n") {
		return nil, &fanfare.InvalidError{Field: "key", Reason: "16 to 256 characters and no spaces; NewKey makes one"}
	}
	server := "./"
	if opt.PublicURL != "" {
		u, err := url.Parse(opt.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return nil, &fanfare.InvalidError{Field: "publicUrl", Reason: "an http or https address without a query, such as https://example.com/webhooks"}
		}
		server = strings.TrimRight(opt.PublicURL, "/")
	}
	handler := api.New(hub, store, &api.Options{
		Logger: opt.Logger, Version: opt.Version, MaxBody: opt.MaxBody, RateLimit: opt.RateLimit, Egress: opt.Egress,
		BaseURL: opt.PublicURL, Server: server, KeyHash: api.HashKey(key),
	})
	pages, err := ui.New(hub, handler, &ui.Options{Logger: opt.Logger, BaseURL: opt.PublicURL, Portal: ui.Portal(opt.Portal), PortalOnly: true})
	if err != nil {
		return nil, err
	}
	handler = pages.Before(handler)
	return source.NewHandler(hub, &source.Options{Logger: opt.Logger, MaxBody: opt.MaxBody, BaseURL: opt.PublicURL}).Before(handler), nil
}
