// Package rabbitmq publishes to exchanges of RabbitMQ, by AMQP 0-9-1
// (https://www.rabbitmq.com/docs/publishers).
package rabbitmq

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// Connector publishes to an exchange, or a queue.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Publishes it to an exchange or a queue of RabbitMQ, confirmed by the broker.",
		Example: json.RawMessage(`{"servers":"rabbit.example.com:5672","exchange":"orders","routingKey":"{{eventType}}","username":"fanfare","password":"secret-of-it"}`),
		Hidden:  []string{"password"},
		Where:   []string{"servers", "tls", "ca"},
		New:     open,
	}
}

type config struct {
	Servers    string `json:"servers"`
	TLS        bool   `json:"tls"`
	CA         string `json:"ca"`
	VHost      string `json:"vhost"`
	Username   string `json:"username"`
	Password   string `json:"password"`
	Exchange   string `json:"exchange"`
	RoutingKey string `json:"routingKey"`
	Body       string `json:"body"`
	Unrouted   string `json:"unrouted"`
}

// What becomes of a message that no queue is bound for.
const (
	failure = "failure"
	success = "success"
)

// maxName bounds what AMQP calls a short string, in bytes.
const maxName = 255

// A sink publishes over one connection, with a channel for each attempt under way.
type sink struct {
	way     fanfare.Way
	config  config
	servers []string
	tls     *tls.Config // without a server's name; nil: what is said is not encrypted
	key     *connect.Template
	body    connect.Body
	held    connect.Held[*connection]
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{VHost: "/", Username: "guest", Password: "guest", RoutingKey: "{{eventType}}", Unrouted: failure}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, config: c}
	s.held = connect.Held[*connection]{Open: s.dial, Alive: func(c *connection) bool { return !c.IsClosed() }, Close: (*connection).end}
	var errs [4]error
	port := "5672"
	if c.TLS || c.CA != "" {
		port = "5671"
		s.tls, errs[0] = connect.TLS("", c.CA)
	}
	s.servers, errs[1] = connect.Servers("servers", c.Servers, port)
	s.key, errs[2] = connect.Text("routingKey", c.RoutingKey)
	s.body, errs[3] = connect.BodyOf(c.Body)
	if err := errors.Join(append(errs[:],
		connect.Must(len(c.Exchange) <= maxName, "exchange", "must have at most 255 bytes"),
		connect.Must(strings.Contains(c.RoutingKey, "{{") || len(c.RoutingKey) <= maxName, "routingKey", "must have at most 255 bytes"),
		connect.Must(c.Exchange != "" || c.RoutingKey != "", "routingKey", "must name a queue where there is no exchange"),
		connect.Must(c.VHost != "" && len(c.VHost) <= maxName, "vhost", "must have 1 to 255 bytes; the usual one is /"),
		connect.Must(c.Unrouted == failure || c.Unrouted == success, "unrouted", "must be failure or success"),
	)...); err != nil {
		return nil, err
	}
	return s, nil
}

// Target is the exchange with the servers.
func (s *sink) Target() string {
	return connect.OneLine(s.target(s.config.RoutingKey))
}

func (s *sink) target(key string) string {
	parts := []string{strings.Join(s.servers, ",")}
	if s.config.VHost != "/" {
		parts = append(parts, s.config.VHost)
	}
	if s.config.Exchange != "" {
		parts = append(parts, s.config.Exchange)
	}
	return connect.Shorten(strings.Join(append(parts, key), "/"), 250)
}

// Close ends the connection.
func (s *sink) Close() error {
	s.held.End()
	return nil
}

// A connection has channels that nobody uses at the moment.
type connection struct {
	*amqp.Connection
	closing sync.WaitGroup // of channels

	mu    sync.Mutex
	spare []*channel
}

// end says goodbye, briefly.
func (c *connection) end() {
	_ = c.CloseDeadline(time.Now().Add(time.Second))
	c.closing.Wait()
}

// A channel is for one message at a time. So what is returned or confirmed on it is that
// one; and what is returned is there before it is confirmed.
type channel struct {
	*amqp.Channel
	returned chan amqp.Return
	closed   chan *amqp.Error
}

