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
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func sendCommand(e *env) *cobra.Command {
	var m outgoing
	var wait bool
	return e.inApp(verb{
		use: "send TYPE [JSON|@FILE|-]", short: "Send a message; without a payload, {}",
		long: "Sends a message of an event type. Its payload is JSON: given as it is, in a file (@FILE),\n" +
			"or on standard input (-). Without one the payload is {}; standard input is then not read.",
		example: "fanfare send random_number:generate 863\n" +
			"fanfare send record.created '{\"id\":1}' --app acme --wait\n" +
			"fanfare send record.created @record.json --event-id record-1\n" +
			"date | jq -R . | fanfare send clock.ticked -",
		flags: func(flags *pflag.FlagSet) {
			flags.StringVar(&m.EventID, "event-id", "", "your own id for the event; a second one with the same id is refused")
			flags.StringSliceVar(&m.Channels, "channel", nil, "channels the message is on")
			flags.StringSliceVar(&m.Tags, "tag", nil, "tags to find it by")
			flags.StringVar(&m.OrderingKey, "ordering-key", "", "ordered endpoints keep messages with the same key in order")
			flags.BoolVarP(&wait, "wait", "w", false, "follow its deliveries until they have ended; exit with 1 unless all were delivered")
		},
		do: func(ctx context.Context, r *request) error {
			m.EventType = r.args[0]
			payload, err := e.payload(r.args[1:])
			if err != nil {
				return err
			}
			m.Payload = payload
			return send(ctx, r, &m, wait)
		},
	})[0]
}

// outgoing is a message as it is sent to the API.
type outgoing struct {
	EventType   string          `json:"eventType"`
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

func send(ctx context.Context, r *request, m *outgoing, wait bool) error {
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
	var accepted message
	if err := json.Unmarshal(text, &accepted); err != nil {
		return fmt.Errorf("%s does not answer as a Fanfare server does: %w", r.base, err)
	}
	switch {
	case r.json:
		err = r.object(text)
	case wait:
		r.say("Message %s is accepted.", accepted.ID)
	default:
		_, err = fmt.Fprintln(r.out, printable(accepted.ID))
	}
	if err != nil || !wait {
		return err
	}
	r.args = []string{accepted.ID}
	return follow(ctx, r)
}

// pollEvery is how often follow looks.
const pollEvery = 250 * time.Millisecond

// follow prints the attempts of the message that the first argument names until
// all its deliveries have ended. It returns an error unless all were delivered.
func follow(ctx context.Context, r *request) error {
	seen, lost := make(map[string]bool), false
	for {
		ds, err := deliveries(ctx, r)
		if err == nil {
			// Read after the deliveries, so that none is missing once they have ended.
			err = newAttempts(ctx, r, seen)
		}
		if ctx.Err() == nil && isAway(err) {
			if !lost {
				r.say("The server is away (%v); waiting for it to be back.", err)
			}
			lost = true
			if err := doze(ctx, pollEvery); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if lost {
			r.say("The server is back.")
			lost = false
		}
		if len(ds) == 0 {
			r.say(`No endpoint wanted it; add one with "fanfare endpoint create URL".`)
			return nil
		}
		waiting, failed := 0, 0
		for _, d := range ds {
			switch d.Status {
			case statusPending, statusSending:
				waiting++
			case statusFail, statusCanceled:
				failed++
			}
		}
		if waiting == 0 && failed > 0 {
			return fmt.Errorf("%d of %d deliveries did not succeed; send them again with %q", failed, len(ds), "fanfare message resend "+r.args[0])
		}
		if waiting == 0 {
			return nil
		}
		if err := doze(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// doze waits, unless ctx ends before.
func doze(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newAttempts prints the attempts that are not among those seen, oldest first.
func newAttempts(ctx context.Context, r *request, seen map[string]bool) error {
	path, err := r.within(ctx, "attempt", "msg", r.args[0])
	if err != nil {
		return err
	}
	var texts []json.RawMessage
	err = r.list(ctx, path, nil, 10_000, func(text json.RawMessage) error {
		texts = append(texts, text)
		return nil
	})
	for i := len(texts) - 1; i >= 0 && err == nil; i-- {
		var a attempt
		if err := json.Unmarshal(texts[i], &a); err != nil {
			return err
		}
		if seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		if r.json {
			err = r.object(texts[i])
		} else {
			_, err = fmt.Fprintln(r.out, a.line(r.paint))
		}
	}
	return err
}
