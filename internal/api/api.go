// Package api is Fanfare's HTTP API: it decodes requests, calls the Hub, and
// encodes what the Hub says. What is right or wrong about a message or an
// endpoint the Hub decides; here is only what HTTP adds to it: keys, bodies,
// lists by the page, idempotency, and how errors look.
package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/manifest"
)

// Options are the settings of the API. The zero value of each field but KeyHash
// is a good default.
type Options struct {
	Logger  *slog.Logger // nil: slog.Default()
	Version string       // of the program, for the OpenAPI document; "": "dev"
	MaxBody int64        // bytes of a request's body; 0: 1 MiB

	// Egress is where deliveries come from, as consumers are told to let in.
	Egress []netip.Prefix

	// BaseURL is where people reach the server, for links to the portal; "":
	// http://127.0.0.1:8080.
	BaseURL string

	// Store is what kind the store is of, such as sqlite: GET /health says so in the
	// header Fanfare-Store. "": it does not.
	Store string

	// Leaving is closed when the server is about to stop: from then on GET /health is
	// answered 503, so that a load balancer sends its requests elsewhere. nil: it is
	// not told.
	Leaving <-chan struct{}

	// Server is what the paths of the OpenAPI document are below, if that is not the
	// root of where it is: an address, or one relative to the document's.
	Server string

	// Secrets are how the store seals what is secret; nil: it does not.
	Secrets Secrets

	// RateLimit is how many requests a second each key may make; 0: any. The admin
	// key may make any.
	RateLimit float64

	// KeyHash is HashKey of the admin key. Without it no key opens anything.
	KeyHash []byte
}

// base is what the paths of all routes begin with.
const base = "/api/v1"

// server is the API over one Hub. It never changes once New has returned, but
// for what its fields guard themselves.
type server struct {
	hub     *fanfare.Hub
	store   fanfare.Store
	log     *slog.Logger
	maxBody int64
	keyHash []byte
	secrets Secrets
	baseURL string
	egress  []string
	kind    string // of the store
	leaving <-chan struct{}

	mux     *http.ServeMux
	routes  []*route
	metrics *metrics
	repeats repeats
	checks  checks
	buckets buckets
	waiting atomic.Int64 // requests and streams that wait for something new
	places  placeCipher
	cursors cursorKey
	grammar func() (*manifest.Grammar, error) // of recipes
}

// New returns the API over hub, with all its routes below /api/v1, and with
// /openapi.json and /metrics. The store is the hub's, and keeps the answers to
// requests that carry an idempotency key.
func New(hub *fanfare.Hub, store fanfare.Store, opt *Options) http.Handler {
	if opt == nil {
		opt = &Options{}
	}
	s := &server{
		hub: hub, store: store, log: opt.Logger,
		maxBody: opt.MaxBody, keyHash: opt.KeyHash, secrets: opt.Secrets, egress: addresses(opt.Egress), kind: opt.Store, leaving: opt.Leaving,
		mux: http.NewServeMux(), metrics: newMetrics(hub),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.maxBody == 0 {
		s.maxBody = 1 << 20
	}
	if s.baseURL = strings.TrimRight(opt.BaseURL, "/"); s.baseURL == "" {
		s.baseURL = "http://127.0.0.1:8080"
	}
	s.buckets.rate = opt.RateLimit
	s.routes = s.table()
	s.grammar = sync.OnceValues(s.newGrammar)
	for _, rt := range s.routes {
		s.metrics.watch(rt)
		s.mux.HandleFunc(rt.method+" "+base+rt.path, s.handle(rt))
	}
	s.mux.HandleFunc("GET /.well-known/webhook-ips.json", s.serveAddresses)
	s.mux.HandleFunc("GET /openapi.json", serveDocument(s.routes, opt.Version, opt.Server))
	s.mux.HandleFunc("GET /metrics", s.serveMetrics(s.metrics.handler()))
	s.mux.HandleFunc("/", s.unrouted)
	return s
}

// table is all there is, in the order of the document.
func (s *server) table() []*route {
	var all []*route
	for _, some := range [][]*route{
		s.applicationRoutes(), s.endpointRoutes(), s.endpointActionRoutes(), s.eventTypeRoutes(),
		s.messageRoutes(), s.hookRoutes(), s.deliveryRoutes(), s.attemptRoutes(), s.taskRoutes(), s.usageRoutes(), s.exportRoutes(), s.streamRoutes(), s.pollerRoutes(), s.operationalRoutes(), s.handshakeRoutes(), s.retryRoutes(), s.healthRoutes(), s.metaRoutes(), s.filterRoutes(), s.transformationRoutes(), s.endpointTransformationRoutes(), s.reachRoutes(), s.nodeRoutes(), s.laneRoutes(), s.keyRoutes(), s.portalKeyRoutes(), s.alertRoutes(), s.auditRoutes(), s.secretsKeyRoutes(), s.portalRoutes(), s.accessRoutes(), s.everyRoutes(), s.searchRoutes(), s.sourceRoutes(), s.recipeRoutes(), s.byHandRoutes(), s.muteRoutes(), s.activityRoutes(),
	} {
		all = append(all, some...)
	}
	return all
}

// Bounds on the head of a request.
const (
	maxURI         = 16 << 10
	maxHeaderBytes = 16 << 10
	maxHeaderLines = 100
)

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.recovered(w, r)
	if p := checkHead(r); p != nil {
		p.write(w)
		return
	}
	if !routable(r.URL.EscapedPath()) || r.Method == http.MethodConnect {
		s.unrouted(w, withoutSlash(r))
		return
	}
	s.mux.ServeHTTP(w, withoutSlash(r))
}

