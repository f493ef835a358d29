package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/kafka"
)

// dial makes connections on this machine.
var dial = (&net.Dialer{}).DialContext

// cluster runs brokers.
func cluster(t *testing.T, options ...kfake.Opt) (c *kfake.Cluster, brokers string) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(2), kfake.SeedTopics(4, "orders", "1")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, strings.Join(c.ListenAddrs(), ",")
}

func TestContract(t *testing.T) {
	_, brokers := cluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "fanfare", "sEcReTpAsS"), kfake.Superuser("SCRAM-SHA-256", "fanfare", "sEcReTpAsS"), kfake.Superuser("PLAIN", "fanfare", "sEcReTpAsS"))
	config := func(more string) string {
		return fmt.Sprintf(`{"brokers":%q,"mechanism":"scram-sha-512","username":"fanfare","password":"sEcReTpAsS"%s}`, brokers, more)
	}
	connecttest.Run(t, connecttest.Case{
		Connector: kafka.Connector(), Config: config(`,"topic":"orders"`), Dial: dial,
		Bad: map[string]string{
			`{}`:                                "config.brokers: must name servers such as one.example.com:9092, with commas between them\nconfig.topic: must have 1 to 249 characters",
			`{"brokers":"a b","topic":"x"}`:     "config.brokers: must name servers",
			`{"brokers":"a:99999","topic":"x"}`: "config.brokers: must name servers",
			`{"brokers":"a","topic":"a b"}`:     "config.topic: must have 1 to 249 characters",
			`{"brokers":"a","topic":"x","mechanism":"gssapi"}`:   "config.mechanism: must be plain, scram-sha-256 or scram-sha-512",
			`{"brokers":"a","topic":"x","username":"fanfare"}`:   "config.mechanism: give mechanism, username and password together",
			`{"brokers":"a","topic":"x","ca":"x"}`:               "config.ca: has no certificate",
			`{"brokers":"a","topic":"x","key":"{{","body":"{{"}`: "config.key: a {{ is not closed by }}\nconfig.body: a {{",
		},
		Outcomes: map[string]connecttest.Outcome{
			"plain":     {Config: strings.Replace(config(`,"topic":"orders"`), "scram-sha-512", "plain", 1), Class: fanfare.ClassSuccess},
			"scram 256": {Config: strings.Replace(config(`,"topic":"orders"`), "512", "256", 1), Class: fanfare.ClassSuccess},
			"no topic":  {Config: config(`,"topic":"nowhere"`), Class: fanfare.ClassConnector, Detail: "UNKNOWN_TOPIC_OR_PARTITION: there is no topic nowhere; make it"},
			"too large": {Message: connecttest.Message("a.b", strings.Repeat("x", 2<<20)), Class: fanfare.ClassRejected, Detail: "MESSAGE_TOO_LARGE: it is larger than the topic takes"},
			"no name":   {Config: config(`,"topic":"{{payload.x}}"`), Class: fanfare.ClassRejected, Detail: `topic renders "", which is no name of a topic`},
		},
	})
}

// records are those of a topic, until there are enough.
func records(t *testing.T, brokers, topic string, enough func(map[string]*kgo.Record) bool) map[string]*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := make(map[string]*kgo.Record) // by message
	for ctx.Err() == nil && !enough(all) {
		for r := range cl.PollFetches(ctx).RecordsAll() {
			all[header(r, "webhook-id")] = r
		}
	}
	return all
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// open makes a sink.
func open(t *testing.T, config string) fanfare.Sink {
	t.Helper()
	way, _ := connecttest.Way(t, nil)
	way.Dial = dial
	sink, err := kafka.Connector().New([]byte(config), way)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	return sink
}

// TestRecord sees what is in the topic.
func TestRecord(t *testing.T) {
	_, brokers := cluster(t)
	for name, c := range map[string]struct{ more, topic, key, value string }{
		"default": {`,"topic":"orders"`, "orders", "customer-7", `{"n": 1}`},
		"told":    {`,"topic":"{{payload.n}}","key":"n{{payload.n}}","body":"{{payload.n}}\n"`, "1", "n1", "1\n"},
		"no key":  {`,"topic":"orders","key":""`, "orders", "", `{"n": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			sink := open(t, fmt.Sprintf(`{"brokers":%q%s}`, brokers, c.more))
			msg := connecttest.Message("a.b", `{"n": 1}`)
			msg.OrderingKey = "customer-7"
			reply, err := sink.Send(t.Context(), msg)
			if err != nil || reply.Class != "" || reply.URL != "kafka:"+brokers+"/"+c.topic {
				t.Fatalf("%+v, %v", reply, err)
			}
			r := records(t, brokers, c.topic, func(all map[string]*kgo.Record) bool { return all[string(msg.ID)] != nil })[string(msg.ID)]
			if r == nil || string(r.Key) != c.key || string(r.Value) != c.value || !r.Timestamp.Equal(msg.CreatedAt) {
				t.Fatalf("produced %+v", r)
			}
			if header(r, "webhook-event-type") != "a.b" || header(r, "webhook-timestamp") != "1767323045" || header(r, "content-type") != "application/json" {
				t.Errorf("with %v", r.Headers)
			}
			to := "produce to the topic " + c.topic
			if c.key != "" {
				to += " with the key " + c.key
			}
			if p := connecttest.Preview(t, sink, msg); p.To != to+" at "+brokers || string(p.Body) != c.value || !slices.Equal(p.Header, reply.RequestHeader) || len(p.Header) != len(r.Headers) {
				t.Errorf("a dry run shows %+v", p)
			}
			if want := fmt.Sprintf("partition %d, offset %d", r.Partition, r.Offset); reply.Detail != want {
				t.Errorf("recorded %q; want %q", reply.Detail, want)
			}
		})
	}
}

// TestAcks sees that all replicas are waited for, and that producers are idempotent.
func TestAcks(t *testing.T) {
	c, brokers := cluster(t)
	acks, idempotent := make(chan int16, 9), make(chan bool, 9)
	c.ControlKey(0, func(req kmsg.Request) (kmsg.Response, error, bool) {
		acks <- req.(*kmsg.ProduceRequest).Acks
		c.KeepControl()
		return nil, nil, false
	})
	c.ControlKey(22, func(kmsg.Request) (kmsg.Response, error, bool) {
		idempotent <- true
		c.KeepControl()
		return nil, nil, false
	})
	sink := open(t, fmt.Sprintf(`{"brokers":%q,"topic":"orders"}`, brokers))
	if reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{}`)); err != nil || reply.Class != "" {
		t.Fatalf("%+v, %v", reply, err)
	}
	if got := <-acks; got != -1 || len(idempotent) != 1 {
		t.Errorf("acks %d, %d ids of producers", got, len(idempotent))
	}
}

