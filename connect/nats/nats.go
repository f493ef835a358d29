// Package nats publishes to subjects of NATS (https://docs.nats.io).
package nats

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// What is waited for until a message counts as taken.
const (
	jetStream = "jetstream" // a stream has it on disk, as far as the stream keeps things there
	core      = "core"      // the server has it, and has passed it on to those who listen at this moment
)

// How long the server is waited for: to pass a message on where nothing else says so, and
// to read what it is sent, though less long when that holds up one whose time is up. It is
// asked now and then whether it is there, and gone when it has not answered three times.
const (
	flushes = time.Minute
	reads   = 10 * time.Second
	hurries = time.Second
	asked   = 20 * time.Second
)

// Connector publishes to a subject.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Publishes it to a subject of NATS, for JetStream or whoever listens.",
		Example: json.RawMessage(`{"servers":"nats.example.com:4222","subject":"orders.{{eventType}}","token":"secret-of-it"}`),
		Hidden:  []string{"token", "password", "credentials"},
		Where:   []string{"servers", "tls", "ca"},
		New:     open,
	}
}

type config struct {
	Servers     string `json:"servers"`
	TLS         bool   `json:"tls"`
	CA          string `json:"ca"`
	Token       string `json:"token"`
	Username    string `json:"username"`
	Password    string `json:"password"`
	Credentials string `json:"credentials"`
	Mode        string `json:"mode"`
	Subject     string `json:"subject"`
	Body        string `json:"body"`
}

// A sink publishes over one connection.
type sink struct {
	way     fanfare.Way
	config  config
	servers []string
	tls     *tls.Config // without a server's name; nil: what is said is not encrypted unless the server demands it
	subject *connect.Template
	body    connect.Body
	held    connect.Held[*nats.Conn]

	mu      sync.Mutex
	waiting map[*waiter]struct{}
	wire    *wire // of the connection that was made last; nil: there was none
}

// A waiter waits for a stream's answer to what it published.
type waiter struct {
	subject string
	end     context.CancelCauseFunc
}

// refused ends the waiting of those whom an error is about that the server tells apart
// from any answer: who may not publish, or may not hear the answer, gets none.
func (s *sink) refused(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.waiting {
		if isAbout(err, w.subject) || strings.Contains(err.Error(), `"`+nats.InboxPrefix) {
			w.end(err)
		}
	}
}

// isAbout reports whether a server's error names a subject.
func isAbout(err error, subject string) bool { return strings.Contains(err.Error(), `"`+subject+`"`) }

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Mode: jetStream, Subject: "{{eventType}}"}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, config: c, waiting: make(map[*waiter]struct{})}
	s.held = connect.Held[*nats.Conn]{Open: s.dial, Alive: (*nats.Conn).IsConnected, Close: (*nats.Conn).Close}
	var errs [5]error
	s.servers, errs[0] = connect.Servers("servers", c.Servers, "4222")
	s.subject, errs[1] = connect.Text("subject", c.Subject)
	s.body, errs[2] = connect.BodyOf(c.Body)
	if c.TLS || c.CA != "" {
		s.tls, errs[3] = connect.TLS("", c.CA)
	}
	if c.Credentials != "" {
		errs[4] = checkCredentials(c.Credentials)
	}
	ways := 0
	for _, given := range []string{c.Token, c.Username, c.Credentials} {
		if given != "" {
			ways++
		}
	}
	if err := errors.Join(append(errs[:],
		connect.Must(strings.Contains(c.Subject, "{{") || isSubject(c.Subject), "subject", "must be a subject without wildcards, such as orders.created"),
		connect.Must(c.Mode == jetStream || c.Mode == core, "mode", "must be jetstream or core"),
		connect.Must((c.Username == "") == (c.Password == ""), "password", "give both username and password"),
		connect.Must(ways <= 1, "token", "give one of token, username with password, and credentials"),
	)...); err != nil {
		return nil, err
	}
	return s, nil
}

