package pubsub_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/pubsub"
)

// account makes a service account: its key, and its key file as text in JSON.
func account(t *testing.T) (*rsa.PrivateKey, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "fanfare@acme-prod.iam.gserviceaccount.com", "private_key_id": "k1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return key, string(file)
}

func TestContract(t *testing.T) {
	key, file := account(t)
	_, other := account(t)
	config := func(topic, file, more string) string {
		text, _ := json.Marshal(file)
		return fmt.Sprintf(`{"topic":"projects/acme-prod/topics/%s","credentials":%s%s}`, topic, text, more)
	}
	connecttest.Run(t, connecttest.Case{
		Connector: pubsub.Connector(), Config: config("orders", file, ""), Fake: fake.Pubsub(&key.PublicKey),
		Bad: map[string]string{
			`{}`: "config.topic: must be a topic with its project, such as projects/acme-prod/topics/orders\nconfig.credentials: are missing",
			`{"topic":"projects/acme-prod/topics/orders","credentials":"x"}`:              "config.credentials: is not the JSON key file of a service account",
			`{"topic":"projects/acme-prod/topics/../../x","url":"http://localhost:8085"}`: "config.topic: must be a topic",
			config("orders", file, `,"url":"http://pubsub.test"`):                         "config.url: must be https where there are credentials",
			config("orders", file, `,"orderingKey":"{{"`):                                 "config.orderingKey: a {{ is not closed by }}",
			config("orders", file, `,"body":"{{"`):                                        "config.body: a {{ is not closed by }}",
		},
		Outcomes: map[string]connecttest.Outcome{
			"no topic":     {Config: config("unknown", file, ""), Class: fanfare.ClassStatus, Status: 404, Detail: "NOT_FOUND: Resource not found (resource=unknown); make the topic"},
			"denied":       {Config: config("denied", file, ""), Class: fanfare.ClassStatus, Status: 403, Detail: "PERMISSION_DENIED: User not authorized to perform this action; check credentials"},
			"limited":      {Config: config("limited", file, ""), Class: fanfare.ClassStatus, Status: 429, Detail: "RESOURCE_EXHAUSTED: "},
			"broken":       {Config: config("broken", file, ""), Class: fanfare.ClassStatus, Status: 500, Detail: "INTERNAL: "},
			"busy":         {Config: config("busy", file, ""), Class: fanfare.ClassStatus, Status: 503, Detail: "UNAVAILABLE: "},
			"a stranger":   {Config: config("orders", other, ""), Class: fanfare.ClassStatus, Status: 401, Detail: "UNAUTHENTICATED: "},
			"too large":    {Message: connecttest.Message("a.b", strings.Repeat("x", 8<<20)), Class: fanfare.ClassRejected, Status: 400, Detail: "INVALID_ARGUMENT: Request payload size exceeds the limit"},
			"a long key":   {Config: config("orders", file, `,"orderingKey":"`+strings.Repeat("k", 1025)+`"`), Class: fanfare.ClassRejected, Detail: "orderingKey has 1025 bytes"},
			"not a pubsub": {Config: `{"topic":"projects/acme-prod/topics/orders","url":"https://pubsub.test/fake"}`, Class: fanfare.ClassStatus, Status: 404, Detail: "make the topic"},
		},
	})
}

// TestMessage sees what is published, and that the example is understood by what needs no
// credentials.
func TestMessage(t *testing.T) {
	for name, c := range map[string]struct{ more, ordering, data, key string }{
		"default": {"", "customer-7", `{"n": 1}`, "customer-7"},
		"told":    {`,"body":"{{payload.n}}","orderingKey":"n{{payload.n}}"`, "customer-7", `1`, "n1"},
		"no key":  {`,"orderingKey":""`, "customer-7", `{"n": 1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			topic := fake.Pubsub(nil)
			way, took := connecttest.Way(t, topic)
			sink, err := pubsub.Connector().New([]byte(`{"topic":"projects/acme-prod/topics/orders","url":"http://emulator.test:8085"`+c.more+`}`), way)
			if err != nil {
				t.Fatal(err)
			}
			msg := connecttest.Message("a.b", `{"n": 1}`)
			msg.OrderingKey, msg.EventTypeVersion, msg.Tags = c.ordering, 2, []string{fanfare.TestTag}
			if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess {
				t.Fatalf("%+v, %v", reply, err)
			}
			var m struct {
				Topic, OrderingKey string
				Data               []byte
				Attributes         map[string]string
			}
			if err := json.Unmarshal(connecttest.Taken(t, topic)[0], &m); err != nil {
				t.Fatal(err)
			}
			if m.Topic != "projects/acme-prod/topics/orders" || string(m.Data) != c.data || m.OrderingKey != c.key {
				t.Errorf("published %+v", m)
			}
			want := "map[content-type:application/json webhook-application:app_00000000000000000000000001 webhook-event-type:a.b webhook-event-type-version:2 webhook-id:" + string(msg.ID) + " webhook-test:true webhook-timestamp:1767323045]"
			if got := fmt.Sprint(m.Attributes); got != want {
				t.Errorf("with %s; want %s", got, want)
			}
			if r := took()[0]; r.URL != "emulator.test:8085/v1/projects/acme-prod/topics/orders:publish" || r.Header.Get("Authorization") != "" {
				t.Errorf("%+v", r)
			}
		})
	}
}