// TestRefused has a broker refuse records.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		code   int16
		class  fanfare.Class
		detail string
	}{
		"may not write": {kerr.TopicAuthorizationFailed.Code, fanfare.ClassConnector, "the user may not write to orders; allow it"},
		"invalid":       {kerr.InvalidRecord.Code, fanfare.ClassRejected, "INVALID_RECORD"},
		"policy":        {kerr.PolicyViolation.Code, fanfare.ClassConnector, "POLICY_VIOLATION"},
	} {
		t.Run(name, func(t *testing.T) {
			fake, brokers := cluster(t)
			fake.ControlKey(0, func(req kmsg.Request) (kmsg.Response, error, bool) {
				asked := req.(*kmsg.ProduceRequest)
				res := asked.ResponseKind().(*kmsg.ProduceResponse)
				for _, topic := range asked.Topics {
					refused := kmsg.NewProduceResponseTopic()
					refused.Topic, refused.TopicID = topic.Topic, topic.TopicID
					for _, p := range topic.Partitions {
						one := kmsg.NewProduceResponseTopicPartition()
						one.Partition, one.ErrorCode = p.Partition, c.code
						refused.Partitions = append(refused.Partitions, one)
					}
					res.Topics = append(res.Topics, refused)
				}
				fake.KeepControl()
				return res, nil, true
			})
			sink := open(t, fmt.Sprintf(`{"brokers":%q,"topic":"orders"}`, brokers))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			reply, err := sink.Send(ctx, connecttest.Message("a.b", `{}`))
			if err != nil || reply.Class != c.class || !strings.Contains(reply.Detail, c.detail) {
				t.Errorf("%+v, %v", reply, err)
			}
		})
	}
}

// TestStranger has a broker refuse who asks.
func TestStranger(t *testing.T) {
	fake, brokers := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "fanfare", "sEcReTpAsS"))
	fake.ControlKey(36, func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		res := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		res.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return res, nil, true
	})
	sink := open(t, fmt.Sprintf(`{"brokers":%q,"topic":"orders","mechanism":"plain","username":"fanfare","password":"another"}`, brokers))
	reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{}`))
	if err != nil || reply.Class != fanfare.ClassConnector || !strings.Contains(reply.Detail, "the broker lets nobody in with these credentials") {
		t.Errorf("%+v, %v", reply, err)
	}
}

// TestTLS speaks to brokers over encrypted connections, and to no others than those it
// trusts.
func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil) // of which only the certificate is used
	server.Close()
	_, brokers := cluster(t, kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates}))
	leaf, err := x509.ParseCertificate(server.TLS.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	ca, err := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})))
	if err != nil {
		t.Fatal(err)
	}
	sink := open(t, fmt.Sprintf(`{"brokers":%q,"topic":"orders","ca":%s}`, brokers, ca))
	if reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{}`)); err != nil || reply.Class != "" {
		t.Errorf("%+v, %v", reply, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stranger := open(t, fmt.Sprintf(`{"brokers":%q,"topic":"orders","tls":true}`, brokers))
	if reply, err := stranger.Send(ctx, connecttest.Message("a.b", `{}`)); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("%+v, %v", reply, err)
	}
}

// TestOutage has the brokers go and come back.
func TestOutage(t *testing.T) {
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.DataDir(t.TempDir()), kfake.SyncWrites()}
	c, brokers := cluster(t, options...)
	_, port, _ := net.SplitHostPort(brokers)
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	sink := open(t, fmt.Sprintf(`{"brokers":%q,"topic":"orders"}`, brokers))
	ids := connecttest.Outage(t, sink, c.Close, func() { cluster(t, append(options, kfake.Ports(n))...) })
	all := records(t, brokers, "orders", func(all map[string]*kgo.Record) bool { return len(all) >= len(ids) })
	for _, id := range ids {
		if all[string(id)] == nil {
			t.Errorf("%s is lost", id)
		}
	}
}
