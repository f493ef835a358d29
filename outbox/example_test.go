package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	_ "modernc.org/sqlite"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/outbox"
	"github.com/fanfarehq/fanfare/storetest"
)

// A program that stores a record and announces it, both or neither.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:example?mode=memory&cache=shared")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if err := outbox.Create(ctx, db, outbox.SQLite); err != nil {
		log.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `CREATE TABLE record (id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT`); err != nil {
		log.Fatal(err)
	}
	create := func(name string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		msg := &fanfare.Message{EventType: "record.created", Payload: fmt.Appendf(nil, `{"name":%q}`, name)}
		if err := outbox.Send(ctx, tx, "acme", msg); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO record (name) VALUES ($1)`, name); err != nil {
			return err
		}
		return tx.Commit()
	}
	for _, name := range []string{"first", "second", "first"} {
		fmt.Println(name, create(name) == nil)
	}

	// The relay runs beside the program, or in another: fanfare relay does the same.
	hub := fanfare.New(storetest.NewModel(), nil) // or a client.Client of a server
	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := hub.CreateApplication(ctx, app); err != nil {
		log.Fatal(err)
	}
	relay := outbox.NewRelay(db, hub, nil) // in real code: relay.Run, under an errgroup
	n, err := relay.Drain(ctx)
	fmt.Println(n, err)
	msgs, err := hub.Messages(ctx, app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10, Ascending: true}})
	if err != nil {
		log.Fatal(err)
	}
	for _, msg := range msgs {
		fmt.Println(string(msg.Payload))
	}
	// Output:
	// first true
	// second true
	// first false
	// 2 <nil>
	// {"name":"first"}
	// {"name":"second"}
}
