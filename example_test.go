package fanfare_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// A product that has webhooks, and a customer who receives them.
func Example() {
	received := make(chan string)
	customer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		received <- r.Header.Get("webhook-event-type") + " " + string(body)
	}))
	defer customer.Close()

	folder, err := os.MkdirTemp("", "fanfare")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	ctx, stop := context.WithCancel(context.Background())
	store, err := sqlite.Open(ctx, filepath.Join(folder, "fanfare.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	hub := fanfare.New(store, &fanfare.Options{AllowLoopback: true}) // the customer is on this machine
	ended := make(chan error)
	go func() { ended <- hub.Run(ctx) }()

	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := hub.CreateApplication(ctx, app); err != nil {
		log.Fatal(err)
	}
	if err := hub.CreateEndpoint(ctx, &fanfare.Endpoint{Application: app.ID, URL: customer.URL}); err != nil {
		log.Fatal(err)
	}
	if _, err := hub.Send(ctx, "acme", "random_number:generate", 863); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-received)

	stop()
	fmt.Println(<-ended)
	// Output:
	// random_number:generate 863
	// <nil>
}
