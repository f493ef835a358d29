// Package outbox lets a program send a message inside a transaction of its own:
// the message exists if and only if what else the transaction writes does.
//
//	tx, err := db.BeginTx(ctx, nil)
//	// … the program's own rows
//	err = outbox.Send(ctx, tx, "acme", &fanfare.Message{EventType: "record.created", Payload: payload})
//	err = tx.Commit()
//
// Send writes to a table in the program's own database, SQLite or PostgreSQL,
// which [Create] or the program's migrations ([Schema]) have made. A [Relay], in
// the same program or in another, takes the rows in order, has them accepted by a
// Hub or a server, and deletes them. What Send has taken is accepted once, however
// often a relay crashes between the two: see [Relay].
//
// A program that only writes needs no Hub, and imports of this package and of
// fanfare nothing but Message.
package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

// An Execer runs a statement: a *sql.Tx, or a *sql.Conn or *sql.DB, for which each
// message is a transaction of its own.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Send puts messages for an application, named by id or uid, into the outbox. They
// are sent once tx is committed, in this order, and never if it is not.
//
// A message that no Hub would take is an *InvalidError, and nothing is written: the
// caller decides what becomes of tx. An EventID is given to those that have none,
// for by it a repeat is known; it also finds the message afterwards. One that the
// application has had already is accepted no second time.
func Send(ctx context.Context, tx Execer, app string, msgs ...*fanfare.Message) error {
	return send(app, msgs, func(args ...any) error {
		_, err := tx.ExecContext(ctx, insert, args...)
		return err
	})
}

// A Pgx runs a statement as package pgx does: a pgx.Tx, *pgx.Conn or *pgxpool.Pool.
// Its Tag is pgconn.CommandTag; that it is not named here spares those who do not
// use pgx the dependency.
type Pgx[Tag any] interface {
	Exec(ctx context.Context, query string, args ...any) (Tag, error)
}

// SendPgx is [Send] for a pgx.Tx.
func SendPgx[Tag any](ctx context.Context, tx Pgx[Tag], app string, msgs ...*fanfare.Message) error {
	return send(app, msgs, func(args ...any) error {
		_, err := tx.Exec(ctx, insert, args...)
		return err
	})
}

// insert and all other statements here name their parameters as both SQLite and
// PostgreSQL do, and in the order of their first use, by which some drivers go.
const insert = `
	INSERT INTO fanfare_outbox (application, event_id, attributes, payload, created_at)
	VALUES ($1, $2, $3, $4, $5)`

// attributes are what goes with a payload.
type attributes struct {
	EventType   string    `json:"eventType"`
	ContentType string    `json:"contentType,omitempty"`
	Channels    []string  `json:"channels,omitempty"`
	Tags        []string  `json:"tags,omitempty"`
	OrderingKey string    `json:"orderingKey,omitempty"`
	DeliverAt   time.Time `json:"deliverAt,omitzero"`
	Version     int       `json:"eventTypeVersion,omitempty"`
}

const (
	maxName    = 256      // bytes of the id or uid of an application
	maxPayload = 16 << 20 // which is more than most Hubs take
)

func send(app string, msgs []*fanfare.Message, exec func(args ...any) error) error {
	if app == "" || len(app) > maxName {
		return &fanfare.InvalidError{Field: "application", Reason: "name it by its id or uid, of at most 256 bytes"}
	}
	for _, msg := range msgs {
		if err := msg.Check(); err != nil {
			return err
		}
		if len(msg.Payload) > maxPayload {
			return &fanfare.InvalidError{Field: "payload", Reason: fmt.Sprintf("at most %d bytes", maxPayload)}
		}
	}
	now := time.Now()
	for _, msg := range msgs {
		text, err := json.Marshal(attributes{msg.EventType, msg.ContentType, msg.Channels, msg.Tags, msg.OrderingKey, msg.DeliverAt, msg.EventTypeVersion})
		if err != nil {
			return &fanfare.InvalidError{Field: "deliverAt", Reason: "cannot be written: " + err.Error()}
		}
		if msg.EventID == "" {
			msg.EventID = "outbox_" + rand.Text()
		}
		if err := exec(app, msg.EventID, string(text), msg.Payload, now.UnixMicro()); err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
	}
	return nil
}
