package api

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/fanfarehq/fanfare"
)

// A route is one operation: what serves it, and what the document says of it.
type route struct {
	method, path string // the path below /api/v1
	summary      string
	query        []param
	in, out      reflect.Type // none for no body
	status       int          // of a success; others are in the handler's comment
	alternatives []string     // further media types of the body
	maxBody      int64        // 0: the server's
	open         bool         // to everyone, without a key
	access       access       // to the others
	action       string       // in the audit log; see audits
	ownKeys      bool         // sees to idempotency keys itself
	hot          bool         // asked for every event; its answer has no fields against caching and sniffing
	stream       bool         // writes its answer itself
	media        string       // of a stream; "": server-sent events
	ofMessages   bool         // lists messages of an application, and depends on nothing else
	operational  bool         // within the operational application
	amends       bool         // changes what has a revision
	exact        bool         // refuses members of the body that it does not know
	serve        func(c *call) error
	known        *known // to strict clients, of its answer
	seen         observers
}

// none is the type of a body that is not there.
type none struct{}

// on makes a route of a pattern such as "GET /app/{app}" and of the function
// that serves it, which gets the request's body decoded and returns the answer's.
func on[In, Out any](pattern, summary string, do func(*call, *In) (Out, error), query ...param) *route {
	rt := describe[In, Out](pattern, summary, query...)
	bodiless := rt.in == reflect.TypeFor[none]()
	shape := shapeOf(rt.in)
	rt.serve = func(c *call) error {
		var in In
		if !bodiless || c.route.exact {
			if err := c.decode(&in, shape); err != nil {
				return err
			}
		}
		out, err := do(c, &in)
		if err != nil {
			return err
		}
		return c.answer(out)
	}
	return rt
}

// describe is a route without what serves it.
func describe[In, Out any](pattern, summary string, query ...param) *route {
	rt := &route{
		summary: summary, query: query, status: http.StatusOK,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out](), known: knownOf(reflect.TypeFor[Out]()),
	}
	rt.method, rt.path, _ = strings.Cut(pattern, " ")
	if rt.out == reflect.TypeFor[none]() {
		rt.status = http.StatusNoContent
	}
	return rt
}

// answering says what status a success has.
func (rt *route) answering(status int) *route {
	rt.status = status
	return rt
}

// A call is one request under way.
type call struct {
	*server
	w     http.ResponseWriter
	r     *http.Request
	route *route
	who   identity

	taken  []byte       // the request's body, if it was read before its turn
	values url.Values   // the query, once it was asked for
	wrong  []fieldError // what is wrong with it

	subject  subject  // what was looked up
	given    []string // names of the body's members that are known
	repeated bool     // answered as the first time
	planned  bool     // nothing was done: the request only asked what would be

	status int    // of the answer; 0: the route's
	out    []byte // its body
	shaped bool   // it is as the client is to see it
	etag   string // of it, once it was asked for

	listening bool          // the request waits for something new
	idle      bool          // there is nothing new
	bell      *fanfare.Bell // rings when there may be
}

// handle serves a route. It is the only place where faults are logged.
func (s *server) handle(rt *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		c := &call{server: s, w: w, r: r, route: rt, status: rt.status}
		if err := c.run(); err != nil {
			p := problemOf(err)
			if p == nil {
				s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", rt.path, "error", err)
				p = faultProblem(err)
			}
			c.status = p.status
			c.audit()
			if p.fields != nil && c.strict() {
				bare := *p
				bare.bare = true
				p = &bare
			}
			p.write(w)
		} else if !rt.stream {
			c.audit()
			c.conclude()
		}
		rt.seen.observe(c.status, time.Since(begun))
	}
}

func (c *call) run() (err error) {
	if !c.route.open {
		if c.who, err = c.authenticate(c.r); err != nil {
			return err
		}
		if err := c.authorize(); err != nil {
			return err
		}
		if err := c.throttle(); err != nil {
			return err
		}
		if c.route.stream || c.waits() {
			defer c.whileLetIn()()
		}
	}
	c.strays()
	if c.route.method == http.MethodPost && !c.route.ownKeys {
		if keys := c.r.Header[idempotencyHeader]; len(keys) > 0 {
			return c.once(keys)
		}
	}
	switch {
	case c.waits():
		return c.wait()
	case c.checkable():
		return c.serveChecked()
	}
	return c.route.serve(c)
}

// An appender writes itself as JSON, byte for byte as it wants it: payloads
// must not pass through an encoder that would tidy them up.
type appender interface {
	appendJSON(b []byte) ([]byte, error)
}

// answer makes v the body of the answer.
func (c *call) answer(v any) (err error) {
	if _, ok := v.(none); ok {
		return nil
	}
	c.out, err = appendJSON(nil, v)
	return err
}

func appendJSON(b []byte, v any) ([]byte, error) {
	if a, ok := v.(appender); ok {
		return a.appendJSON(b)
	}
	text, err := json.Marshal(v, json.Deterministic(true))
	return append(b, text...), err
}

var jsonType = []string{"application/json"}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	if len(body) > 0 {
		h := w.Header()
		h["Content-Type"] = jsonType
		if len(body) > 2048 { // below, net/http counts itself
			h["Content-Length"] = []string{strconv.Itoa(len(body))}
		}
	}
	w.WriteHeader(status)
	w.Write(body) // the client may be gone, which is its own affair
}

var (
	nosniff = []string{"nosniff"}
	noStore = []string{"no-store"}
)

// maxRef bounds ids, uids and event ids in paths.
const maxRef = 256

// ref is a name from the path; what cannot be one is not found.
func (c *call) ref(name string) (string, error) {
	ref := c.r.PathValue(name)
	if ref == "" || len(ref) > maxRef || !utf8.ValidString(ref) {
		return "", fanfare.ErrNotFound
	}
	for _, b := range []byte(ref) {
		if b < ' ' || b == 0x7f {
			return "", fanfare.ErrNotFound
		}
	}
	return ref, nil
}

// application is the one the path names.
func (c *call) application() (*fanfare.Application, error) {
	if c.route.operational {
		return c.operational()
	}
	ref, err := c.ref("app")
	if err != nil {
		return nil, err
	}
	app, err := c.hub.Application(c.r.Context(), ref)
	if err == nil {
		c.subject.application = string(app.ID)
	}
	return app, missing(err, "application", ref, here)
}

// endpoint is the one the path names, of the application it names.
func (c *call) endpoint() (*fanfare.Endpoint, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	ref, err := c.ref("endpoint")
	if err != nil {
		return nil, err
	}
	ep, err := c.endpointOf(app.ID, ref)
	if err == nil {
		c.subject.endpoint = string(ep.ID)
	}
	return ep, missing(err, "endpoint", ref, c.within())
}

// message is the one the path names, by id or event id, of the application it
// names. It may be Damaged.
func (c *call) message() (*fanfare.Message, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	ref, err := c.ref("msg")
	if err != nil {
		return nil, err
	}
	msg, err := c.messageOf(app.ID, ref)
	if errors.Is(err, fanfare.ErrDamaged) {
		err = nil
	}
	if err == nil {
		c.subject.message = string(msg.ID)
	}
	return msg, missing(err, "message", ref, c.within())
}
