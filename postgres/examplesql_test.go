//go:build linux

package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/fanfarehq/fanfare/postgres"
)

// The same with package database/sql.
func ExampleSender_InSQL() {
	ctx := context.Background()
	url := exampleDatabase(ctx) // postgres://app@db.example.com/app
	db, err := sql.Open("pgx", url)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	sender := postgres.NewSender(nil)
	create := func(name string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := sender.InSQL(tx).Send(ctx, "acme", "record.created", map[string]string{"name": name}); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO record (name) VALUES ($1)", name); err != nil {
			return err
		}
		return tx.Commit()
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