// checkCredentials reads a .creds file as a client does only when a server asks.
func checkCredentials(file string) error {
	o := &nats.Options{}
	err := nats.UserCredentialBytes([]byte(file))(o)
	if err == nil {
		_, errUser := o.UserJWT()
		_, errSeed := o.SignatureCB([]byte("nonce"))
		err = errors.Join(errUser, errSeed)
	}
	return connect.Must(err == nil, "credentials", "is no .creds file, with a user's JWT and seed")
}

// isSubject reports whether it can be published to text.
func isSubject(text string) bool {
	return len(text) <= 255 && !strings.ContainsAny(text, " \t\r\n\x00*>") && !slices.Contains(strings.Split(text, "."), "")
}

// Target is the subject with the servers.
func (s *sink) Target() string {
	return connect.OneLine(strings.Join(s.servers, ",") + "/" + s.config.Subject)
}

// Close ends the connection.
func (s *sink) Close() error {
	s.held.End()
	return nil
}

// dial connects to one of the servers. When the connection ends, nothing makes another
// but the next message: a server tells of others, and those nobody has configured.
func (s *sink) dial(ctx context.Context) (*nats.Conn, error) {
	var errs []error
	for _, i := range rand.Perm(len(s.servers)) {
		nc, err := s.dialOne(ctx, s.servers[i])
		if err == nil {
			return nc, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (s *sink) dialOne(ctx context.Context, server string) (*nats.Conn, error) {
	d := &dialer{ctx: ctx, sink: s}
	options := []nats.Option{
		nats.Name("Fanfare"), nats.NoReconnect(), nats.SkipHostLookup(), nats.SetCustomDialer(d),
		nats.FlusherTimeout(reads), nats.PingInterval(asked),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.refused(err) }),
	}
	if s.tls != nil {
		options = append(options, nats.Secure(s.tls.Clone()))
	}
	switch c := s.config; {
	case c.Token != "":
		options = append(options, nats.Token(c.Token))
	case c.Username != "":
		options = append(options, nats.UserInfo(c.Username, c.Password))
	case c.Credentials != "":
		options = append(options, nats.UserCredentialBytes([]byte(c.Credentials)))
	}
	nc, err := nats.Connect("nats://"+server, options...)
	if d.ended != nil && !d.ended() {
		err = errors.Join(err, ctx.Err())
	}
	switch {
	case err == nil:
		return nc, nil
	case nc != nil:
		nc.Close()
	}
	switch {
	case d.err != nil:
		return nil, d.err // which says more than the library's
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", server, ctx.Err())
	}
	return nil, fmt.Errorf("%s: %w", server, err)
}

// A dialer makes the one connection of a [nats.Conn], and ends it should ctx end while
// nobody has said anything.
type dialer struct {
	ctx   context.Context
	sink  *sink
	ended func() bool // stops watching ctx
	err   error
}

// Dial is for nats.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.sink.way.Dial(d.ctx, network, address)
	if err != nil {
		d.err = err
		return nil, err
	}
	w := &wire{conn}
	d.sink.mu.Lock()
	d.sink.wire = w
	d.sink.mu.Unlock()
	d.ended = context.AfterFunc(d.ctx, func() { _ = w.Close() })
	return w, nil
}

// A wire is a connection that ends with the first write that fails. The library would go
// on with it.
type wire struct{ net.Conn }

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if err != nil {
		_ = w.Close()
	}
	return n, err
}

// hurry has what is being written fail while one sends whose time is up: the library
// writes under a lock that all need who send, and heeds none of their contexts.
func (s *sink) hurry(sent <-chan struct{}) {
	for {
		select {
		case <-sent:
			return
		case <-time.After(hurries):
		}
		s.mu.Lock()
		if s.wire != nil {
			_ = s.wire.SetWriteDeadline(time.Now()) // until the library sets the next write's
		}
		s.mu.Unlock()
	}
}

