// Command button is a page with a button: push it, and whoever listens is sent a random
// number as a webhook. Start something that listens, then the button, and push it:
//
//	go run ./examples/cmd/texter
//	go run ./examples/cmd/button
//
// The page is on port 9090, or on PORT. The webhook goes to http://localhost:9000/, or
// to where -to says. "fanfare demo button" is both in one process.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/fanfarehq/fanfare/examples/button"
	"github.com/fanfarehq/fanfare/examples/stage"
)

func main() {
	port, to := button.Port, ""
	if text := os.Getenv("PORT"); text != "" {
		var err error
		if port, err = strconv.Atoi(text); err != nil {
			log.Fatal("PORT is not a number")
		}
	}
	stage.Main(&stage.Program{
		Name: "button",
		Flags: func(flags *flag.FlagSet) {
			flags.StringVar(&to, "to", "http://localhost:9000/", "where the webhook goes")
		},
		Play: func(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) {
			page, ep, err := button.New(ctx, s.Hub, to)
			if err != nil {
				return nil, err
			}
			at, err := s.Serve(ctx, port, page)
			if err != nil {
				return nil, err
			}
			s.Say("The button is at %s/\nWebhooks go to   %s\nand are signed with %s", at, ep.URL, ep.Secrets[0].Text)
			s.UntilDone(ctx)
			return nil, nil
		},
	})
}
