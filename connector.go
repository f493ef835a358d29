package fanfare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Connector sends messages to what is no plain webhook, such as a chat, a telephone
// or a database. [Options].Connectors holds those that a Hub has, each under the Kind
// of the endpoints that use it.
type Connector struct {
	// About says in a line what becomes of a message.
	About string
	// Example is a Config that New takes, with made-up secrets.
	Example json.RawMessage
	// Hidden are the members of a Config that nobody is shown again.
	Hidden []string
	// Where are the members of a Config that say to whom secrets are shown: when one of
	// them changes, what is masked has to be given anew.
	Where []string
	// New makes a Sink of an endpoint's Config, a JSON object, and connects to nothing
	// yet. Its errors are *InvalidErrors, which may be joined, with fields such as
	// "config.token".
	New func(config []byte, way Way) (Sink, error)
	// Rate and InFlight hold for endpoints that have no RateLimit or MaxInFlight of
	// their own; 0: the Hub's.
	Rate, InFlight int
	// Timeout is of an attempt to an endpoint that names none; 0: the Hub's.
	Timeout time.Duration
	// ByHTTP says that Send does nothing but make requests with Way.HTTP, and waits for
	// nothing else: so a dry run can show them.
	ByHTTP bool
}

// A Way is how a Sink reaches what is outside: within what the Hub allows. A Sink
// makes no connection in any other way.
type Way struct {
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	HTTP   *http.Client // through Dial; it follows no redirects and keeps no cookies
	Logger *slog.Logger
}

// A Sink takes the messages of one endpoint.
type Sink interface {
	// Target says in a line where they go, without secrets. It never changes.
	Target() string
	// Send makes one attempt. Several may be under way at once, and each may be of a
	// message that was sent before: after a crash, or when it was not known how the
	// attempt before ended. ctx ends with the endpoint's Timeout. An error is a fault on
	// the way there; what was answered is in the Reply.
	Send(ctx context.Context, msg *Message) (Reply, error)
	// Close ends it, when no attempt is under way any more.
	Close() error
}

// A Reply is what came of an attempt, as far as it is to be recorded.
type Reply struct {
	// Class is "" or [ClassSuccess] when the message was taken, [ClassRejected] when it
	// never will be, and [ClassGone] when the endpoint is to be disabled; after any other,
	// such as [ClassConnector] and [ClassStatus], it is tried again.
	Class          Class
	Detail         string // in words, what went wrong
	URL            string // where it went, without secrets; "": the endpoint's
	RequestHeader  []Header
	Status         int // of HTTP; 0: there is none
	ResponseHeader []Header
	ResponseBody   []byte
}

// Masked stands in an endpoint's Config, as it is shown, for what is hidden; in a
// change of it, for what is to stay as it is.
const Masked = "********"

// maxConfig bounds an endpoint's Config, in bytes.
const maxConfig = 64 << 10

// checkConnector is checkTarget for an endpoint that a Connector serves.
func (h *Hub) checkConnector(ep *Endpoint, c Connector) error {
	if len(ep.Config) > maxConfig {
		return &InvalidError{"config", fmt.Sprintf("%d bytes; at most %d are allowed", len(ep.Config), maxConfig)}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, orEmpty(ep.Config)); err != nil || compact.Bytes()[0] != '{' {
		return &InvalidError{"config", "give an object, such as " + string(c.Example)}
	}
	ep.Config = compact.Bytes()
	for _, name := range c.Hidden {
		if string(ep.configMember(name)) == `"`+Masked+`"` {
			return &InvalidError{"config." + name, "is masked; give the secret itself"}
		}
	}
	sink, err := c.New(ep.Config, h.way())
	if err != nil {
		return err
	}
	ep.URL = ep.Kind + ":" + sink.Target()
	return allWrong(
		sink.Close(),
		must(ep.Batch == Batching{}, "batch", "an endpoint of kind "+ep.Kind+" takes each message by itself"),
		must(ep.Format == "" || ep.Format == "raw", "format", "of kind "+ep.Kind+" it is told in config what is sent"),
		must(ep.Handshake.Kind == "", "handshake", "an endpoint of kind "+ep.Kind+" needs none"),
		must(ep.Auth.OAuth2 == nil, "auth", "an endpoint of kind "+ep.Kind+" has its secrets in config"),
	)
}

