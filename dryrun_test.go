package fanfare_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A dialing sink does what the config names, and notes that it was asked to send.
type dialing struct {
	way  fanfare.Way
	how  string
	sent *int
}

func (*dialing) Target() string { return "there" }
func (*dialing) Close() error   { return nil }

func (d *dialing) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	*d.sent++
	switch d.how {
	case "panic":
		panic("on this message")
	case "dial":
		conn, err := d.way.Dial(ctx, "tcp", "127.0.0.1:1")
		if err == nil {
			conn.Close()
		}
		return fanfare.Reply{}, err
	case "refuse":
		return fanfare.Reply{Class: fanfare.ClassRejected, Detail: "the text s3cr&t is empty"}, nil
	case "token":
		res, err := d.way.HTTP.Post("https://login.example.com/token", "application/x-www-form-urlencoded", strings.NewReader("grant_type=client_credentials&client_secret=s3cr%26t"))
		if err != nil {
			return fanfare.Reply{}, err
		}
		res.Body.Close()
	}
	req, err := http.NewRequestWithContext(ctx, "POST", "https://api.example.com/hooks/s3cr%26t?key=s3cr%26t", strings.NewReader(`{"key":"s3cr&t","inner":"deeper\"one","payload":`+string(msg.Payload)+`}`))
	if err != nil {
		return fanfare.Reply{}, err
	}
	req.Header.Set("Authorization", "Bearer made-of-the-secret")
	req.Header.Set("X-Key", "s3cr&t")
	res, err := d.way.HTTP.Do(req)
	if err == nil {
		res.Body.Close()
	}
	return fanfare.Reply{}, err
}

// A dry run reaches nobody, however a sink goes about it, and shows no secret.
func TestADryRunSendsNothingAndShowsNoSecret(t *testing.T) {
	sent := 0
	kind := func(byHTTP bool) fanfare.Connector {
		return fanfare.Connector{
			About: "x", Example: json.RawMessage(`{}`), Hidden: []string{"key", "more"}, ByHTTP: byHTTP,
			New: func(config []byte, way fanfare.Way) (fanfare.Sink, error) {
				var c struct{ How string }
				if err := json.Unmarshal(config, &c); err != nil {
					return nil, err
				}
				return &dialing{way, c.How, &sent}, nil
			},
		}
	}
	hub := fanfare.New(storetest.NewModel(), &fanfare.Options{Logger: slog.New(slog.DiscardHandler), Connectors: map[string]fanfare.Connector{"web": kind(true), "own": kind(false)}})
	app := &fanfare.Application{Name: "Acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	run := func(ep *fanfare.Endpoint) *fanfare.DryRun {
		t.Helper()
		ep.Application = app.ID
		if ep.Kind != "" {
			ep.Config = json.RawMessage(`{"key":"s3cr&t","more":{"inner":["deeper\"one"]},"how":"` + ep.Description + `"}`)
		}
		d, err := hub.DryRun(t.Context(), app, ep, &fanfare.Message{ID: "msg_1", EventType: "a.b", Payload: []byte(`{"n":1}`)})
		if err != nil {
			t.Fatal(err)
		}
		shown, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"s3cr", "deeper", "made-of"} {
			for _, p := range d.Previews {
				if strings.Contains(string(p.Body), secret) {
					t.Errorf("%s: the body shows %q: %s", ep.Description, secret, p.Body)
				}
			}
			if strings.Contains(string(shown), secret) {
				t.Errorf("%s shows %q: %s", ep.Description, secret, shown)
			}
		}
		return d
	}

	if d := run(&fanfare.Endpoint{Kind: "web", Description: "send"}); !d.Wanted || len(d.Previews) != 1 || d.Previews[0].To != "POST https://api.example.com/hooks/********?key=***" ||
		string(d.Previews[0].Body) != `{"key":"********","inner":"********","payload":{"n":1}}` {
		t.Errorf("by HTTP: %+v", d)
	}
	if d := run(&fanfare.Endpoint{Kind: "web", Description: "token"}); len(d.Previews) != 1 || d.Note != "an access token is fetched from login.example.com before" {
		t.Errorf("with a token: %+v", d)
	}
	for how, want := range map[string]string{"dial": "this is a dry run", "panic": "the connector failed on this message", "refuse": "the text ******** is empty"} {
		if d := run(&fanfare.Endpoint{Kind: "web", Description: how}); len(d.Previews) != 0 || d.Note != want {
			t.Errorf("%s: %+v; want %q", how, d, want)
		}
	}
	sent = 0
	if d := run(&fanfare.Endpoint{Kind: "own", Description: "send"}); sent != 0 || len(d.Previews) != 0 || d.Note != "what goes to own:there cannot be shown without connecting to it" {
		t.Errorf("one that is not said to be by HTTP alone: %+v, sent %d", d, sent)
	}
	if d := run(&fanfare.Endpoint{URL: "https://hooks.slack.com/services/T/B/s3cret", Headers: map[string]string{"X-Key": "s3cret"}}); len(d.Previews) != 1 ||
		d.Previews[0].To != "POST https://hooks.slack.com/***" || string(d.Previews[0].Body) != `{"n":1}` {
		t.Errorf("a webhook: %+v", d)
	}
	if d := run(&fanfare.Endpoint{Kind: "web", EventTypes: []string{"c.*"}}); d.Wanted || d.Note != "it wants c.*, and this is a.b" {
		t.Errorf("another type: %+v", d)
	}
	if d := run(&fanfare.Endpoint{Kind: "web", EventTypes: []string{"a.*"}, Channels: []string{"eu"}}); d.Wanted || d.Note != "it wants the channels eu" {
		t.Errorf("another channel: %+v", d)
	}
	if d := run(&fanfare.Endpoint{Kind: "web", Filter: "payload.m > 1"}); d.Wanted || d.Note != "the filter does not match: the message has no m" {
		t.Errorf("a filter: %+v", d)
	}
	var wrong *fanfare.InvalidError
	if _, err := hub.DryRun(t.Context(), app, &fanfare.Endpoint{Kind: "web", Filter: "payload."}, &fanfare.Message{}); !errors.As(err, &wrong) {
		t.Errorf("a filter that is none: %v", err)
	}
}
