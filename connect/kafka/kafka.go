// Package kafka produces to topics of Kafka, or of what speaks its protocol
// (https://kafka.apache.org/protocol).
package kafka

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// Connector produces to a topic.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Produces it to a topic of Kafka, acknowledged by all replicas in sync.",
		Example: json.RawMessage(`{"brokers":"one.kafka.example.com:9092,two.kafka.example.com:9092","topic":"orders","key":"{{payload.customer}}","tls":true,"mechanism":"scram-sha-512","username":"fanfare","password":"secret-of-it"}`),
		Hidden:  []string{"password"},
		Where:   []string{"brokers", "tls", "ca", "mechanism"},
		New:     open,
	}
}

type config struct {
	Brokers   string  `json:"brokers"`
	Topic     string  `json:"topic"`
	Key       *string `json:"key"`
	Body      string  `json:"body"`
	TLS       bool    `json:"tls"`
	CA        string  `json:"ca"`
	Mechanism string  `json:"mechanism"`
	Username  string  `json:"username"`
	Password  string  `json:"password"`
}

// A sink produces with one client.
type sink struct {
	way     fanfare.Way
	config  config
	brokers []string
	tls     *tls.Config // nil: what is said is not encrypted
	topic   *connect.Template
	key     *connect.Template // nil: the message's ordering key
	body    connect.Body
	held    connect.Held[*kgo.Client]
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, config: c}
	s.held = connect.Held[*kgo.Client]{Open: s.begin, Alive: func(*kgo.Client) bool { return true }, Close: (*kgo.Client).Close}
	var errs [5]error
	s.brokers, errs[0] = connect.Servers("brokers", c.Brokers, "9092")
	s.topic, errs[1] = connect.Text("topic", c.Topic)
	if c.Key != nil {
		s.key, errs[2] = connect.Text("key", *c.Key)
	}
	s.body, errs[3] = connect.BodyOf(c.Body)
	if c.TLS || c.CA != "" {
		s.tls, errs[4] = connect.TLS("", c.CA)
	}
	_, known := mechanisms[c.Mechanism]
	if err := errors.Join(append(errs[:],
		connect.Must(strings.Contains(c.Topic, "{{") || topics.MatchString(c.Topic), "topic", "must have 1 to 249 characters of a-z, A-Z, 0-9, ., _ and -"),
		connect.Must(known, "mechanism", "must be plain, scram-sha-256 or scram-sha-512"),
		connect.Must((c.Mechanism == "") == (c.Username == "") && (c.Username == "") == (c.Password == ""), "mechanism", "give mechanism, username and password together"),
	)...); err != nil {
		return nil, err
	}
	return s, nil
}

var topics = regexp.MustCompile(`^[-._A-Za-z0-9]{1,249}$`)

// mechanisms are ways to prove who one is, as options for a client.
var mechanisms = map[string]func(c *config) kgo.Opt{
	"":      nil,
	"plain": func(c *config) kgo.Opt { return kgo.SASL(plain.Auth{User: c.Username, Pass: c.Password}.AsMechanism()) },
	"scram-sha-256": func(c *config) kgo.Opt {
		return kgo.SASL(scram.Auth{User: c.Username, Pass: c.Password}.AsSha256Mechanism())
	},
	"scram-sha-512": func(c *config) kgo.Opt {
		return kgo.SASL(scram.Auth{User: c.Username, Pass: c.Password}.AsSha512Mechanism())
	},
}

// Target is the topic with the brokers.
func (s *sink) Target() string {
	return connect.OneLine(strings.Join(s.brokers, ",") + "/" + s.config.Topic)
}

// Close ends the client.
func (s *sink) Close() error {
	s.held.End()
	return nil
}