func orEmpty(config json.RawMessage) []byte {
	if len(config) == 0 {
		return []byte("{}")
	}
	return config
}

func (ep *Endpoint) configMember(name string) json.RawMessage {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(ep.Config, &members)
	return members[name]
}

// connects reports whether it takes a Connector to send to ep.
func (ep *Endpoint) connects() bool {
	return ep.Kind != "" && ep.Kind != KindPoller && ep.Kind != KindFunction
}

// address is where ep is sent its messages, if it is by HTTP.
func (ep *Endpoint) address() (*url.URL, error) {
	if ep.connects() {
		return &url.URL{Scheme: ep.Kind, Opaque: string(ep.ID)}, nil
	}
	return url.Parse(ep.URL)
}

// kinds names what an endpoint's kind may be.
func (h *Hub) kinds() string {
	all := append([]string{"webhook", KindPoller}, slices.Sorted(maps.Keys(h.opt.Connectors))...)
	return strings.Join(all, ", ")
}

// Connectors are those this Hub has, by kind. The map must not be changed.
func (h *Hub) Connectors() map[string]Connector { return h.opt.Connectors }

// ShownConfig is ep's Config without what is hidden of it; nil when it has none.
func (h *Hub) ShownConfig(ep *Endpoint) json.RawMessage {
	if len(ep.Config) == 0 {
		return nil
	}
	c, ok := h.opt.Connectors[ep.Kind]
	if !ok {
		return json.RawMessage("{}") // who knows what is secret in it is not here
	}
	return withMembers(ep.Config, c.Hidden, func(string) json.RawMessage { return json.RawMessage(`"` + Masked + `"`) })
}

// unmask puts what is masked in ep's Config back as it is in now, which is stored.
func (h *Hub) unmask(ep, now *Endpoint) {
	if len(ep.Config) == 0 || ep.Kind != now.Kind {
		return
	}
	c := h.opt.Connectors[ep.Kind]
	for _, name := range c.Where {
		if !bytes.Equal(ep.configMember(name), now.configMember(name)) {
			return
		}
	}
	var masked []string
	for _, name := range c.Hidden {
		if string(ep.configMember(name)) == `"`+Masked+`"` && now.configMember(name) != nil {
			masked = append(masked, name)
		}
	}
	if len(masked) > 0 {
		ep.Config = withMembers(ep.Config, masked, now.configMember)
	}
}

// withMembers is an object in which those of the named members that are there have
// other values.
func withMembers(object json.RawMessage, names []string, value func(name string) json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil || members == nil {
		return object
	}
	for _, name := range names {
		if _, ok := members[name]; ok {
			members[name] = value(name)
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return object
	}
	return text
}

// way is how this Hub's sinks reach what is outside.
func (h *Hub) way() Way {
	return Way{
		Dial: frugal(h.client.Dial),
		HTTP: &http.Client{
			Transport:     outward{h.transport, h.client.RefusePlain},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Logger: h.opt.Logger,
	}
}

// outward makes the requests of sinks.
type outward struct {
	*http.Transport
	refusePlain error // what requests to http URLs fail with; nil: they may be made
}

// RoundTrip is http.RoundTripper's.
func (o outward) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && o.refusePlain != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, o.refusePlain
	}
	return o.Transport.RoundTrip(req)
}

// newTransport makes HTTP connections with dial, for sinks.
func newTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: 16, MaxIdleConns: 256, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
	}
}

// sinks are the open ones.
type sinks struct {
	mu   sync.Mutex
	open map[EndpointID]*openSink

	closing sync.WaitGroup
}

type openSink struct {
	Sink
	endpoint EndpointID
	kind     string
	config   string
	users    int
	idle     *time.Timer // retires it when nobody has used it for long; nil: nobody did yet
	old      bool        // it is closed when nobody uses it any more
}

