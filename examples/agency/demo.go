package agency

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/examples/stage"
	"github.com/fanfarehq/fanfare/fanfarehttp"
	hook "github.com/fanfarehq/fanfare/webhook"
)

// The usual ports of the agency's pages, and of the page with what came of it.
const (
	Port       = 8090
	OfficePort = 8097
)

// Open makes an agency on a stage, with its own form, and runs it until ctx ends. Of the
// form itself nobody is told who comes later.
func Open(ctx context.Context, s *stage.Stage, opt Options) (*Agency, error) {
	opt.Dir, opt.Hub = s.Dir, s.Hub
	a, err := New(ctx, opt)
	if err != nil {
		return nil, err
	}
	s.AtEnd(a.Close)
	if err := a.Establish(ctx); err != nil {
		return nil, err
	}
	if _, err := a.relay.Drain(ctx); err != nil { // before there is anybody to hear of it
		return nil, err
	}
	s.Go(ctx, a.Run)
	return a, nil
}

// Seen are the events that came by webhook, in order, and what else came of them.
type Seen struct {
	Events []Heard `json:"events"`
	Mails  []Mail  `json:"mails"`
	Pushes []Push  `json:"pushes"`
	Row    *Row    `json:"row"`  // of the table, before the report was deleted
	Rows   int     `json:"rows"` // afterwards
}

// Heard is an event as a receiver has it.
type Heard struct {
	Type     string          `json:"type"`
	Data     json.RawMessage `json:"data"`
	Previous json.RawMessage `json:"previous,omitempty"`
	Origin   string          `json:"origin,omitempty"`
}

