// Package texter receives webhooks and sends text messages: a small receiver as people
// write them, which sees one kind of event and leaves all others alone.
package texter

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/twilio"
	"github.com/fanfarehq/fanfare/webhook"
)

// Account is where text messages are sent from, and to whom.
type Account struct {
	SID, Token string
	From, To   string // numbers such as +15005550006
	URL        string // "": Twilio's; else that of what stands in for it
}

// FromEnvironment is the account that the environment names; nil: none.
func FromEnvironment(getenv func(string) string) (*Account, error) {
	a := &Account{
		SID: getenv("SMS_TWILIO_SID"), Token: getenv("SMS_TWILIO_TOKEN"),
		From: getenv("SMS_TWILIO_FROM_NUMBER"), To: getenv("SMS_TWILIO_TO_NUMBER"),
	}
	switch {
	case *a == Account{}:
		return nil, nil
	case a.SID == "" || a.Token == "" || a.From == "" || a.To == "":
		return nil, errors.New("set all of SMS_TWILIO_SID, SMS_TWILIO_TOKEN, SMS_TWILIO_FROM_NUMBER and SMS_TWILIO_TO_NUMBER, or none")
	}
	return a, nil
}

// Options are the settings of a Texter. The zero value of each field is a good
// default.
type Options struct {
	// AlwaysCreated answers 201 also when no text could be sent, as the talk's texter
	// does: then nobody tries again. Otherwise that is 502, and the sender does.
	AlwaysCreated bool

	Verifier *webhook.Verifier // nil: webhooks need not be signed
	Logger   *slog.Logger      // nil: slog.Default()
	Client   *http.Client      // nil: one that waits for ten seconds
}

// A Texter is an http.Handler that sends a text for each random number that it is
// told of.
type Texter struct {
	opt  Options
	sink fanfare.Sink

	mu    sync.Mutex
	sent  map[string]bool // ids of events that a text was sent for
	order []string        // the same, oldest first
}

// event is what the texter texts about.
const event = "random_number:generate"

const (
	maxBody = 1 << 20
	maxSent = 10_000 // ids that are remembered
)

// New makes a Texter. Its texts go through Fanfare's own connector for Twilio, which
// here serves no endpoint.
func New(account *Account, opt *Options) (*Texter, error) {
	t := &Texter{sent: make(map[string]bool)}
	if opt != nil {
		t.opt = *opt
	}
	t.opt.Logger = cmp.Or(t.opt.Logger, slog.Default())
	t.opt.Client = cmp.Or(t.opt.Client, &http.Client{Timeout: 10 * time.Second})
	config := map[string]string{
		"accountSid": account.SID, "authToken": account.Token, "from": account.From, "to": account.To,
		"text": "Here's a random number: {{payload.data}}",
		// The sender tries again what was not answered well, so nothing is given up here.
		"whenUnsure": "retry",
	}
	if account.URL != "" {
		config["url"] = account.URL
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	t.sink, err = twilio.Connector().New(text, fanfare.Way{HTTP: t.opt.Client, Logger: t.opt.Logger})
	return t, err
}

// ServeHTTP answers 201 and the body when a text was sent, 202 and the body when what
// came is not JSON, and 200 when it is about something else.
func (t *Texter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "The texter is up and running. POST webhooks here.", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "The texter takes bodies of at most 1 MiB.", http.StatusRequestEntityTooLarge)
		return
	}
	if t.opt.Verifier != nil {
		if _, err := t.opt.Verifier.VerifyRequest(r, body, time.Now()); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		echo(w, r, http.StatusAccepted, body)
		return
	}
	var number struct {
		ID    string          `json:"id"`
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	var mistyped *json.UnmarshalTypeError // valid JSON, but not of a random number
	err = json.Unmarshal(body, &number)
	switch {
	case err != nil && !errors.As(err, &mistyped):
		http.Error(w, "The body is not JSON, although its header says so.", http.StatusBadRequest)
	case err != nil, number.Event != event, len(number.Data) == 0, bytes.Equal(number.Data, []byte("null")):
		w.WriteHeader(http.StatusOK)
	default:
		t.text(w, r, number.ID, body)
	}
}

// text sends the text for a body, unless one was sent for that id.
func (t *Texter) text(w http.ResponseWriter, r *http.Request, id string, body []byte) {
	if !t.has(id) {
		// Once begun it is seen through, whether or not the sender waits for the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 15*time.Second)
		defer cancel()
		reply, err := t.sink.Send(ctx, &fanfare.Message{EventType: event, Payload: body})
		if err == nil && reply.Class != "" && reply.Class != fanfare.ClassSuccess {
			err = errors.New(reply.Detail)
		}
		if err != nil {
			t.opt.Logger.Error("the text was not sent", "event", id, "error", err)
			if !t.opt.AlwaysCreated {
				http.Error(w, fmt.Sprintf("The text was not sent: %v", err), http.StatusBadGateway)
				return
			}
		} else {
			t.add(id)
		}
	}
	echo(w, r, http.StatusCreated, body)
}

// echo answers with what came, which must not run in a browser as a page of ours.
func echo(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "sandbox")
	w.WriteHeader(status)
	w.Write(body)
}

// has reports whether a text was sent for the event of that id. Webhooks come at
// least once, and people read each text.
func (t *Texter) has(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent[id]
}

func (t *Texter) add(id string) {
	if id == "" {
		return // who gives none cannot be known again
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent[id] = true
	if t.order = append(t.order, id); len(t.order) > maxSent {
		delete(t.sent, t.order[0])
		t.order = t.order[1:]
	}
}