// sinkRests is how long a sink that is not used stays open.
const sinkRests = 5 * time.Minute

// take is the sink of an endpoint, as it is configured now. It is given back with
// release.
func (s *sinks) take(ep *Endpoint, c Connector, way Way) (*openSink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.open[ep.ID]
	if now != nil && (now.kind != ep.Kind || now.config != string(ep.Config)) {
		s.retireLocked(now)
		now = nil
	}
	if now == nil {
		sink, err := c.New(ep.Config, way)
		if err != nil {
			return nil, err
		}
		now = &openSink{Sink: sink, endpoint: ep.ID, kind: ep.Kind, config: string(ep.Config)}
		if s.open == nil {
			s.open = make(map[EndpointID]*openSink)
		}
		s.open[ep.ID] = now
	}
	now.users++
	return now, nil
}

func (s *sinks) release(sink *openSink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sink.users--
	switch {
	case sink.users > 0:
	case sink.old:
		s.closing.Go(sink.close)
	case sink.idle == nil:
		sink.idle = time.AfterFunc(sinkRests, func() { s.rest(sink) })
	default:
		sink.idle.Reset(sinkRests)
	}
}

// rest retires a sink, unless somebody uses it again.
func (s *sinks) rest(sink *openSink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sink.users == 0 && !sink.old {
		s.retireLocked(sink)
	}
}

// retireLocked takes a sink out of use.
func (s *sinks) retireLocked(sink *openSink) {
	delete(s.open, sink.endpoint)
	sink.old = true
	if sink.idle != nil {
		sink.idle.Stop()
	}
	if sink.users == 0 {
		s.closing.Go(sink.close) // which may take its time to say goodbye
	}
}

// close ends it. Nobody can do anything about it if that fails.
func (s *openSink) close() { _ = s.Close() }

// closeAll ends all of them, and returns when they have ended. It is called when no
// attempt is under way.
func (s *sinks) closeAll() {
	s.mu.Lock()
	for _, sink := range s.open {
		s.retireLocked(sink)
	}
	s.mu.Unlock()
	s.closing.Wait()
}

// connect makes the attempt a through the connector of t.
func (h *Hub) connect(ctx context.Context, t *target, msg *Message, a *Attempt) {
	begun := time.Now()
	within, cancel := context.WithTimeout(ctx, orDefault(t.Timeout, orDefault(t.connector.Timeout, h.opt.Timeout)))
	defer cancel()
	reply, err := h.sendThrough(within, t, msg)
	a.Duration = time.Since(begun).Truncate(time.Microsecond)
	if err != nil {
		a.Class, a.Detail = classify(err), detail(err)
		switch {
		case ctx.Err() != nil:
			a.Class = ClassInterrupted
		case within.Err() != nil:
			a.Class = ClassTimeout
		case a.Class == ClassNetwork:
			a.Class = ClassConnector
		}
		return
	}
	if reply.URL != "" {
		a.URL = reply.URL
	}
	a.Class, a.Detail = orDefault(reply.Class, ClassSuccess), plain(reply.Detail)
	a.RequestHeader, a.Status, a.ResponseHeader = reply.RequestHeader, reply.Status, reply.ResponseHeader
	a.ResponseBody = reply.ResponseBody[:min(len(reply.ResponseBody), maxReplyBody)]
	a.Truncated = len(reply.ResponseBody) > maxReplyBody
}

// maxReplyBody bounds what is recorded of a reply, in bytes.
const maxReplyBody = 64 << 10

// sendThrough has t's sink take a message. A panic there is an error here.
func (h *Hub) sendThrough(ctx context.Context, t *target, msg *Message) (reply Reply, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			h.opt.Logger.ErrorContext(ctx, "a connector panicked", "endpoint", t.ID, "kind", t.Kind, "message", msg.ID, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = errors.New("the connector failed on this message")
		}
	}()
	sink, err := h.sinks.take(t.Endpoint, *t.connector, h.way())
	if err != nil {
		return Reply{}, err
	}
	defer h.sinks.release(sink)
	own := *msg
	return sink.Send(ctx, &own)
}
