package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Bounds of what a relay takes at a time.
const (
	maxRows  = 100
	maxBytes = 4 << 20 // of payloads, but for the first
)

// A row is a message in the outbox.
type row struct {
	place int64
	app   string
	at    time.Time
	msg   *fanfare.Message // nil: what stands in the table is not what Send writes
	wrong string           // why, or why it was refused
}

const selectWaiting = `
	SELECT place, application, event_id, attributes, payload, created_at
	FROM fanfare_outbox
	WHERE refused IS NULL
	ORDER BY place
	LIMIT $1`

// head reads the rows that have waited longest, as many as go at a time.
func head(ctx context.Context, db *sql.DB) ([]row, error) {
	found, err := db.QueryContext(ctx, selectWaiting, maxRows)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []row
	for size := 0; size < maxBytes && found.Next(); {
		var r row
		var eventID, text string
		var payload []byte
		var created int64
		if err := found.Scan(&r.place, &r.app, &eventID, &text, &payload, &created); err != nil {
			return nil, err
		}
		r.at = time.UnixMicro(created)
		r.read(eventID, text, payload)
		rows, size = append(rows, r), size+len(payload)
	}
	return rows, found.Err()
}

func (r *row) read(eventID, text string, payload []byte) {
	var a attributes
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		r.wrong = "its attributes are not as outbox.Send writes them: " + err.Error()
		return
	}
	if payload == nil {
		payload = []byte{} // as some drivers read an empty one
	}
	r.msg = &fanfare.Message{
		EventID: eventID, EventType: a.EventType, Payload: payload, ContentType: a.ContentType,
		Channels: a.Channels, Tags: a.Tags, OrderingKey: a.OrderingKey, DeliverAt: a.DeliverAt, EventTypeVersion: a.Version,
	}
}

const updateRefused = `UPDATE fanfare_outbox SET refused = $1 WHERE place = $2`

// deleteRows takes the places of as many rows as are taken at a time; who has fewer
// names one several times.
var deleteRows = `DELETE FROM fanfare_outbox WHERE place IN (` + parameters(maxRows) + `)`

func parameters(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(all, ", ")
}

// settle removes the rows that were accepted, and marks those that were refused.
func settle(ctx context.Context, db *sql.DB, accepted, refused []row) error {
	if len(accepted)+len(refused) == 0 {
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if len(accepted) > 0 {
		places := make([]any, maxRows)
		for i := range places {
			places[i] = accepted[min(i, len(accepted)-1)].place
		}
		if _, err := tx.ExecContext(ctx, deleteRows, places...); err != nil {
			return err
		}
	}
	for _, r := range refused {
		if _, err := tx.ExecContext(ctx, updateRefused, r.wrong, r.place); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// lease is for how long a relay keeps others from doing the same work. It is no
// more than that: two that work at once do no harm.
const lease = 15 * time.Second

const takeLease = `
	INSERT INTO fanfare_outbox_lease (name, holder, until)
	VALUES ('relay', $1, $2)
	ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
	WHERE fanfare_outbox_lease.holder = excluded.holder OR fanfare_outbox_lease.until < $3`

// take takes or renews the lease, and reports whether holder has it.
func take(ctx context.Context, db *sql.DB, holder string, now time.Time) (bool, error) {
	done, err := db.ExecContext(ctx, takeLease, holder, now.Add(lease).UnixMicro(), now.UnixMicro())
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

const dropLease = `DELETE FROM fanfare_outbox_lease WHERE holder = $1`

// A Backlog is what is in an outbox.
type Backlog struct {
	Waiting int       // messages that are to be sent, counted to MaxCount
	Oldest  time.Time // since when the first of them waits; zero: none does
	Refused int       // messages that were refused, counted to MaxCount
}

// MaxCount is as far as a [Backlog] is counted: beyond it there are at least as many.
const MaxCount = 100_000

const count = `
	SELECT
		(SELECT count(*) FROM (SELECT place FROM fanfare_outbox WHERE refused IS NULL LIMIT $1) AS waiting),
		(SELECT count(*) FROM (SELECT place FROM fanfare_outbox WHERE refused IS NOT NULL LIMIT $1) AS refused),
		(SELECT created_at FROM fanfare_outbox WHERE refused IS NULL ORDER BY place LIMIT 1)`

// Look counts what is in the outbox of db.
func Look(ctx context.Context, db *sql.DB) (*Backlog, error) {
	var b Backlog
	var oldest sql.NullInt64
	if err := db.QueryRowContext(ctx, count, MaxCount).Scan(&b.Waiting, &b.Refused, &oldest); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	if oldest.Valid {
		b.Oldest = time.UnixMicro(oldest.Int64)
	}
	return &b, nil
}
