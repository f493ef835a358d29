package ui

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

type pollerBody struct {
	*endpointHead
	Address   copyable
	First     copyable
	Answer    copyable
	Further   copyable
	Own       copyable // the address of a consumer
	Snippets  []snippet
	Keys      string // where keys are made; "": somewhere else
	Consumers []consumerRow
}

// A consumerRow is somebody who polls, and whose place the server keeps.
type consumerRow struct {
	Name        string
	Seen, Since when
}

// polled reports whether a form is, or is asked to be, of an endpoint that is polled. No
// operational one is.
func (v *visit) polled() bool {
	return !v.own && cmp.Or(v.said("kind"), v.asked("kind")) == fanfare.KindPoller
}

// turns has the form be of the other kind, if its button for that was pressed.
func (v *visit) turns() bool {
	switch v.said("do") {
	case "poll":
		v.r.PostForm.Set("kind", fanfare.KindPoller)
	case "send":
		v.r.PostForm.Del("kind")
	default:
		return false
	}
	return true
}

// poll leaves of a form what means something to an endpoint that is sent nothing: beside what
// it wants, its name. The URL is kept for who changes their mind.
func (b *addBody) poll() { b.Poller, b.Options, b.Auth = true, nameOf(b.Options), nil }

// nameOf is of an endpoint's optional fields the one of its name, which stands first.
func nameOf(options []field) []field { return options[:1] }

// showPoller shows how to ask for the messages of an endpoint that is sent nothing.
func (v *visit) showPoller(ep *endpointOut) error {
	head, err := v.headOf(ep, "deliveries")
	if err != nil {
		return err
	}
	var list listOf[struct {
		Name              string
		SeenAt, CreatedAt time.Time
	}]
	if err := v.read(&list, v.of("poller", ep.ID, "consumer"), "limit", fmt.Sprint(fanfare.MaxConsumers)); err != nil {
		return err
	}
	at := v.site + "/api/v1" + v.of("poller", ep.ID)
	body := pollerBody{
		endpointHead: head, Address: copyable{Text: at, Label: "the URL"}, Own: copyable{Text: at + "/consumer/NAME", Label: "the URL of a consumer"},
		First:    copyable{Text: pollCurl(at + "?wait=30"), Label: "the command that asks first", Block: true},
		Further:  copyable{Text: pollCurl(at + "?wait=30&iterator=ITERATOR"), Label: "the command that goes on", Block: true},
		Answer:   copyable{Text: pollAnswer(ep), Label: "an answer", Block: true},
		Snippets: pollers(at + "/consumer/NAME?wait=30&iterator="),
	}
	switch {
	case v.console:
		body.Keys = v.root + "/key"
	case v.may(fanfare.ManageKeys):
		body.Keys = v.base + "/settings#apikeys"
	}
	for _, c := range list.Data {
		body.Consumers = append(body.Consumers, consumerRow{c.Name, v.when(c.SeenAt), v.when(c.CreatedAt)})
	}
	return v.show("portal/poller", ep.Name(), body)
}

// pollCurl is a command that asks there.
func pollCurl(at string) string {
	return "curl '" + at + "' \\\n  -H \"Authorization: Bearer $FANFARE_KEY\""
}

// pollAnswer is what the answer looks like, with a message of a type that the endpoint wants.
func pollAnswer(ep *endpointOut) string {
	eventType := "record.created"
	if len(ep.EventTypes) > 0 {
		eventType = strings.ReplaceAll(ep.EventTypes[0], "*", "created")
	}
	return `{
  "data": [
    {
      "id": "msg_…",
      "eventId": null,
      "eventType": "` + eventType + `",
      "payload": {"what": "was sent, as it came in"},
      "channels": null,
      "tags": null,
      "orderingKey": null,
      "timestamp": "2026-01-02T15:04:05.123456Z",
      "deliverAt": null,
      "eventTypeVersion": null
    }
  ],
  "iterator": "…",
  "done": true
}`
}

// pollers ask again and again, as a consumer: the address ends with where to go on from.
func pollers(at string) []snippet {
	return snippetsOf([][2]string{
		{"Python", fmt.Sprintf(`import json, os, urllib.request

url = %q
key = {"Authorization": "Bearer " + os.environ["FANFARE_KEY"]}
iterator = ""
while True:
    with urllib.request.urlopen(urllib.request.Request(url + iterator, headers=key)) as res:
        answer = json.load(res)
    for message in answer["data"]:
        print(message["eventType"], message["payload"], flush=True)
    iterator = answer["iterator"]  # tells the server, next time, that all of these were received
`, at)},
		{"Node.js", fmt.Sprintf(`const url = %q;
const headers = { Authorization: "Bearer " + process.env.FANFARE_KEY };
for (let iterator = ""; ; ) {
  const res = await fetch(url + iterator, { headers });
  if (!res.ok) throw new Error(await res.text());
  const answer = await res.json();
  for (const message of answer.data) console.log(message.eventType, message.payload);
  iterator = answer.iterator; // tells the server, next time, that all of these were received
}
`, at)},
		{"Go", fmt.Sprintf(`package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	for iterator := ""; ; {
		req, err := http.NewRequest("GET", %q+iterator, nil)
		if err != nil {
			log.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+os.Getenv("FANFARE_KEY"))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			log.Fatal(err)
		}
		var answer struct {
			Data []struct {
				EventType string
				Payload   json.RawMessage
			}
			Iterator string
		}
		err = json.NewDecoder(res.Body).Decode(&answer)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			log.Fatal(res.Status, err)
		}
		for _, message := range answer.Data {
			fmt.Printf("%%s %%s\n", message.EventType, message.Payload)
		}
		iterator = answer.Iterator // tells the server, next time, that all of these were received
	}
}
`, at)},
	})
}
