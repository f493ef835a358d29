package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func sendCommand(e *env) *cobra.Command {
	var m outgoing
	w := &waiter{}
	return e.inApp(verb{
		use: "send TYPE [JSON|@FILE|-]", short: "Send a message; without a payload, {}",
		long: "Sends a message of an event type. Its payload is JSON: given as it is, in a file (@FILE),\n" +
			"or on standard input (-). Without one the payload is {}; standard input is then not read.\n\n" +
			"With --wait it says of the endpoints that are not sent it why not, of 20 at most, and then\n" +
			"shows the attempts; with --json, the former as an object with unsent and more.",
		example: "fanfare send random_number:generate 863\n" +
			"fanfare send record.created '{\"id\":1}' --app acme --wait\n" +
			"fanfare send record.created @record.json --wait-for hook --timeout 30s\n" +
			"date | jq -R . | fanfare send clock.ticked -",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVar(&m.EventID, "event-id", "", "your own id for the event; a second one with the same id, and of the same version, is refused")
			flags.IntVar(&m.Version, "event-type-version", 0, "version of the event type that the payload is of; otherwise it is taken for the current one")
			flags.StringSliceVar(&m.Channels, "channel", nil, "channels the message is on")
			flags.StringSliceVar(&m.Tags, "tag", nil, "tags to find it by; fanfare-test makes it a test")
			flags.StringVar(&m.OrderingKey, "ordering-key", "", "ordered endpoints keep messages with the same key in order")
			w.flags(flags)
		},
		do: func(ctx context.Context, r *request) error {
			m.EventType = r.args[0]
			if r.given("event-type-version") && m.Version < 1 {
				return usagef("--event-type-version: versions begin with 1; leave it out if the message has none")
			}
			payload, err := e.payload(r.args[1:])
			if err != nil {
				return err
			}
			m.Payload = payload
			w.request = r
			return send(ctx, r, &m, w)
		},
	})[0]
}

// outgoing is a message as it is sent to the API.
type outgoing struct {
	EventType   string          `json:"eventType"`
	Version     int             `json:"eventTypeVersion,omitempty"`
	EventID     string          `json:"eventId,omitempty"`
	Channels    []string        `json:"channels,omitempty"`
	Tags        []string        `json:"tags,omitempty"`
	OrderingKey string          `json:"orderingKey,omitempty"`
	Payload     json.RawMessage `json:"payload"`
}

// encode writes the message as JSON with the payload as it is, byte for byte:
// json.Marshal would take the spaces out of it.
func (m *outgoing) encode() ([]byte, error) {
	head := *m
	head.Payload = json.RawMessage("0")
	text, err := json.Marshal(&head)
	if err != nil {
		return nil, err
	}
	text = append(bytes.TrimSuffix(text, []byte("0}")), m.Payload...)
	return append(text, '}'), nil
}

// payload reads the payload the user gave: as JSON, in a file, or on standard
// input. None is an empty object.
func (e *env) payload(args []string) (json.RawMessage, error) {
	if len(args) == 0 {
		return json.RawMessage("{}"), nil
	}
	text, from := []byte(args[0]), "the payload"
	var err error
	if file, ok := strings.CutPrefix(args[0], "@"); ok {
		text, err = os.ReadFile(file)
		from = file
	} else if args[0] == "-" {
		text, err = io.ReadAll(e.stdin)
		from = "standard input"
	}
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(text)
	if !json.Valid(text) {
		return nil, usagef(`%s is not JSON; text needs quotes of its own: '"text"'`, from)
	}
	return text, nil
}

func send(ctx context.Context, r *request, m *outgoing, w *waiter) error {
	path, err := r.within(ctx, "msg")
	if err != nil {
		return err
	}
	body, err := m.encode()
	if err != nil {
		return err
	}
	resp, err := r.open(ctx, http.MethodPost, path, bytes.NewReader(body), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	for name, values := range resp.Header {
		if strings.HasPrefix(name, "Fanfare-") && strings.HasSuffix(name, "Warnings") {
			r.say("Warning: %s", strings.Join(values, ", "))
		}
	}
	var accepted message
	if err := json.Unmarshal(text, &accepted); err != nil {
		return fmt.Errorf("%s does not answer as a Fanfare server does: %w", r.base, err)
	}
	switch {
	case r.json:
		err = r.object(text)
	case w.waits():
		r.say("Message %s is accepted.", accepted.ID)
	default:
		_, err = fmt.Fprintln(r.out, printable(accepted.ID))
	}
	if err != nil || !w.waits() {
		return err
	}
	r.args = []string{accepted.ID}
	return w.follow(ctx)
}
