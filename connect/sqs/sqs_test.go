package sqs_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/sqs"
)

// config is one for a queue of that name, with members besides.
func config(queue, more string) string {
	return fmt.Sprintf(`{"queue":"https://sqs.eu-central-1.amazonaws.com/123456789012/%s","accessKeyId":%q,"secretAccessKey":%q%s}`, queue, fake.AWSKey, fake.AWSSecret, more)
}

func TestContract(t *testing.T) {
	connecttest.Run(t, connecttest.Case{
		Connector: sqs.Connector(), Config: config("orders", `,"sessionToken":"sEsSiOnToKeN"`), Fake: fake.SQS(),
		Repeats: func(a, b connecttest.Request) bool { // attributes come in any order
			var first, second map[string]any
			return json.Unmarshal([]byte(a.Body), &first) == nil && json.Unmarshal([]byte(b.Body), &second) == nil && reflect.DeepEqual(first, second)
		},
		Bad: map[string]string{
			`{}`:                                "config.queue: is missing; give a URL such as https://sqs.eu-central-1",
			`{"queue":"https://q.example/1/a"}`: "config.region: must be the name of a region, such as eu-central-1",
			config("orders", `,"group":"a"`):    "config.group: is for queues whose URL ends with .fifo",
			config("a.fifo", `,"group":"{{"`):   "config.group: a {{ is not closed by }}",
			config("orders", `,"body":"{{"`):    "config.body: a {{ is not closed by }}",
			`{"queue":"https://sqs.eu-central-1.amazonaws.com/1/a"}`: "config.accessKeyId: is missing",
		},
		Outcomes: map[string]connecttest.Outcome{
			"no queue":      {Config: config("unknown", ""), Class: fanfare.ClassStatus, Status: 400, Detail: "The specified queue does not exist; make the queue"},
			"denied":        {Config: config("denied", ""), Class: fanfare.ClassStatus, Status: 403, Detail: "AccessDeniedException: User is not authorized"},
			"throttled":     {Config: config("throttled", ""), Class: fanfare.ClassStatus, Status: 400, Detail: "RequestThrottled: "},
			"kms throttled": {Config: config("kms-throttled", ""), Class: fanfare.ClassStatus, Status: 400, Detail: "KmsThrottled: "},
			"broken":        {Config: config("broken", ""), Class: fanfare.ClassStatus, Status: 500, Detail: "InternalFailure: "},
			"busy":          {Config: config("busy", ""), Class: fanfare.ClassStatus, Status: 503, Detail: "ServiceUnavailable: "},
			"wrong secret":  {Config: strings.Replace(config("orders", ""), fake.AWSSecret, "sEcReTaCcEsS", 1), Class: fanfare.ClassStatus, Status: 403, Detail: "does not match the signature you provided. Check your key and signing method; check accessKeyId"},
			"wrong key":     {Config: strings.Replace(config("orders", ""), fake.AWSKey, "AKIAOTHER", 1), Class: fanfare.ClassStatus, Status: 403, Detail: "InvalidClientTokenId: "},
			"too large":     {Config: config("orders", ""), Message: connecttest.Message("a.b", strings.Repeat("x", 1<<20+1)), Class: fanfare.ClassRejected, Status: 400, Detail: "Message must be shorter than 1048576 bytes"},
			"characters":    {Config: config("orders", `,"body":"\u0001"`), Class: fanfare.ClassRejected, Status: 400, Detail: "InvalidMessageContents"},
			"no text":       {Config: config("orders", ""), Message: connecttest.Message("a.b", "\xff"), Class: fanfare.ClassRejected, Detail: "body is no text in UTF-8"},
			"nothing":       {Config: config("orders", `,"body":"{{payload.x}}"`), Class: fanfare.ClassRejected, Detail: "body is empty"},
		},
	})
}

// TestMessage sees what the queue is given.
func TestMessage(t *testing.T) {
	for name, c := range map[string]struct{ queue, more, ordering, body, group, once string }{
		"plain":              {"orders", "", "k", `{"n": 1}`, "", ""},
		"a body":             {"orders", `,"body":"{{payload.n}} of {{headers['webhook-id']}}"`, "", "1 of ID", "", ""},
		"fifo":               {"orders.fifo", "", "customer-7", `{"n": 1}`, "customer-7", "ID"},
		"fifo without a key": {"orders.fifo", "", "", `{"n": 1}`, "app_00000000000000000000000001", "ID"},
		"a group":            {"orders.fifo", `,"group":"{{payload.n}}"`, "k", `{"n": 1}`, "1", "ID"},
		"no name of a group": {"orders.fifo", "", "Zoë", `{"n": 1}`, "c6a12698582fc1104ea24107a2d7268145ff06ef859707729d01fd060897f067", "ID"},
	} {
		t.Run(name, func(t *testing.T) {
			way, took := connecttest.Way(t, fake.SQS())
			sink, err := sqs.Connector().New([]byte(config(c.queue, c.more)), way)
			if err != nil {
				t.Fatal(err)
			}
			msg := connecttest.Message("a.b", `{"n": 1}`)
			msg.OrderingKey = c.ordering
			if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess {
				t.Fatalf("%+v, %v", reply, err)
			}
			var sent struct {
				QueueURL               string `json:"QueueUrl"`
				MessageBody            string
				MessageGroupID         string `json:"MessageGroupId"`
				MessageDeduplicationID string `json:"MessageDeduplicationId"`
				MessageAttributes      map[string]struct{ StringValue string }
			}
			r := took()[0]
			if err := json.Unmarshal([]byte(r.Body), &sent); err != nil {
				t.Fatal(err)
			}
			id := string(msg.ID)
			if sent.MessageBody != strings.ReplaceAll(c.body, "ID", id) || sent.MessageGroupID != c.group || sent.MessageDeduplicationID != strings.ReplaceAll(c.once, "ID", id) {
				t.Errorf("sent %+v", sent)
			}
			want := "map[content-type:{application/json} webhook-application:{app_00000000000000000000000001} webhook-event-type:{a.b} webhook-id:{" + id + "} webhook-timestamp:{1767323045}]"
			if got := fmt.Sprint(sent.MessageAttributes); got != want || r.URL != "sqs.eu-central-1.amazonaws.com/" {
				t.Errorf("sent to %s with %s; want %s", r.URL, got, want)
			}
		})
	}
}

// TestFIFOTakesItOnce sends the same message twice, as after a crash.
func TestFIFOTakesItOnce(t *testing.T) {
	queue := fake.SQS()
	way, _ := connecttest.Way(t, queue)
	sink, err := sqs.Connector().New([]byte(config("orders.fifo", "")), way)
	if err != nil {
		t.Fatal(err)
	}
	msg := connecttest.Message("a.b", `{}`)
	for range 2 {
		if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
	if taken := connecttest.Taken(t, queue); len(taken) != 1 {
		t.Errorf("the queue has %d messages of one", len(taken))
	}
}
