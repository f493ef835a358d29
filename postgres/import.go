package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fanfarehq/fanfare/internal/stored"
)

const (
	// importLock is the advisory lock of whoever imports: "Fanfi" in ASCII.
	importLock = 0x46616e6669

	importRows  = 5000    // of a table in one transaction at most
	importBytes = 8 << 20 // after so many it takes no more

	importWait = 10 * time.Second // for another to end
	importGap  = 100 * time.Millisecond
)

// ErrImporting says that a database holds a part of what is being taken over from
// another store.
var ErrImporting = errors.New(`it has been filled by "fanfare migrate" in part; run that again to its end, or empty the database`)

// Imported is how far an import is.
type Imported struct {
	Table       string
	Checking    bool // all of it is there, and is being compared
	Done, Total int64
}

// Import takes over all that another store holds into the database of that URL, which
// must be empty. Where it was interrupted, by whatever, the same call goes on; until
// it has returned nil no [Store] opens the database. progress, if that is not nil, is
// told how far it is. At the end every row is read again and compared. After that the
// same call is an [ErrImported], as long as what it takes over is as it was. What is sealed
// stays so, with the same keys.
func Import(ctx context.Context, url string, from stored.Snapshot, progress func(Imported)) (err error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("the URL of the database: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("database %s at %s: %w", config.ConnConfig.Database, config.ConnConfig.Host, err)
		}
	}()
	config.MaxConns = 2
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if err := checkServer(ctx, conn.Conn()); err != nil {
		return err
	}
	if err := migrate(ctx, pool); err != nil {
		return err
	}
	im := &importing{conn: conn.Conn(), from: from, progress: progress, totals: make(map[string]int64), sums: make(map[string]stored.Sum)}
	if im.progress == nil {
		im.progress = func(Imported) {}
	}
	return im.run(ctx)
}

// An importing is an import under way.
type importing struct {
	conn     *pgx.Conn
	from     stored.Snapshot
	progress func(Imported)
	totals   map[string]int64 // rows of each table
	sums     map[string]stored.Sum
	place    int64 // the largest of an attempt
}

func (im *importing) run(ctx context.Context) error {
	if err := im.lock(ctx); err != nil {
		return err
	}
	defer func() { // the connection may be used again
		_, _ = im.conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(importLock))
	}()
	source, err := im.survey()
	if err != nil {
		return err
	}
	if err := im.begin(ctx, source); err != nil {
		return err
	}
	if err := im.passPlaces(ctx); err != nil {
		return err
	}
	for _, t := range stored.Tables {
		if err := im.copy(ctx, t); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	for _, t := range stored.Tables {
		if err := im.check(ctx, t); err != nil {
			return err
		}
	}
	return im.end(ctx)
}

// lock keeps others from importing. One that was killed may seem to be there for a
// moment.
func (im *importing) lock(ctx context.Context) error {
	for deadline := time.Now().Add(importWait); ; {
		held := false
		err := im.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(importLock)).Scan(&held)
		if err != nil || held {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("another migration into it is under way")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(importGap):
		}
	}
}

// survey counts what there is to take over, and returns a name for it that changes
// with it.
func (im *importing) survey() (source string, err error) {
	h := sha256.New()
	for _, t := range stored.Tables {
		if im.totals[t.Name], err = im.from.Count(t); err != nil {
			return "", err
		}
		fmt.Fprintln(h, t.Name, im.totals[t.Name])
	}
	newest, place, err := im.from.Newest()
	if err != nil {
		return "", err
	}
	im.place = place
	fmt.Fprintln(h, newest, place)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// createImport makes the table that says what has been taken over: how many rows of
// each table, and, under the name source, of what. While it is there no Store opens
// the database.
const createImport = `
	CREATE TABLE fanfare_import (
		name text PRIMARY KEY,
		done bigint NOT NULL,
		source text NOT NULL
	)`

// begin sees that the database is empty, or has a part of the same.
func (im *importing) begin(ctx context.Context, source string) error {
	return pgx.BeginFunc(ctx, im.conn, func(tx pgx.Tx) error {
		begun := false
		if err := tx.QueryRow(ctx, selectImporting).Scan(&begun); err != nil {
			return err
		}
		if begun {
			of := ""
			err := tx.QueryRow(ctx, "SELECT source FROM fanfare_import WHERE name = 'source'").Scan(&of)
			if err == nil && of != source {
				err = errors.New("the migration that it has a part of was of something else, or that was used since; empty the database, and begin anew")
			}
			return err
		}
		if err := mustBeEmpty(ctx, tx); err != nil {
			if was, asking := im.wasImported(ctx, tx); was && asking == nil {
				return ErrImported
			}
			return err
		}
		if _, err := tx.Exec(ctx, createImport); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM sealing_key"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO fanfare_import (name, done, source) VALUES ('source', 0, $1)", source)
		return err
	})
}

