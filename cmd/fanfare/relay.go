package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers of the databases that outboxes are in
	"github.com/spf13/cobra"
	_ "modernc.org/sqlite"

	"github.com/fanfarehq/fanfare"
	remote "github.com/fanfarehq/fanfare/client"
	"github.com/fanfarehq/fanfare/outbox"
)

// relaying is what to do with an outbox.
type relaying struct {
	from     string
	schema   string
	retry    string
	interval time.Duration
	once     bool
	status   bool
	json     bool
}

func relayCommand(e *env) *cobra.Command {
	var o relaying
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Send what programs have put into an outbox",
		Long: "Takes the messages that programs have written to an outbox, inside transactions of their\n" +
			"own (package outbox), has the server accept each once, and deletes them. It goes on until\n" +
			"it is stopped. Several relays at one outbox do no harm: one works, the others stand by.\n" +
			"What the server refuses stays in the outbox, for --status to show and --retry to send.",
		Example: "fanfare relay --from postgres://app@localhost/app\nfanfare relay --from app.db --once --json\nfanfare relay --from app.db --status\nfanfare relay --schema postgres",
		Args:    takes,
	}
	connect := e.clientFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.from, "from", "", "where the outbox is: postgres://…, or the file of a SQLite database")
	flags.StringVar(&o.schema, "schema", "", "print what makes the outbox's tables, in sqlite or postgres, and do nothing")
	flags.StringVar(&o.retry, "retry", "", "have what was refused of this application sent again, and do nothing else")
	flags.DurationVar(&o.interval, "interval", time.Second, "how often to look at an empty outbox")
	flags.BoolVar(&o.once, "once", false, "end when the outbox is empty")
	flags.BoolVar(&o.status, "status", false, "show what is in the outbox, and do nothing")
	flags.BoolVar(&o.json, "json", false, "print JSON, one object a line")
	setBy(cmd, "from", "FANFARE_RELAY_FROM")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.schema != "" {
			return o.printSchema(e.stdout)
		}
		db, err := openOutbox(o.from)
		if err != nil {
			return err
		}
		defer db.Close()
		switch {
		case o.status:
			return o.show(cmd.Context(), e, db)
		case o.retry != "":
			n, err := outbox.Retry(cmd.Context(), db, o.retry)
			if err == nil {
				fmt.Fprintf(e.stderr, "%d messages are to be sent again.\n", n)
			}
			return err
		}
		c, err := connect()
		if err != nil {
			return err
		}
		to, err := remote.New(c.base, c.key, nil)
		if err != nil {
			return err
		}
		r := outbox.NewRelay(db, to, &outbox.Options{Interval: o.interval, Logger: slog.New(slog.NewTextHandler(e.stderr, nil))})
		if o.once {
			return o.drain(cmd.Context(), e, r)
		}
		return o.run(cmd.Context(), e, r)
	}
	return cmd
}

func (o *relaying) printSchema(w io.Writer) error {
	text := outbox.Schema(outbox.Dialect(o.schema))
	if text == "" {
		return usagef("%q is not a kind of database that an outbox may be in; say sqlite or postgres", o.schema)
	}
	_, err := io.WriteString(w, text)
	return err
}

// openOutbox opens the database that an outbox is in.
func openOutbox(from string) (*sql.DB, error) {
	switch {
	case from == "":
		return nil, usagef("say where the outbox is with --from, as in --from postgres://app@localhost/app or --from app.db")
	case strings.HasPrefix(from, "postgres://"), strings.HasPrefix(from, "postgresql://"):
		return sql.Open("pgx", from)
	}
	if _, err := os.Stat(from); err != nil {
		return nil, fmt.Errorf("there is no database at %s; name the file of the program's database with --from", printable(from))
	}
	at := url.URL{Scheme: "file", Opaque: url.PathEscape(from), RawQuery: "_pragma=busy_timeout(5000)"}
	return sql.Open("sqlite", at.String())
}

// relayed is what --json prints.
type relayed struct {
	Accepted uint64  `json:"accepted"`
	Repeated uint64  `json:"repeated"`
	Refused  uint64  `json:"refused"`
	Lag      float64 `json:"lagSeconds"`
	Standby  bool    `json:"standby"`
	Failing  string  `json:"failing,omitempty"`
}

