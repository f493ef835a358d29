package button

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare/examples/stage"
	"github.com/fanfarehq/fanfare/examples/texter"
	"github.com/fanfarehq/fanfare/webhook"
)

// The usual ports of the page and of the texter.
const (
	Port       = 9090
	TexterPort = 9000
)

// Seen is what came of pushing the button.
type Seen struct {
	Number string   `json:"number"` // as the page says it
	Texts  []string `json:"texts"`  // as they are on the phone, the newest first
}

func (s *Seen) String() string {
	return fmt.Sprintf("The page says:  %s\nThe phone says: %s", s.Number, s.Texts[0])
}

// Demo is the button, the texter and, unless the environment names an account of
// Twilio's, a telephone, all in one process.
func Demo() *stage.Program {
	p := &play{}
	return &stage.Program{
		Name: "button", Short: "Push a button, and a random number is sent in a text message",
		Long: "Starts a page with a button and, apart from it, a receiver that sends text messages.\n" +
			"Pushing the button generates a random number; a webhook tells the receiver, which texts\n" +
			"it to you when SMS_TWILIO_SID, SMS_TWILIO_TOKEN, SMS_TWILIO_FROM_NUMBER and\n" +
			"SMS_TWILIO_TO_NUMBER are set, and to a telephone that is a page otherwise.",
		Flags: func(flags *flag.FlagSet) {
			flags.BoolVar(&p.trial, "trial", false, "the telephone's texts come from a trial account")
			flags.BoolVar(&p.created, "always-created", false, "answer 201 also when no text could be sent, as the talk's texter does")
		},
		Play: p.run,
	}
}

type play struct{ trial, created bool }

func (p *play) run(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) {
	account, err := texter.FromEnvironment(s.Getenv)
	if err != nil {
		return nil, err
	}
	// The order is that of the ports that --port and people mean: the page's is first.
	page, err := s.Listen(Port)
	if err != nil {
		return nil, err
	}
	hook, err := s.Listen(TexterPort)
	if err != nil {
		return nil, err
	}
	phone := texter.NewPhone()
	phone.Trial = p.trial
	telephone := ""
	if account == nil {
		if telephone, err = s.Serve(ctx, 0, phone); err != nil {
			return nil, err
		}
		account = phone.Account(telephone)
	}
	button, ep, err := New(ctx, s.Hub, stage.URL(hook)+"/")
	if err != nil {
		return nil, err
	}
	secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
	if err != nil {
		return nil, err
	}
	receiver, err := texter.New(account, &texter.Options{AlwaysCreated: p.created, Verifier: webhook.NewVerifier(secret)})
	if err != nil {
		return nil, err
	}
	s.ServeOn(ctx, hook, receiver)
	s.ServeOn(ctx, page, button)
	s.Say("The button is at   %s/\nThe texter is at   %s/", stage.URL(page), stage.URL(hook))
	if telephone != "" {
		s.Say("The telephone is   %s/", telephone)
	}
	if !s.Once {
		s.UntilDone(ctx)
		return nil, nil
	}
	return once(ctx, stage.URL(page), telephone, phone)
}

// once pushes the button and waits for the text.
func once(ctx context.Context, at, telephone string, phone *texter.Phone) (*Seen, error) {
	if telephone == "" {
		return nil, errors.New("--once does not text real people; unset SMS_TWILIO_SID and the others")
	}
	client := &http.Client{Timeout: 10 * time.Second}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req) // it follows to the page that says the number
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, err
	}
	seen := &Seen{Number: resp.Request.URL.Query().Get("num")}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = stage.Until(ctx, func() (is bool, err error) {
		seen.Texts, err = phone.Texts()
		return len(seen.Texts) > 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("no text came for %s: %w", seen.Number, err)
	}
	return seen, nil
}