func (s *Seen) String() string {
	types := make([]string, len(s.Events))
	for i, e := range s.Events {
		types[i] = e.Type
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d webhooks came: %s\n", len(types), strings.Join(types, ", "))
	for _, m := range s.Mails {
		fmt.Fprintf(&text, "A mail came to %s: %s\n", m.To, m.Subject)
	}
	for _, p := range s.Pushes {
		fmt.Fprintf(&text, "A push came to %s: %s\n", p.To, p.Text)
	}
	fmt.Fprintf(&text, "The table had the report: %s, %s. Now it has %d.", s.Row.Status, s.Row.Assigned, s.Rows)
	return text.String()
}

// Demo is the agency, and a receiver that is told of all that happens there.
func Demo() *stage.Program {
	token := ""
	return &stage.Program{
		Name: "agency", Short: "The Government Agency for Bear Attacks, an application that announces what happens",
		Long: "Starts an application with forms, records, pages and an API, in the style of Fulcrum.\n" +
			"File a report of a bear attack, or give one another status: each change is stored, and\n" +
			"announced by a webhook, in one transaction. A receiver is there that prints them; add\n" +
			"your own on the page. A report that needs immediate attention is mailed to the manager,\n" +
			"who it is assigned to gets a push, and all are kept as rows of a table.",
		Flags: func(flags *flag.FlagSet) {
			flags.StringVar(&token, "token", "", "opens the agency's API; one is made unless told")
		},
		Play: func(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) { return play(ctx, s, token) },
	}
}

func play(ctx context.Context, s *stage.Stage, token string) (fmt.Stringer, error) {
	ln, err := s.Listen(Port)
	if err != nil {
		return nil, err
	}
	at := stage.URL(ln)
	key := fanfarehttp.NewKey()
	api, err := fanfarehttp.New(s.Hub, s.Store, key, &fanfarehttp.Options{PublicURL: at + "/webhooks"})
	if err != nil {
		return nil, err
	}
	a, err := Open(ctx, s, Options{Token: token, Portal: Portal(s.Hub, DefaultOwner, at+"/webhooks")})
	if err != nil {
		return nil, err
	}
	office, err := openOffice(ctx, s, a, at)
	if err != nil {
		return nil, err
	}
	came, err := s.Serve(ctx, OfficePort, office)
	if err != nil {
		return nil, err
	}
	heard, err := Receive(ctx, s, a)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/webhooks/", http.StripPrefix("/webhooks", api))
	mux.Handle("/", a)
	s.ServeOn(ctx, ln, mux)
	s.Say("The agency is at   %s/\nWhat came of it    %s/\nIts API is at      %s/api/v2/records.json  (X-ApiToken: %s)\nFanfare's API is   %s/webhooks/api/v1  (Authorization: Bearer %s)", at, came, at, a.Token, at, key)
	if s.Once {
		return once(ctx, a, at, heard, office)
	}
	s.Go(ctx, func(ctx context.Context) error { return office.tell(ctx, s.Say) })
	Tell(ctx, s, heard)
	s.UntilDone(ctx)
	return nil, nil
}

// Receive starts a receiver and has the agency send it everything. What comes verified
// is in the channel.
func Receive(ctx context.Context, s *stage.Stage, a *Agency) (<-chan Heard, error) {
	ln, err := s.Listen(0)
	if err != nil {
		return nil, err
	}
	ep, err := a.AddWebhook(ctx, "The demo's own", stage.URL(ln)+"/", true)
	if err != nil {
		return nil, err
	}
	secret, err := hook.ParseSecret(ep.Secrets[0].Text)
	if err != nil {
		return nil, err
	}
	heard := make(chan Heard, 100)
	receiver := hook.NewHandler(hook.NewVerifier(secret), nil)
	receiver.On("*", func(ctx context.Context, e hook.Event) error {
		var one Heard
		if err := json.Unmarshal(e.Body, &one); err != nil {
			return err
		}
		select {
		case heard <- one:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	s.ServeOn(ctx, ln, receiver)
	return heard, nil
}

// Tell has the demo say what is announced, as it comes, until ctx ends.
func Tell(ctx context.Context, s *stage.Stage, heard <-chan Heard) {
	s.Say("\nWhat is announced is shown here:")
	s.Go(ctx, func(ctx context.Context) error {
		for {
			select {
			case e := <-heard:
				s.Say("%s  by %q  %s", e.Type, e.Origin, e.Data)
			case <-ctx.Done():
				return nil
			}
		}
	})
}

var client = &http.Client{Timeout: 10 * time.Second}

// Ask makes a request of an agency's API.
func Ask(ctx context.Context, method, address, token string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-ApiToken", token)
	return client.Do(req)
}

// once does by the API what a day at the agency brings, and waits for each webhook.
func once(ctx context.Context, a *Agency, at string, heard <-chan Heard, office *Office) (*Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	report := map[string]any{"id": "bea20000-0000-4000-8000-00000000000a", "form_id": BearAttackForm, "latitude": 44.427963, "longitude": -110.588455,
		"form_values": map[string]any{KeyWhat: "A bear took a picnic basket.", KeySpecies: Chosen{Choices: []string{"Brown bear", "Grizzly"}}, KeyInjured: "no"}}
	one := "/api/v2/records/bea20000-0000-4000-8000-00000000000a.json"
	seen := &Seen{}
	for _, step := range []struct {
		method, path string
		record       any
	}{
		{http.MethodPost, "/api/v2/records.json", report},
		{http.MethodPatch, one, map[string]any{"status": StatusUrgent}},
		{http.MethodPatch, one, map[string]any{"status": StatusAssigned, "assigned_to_id": a.members[0].ID}},
		{http.MethodDelete, one, nil},
	} {
		if step.method == http.MethodDelete {
			if err := office.settle(ctx, seen); err != nil {
				return nil, err
			}
		}
		resp, err := Ask(ctx, step.method, at+step.path, a.Token, map[string]any{"record": step.record})
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		if resp.StatusCode >= 300 {
			return nil, fmt.Errorf("%s %s was answered %s", step.method, step.path, resp.Status)
		}
		select {
		case e := <-heard:
			seen.Events = append(seen.Events, e)
		case <-ctx.Done():
			return nil, fmt.Errorf("no webhook came of %s %s: %w", step.method, step.path, ctx.Err())
		}
	}
	return seen, office.settle(ctx, seen)
}
