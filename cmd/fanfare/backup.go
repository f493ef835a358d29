package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare/sqlite"
)

func backupCommand(e *env) *cobra.Command {
	var data, database string
	cmd := &cobra.Command{
		Use:   "backup TARGET",
		Short: "Copy a server's database to a new file",
		Long: "Copies the database as it is at one moment. A server that is given a folder with it as\n" +
			"fanfare.db, and the file of keys that its secrets are sealed with, goes on from there. That\n" +
			"file is not copied: who has one of the two has none of the secrets. The server may be running.\n\n" +
			"A database in PostgreSQL is copied with PostgreSQL's own tools.",
		Example: "fanfare backup fanfare-$(date +%F).db\nfanfare backup /mnt/backup/fanfare.db --data /var/lib/fanfare",
		Args:    takes,
	}
	cmd.Flags().StringVar(&data, "data", "./fanfare-data", "folder of the server's data")
	cmd.Flags().StringVar(&database, "database", "", "URL of the server's database, if that is in PostgreSQL")
	setBy(cmd, "data", "FANFARE_DATA")
	setBy(cmd, "database", "FANFARE_DATABASE")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if database != "" {
			return errBackUpPostgres
		}
		return backup(cmd.Context(), e, filepath.Join(data, databaseFile), args[0])
	}
	return cmd
}

var errBackUpPostgres = errors.New("a database in PostgreSQL is copied with its own tools: pg_dump copies it as it is at one moment, " +
	"pg_basebackup with the archived WAL copies the whole server up to any moment; keep the keys of the secrets apart from the copy")

func backup(ctx context.Context, e *env, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("there is no database at %s; say where the server's data is with --data", from)
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s is there already; name a new file", to)
	}
	if folder, err := os.Stat(filepath.Dir(to)); err != nil || !folder.IsDir() {
		return fmt.Errorf("there is no folder %s to copy to; make it first, or name another target", filepath.Dir(to))
	}
	bar := &progressBar{out: e.stderr, shown: e.isTerminal(e.stderr)}
	err := sqlite.Backup(ctx, from, to, bar.at)
	bar.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "Copied %s to %s.\n", bytesText(int(bar.total)), printable(to))
	keys, err := sqlite.SealedBy(to)
	if err == nil && len(keys) > 0 {
		fmt.Fprintf(e.stderr, "What is secret in it is sealed with %s, and no key is in it: keep a copy of the server's\nfile of keys as well (%s, if it was not told otherwise), and not in the same place.\n",
			strings.Join(keys, " and "), printable(filepath.Join(filepath.Dir(from), secretsKeyFile)))
	}
	return err
}

// A progressBar shows on a terminal how far something is.
type progressBar struct {
	out   io.Writer
	shown bool
	total int64
	parts int64 // of barWidth that were last drawn
}

const barWidth = 40

func (b *progressBar) at(done, total int64) {
	b.total = total
	parts := int64(barWidth)
	if total > 0 {
		parts = done * barWidth / total
	}
	if !b.shown || parts == b.parts {
		return
	}
	b.parts = parts
	fmt.Fprintf(b.out, "\r%s%s %s of %s ", strings.Repeat("█", int(parts)), strings.Repeat("░", int(barWidth-parts)),
		bytesText(int(done)), bytesText(int(total)))
}

// end clears the line.
func (b *progressBar) end() {
	if b.shown && b.parts > 0 {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
