package openapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/schema"
)

func TestReadAsyncAPI(t *testing.T) {
	for file, want := range map[string][]string{
		"async2.yaml": {
			`light.measured|||false|[]`,
			`order.created|said by the trait|shop|false|[{"id":"o_1","total":12.50}]`,
			`orderChanged|Read by those who pack|orders|true|[]`,
			`ping|Is anybody there||false|[]`,
		},
		"async3.json": {
			`order.paid|said by the message|money|false|[{"n":12345678901234567890}]`,
			`order.sent|An order is on its way|orders|false|[]`,
			`refund|said by the message|money|false|[{"n":12345678901234567890}]`,
		},
	} {
		var got []string
		for _, h := range read(t, file) {
			got = append(got, shown(h))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got  %q\nwant %q", file, got, want)
		}
	}
}

func TestSchemasOfMessages(t *testing.T) {
	two, three := read(t, "async2.yaml"), read(t, "async3.json")
	if two[0].Schema != nil || two[3].Schema != nil {
		t.Errorf("what has no payload of JSON has the schemas %s and %s", two[0].Schema, two[3].Schema)
	}
	for _, c := range []struct {
		hook Webhook
		docs map[string]string
	}{
		{two[1], map[string]string{
			`{"id":"o_1","lines":[{"of":{"id":"o_2"}},1,null]}`: "[]", `{"id":"o_1","total":1,"lines":[]}`: "[]",
			`{"total":0}`: "", `{"id":"o_1","total":1}`: "", `{"id":"o_1","lines":[{},"x"]}`: "", `{"id":"o_1","lines":[{},1,2]}`: "", `{"id":"o_1","lines":[{"of":{}}]}`: "",
		}},
		{two[2], map[string]string{`{"note":null}`: "[]", `{"note":1}`: ""}},
		{three[0], map[string]string{`{"n":1}`: "[]", `{}`: ""}},
		{three[1], map[string]string{`{"by":["x",1]}`: "[]", `{"by":[1]}`: ""}},
	} {
		s, err := schema.Compile(c.hook.Schema)
		if err != nil {
			t.Errorf("%s: %v: %s", c.hook.Name, err, c.hook.Schema)
			continue
		}
		for doc, want := range c.docs {
			if got := fmt.Sprint(s.Check([]byte(doc))); (got == "[]") != (want == "[]") {
				t.Errorf("%s: %s: %s; the schema is %s", c.hook.Name, doc, got, c.hook.Schema)
			}
		}
	}
}

// message2 is a document with one message.
func message2(message string) string {
	return `{"asyncapi":"2.6.0","channels":{"a":{"subscribe":{"message":` + message + `}}},"components":{"messages":{"x":{"payload":{}},"y":{"name":"x","payload":{"type":"string"}}}}}`
}

func TestComponentsAreTakenWhereNoChannelHasMessages(t *testing.T) {
	hooks, err := Read([]byte(`{"asyncapi":"3.1.0","components":{"messages":{"b":{"payload":true},"a":{"name":"first"}}}}`))
	if err != nil || len(hooks) != 2 || hooks[0].Name != "b" || string(hooks[0].Schema) != "true" || hooks[1].Name != "first" {
		t.Errorf("%+v, %v", hooks, err)
	}
}

func TestAMessageOfTwoChannelsIsOne(t *testing.T) {
	hooks, err := Read([]byte(`{"asyncapi":"3.0.0","channels":{
		"a":{"description":"Of the shop.","messages":{"placed":{"$ref":"#/components/messages/placed"}}},
		"b":{"description":"Of the stock.","messages":{"placed":{"$ref":"#/components/messages/placed"}}}},
		"components":{"messages":{"placed":{"payload":{"type":"object"}}}}}`))
	if err != nil || len(hooks) != 1 || hooks[0].Name != "placed" {
		t.Errorf("%+v, %v", hooks, err)
	}
}

func TestReadRefusesAsyncAPI(t *testing.T) {
	trait := `{"a":1`
	for i := range 20_000 {
		trait += fmt.Sprintf(`,"t%d":1`, i)
	}
	traits := `{"asyncapi":"3.0.0","channels":{"a":{"messages":{"m":{"traits":[` + strings.TrimSuffix(strings.Repeat(`{"$ref":"#/components/messageTraits/t"},`, 10_000), ",") + `]}}}},"components":{"messageTraits":{"t":` + trait + `}}}}`
	several := strings.TrimSuffix(strings.Repeat(`{"$ref":"#/components/messages/x"},`, 2001), ",")
	for _, c := range []struct{ text, want string }{
		{`{"asyncapi":"1.2.0"}`, "version 2 or 3"}, {`{"asyncapi":2}`, "nor an AsyncAPI document"}, {`{"asyncapi":"2.6.0"}`, "has no messages"}, {`{"asyncapi":"3.0.0","channels":{}}`, "has no messages"},
		{`{"asyncapi":"3.0.0","channels":[]}`, "at channels: must be an object"}, {`{"asyncapi":"3.0.0","channels":{"a":1}}`, "at channels > a: must be an object"},
		{`{"asyncapi":"3.0.0","channels":{"a":{"messages":[]}}}`, "at channels > a > messages: must be an object"}, {`{"asyncapi":"3.0.0","components":1}`, "at components: must be an object"},
		{`{"asyncapi":"2.0.0","channels":{"a":{"subscribe":1}}}`, "at channels > a > subscribe: must be an object"}, {message2("1"), "subscribe > message: must be an object"},
		{message2(`{"oneOf":[1]}`), "message > oneOf > 0: must be an object"}, {message2(`{"$ref":"#/nowhere"}`), `"#/nowhere", which is not there`},
		{message2(`{"$ref":"messages.yaml#/x"}`), "bundle it into one document first"}, {message2(`{"payload":{"$ref":"https://example.com/order.json"}}`), "bundle it into one document first"},
		{message2(`{"oneOf":[{"$ref":"#/components/messages/x"},{"$ref":"#/components/messages/y"}]}`), `oneOf > 1: is called "x", and so is another message`},
		{message2(`{"schemaFormat":"application/vnd.apache.avro;version=1.9.0","payload":{}}`), `"application/vnd.apache.avro;version=1.9.0", which is not read`},
		{message2(`{"schemaFormat":"application/schema+json;version=draft-04","payload":{}}`), "which is not read"}, {message2(`{"payload":1}`), "payload: must be a schema"},
		{message2(`{"traits":[1],"payload":{}}`), "traits > 0: must be an object"}, {message2(`{"examples":[1]}`), "examples > 0: must be an object"}, {message2(`{"tags":["a"]}`), "tags > 0: must be an object"},
		{message2(`{"$ref":"#/channels/a/subscribe/message"}`), "more than 16 references"},
		{message2(`{"oneOf":[` + several + `]}`), "more than 2000 messages"}, {traits, "larger than 16 MiB"},
	} {
		begun := time.Now()
		hooks, err := Read([]byte(c.text))
		var wrong *Error
		if hooks != nil || !errors.As(err, &wrong) || !strings.Contains(wrong.Error(), c.want) || len(wrong.Error()) > 600 {
			t.Errorf("%.100q: %v, want a refusal that says %q", c.text, err, c.want)
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("%.100q took %v", c.text, took)
		}
	}
}
