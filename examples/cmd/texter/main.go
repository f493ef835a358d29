// Command texter sends a text message for each random number that it is told of by a
// webhook. It is a receiver: it knows nothing of who sends.
//
//	export SMS_TWILIO_SID=AC… SMS_TWILIO_TOKEN=… SMS_TWILIO_FROM_NUMBER=+1… SMS_TWILIO_TO_NUMBER=+1…
//	go run ./examples/cmd/texter
//
// It listens on port 9000, or on PORT. Without an account nobody is texted: the texts
// stand on a page, http://127.0.0.1:9001/ or that of the port behind PORT. WEBHOOK_SECRET,
// if it is set, is what webhooks must be signed with: the button prints it.
package main

import (
	"cmp"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare/examples/texter"
	"github.com/fanfarehq/fanfare/webhook"
)

func main() {
	opt := &texter.Options{}
	trial := flag.Bool("trial", false, "the page's texts come from a trial account")
	flag.BoolVar(&opt.AlwaysCreated, "always-created", false, "answer 201 also when no text could be sent, as the talk's texter does")
	flag.Parse()
	port, err := strconv.Atoi(cmp.Or(os.Getenv("PORT"), "9000"))
	if err != nil {
		log.Fatal("PORT is not a number")
	}
	account, err := texter.FromEnvironment(os.Getenv)
	if err != nil {
		log.Fatal(err)
	}
	if account == nil {
		phone := texter.NewPhone()
		phone.Trial = *trial
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
		if err != nil {
			log.Fatal(err)
		}
		at := "http://" + ln.Addr().String()
		account = phone.Account(at)
		go func() { log.Fatal(http.Serve(ln, phone)) }()
		log.Printf("Nobody is texted: the texts stand on %s/", at)
	}
	if text := os.Getenv("WEBHOOK_SECRET"); text != "" {
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			log.Fatal(err)
		}
		opt.Verifier = webhook.NewVerifier(secret)
	}
	handler, err := texter.New(account, opt)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Printf("The texter is at http://%s/", server.Addr)
	log.Fatal(server.ListenAndServe())
}
