package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// A recipeTrial is what a recipe would send, as the API has it.
type recipeTrial struct {
	Data []struct {
		Message, Example, EventType, Endpoint string
		Wanted, Cancel                        bool
		Note                                  string
		Payload                               json.RawMessage
		Previews                              []struct {
			To     string
			Header [][2]string
			Body   string
		}
		Missing []string
	}
	Cut bool
}

// lacks reports whether an example does not come to what the recipe says.
func (t *recipeTrial) lacks() bool {
	for _, one := range t.Data {
		if len(one.Missing) > 0 {
			return true
		}
	}
	return false
}

func (t *recipeTrial) show(r *request) error {
	if len(t.Data) == 0 {
		r.say("There are no messages to try it on.")
		return nil
	}
	sent := 0
	for _, one := range t.Data {
		what := cmp.Or(one.Example, one.Message, "the payload") + ", " + one.EventType + " → " + one.Endpoint
		if len(one.Previews) == 0 {
			what += ": " + cmp.Or(one.Note, "nothing would be sent")
		} else {
			sent++
		}
		lines := []string{what}
		if one.Payload != nil {
			lines = append(lines, "  transformed: "+string(one.Payload))
		}
		for _, p := range one.Previews {
			lines = append(lines, "  "+p.To)
			for _, h := range p.Header {
				lines = append(lines, "  "+h[0]+": "+h[1])
			}
			if p.Body != "" {
				lines = append(lines, "", "  "+strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(p.Body, "\r\n", "\n")), "\n", "\n  "))
			}
		}
		if len(one.Previews) > 0 && one.Note != "" {
			lines = append(lines, "  ("+one.Note+")")
		}
		for _, missing := range one.Missing {
			lines = append(lines, "  ! the recipe's example wants "+missing)
		}
		if _, err := fmt.Fprintln(r.out, printableLines(strings.Join(lines, "\n"))+"\n"); err != nil {
			return err
		}
	}
	r.say("Of %s, %d would lead to something. Nothing was sent.", counted(len(t.Data), "trial"), sent)
	if t.Cut {
		r.say("There is more than can be shown at once; try it on fewer messages.")
	}
	return nil
}

// oneByOne reads no further than it is asked to, so that what follows a line is there
// for who reads the next.
type oneByOne struct{ io.Reader }

// Read implements io.Reader.
func (o oneByOne) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(1, len(p))]) }

// skeleton is a recipe to begin with.
const skeleton = `# Try it:  fanfare recipe try FILE        Use it:  fanfare recipe add FILE
recipe: NAME
about: Posts large orders to a channel of Slack
needs: |
  At Slack, make an incoming webhook for the channel: its URL is SLACK_URL.

# What the user has to say. It stands below as ${NAME}: as it is in texts, and as a value, in quotes of
# its own, in filters and between {{ and }}. Scripts find it as inputs.NAME, unless it is secret.
inputs:
  SLACK_URL:
    about: the incoming webhook of the channel
    secret: true
    example: https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX
  LEAST:
    about: from which total on an order is large
    kind: number
    default: 100
  SHOP_SECRET:
    about: what the shop signs with
    secret: true
    generate: true

# Where other people's webhooks come in; leave it out where your own program sends the messages. The fields
# are those of "fanfare source create" and POST /app/{app}/source.
sources:
  - uid: shop
    name: shop
    profile: hmac
    hmac: {header: X-Signature}
    secret: ${SHOP_SECRET}
    eventType: order.created

# Where messages go. The fields are those of POST /app/{app}/endpoint, and those of its config are in
# "fanfare kind get slack".
endpoints:
  - uid: slack
    kind: slack
    eventTypes: [order.created]
    filter: payload.total >= ${LEAST}
    transformation: |
      function handler(webhook) {
        webhook.payload.name = webhook.payload.name.trim()
        return { payload: webhook.payload }
      }
    config:
      url: ${SLACK_URL}
      text: "{{payload.name}} ordered for {{payload.total}}"

# What "fanfare recipe try" shows, and what has to stand in it; nothing is sent for an example without want.
examples:
  - about: a large order
    eventType: order.created
    payload: {name: " Ann", total: 120}
    want: ["Ann ordered for 120"]
  - about: a small one
    eventType: order.created
    payload: {name: Bob, total: 99}
`
