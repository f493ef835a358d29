package fanfare_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// A program that hears of its own messages, as durably as its customers do.
func ExampleHub_Subscribe() {
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
	hub := fanfare.New(store, nil)
	ended := make(chan error)
	go func() { ended <- hub.Run(ctx) }()
	if err := hub.CreateApplication(ctx, &fanfare.Application{Name: "Acme", UID: "acme"}); err != nil {
		log.Fatal(err)
	}

	indexed := make(chan string)
	index := &fanfare.Endpoint{Application: "acme", UID: "search-index", EventTypes: []string{"record.*"}, Ordered: true}
	err = hub.Subscribe(ctx, index, func(_ context.Context, msg *fanfare.Message) error {
		indexed <- msg.EventType + " " + string(msg.Payload)
		return nil // an error would have it called again
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := hub.Send(ctx, "acme", "record.created", 863); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-indexed)

	stop()
	fmt.Println(<-ended)
	// Output:
	// record.created 863
	// <nil>
}
