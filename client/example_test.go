package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/client"
	"github.com/fanfarehq/fanfare/fanfarehttp"
	"github.com/fanfarehq/fanfare/storetest"
)

// A program that sends to a server. Where it runs matters to one line.
func Example() {
	store := storetest.NewModel() // a server, as "fanfare serve" is one
	key := fanfarehttp.NewKey()
	api, err := fanfarehttp.New(fanfare.New(store, nil), store, key, nil)
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()

	ctx := context.Background()
	c, err := client.New(server.URL, key, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := c.CreateApplication(ctx, &fanfare.Application{Name: "Acme", UID: "acme"}); err != nil {
		log.Fatal(err)
	}
	msg, err := c.Send(ctx, "acme", "random_number:generate", 863)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(msg.EventType, string(msg.Payload), msg.ID != "")
	// Output: random_number:generate 863 true
}
