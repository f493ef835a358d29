//go:build linux

package postgres_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// A program whose rows are in the database that Fanfare uses stores a record and
// announces it, both or neither. It runs no Hub: the servers on the database deliver.
func ExampleSender_In() {
	ctx := context.Background()
	url := exampleDatabase(ctx) // postgres://app@db.example.com/app
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	sender := postgres.NewSender(nil)
	create := func(name string) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := sender.In(tx).Send(ctx, "acme", "record.created", map[string]string{"name": name}); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "INSERT INTO record (name) VALUES ($1)", name)
			return err
		})
	}
	for _, name := range []string{"first", "second", "first"} {
		fmt.Println(name, create(name) == nil)
	}
	printMessages(ctx, url)
	// Output:
	// first true
	// second true
	// first false
	// {"name":"first"}
	// {"name":"second"}
}

// exampleDatabase makes a database as a server leaves it that has one application, and
// in it a table of a program.
func exampleDatabase(ctx context.Context) (url string) {
	url, err := server.Copy(ctx, template)
	if err != nil {
		log.Fatal(err)
	}
	store, err := postgres.Open(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := fanfare.New(store, nil).CreateApplication(ctx, &fanfare.Application{Name: "Acme", UID: "acme"}); err != nil {
		log.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE TABLE record (name text PRIMARY KEY)"); err != nil {
		log.Fatal(err)
	}
	return url
}

// printMessages prints what a server finds.
func printMessages(ctx context.Context, url string) {
	store, err := postgres.Open(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	app, err := store.Application(ctx, "acme")
	if err != nil {
		log.Fatal(err)
	}
	msgs, err := store.Messages(ctx, app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10, Ascending: true}})
	if err != nil {
		log.Fatal(err)
	}
	for _, msg := range msgs {
		fmt.Println(string(msg.Payload))
	}
}
