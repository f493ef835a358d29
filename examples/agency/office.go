package agency

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/examples/stage"
)

// ManagerAddress is where mail about urgent reports goes in the demo. Nobody reads it.
const ManagerAddress = "manager@agency.example"

// An Office is where what the agency announces ends up in the demo, beside webhooks: the
// manager's mailbox, the rangers' telephones and a table of all reports. It is an
// http.Handler that shows them.
type Office struct {
	hub     *fanfare.Hub
	app     fanfare.ApplicationID
	mailbox *fake.Mailbox
	phones  string  // where pushes go
	mirror  *sql.DB // which there is once something was written
	names   map[fanfare.EndpointID]string
}

// openOffice opens one on a stage, and has it told of what a announces. The page is
// where reports are read.
func openOffice(ctx context.Context, s *stage.Stage, a *Agency, page string) (*Office, error) {
	o := &Office{hub: s.Hub, mailbox: &fake.Mailbox{}, names: map[fanfare.EndpointID]string{}}
	ln, err := s.Listen(0)
	if err != nil {
		return nil, err
	}
	s.Go(ctx, func(context.Context) error { return o.mailbox.Serve(ln) })
	s.Go(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		return o.mailbox.Close()
	})
	if o.phones, err = s.Serve(ctx, 0, fake.Pushbullet()); err != nil {
		return nil, err
	}
	file := url.URL{Scheme: "file", Path: filepath.Join(s.Files, MirrorFile), RawQuery: "_pragma=query_only(1)&_pragma=busy_timeout(2000)"}
	if o.mirror, err = sql.Open("sqlite", file.String()); err != nil {
		return nil, err
	}
	s.AtEnd(o.mirror.Close)
	if o.app, err = a.application(ctx); err != nil {
		return nil, err
	}
	mirror, err := Mirror(ctx, a)
	if err != nil {
		return nil, err
	}
	manager, err := MailManager(ctx, a, ln.Addr().String(), ManagerAddress, page)
	if err != nil {
		return nil, err
	}
	assignee, err := PushAssignee(ctx, a, o.phones, "o.demo", page)
	if err != nil {
		return nil, err
	}
	o.names[mirror.ID], o.names[manager.ID], o.names[assignee.ID] = "the table", "the manager's mailbox", "a ranger's telephone"
	return o, nil
}

// A Mail is one to the manager.
type Mail struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// A Push is one to a ranger.
type Push struct {
	To    string `json:"receiver_email"`
	Title string `json:"title"`
	Text  string `json:"body"`
	Link  string `json:"url"`
}

// A Row is a report as the table has it.
type Row struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Assigned string `json:"assignedTo,omitempty"`
	What     string `json:"what"`
	Version  int    `json:"version"`
}

// Mails are those to the manager, the oldest first.
func (o *Office) Mails() []Mail {
	mails := []Mail{}
	for _, m := range o.mailbox.Mails() {
		_, text, _ := strings.Cut(m.Text, "\r\n\r\n")
		mails = append(mails, Mail{strings.Join(m.To, ", "), m.Subject, strings.TrimSpace(text)})
	}
	return mails
}

// Pushes are those to the rangers, the oldest first.
func (o *Office) Pushes(ctx context.Context) ([]Push, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.phones+"/fake/taken", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var pushes []Push
	return pushes, json.NewDecoder(resp.Body).Decode(&pushes)
}

// Rows are those of the table, up to a hundred.
func (o *Office) Rows(ctx context.Context) ([]Row, error) {
	var is bool
	if err := o.mirror.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?)`, MirrorTable).Scan(&is); err != nil || !is {
		return nil, err // there is no table before there is a row
	}
	rows, err := o.mirror.QueryContext(ctx, `
		SELECT id, coalesce(status, ''), coalesce(assigned_to, ''), coalesce(what, ''), version
		FROM `+MirrorTable+` ORDER BY updated_at DESC LIMIT 100`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Row
	for rows.Next() {
		var r Row
		if err := rows.Scan(&r.ID, &r.Status, &r.Assigned, &r.What, &r.Version); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

//go:embed office.html
var officeText string

var officePage = template.Must(template.New("office").Parse(officeText))

func (o *Office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	pushes, err := o.Pushes(r.Context())
	rows, errRows := o.Rows(r.Context())
	if err := errors.Join(err, errRows); err != nil {
		slog.Error("the office's page failed", "error", err)
		http.Error(w, "Something went wrong here. Try again.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	officePage.Execute(w, map[string]any{"Mails": o.Mails(), "Pushes": pushes, "Rows": rows}) // who does not read it, does not
}

// tell says what reaches the office, as it comes, until ctx ends.
func (o *Office) tell(ctx context.Context, say func(format string, args ...any)) error {
	bell := o.hub.AttemptBell(o.app)
	defer bell.Close()
	place, err := o.hub.LastRecorded(ctx)
	if err != nil {
		return err
	}
	for {
		some, next, err := o.hub.Recorded(ctx, o.app, place, 100)
		if err != nil {
			return err
		}
		for _, r := range some {
			if name := o.names[r.Endpoint]; name != "" {
				say("  → %s: %s", name, strings.TrimSpace(string(r.Class)+"  "+r.Detail))
			}
		}
		if next != place {
			place = next
			continue
		}
		select {
		case <-bell.Rung():
		case <-ctx.Done():
			return nil
		}
	}
}

// settle waits until all that was announced has reached the office, and adds it to seen.
func (o *Office) settle(ctx context.Context, seen *Seen) error {
	for id, name := range o.names {
		if _, err := stage.Settled(ctx, o.hub, o.app, id); err != nil {
			return fmt.Errorf("not all has reached %s: %w", name, err)
		}
	}
	rows, err := o.Rows(ctx)
	if err != nil {
		return err
	}
	if seen.Rows = len(rows); seen.Rows > 0 {
		seen.Row = &rows[0]
	}
	seen.Mails = o.Mails()
	seen.Pushes, err = o.Pushes(ctx)
	return err
}
