// Package nats_test tries the connector to NATS against NATS itself. The server is no
// dependency of the product, and so these tests are not beside the connector.
package nats_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	connector "github.com/fanfarehq/fanfare/connect/nats"
)

// dial makes connections on this machine.
var dial = (&net.Dialer{}).DialContext

// start runs a server with these accounts, keeping what it stores in dir. Port -1 takes
// any.
func start(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	may := func(publish ...string) *server.Permissions {
		return &server.Permissions{Publish: &server.SubjectPermission{Allow: publish}}
	}
	mute := may("orders.>")
	mute.Subscribe = &server.SubjectPermission{Deny: []string{"_INBOX.>"}}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, JetStream: true, StoreDir: dir, SyncAlways: true, MaxPayload: 1 << 20,
		Users: []*server.User{
			{Username: "fanfare", Password: "sEcReTpAsS"},
			{Username: "limited", Password: "sEcReTpAsS", Permissions: may("orders.>")},
			{Username: "mute", Password: "sEcReTpAsS", Permissions: mute},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s
}

func address(s *server.Server) string { return s.Addr().String() }

// client is one to see with what the server has.
func client(t *testing.T, s *server.Server) (*nats.Conn, nats.JetStreamContext) {
	t.Helper()
	nc, err := nats.Connect("nats://"+address(s), nats.UserInfo("fanfare", "sEcReTpAsS"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	return nc, js
}

func addStream(t *testing.T, js nats.JetStreamContext, c nats.StreamConfig) {
	t.Helper()
	if _, err := js.AddStream(&c); err != nil {
		t.Fatal(err)
	}
}

func TestContract(t *testing.T) {
	s := start(t, t.TempDir(), -1)
	nc, js := client(t, s)
	addStream(t, js, nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, MaxMsgSize: 1000})
	addStream(t, js, nats.StreamConfig{Name: "FULL", Subjects: []string{"full"}, MaxMsgs: 1, Discard: nats.DiscardNew})
	if _, err := js.Publish("full", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Subscribe("service", func(m *nats.Msg) { _ = m.Respond([]byte("hello")) }); err != nil {
		t.Fatal(err)
	}
	config := func(more string) string {
		return fmt.Sprintf(`{"servers":%q,"username":"fanfare","password":"sEcReTpAsS"%s}`, address(s), more)
	}
	as := func(user, config string) string { return strings.Replace(config, `"fanfare"`, `"`+user+`"`, 1) }
	large := connecttest.Message("a.b", strings.Repeat("x", 1001))
	connecttest.Run(t, connecttest.Case{
		Connector: connector.Connector(), Config: config(`,"subject":"orders.{{eventType}}"`), Dial: dial,
		Bad: map[string]string{
			`{}`:                               "config.servers: must name servers such as one.example.com:4222",
			`{"servers":"a","subject":"a.*"}`:  "config.subject: must be a subject without wildcards",
			`{"servers":"a","subject":"a..b"}`: "config.subject: must be a subject without wildcards",
			`{"servers":"a","mode":"maybe"}`:   "config.mode: must be jetstream or core",
			`{"servers":"a","username":"u"}`:   "config.password: give both username and password",
			`{"servers":"a","token":"sEcReTtOkEn","username":"u","password":"sEcReTpAsS"}`: "config.token: give one of",
			`{"servers":"a","credentials":"nonsense"}`:                                     "config.credentials: is no .creds file",
			`{"servers":"a","ca":"nonsense"}`:                                              "config.ca: has no certificate",
		},
		Outcomes: map[string]connecttest.Outcome{
			"core":               {Config: config(`,"subject":"news","mode":"core"`), Class: fanfare.ClassSuccess},
			"no stream":          {Config: config(`,"subject":"news"`), Class: fanfare.ClassConnector, Detail: "no stream has the subject news; make one that has, or set mode to core"},
			"a service":          {Config: config(`,"subject":"service"`), Class: fanfare.ClassConnector, Detail: "no stream has the subject service"},
			"full":               {Config: config(`,"subject":"full"`), Class: fanfare.ClassConnector, Detail: "JetStream: maximum messages exceeded (10077)"},
			"too large":          {Message: large, Class: fanfare.ClassRejected, Detail: "it is larger than the server or the stream takes"},
			"too large for all":  {Message: connecttest.Message("a.b", strings.Repeat("x", 1<<20+1)), Class: fanfare.ClassRejected, Detail: "it is larger than"},
			"too large, core":    {Config: config(`,"mode":"core"`), Message: connecttest.Message("a.b", strings.Repeat("x", 1<<20+1)), Class: fanfare.ClassRejected, Detail: "it is larger than"},
			"wrong login":        {Config: strings.Replace(config(""), "sEcReTpAsS", "another-one", 1), Class: fanfare.ClassConnector, Detail: "the server lets nobody in with these credentials"},
			"may not publish":    {Config: as("limited", config(`,"subject":"full"`)), Class: fanfare.ClassConnector, Detail: `Publish to "full"; allow it`},
			"may not, core":      {Config: as("limited", config(`,"subject":"full","mode":"core"`)), Class: fanfare.ClassConnector, Detail: `Publish to "full"; allow it`},
			"may not hear of it": {Config: as("mute", config(`,"subject":"orders.x"`)), Class: fanfare.ClassConnector, Detail: `Subscription to "_INBOX.`},
			"no subject":         {Config: config(`,"subject":"a.{{payload.x}}"`), Class: fanfare.ClassRejected, Detail: `subject renders "a.", which is none that can be published to`},
		},
	})
}

// open makes a sink.
func open(t *testing.T, config string) fanfare.Sink {
	t.Helper()
	way, _ := connecttest.Way(t, nil)
	way.Dial = dial
	sink, err := connector.Connector().New([]byte(config), way)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	return sink
}

// TestMessage sees what the stream has, once though it was sent twice.
func TestMessage(t *testing.T) {
	s := start(t, t.TempDir(), -1)
	_, js := client(t, s)
	addStream(t, js, nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
	sink := open(t, fmt.Sprintf(`{"servers":%q,"username":"fanfare","password":"sEcReTpAsS","subject":"orders.{{payload.n}}","body":"{{payload.n}}\n"}`, address(s)))
	msg := connecttest.Message("a.b", `{"n": 1}`)
	shown := connecttest.Preview(t, sink, msg)
	for range 2 {
		reply, err := sink.Send(t.Context(), msg)
		var ack struct{ Stream string }
		if err != nil || reply.Class != "" || reply.URL != "nats:"+address(s)+"/orders.1" || json.Unmarshal(reply.ResponseBody, &ack) != nil || ack.Stream != "ORDERS" {
			t.Fatalf("%+v, %v", reply, err)
		}
		if !slices.Equal(shown.Header, reply.RequestHeader) {
			t.Errorf("a dry run shows %v, and sent was %v", shown.Header, reply.RequestHeader)
		}
	}
	stored, err := js.GetMsg("ORDERS", 1)
	if err != nil {
		t.Fatal(err)
	}
	if string(stored.Data) != "1\n" || stored.Subject != "orders.1" || stored.Header.Get("Nats-Msg-Id") != string(msg.ID) || stored.Header.Get("webhook-id") != string(msg.ID) ||
		stored.Header.Get("webhook-event-type") != "a.b" || stored.Header.Get("webhook-timestamp") != "1767323045" || stored.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", stored)
	}
	if shown.To != "publish to the subject orders.1 at "+address(s) || string(shown.Body) != string(stored.Data) || len(shown.Header) != len(stored.Header) {
		t.Errorf("a dry run shows %+v", shown)
	}
	if info, err := js.StreamInfo("ORDERS"); err != nil || info.State.Msgs != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestCore sees what who listens hears.
func TestCore(t *testing.T) {
	s := start(t, t.TempDir(), -1)
	nc, _ := client(t, s)
	heard, err := nc.SubscribeSync("news")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	sink := open(t, fmt.Sprintf(`{"servers":%q,"username":"fanfare","password":"sEcReTpAsS","subject":"news","mode":"core"}`, address(s)))
	if reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{"n": 1}`)); err != nil || reply.Class != "" {
		t.Fatalf("%+v, %v", reply, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if m, err := heard.NextMsgWithContext(ctx); err != nil || string(m.Data) != `{"n": 1}` {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestOutage has the server go and come back.
func TestOutage(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, -1)
	_, js := client(t, s)
	addStream(t, js, nats.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}})
	port := s.Addr().(*net.TCPAddr).Port
	sink := open(t, fmt.Sprintf(`{"servers":%q,"username":"fanfare","password":"sEcReTpAsS","subject":"orders"}`, address(s)))
	ids := connecttest.Outage(t, sink, func() {
		s.Shutdown()
		s.WaitForShutdown()
	}, func() { s = start(t, dir, port) })
	_, js = client(t, s)
	info, err := js.StreamInfo("ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for at := uint64(1); at <= info.State.LastSeq; at++ {
		m, err := js.GetMsg("ORDERS", at)
		if err != nil {
			t.Fatal(err)
		}
		found[m.Header.Get("webhook-id")] = true
	}
	for _, id := range ids {
		if !found[string(id)] {
			t.Errorf("%s is lost", id)
		}
	}
	if len(found) != len(ids) {
		t.Errorf("%d messages of %d", len(found), len(ids))
	}
}