func checkHead(r *http.Request) *problem {
	if len(r.RequestURI) > maxURI {
		return refuse(http.StatusRequestURITooLong, "uri_too_long", "The address is longer than 16 KiB; send fewer or shorter filters.")
	}
	if upgrade := r.Header["Upgrade"]; len(upgrade) > 0 && strings.EqualFold(upgrade[0], "websocket") {
		return badRequest("There are no WebSockets here; GET /api/v1/events/stream is a stream of server-sent events.")
	}
	size, lines := 0, 0
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v)
			lines++
		}
	}
	if size > maxHeaderBytes || lines > maxHeaderLines {
		return refuse(http.StatusRequestHeaderFieldsTooLarge, "headers_too_large", "At most 100 headers of together 16 KiB are read; send fewer.")
	}
	return nil
}

// routable tells paths that the mux matches as they are from those that it
// would answer with a redirect to another spelling.
func routable(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.Contains(path, "//") &&
		!strings.Contains(path, "/./") && !strings.Contains(path, "/../") &&
		!strings.HasSuffix(path, "/.") && !strings.HasSuffix(path, "/..")
}

// withoutSlash takes a trailing slash off the path.
func withoutSlash(r *http.Request) *http.Request {
	path := r.URL.EscapedPath()
	if path == "/" || !strings.HasSuffix(path, "/") {
		return r
	}
	u, c := *r.URL, *r
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.RawPath = strings.TrimSuffix(u.RawPath, "/")
	c.URL = &u
	return &c
}

// methods are all that any route may have, as Allow names them.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// unrouted answers what no route matches: 405 where another method would do, or
// for one that does nothing anywhere, else 404.
func (s *server) unrouted(w http.ResponseWriter, r *http.Request) {
	var allow []string
	probe := *r
	for _, method := range methods {
		probe.Method = method
		if !routable(r.URL.EscapedPath()) {
			break
		}
		if _, pattern := s.mux.Handler(&probe); pattern != "/" {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 && !slices.Contains(methods, r.Method) {
		allow = methods
	}
	if len(allow) == 0 {
		refuse(http.StatusNotFound, "not_found", "There is nothing at this address; /openapi.json lists what there is.").write(w)
		return
	}
	list := strings.Join(allow, ", ")
	w.Header().Set("Allow", list)
	refuse(http.StatusMethodNotAllowed, "method_not_allowed", "This address takes "+list+" only.").write(w)
}

// recovered answers a request whose handler panicked, and lets the next one be
// served.
func (s *server) recovered(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	s.log.ErrorContext(r.Context(), "panic", "method", r.Method, "route", r.Pattern, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	internal.write(w)
}