func relayedOf(s outbox.Stats) relayed {
	r := relayed{s.Accepted, s.Repeated, s.Refused, s.Lag.Round(time.Millisecond).Seconds(), s.Standby, ""}
	if s.Failing != nil {
		r.Failing = s.Failing.Error()
	}
	return r
}

// words tells what a relay has done, in a line.
func (r relayed) words() string {
	text := fmt.Sprintf("%d accepted, %d refused", r.Accepted+r.Repeated, r.Refused)
	switch {
	case r.Failing != "":
		return text + "; failing: " + r.Failing
	case r.Standby:
		return text + "; standing by, as another relay is at work"
	case r.Lag > 0:
		return text + fmt.Sprintf("; %v behind", time.Duration(r.Lag*float64(time.Second)).Round(10*time.Millisecond))
	}
	return text
}

func (o *relaying) drain(ctx context.Context, e *env, r *outbox.Relay) error {
	_, err := r.Drain(ctx)
	if err != nil {
		return err
	}
	done := relayedOf(r.Stats())
	if o.json {
		return json.NewEncoder(e.stdout).Encode(done)
	}
	fmt.Fprintln(e.stderr, printable(done.words()))
	return nil
}

// quiet is how often what a relay does is told where nobody looks on.
const quiet = time.Minute

// run relays, and tells how it goes: once a second as JSON or on a terminal, else when
// something other than its counts has changed, and once a minute.
func (o *relaying) run(ctx context.Context, e *env, r *outbox.Relay) error {
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	live := e.isTerminal(e.stderr) && !o.json
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var told relayed
	at := time.Now()
	tell := func(last bool) {
		now := relayedOf(r.Stats())
		turned := now.Standby != told.Standby || (now.Failing == "") != (told.Failing == "")
		switch {
		case now == told && !last:
			return
		case o.json:
			_ = json.NewEncoder(e.stdout).Encode(now) // who does not read it any more has ended
		case live:
			fmt.Fprintf(e.stderr, "\r\x1b[K%s", printable(now.words()))
		case turned || last || time.Since(at) >= quiet:
			fmt.Fprintln(e.stderr, printable(now.words()))
		default:
			return
		}
		told, at = now, time.Now()
	}
	for {
		select {
		case err := <-ended:
			tell(true)
			if live {
				fmt.Fprintln(e.stderr)
			}
			return err
		case <-ticker.C:
			tell(false)
		}
	}
}

// backlog is what --status --json prints.
type backlog struct {
	Waiting   int        `json:"waiting"`
	Oldest    *time.Time `json:"oldest"`
	Refused   int        `json:"refused"`
	CountedTo int        `json:"countedTo"`
}

// show tells what is in the outbox: how much waits, and what was refused, and why.
func (o *relaying) show(ctx context.Context, e *env, db *sql.DB) error {
	b, err := outbox.Look(ctx, db)
	if err != nil {
		return fmt.Errorf(`%w; where there are no tables yet, "fanfare relay --schema" prints what makes them`, err)
	}
	refused, err := outbox.Refused(ctx, db, 0, fanfare.MaxPage)
	if err != nil {
		return err
	}
	if o.json {
		out := backlog{Waiting: b.Waiting, Refused: b.Refused, CountedTo: outbox.MaxCount}
		if !b.Oldest.IsZero() {
			out.Oldest = &b.Oldest
		}
		return json.NewEncoder(e.stdout).Encode(out)
	}
	fmt.Fprintf(e.stderr, "%d messages wait, %d were refused.\n", b.Waiting, b.Refused)
	if len(refused) == 0 {
		return nil
	}
	t := newTable(e.stdout, "PLACE", "APPLICATION", "EVENT ID", "SINCE", "REASON")
	for _, r := range refused {
		t.row(fmt.Sprint(r.Place), r.Application, r.EventID, r.CreatedAt.Format(time.RFC3339), r.Reason)
	}
	_, err = t.Flush()
	return err
}
