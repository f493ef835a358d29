package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare/internal/stored"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/sqlite"
)

func migrateCommand(e *env) *cobra.Command {
	var from, to string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Take a server's file over into PostgreSQL",
		Long: "Copies all that a server's file holds into an empty database in PostgreSQL: applications,\n" +
			"endpoints with their secrets, messages, deliveries with those that wait, attempts, keys,\n" +
			"tasks, the audit log and the rest. Servers go on from there with \"serve --database\".\n\n" +
			"The server must be stopped. The file is only read, so that going back is to start it on\n" +
			"the file again. If the migration is interrupted, the same command goes on where it was, or\n" +
			"says that it had ended. At the end every row is read again on both sides and compared.\n\n" +
			"Secrets stay sealed: give the servers the keys that the file was used with.",
		Example: "fanfare migrate --from fanfare-data/fanfare.db --to postgres://fanfare@db.example.com/fanfare",
		Args:    takes,
	}
	flags := cmd.Flags()
	flags.StringVar(&from, "from", "", "the file, or the folder it is in")
	flags.StringVar(&to, "to", "", "URL of the database in PostgreSQL")
	flags.BoolVar(&asJSON, "json", false, "print what was taken over as JSON")
	setBy(cmd, "to", "FANFARE_DATABASE")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case from == "":
			return usagef("say which file with --from, such as fanfare-data/fanfare.db")
		case to == "":
			return usagef("say which database with --to, such as postgres://fanfare@db.example.com/fanfare")
		}
		if info, err := os.Stat(from); err == nil && info.IsDir() {
			from = filepath.Join(from, databaseFile)
		}
		return e.migrate(cmd.Context(), from, to, asJSON)
	}
	return cmd
}

func (e *env) migrate(ctx context.Context, from, to string, asJSON bool) (err error) {
	at, err := pgconn.ParseConfig(to)
	if err != nil {
		return usagef("--to: %w", err)
	}
	snapshot, err := sqlite.OpenSnapshot(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	p := &migrationProgress{out: e.stderr, shown: e.isTerminal(e.stderr), rows: make(map[string]int64)}
	err = postgres.Import(ctx, to, snapshot, p.at)
	p.end()
	if ctx.Err() != nil {
		return errors.New("interrupted; the same command goes on where it was")
	}
	said := "Everything is in the %s, and the same as in %s.\n"
	if errors.Is(err, postgres.ErrImported) {
		said = "The %s has had everything in %s since a migration that has ended; nothing was left to do.\n"
		err = p.count(snapshot)
	}
	if err != nil {
		return refusedBy(at, err)
	}
	if err := p.print(e.stdout, asJSON); err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, said, placeOf(at), printable(from))
	return e.sayKeys(from)
}

// sayKeys says what servers on the new database need.
func (e *env) sayKeys(from string) error {
	ids, err := sqlite.SealedBy(from)
	if err != nil || len(ids) == 0 {
		return err
	}
	fmt.Fprintf(e.stderr, "Secrets are sealed with %s: give every server that key with --secrets-key-file or %s\n(%s has it, if the server was not told otherwise).\n",
		strings.Join(ids, " and "), secretsKeyVariable, printable(filepath.Join(filepath.Dir(from), secretsKeyFile)))
	return nil
}

// A migrationProgress tells how far a migration is: on a terminal in a line that
// changes, elsewhere in a line for each table.
type migrationProgress struct {
	out   io.Writer
	shown bool
	last  postgres.Imported
	rows  map[string]int64
}

func (p *migrationProgress) at(now postgres.Imported) {
	p.rows[now.Table] = now.Total
	doing := "copying"
	if now.Checking {
		doing = "comparing"
	}
	switch {
	case p.shown:
		fmt.Fprintf(p.out, "\r\x1b[K%s %s: %d of %d", doing, now.Table, now.Done, now.Total)
	case now.Table != p.last.Table || now.Checking != p.last.Checking:
		fmt.Fprintf(p.out, "%s %s, %d rows\n", doing, now.Table, now.Total)
	}
	p.last = now
}

// count counts the rows that were taken over before.
func (p *migrationProgress) count(from stored.Snapshot) (err error) {
	for _, t := range stored.Tables {
		if p.rows[t.Name], err = from.Count(t); err != nil {
			return err
		}
	}
	return nil
}

// print shows how many rows there are now.
func (p *migrationProgress) print(out io.Writer, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(p.rows, "", "  ")
		if err == nil {
			_, err = out.Write(append(text, '\n'))
		}
		return err
	}
	t := newTable(out, "TABLE", "ROWS")
	for _, table := range stored.Tables {
		t.row(table.Name, strconv.FormatInt(p.rows[table.Name], 10))
	}
	_, err := t.Flush()
	return err
}

// end clears the line.
func (p *migrationProgress) end() {
	if p.shown && p.last.Table != "" {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