// begin makes a client, and sees that there is a broker: a client by itself would look for
// one for ever. From then on it finds its brokers again, should they go.
func (s *sink) begin(ctx context.Context) (*kgo.Client, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(s.brokers...), kgo.ClientID("fanfare"), kgo.Dialer(s.dial),
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotent too, as clients are unless told
		kgo.UnknownTopicRetries(1), kgo.MaxBufferedRecords(1024), kgo.MetadataMinAge(time.Second),
		// A record ends with its attempt, also while it is under way: should it have got
		// there all the same, the next attempt produces it once more.
		kgo.AllowIdempotentProduceCancellation(),
	}
	if sasl := mechanisms[s.config.Mechanism]; sasl != nil {
		options = append(options, sasl(&s.config))
	}
	cl, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	waiting := context.AfterFunc(ctx, cl.Close) // to which a client listens while it connects
	err = cl.Ping(ctx)
	switch {
	case !waiting():
		return nil, ctx.Err()
	case err != nil:
		cl.Close()
		return nil, err
	}
	return cl, nil
}

// dial connects to a broker, one of the configured or one they named.
func (s *sink) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.way.Dial(ctx, network, address)
	if err != nil || s.tls == nil {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := s.tls.Clone()
	c.ServerName = host
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// Send produces msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	record, err := s.record(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	reply := fanfare.Reply{URL: "kafka:" + strings.Join(s.brokers, ",") + "/" + record.Topic, RequestHeader: headerOf(record)}
	cl, err := s.held.Take(ctx)
	if err != nil {
		return judge(reply, record.Topic, err)
	}
	done := make(chan error, 1)
	cl.Produce(ctx, record, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		reply.Detail = fmt.Sprintf("partition %d, offset %d", record.Partition, record.Offset)
	}
	return judge(reply, record.Topic, err)
}

// Preview is the record that would be produced.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	r, err := s.record(msg)
	if err != nil {
		return nil, err
	}
	to := "produce to the topic " + r.Topic
	if r.Key != nil {
		to += " with the key " + connect.OneLine(string(r.Key))
	}
	return []fanfare.Preview{{To: to + " at " + strings.Join(s.brokers, ","), Header: headerOf(r), Body: r.Value}}, nil
}

// record fills the config in for msg.
func (s *sink) record(msg *fanfare.Message) (*kgo.Record, error) {
	in := connect.CarriedInputOf(msg)
	r := &kgo.Record{Timestamp: msg.CreatedAt}
	var key string
	var errs [3]error
	r.Topic, errs[0] = connect.Fill("topic", s.topic, in, nil)
	if key = msg.OrderingKey; s.key != nil {
		key, errs[1] = connect.Fill("key", s.key, in, nil)
	}
	r.Value, errs[2] = s.body.Fill(msg, in)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if !topics.MatchString(r.Topic) {
		return nil, fmt.Errorf("topic renders %q, which is no name of a topic", connect.Shorten(r.Topic, 100))
	}
	if key != "" {
		r.Key = []byte(key)
	}
	for _, h := range connect.Carried(msg) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)})
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: "content-type", Value: []byte(connect.ContentType(msg))})
	return r, nil
}

// headerOf is r's header, as it is recorded.
func headerOf(r *kgo.Record) []fanfare.Header {
	lines := make([]fanfare.Header, len(r.Headers))
	for i, h := range r.Headers {
		lines[i] = fanfare.Header{Name: h.Key, Value: string(h.Value)}
	}
	return lines
}

// judge says what came of it (https://kafka.apache.org/protocol#protocol_error_codes).
func judge(reply fanfare.Reply, topic string, err error) (fanfare.Reply, error) {
	var said *kerr.Error
	switch {
	case err == nil:
		return reply, nil
	case !errors.As(err, &said):
		return fanfare.Reply{}, err
	}
	reply.Class, reply.Detail = fanfare.ClassConnector, said.Message+": "+said.Description
	switch said {
	case kerr.MessageTooLarge, kerr.RecordListTooLarge:
		reply.Class, reply.Detail = fanfare.ClassRejected, said.Message+": it is larger than the topic takes"
	case kerr.InvalidRecord:
		reply.Class = fanfare.ClassRejected
	case kerr.UnknownTopicOrPartition, kerr.UnknownTopicID:
		reply.Detail = said.Message + ": there is no topic " + topic + "; make it, or say another"
	case kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed:
		reply.Detail = said.Message + ": the user may not write to " + topic + "; allow it, or give another user"
	case kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState:
		reply.Detail = said.Message + ": the broker lets nobody in with these credentials; check mechanism, username and password"
	}
	return reply, nil
}