const selectImporting = "SELECT to_regclass('fanfare_import') IS NOT NULL"

// mustNotBeImporting keeps a Store from what is there in part only.
func mustNotBeImporting(ctx context.Context, pool *pgxpool.Pool) error {
	importing := false
	err := pool.QueryRow(ctx, selectImporting).Scan(&importing)
	if err == nil && importing {
		err = ErrImporting
	}
	return err
}

func mustBeEmpty(ctx context.Context, tx pgx.Tx) error {
	names := []string{"node", "event_id"}
	for _, t := range stored.Tables {
		if t.Name != "sealing_key" { // a new database says that nothing is sealed
			names = append(names, t.Name)
		}
	}
	for _, name := range names {
		some := false
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+name+")").Scan(&some); err != nil {
			return err
		}
		if some {
			return fmt.Errorf("it is not empty (table %s is not): a migration into it has ended, or a server has used it; name one that is empty", name)
		}
	}
	return nil
}

// passPlaces uses transactions up until the places of those to come are behind the
// ones that are taken over, which keep theirs: who follows the attempts goes by it.
func (im *importing) passPlaces(ctx context.Context) error {
	for {
		next := int64(0)
		err := im.conn.QueryRow(ctx, "SELECT pg_current_xact_id()::text::bigint << 20").Scan(&next)
		if err != nil || next > im.place {
			return err
		}
	}
}

// copy takes over the rest of a table, in pieces, each in a transaction that also
// notes how far it is.
func (im *importing) copy(ctx context.Context, t stored.Table) error {
	done := int64(0)
	err := im.conn.QueryRow(ctx, "SELECT coalesce(max(done), 0) FROM fanfare_import WHERE name = $1", t.Name).Scan(&done)
	if err != nil {
		return err
	}
	total := im.totals[t.Name]
	var p piece
	store := func() error {
		err := pgx.BeginFunc(ctx, im.conn, func(tx pgx.Tx) error { return p.store(ctx, tx, t, done) })
		if err != nil {
			return err
		}
		done += int64(len(p.rows))
		p = piece{}
		im.progress(Imported{Table: t.Name, Done: done, Total: total})
		return ctx.Err()
	}
	im.progress(Imported{Table: t.Name, Done: done, Total: total})
	for row, err := range im.from.Rows(t, done) {
		if err != nil {
			return err
		}
		p.add(row)
		if len(p.rows) < importRows && p.bytes < importBytes {
			continue
		}
		if err := store(); err != nil {
			return err
		}
	}
	if len(p.rows) == 0 {
		return nil
	}
	return store()
}

// A piece is some rows of a table.
type piece struct {
	rows  [][]any
	bytes int
}

func (p *piece) add(row []any) {
	p.rows = append(p.rows, slices.Clone(row))
	for _, v := range row {
		switch v := v.(type) {
		case string:
			p.bytes += len(v)
		case []byte:
			p.bytes += len(v)
		case [][16]byte:
			p.bytes += len(v) * len(id{})
		}
	}
}

const noteImported = `
	INSERT INTO fanfare_import (name, done, source)
	VALUES ($1, $2, '')
	ON CONFLICT (name) DO UPDATE
	SET done = $2`

// store stores the piece behind the rows that are there already.
func (p *piece) store(ctx context.Context, tx pgx.Tx, t stored.Table, before int64) error {
	columns := names(t)
	rows := p.rows
	switch t.Name {
	case "delivery": // which also has its endpoint's shard
		columns = append(columns, "shard")
		rows = make([][]any, len(p.rows))
		for i, row := range p.rows {
			rows[i] = append(slices.Clip(row), shardOf(row[0].([16]byte)))
		}
	case "message":
		if err := claimImported(ctx, tx, t, rows); err != nil {
			return err
		}
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.Name}, columns, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, noteImported, t.Name, before+int64(len(p.rows)))
	return err
}

func names(t stored.Table) []string {
	all := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		all[i] = c.Name
	}
	return all
}

// claimImported takes the event ids of messages.
func claimImported(ctx context.Context, tx pgx.Tx, t stored.Table, messages [][]any) error {
	column := func(name string) int {
		return slices.IndexFunc(t.Columns, func(c stored.Column) bool { return c.Name == name })
	}
	app, eventID, version, msg := column("application"), column("event_id"), column("event_type_version"), column("id")
	var claims [][]any
	for _, row := range messages {
		if row[eventID] != nil {
			claims = append(claims, []any{row[app], row[eventID], row[version], row[msg]})
		}
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"event_id"}, []string{"application", "event_id", "event_type_version", "message"}, pgx.CopyFromRows(claims))
	return err
}