// Send publishes msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	out, err := s.compose(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	reply := fanfare.Reply{URL: "nats:" + strings.Join(s.servers, ",") + "/" + out.Subject, RequestHeader: headerOf(out)}
	sent := make(chan struct{})
	defer close(sent)
	defer context.AfterFunc(ctx, func() { s.hurry(sent) })()
	nc, err := s.held.Take(ctx)
	if err == nil {
		err = s.publish(ctx, nc, out, &reply)
	}
	if reply, err = judge(reply, out.Subject, err); err != nil && !errors.Is(err, ctx.Err()) {
		err = errors.Join(err, ctx.Err())
	}
	return reply, err
}

// publish returns when msg has been taken.
func (s *sink) publish(ctx context.Context, nc *nats.Conn, msg *nats.Msg, reply *fanfare.Reply) error {
	if s.config.Mode == jetStream {
		return s.store(ctx, nc, msg, reply)
	}
	err := nc.PublishMsg(msg)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, flushes) // without which a flush is refused
		defer cancel()
		err = nc.FlushWithContext(ctx)
	}
	if said := nc.LastError(); errors.Is(said, nats.ErrPermissionViolation) && isAbout(said, msg.Subject) {
		s.held.Drop(nc) // so that the next finds out anew
		return said
	}
	return err
}

// store has a stream take msg, and keeps what it answered.
func (s *sink) store(ctx context.Context, nc *nats.Conn, msg *nats.Msg, reply *fanfare.Reply) error {
	if nc.MaxPayload() < int64(len(msg.Data)) {
		return nats.ErrMaxPayload
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	w := &waiter{msg.Subject, end}
	s.mu.Lock()
	s.waiting[w] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, w)
		s.mu.Unlock()
	}()
	answer, err := nc.RequestMsgWithContext(ctx, msg)
	if said := context.Cause(ctx); err != nil && errors.Is(said, nats.ErrPermissionViolation) {
		return said
	}
	if err != nil {
		return err
	}
	reply.ResponseBody = answer.Data
	var ack struct {
		Stream string         `json:"stream"`
		Error  *nats.APIError `json:"error"`
	}
	switch err := json.Unmarshal(answer.Data, &ack); {
	case err == nil && ack.Error != nil:
		return ack.Error
	case err != nil || ack.Stream == "":
		return errNoStream
	}
	return nil
}

// errNoStream is for a subject that somebody answers on who is no stream.
var errNoStream = errors.New("who answered is no stream")

// What JetStream says when it takes no message of that size
// (https://github.com/nats-io/nats-server/blob/main/server/errors.json).
const messageTooLarge = 10054

// judge says what came of it.
func judge(reply fanfare.Reply, subject string, err error) (fanfare.Reply, error) {
	var said *nats.APIError
	switch {
	case err == nil:
		return reply, nil
	case errors.Is(err, nats.ErrMaxPayload), errors.As(err, &said) && said.ErrorCode == messageTooLarge:
		reply.Class, reply.Detail = fanfare.ClassRejected, "it is larger than the server or the stream takes"
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, errNoStream):
		reply.Class, reply.Detail = fanfare.ClassConnector, fmt.Sprintf("no stream has the subject %s; make one that has, or set mode to core", subject)
	case errors.As(err, &said):
		reply.Class, reply.Detail = fanfare.ClassConnector, fmt.Sprintf("JetStream: %s (%d)", said.Description, said.ErrorCode)
	case errors.Is(err, nats.ErrPermissionViolation):
		reply.Class, reply.Detail = fanfare.ClassConnector, strings.TrimPrefix(err.Error(), "nats: ")+"; allow it, or give another user"
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		reply.Class, reply.Detail = fanfare.ClassConnector, "the server lets nobody in with these credentials; check token, password or credentials"
	default:
		return fanfare.Reply{}, err
	}
	return reply, nil
}