// dial connects to one of the servers.
func (s *sink) dial(ctx context.Context) (*connection, error) {
	var errs []error
	for _, i := range rand.Perm(len(s.servers)) {
		c, err := s.dialOne(ctx, s.servers[i])
		if err == nil {
			return &connection{Connection: c}, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", s.servers[i], err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (s *sink) dialOne(ctx context.Context, server string) (*amqp.Connection, error) {
	var unwatch func() bool
	c := amqp.Config{
		Vhost: s.config.VHost, Heartbeat: 10 * time.Second, Locale: "en_US",
		SASL:       []amqp.Authentication{&amqp.PlainAuth{Username: s.config.Username, Password: s.config.Password}},
		Properties: amqp.Table{"connection_name": "Fanfare", "product": "Fanfare"},
		Dial: func(network, address string) (net.Conn, error) {
			conn, err := s.way.Dial(ctx, network, address)
			if err == nil {
				// Until the two have greeted each other, ctx rules.
				unwatch = context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		},
	}
	scheme := "amqp://"
	if s.tls != nil {
		scheme, c.TLSClientConfig = "amqps://", s.tls.Clone()
	}
	conn, err := amqp.DialConfig(scheme+server, c)
	if unwatch != nil && !unwatch() {
		if err == nil {
			_ = conn.Close()
		}
		return nil, ctx.Err()
	}
	return conn, err
}

// lostWith has the connection end with ctx, unless it is stopped before. A broker that does
// not even read while ctx lasts is lost: so one may that is short of memory.
func (c *connection) lostWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.CloseDeadline(time.Now()) })
}

// take is a channel for a message.
func (c *connection) take(ctx context.Context) (*channel, error) {
	c.mu.Lock()
	if n := len(c.spare); n > 0 {
		ch := c.spare[n-1]
		c.spare = c.spare[:n-1]
		c.mu.Unlock()
		return ch, nil
	}
	c.mu.Unlock()
	defer c.lostWith(ctx)()
	made, err := c.Channel()
	if err != nil {
		return nil, err
	}
	if err := made.Confirm(false); err != nil {
		return nil, err
	}
	return &channel{made, made.NotifyReturn(make(chan amqp.Return, 1)), made.NotifyClose(make(chan *amqp.Error, 1))}, nil
}

// give has another use ch. One on which a message is still under way is ended.
func (c *connection) give(ch *channel, settled bool) {
	if !settled {
		c.closing.Go(func() { _ = ch.Close() }) // which waits for the broker, and ends with the connection at the latest
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spare = append(c.spare, ch)
}

// Send publishes msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	key, out, err := s.compose(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	reply := fanfare.Reply{URL: "rabbitmq:" + s.target(key), RequestHeader: headerOf(&out)}
	c, err := s.held.Take(ctx)
	if err == nil {
		err = s.publish(ctx, c, key, out)
	}
	return s.judge(reply, key, err)
}

var (
	errNobody  = errors.New("no queue is bound for it")
	errRefused = errors.New("the broker did not take it, as when a queue is full")
)

// publish returns when the broker has confirmed it.
func (s *sink) publish(ctx context.Context, c *connection, key string, out amqp.Publishing) error {
	ch, err := c.take(ctx)
	if err != nil {
		return err
	}
	settled := false
	defer func() { c.give(ch, settled) }()
	reads := c.lostWith(ctx)
	confirmed, err := ch.PublishWithDeferredConfirmWithContext(ctx, s.config.Exchange, key, s.config.Unrouted == failure, false, out)
	reads()
	if err != nil {
		return err
	}
	select {
	case <-confirmed.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case why := <-ch.closed: // there before what waits for confirms is told
		if why != nil {
			return why
		}
		return amqp.ErrClosed
	default:
	}
	settled = true
	select {
	case back := <-ch.returned:
		return fmt.Errorf("%w (%d %s)", errNobody, back.ReplyCode, back.ReplyText)
	default:
	}
	if !confirmed.Acked() {
		return errRefused
	}
	return nil
}

// judge says what came of it (https://www.rabbitmq.com/amqp-0-9-1-reference#constants).
func (s *sink) judge(reply fanfare.Reply, key string, err error) (fanfare.Reply, error) {
	var said *amqp.Error
	switch {
	case err == nil:
		return reply, nil
	case errors.Is(err, errNobody):
		where := "binding for " + key
		if s.config.Exchange == "" {
			where = "queue " + key
		}
		reply.Class, reply.Detail = fanfare.ClassConnector, fmt.Sprintf("%v; there is no %s", err, where)
		return reply, nil
	case errors.Is(err, errRefused):
		reply.Class, reply.Detail = fanfare.ClassConnector, err.Error()
		return reply, nil
	case !errors.As(err, &said) || !said.Server && said.Code != amqp.AccessRefused && said.Code != amqp.NotAllowed:
		return fanfare.Reply{}, err
	}
	reply.Class, reply.Detail = fanfare.ClassConnector, fmt.Sprintf("%d %s", said.Code, said.Reason)
	switch said.Code {
	case amqp.NotFound:
		reply.Detail += "; make the exchange, or say another"
	case amqp.AccessRefused, amqp.NotAllowed:
		reply.Detail += "; check username, password, vhost, and what the user may do"
	case amqp.ContentTooLarge:
		reply.Class = fanfare.ClassRejected
	case amqp.PreconditionFailed:
		if strings.Contains(said.Reason, "larger than") {
			reply.Class = fanfare.ClassRejected
		}
	}
	return reply, nil
}
