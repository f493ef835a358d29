package rabbitmq_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/rabbitmq"
)

// channel is one to see with what there is on the broker.
func channel(t *testing.T) *amqp.Channel {
	t.Helper()
	needed(t)
	conn, err := amqp.Dial("amqp://guest:guest@" + rabbit.address + "/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// queue makes one that a broker's end does not take away.
func queue(t *testing.T, ch *amqp.Channel, name string, args amqp.Table) {
	t.Helper()
	if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
}

func config(more string) string { return fmt.Sprintf(`{"servers":%q%s}`, rabbit.address, more) }

func TestContract(t *testing.T) {
	ch := channel(t)
	queue(t, ch, "taken", nil)
	queue(t, ch, "full", amqp.Table{"x-max-length": 0, "x-overflow": "reject-publish"})
	const long = "must have at most 255 bytes"
	connecttest.Run(t, connecttest.Case{
		Connector: rabbitmq.Connector(), Config: config(`,"routingKey":"taken"`), Dial: dial,
		Bad: map[string]string{
			`{}`:                                  "config.servers: must name servers such as one.example.com:5672",
			`{"servers":"a","tls":true,"ca":"x"}`: "config.ca: has no certificate",
			`{"servers":"a","routingKey":""}`:     "config.routingKey: must name a queue where there is no exchange",
			`{"servers":"a","exchange":"` + strings.Repeat("x", 256) + `"}`: "config.exchange: " + long,
			`{"servers":"a","vhost":""}`:                                    "config.vhost: must have 1 to 255 bytes",
			`{"servers":"a","unrouted":"ignore"}`:                           "config.unrouted: must be failure or success",
			`{"servers":"a","body":"{{"}`:                                   "config.body: a {{ is not closed by }}",
			`{"servers":"amqp://u:p@h/"}`:                                   "config.servers: must name servers",
		},
		Outcomes: map[string]connecttest.Outcome{
			"no queue":       {Config: config(`,"routingKey":"nowhere"`), Class: fanfare.ClassConnector, Detail: "no queue is bound for it (312 NO_ROUTE); there is no queue nowhere"},
			"no binding":     {Config: config(`,"exchange":"amq.topic","routingKey":"x"`), Class: fanfare.ClassConnector, Detail: "there is no binding for x"},
			"nobody matters": {Config: config(`,"exchange":"amq.topic","routingKey":"x","unrouted":"success"`), Class: fanfare.ClassSuccess},
			"no exchange":    {Config: config(`,"exchange":"nowhere"`), Class: fanfare.ClassConnector, Detail: "404 NOT_FOUND - no exchange 'nowhere' in vhost '/'; make the exchange"},
			"full":           {Config: config(`,"routingKey":"full"`), Class: fanfare.ClassConnector, Detail: "the broker did not take it, as when a queue is full"},
			"wrong login":    {Config: config(`,"username":"guest","password":"another-one"`), Class: fanfare.ClassConnector, Detail: "check username, password, vhost"},
			"no vhost":       {Config: config(`,"vhost":"nowhere"`), Class: fanfare.ClassConnector, Detail: "check username, password, vhost"},
			"no key":         {Config: config(`,"routingKey":"{{payload.x}}"`), Class: fanfare.ClassRejected, Detail: `routingKey renders "", which is none`},
			"too large":      {Message: connecttest.Message("a.b", strings.Repeat("x", 200_001)), Class: fanfare.ClassRejected, Detail: "larger than"},
		},
	})
}

// open makes a sink.
func open(t *testing.T, config string) fanfare.Sink {
	t.Helper()
	way, _ := connecttest.Way(t, nil)
	way.Dial = dial
	sink, err := rabbitmq.Connector().New([]byte(config), way)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	return sink
}

// TestMessage sees what is in the queue.
func TestMessage(t *testing.T) {
	ch := channel(t)
	queue(t, ch, "told", nil)
	if err := ch.QueueBind("told", "order.#", "amq.topic", false, nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ more, key, body string }{
		"default": {`,"exchange":"amq.topic"`, "order.paid", `{"n": 1}`},
		"told":    {`,"exchange":"amq.topic","routingKey":"order.{{payload.n}}","body":"{{payload.n}}\n"`, "order.1", "1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			sink, msg := open(t, config(c.more)), connecttest.Message("order.paid", `{"n": 1}`)
			reply, err := sink.Send(t.Context(), msg)
			if err != nil || reply.Class != "" || reply.URL != "rabbitmq:"+rabbit.address+"/amq.topic/"+c.key {
				t.Fatalf("%+v, %v", reply, err)
			}
			d, ok, err := ch.Get("told", true)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if d.MessageId != string(msg.ID) || d.RoutingKey != c.key || string(d.Body) != c.body || d.DeliveryMode != amqp.Persistent ||
				d.Type != "order.paid" || d.ContentType != "application/json" || !d.Timestamp.Equal(msg.CreatedAt) || d.Headers["webhook-timestamp"] != "1767323045" {
				t.Errorf("%+v", d)
			}
			to := "publish to the exchange amq.topic with the routing key " + c.key + " at " + rabbit.address
			if p := connecttest.Preview(t, sink, msg); p.To != to || string(p.Body) != c.body || !slices.Equal(p.Header, reply.RequestHeader) || len(p.Header) != 3+len(d.Headers) {
				t.Errorf("a dry run shows %+v", p)
			}
		})
	}
}

// TestReturnedIsWhoWasSent has one message after the other, of which some come back: each
// is told its own fate.
func TestReturnedIsWhoWasSent(t *testing.T) {
	ch := channel(t)
	queue(t, ch, "again", nil)
	sink := open(t, config(`,"routingKey":"{{payload.to}}"`))
	for _, key := range []string{"again", "nowhere", "again", "nowhere", "again"} {
		reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{"to":"`+key+`"}`))
		if err != nil || (reply.Class == "") != (key == "again") {
			t.Errorf("%s: %+v, %v", key, reply, err)
		}
	}
	if q, err := ch.QueueDeclarePassive("again", true, false, false, false, nil); err != nil || q.Messages != 3 {
		t.Errorf("%+v, %v", q, err)
	}
}

// TestOutage has the broker crash and come back.
func TestOutage(t *testing.T) {
	needed(t)
	// That there is the queue RabbitMQ has on disk two seconds later only, other than
	// what is in it.
	time.Sleep(time.Until(rabbit.kept.Add(4 * time.Second)))
	sink := open(t, config(`,"routingKey":"kept"`))
	ids := connecttest.Outage(t, sink, rabbit.kill, func() {
		if err := rabbit.start(); err != nil {
			t.Error(err)
		}
	})
	ch, found := channel(t), make(map[string]bool)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		d, ok, err := ch.Get("kept", true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		found[d.MessageId] = true
	}
	for _, id := range ids {
		if !found[string(id)] {
			t.Errorf("%s is lost", id)
		}
	}
}
