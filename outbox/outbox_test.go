package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/outbox"
	"github.com/fanfarehq/fanfare/storetest"
)

// newDatabase makes an empty PostgreSQL database; nil where tests stand up none.
var newDatabase func(context.Context) (url string, err error)

// A world is a program's database with an outbox, and a Hub, which does not run:
// what matters is what it has accepted.
type world struct {
	t   *testing.T
	db  *sql.DB
	url string // of PostgreSQL; "": SQLite
	hub *fanfare.Hub
	app *fanfare.Application
}

// inBoth runs a test on each kind of database.
func inBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t, outbox.SQLite)) })
	t.Run("postgres", func(t *testing.T) { test(t, newWorld(t, outbox.PostgreSQL)) })
}

func newWorld(t *testing.T, d outbox.Dialect) *world {
	t.Helper()
	w := &world{t: t, app: &fanfare.Application{Name: "Acme", UID: "acme"}}
	driver, source := "sqlite", "file:"+filepath.Join(t.TempDir(), "program.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)"
	if d == outbox.PostgreSQL {
		if newDatabase == nil {
			t.Skip("tests stand up PostgreSQL on Linux only")
		}
		url, err := newDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		driver, source, w.url = "pgx", url, url
	}
	var err error
	if w.db, err = sql.Open(driver, source); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	for range 2 { // the second time there is nothing to do
		if err := outbox.Create(t.Context(), w.db, d); err != nil {
			t.Fatal(err)
		}
	}
	w.hub = fanfare.New(storetest.NewModel(), nil)
	if err := w.hub.CreateApplication(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	return w
}

func event(payload string) *fanfare.Message {
	return &fanfare.Message{EventType: "record.created", Payload: []byte(payload)}
}

func (w *world) send(app string, msgs ...*fanfare.Message) {
	w.t.Helper()
	if err := outbox.Send(w.t.Context(), w.db, app, msgs...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) relay(to outbox.Sender) *outbox.Relay {
	return outbox.NewRelay(w.db, to, &outbox.Options{Logger: slog.New(slog.DiscardHandler), Interval: 10 * time.Millisecond})
}

func (w *world) drain(to outbox.Sender, want int) *outbox.Relay {
	w.t.Helper()
	r := w.relay(to)
	if n, err := r.Drain(w.t.Context()); n != want || err != nil {
		w.t.Fatalf("Drain returned %d, %v; want %d", n, err, want)
	}
	return r
}

// accepted returns what the Hub has, oldest first.
func (w *world) accepted() []*fanfare.Message {
	w.t.Helper()
	msgs, err := w.hub.Messages(w.t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}})
	if err != nil {
		w.t.Fatal(err)
	}
	return msgs
}

func payloads(msgs []*fanfare.Message) []string {
	var all []string
	for _, m := range msgs {
		all = append(all, string(m.Payload))
	}
	return all
}

func (w *world) left() (waiting, refused int) {
	w.t.Helper()
	b, err := outbox.Look(w.t.Context(), w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	if (b.Waiting == 0) != b.Oldest.IsZero() {
		w.t.Errorf("%d wait since %v", b.Waiting, b.Oldest)
	}
	return b.Waiting, b.Refused
}

func TestAMessageIsSentIfAndOnlyIfTheTransactionIsCommitted(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		for _, commit := range []bool{false, true} {
			tx, err := w.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := outbox.Send(t.Context(), tx, "acme", event(fmt.Sprint(commit))); err != nil {
				t.Fatal(err)
			}
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
		}
		w.drain(w.hub, 1)
		if got := payloads(w.accepted()); !slices.Equal(got, []string{"true"}) {
			t.Errorf("the Hub has %v; want the one that was committed", got)
		}
		if n, _ := w.left(); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestPgxTransaction(t *testing.T) {
	w := newWorld(t, outbox.PostgreSQL)
	conn, err := pgx.Connect(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, end := range []func(pgx.Tx) error{
		func(tx pgx.Tx) error { return tx.Rollback(t.Context()) },
		func(tx pgx.Tx) error { return tx.Commit(t.Context()) },
	} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := outbox.SendPgx(t.Context(), tx, "acme", event(`{"by":"pgx"}`), event("2")); err != nil {
			t.Fatal(err)
		}
		if err := end(tx); err != nil {
			t.Fatal(err)
		}
	}
	w.drain(w.hub, 2)
	if got := payloads(w.accepted()); !slices.Equal(got, []string{`{"by":"pgx"}`, "2"}) {
		t.Errorf("the Hub has %v", got)
	}
}

func TestAllOfAMessageArrives(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		at := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		whole := fanfare.Message{
			EventType: "record.created", EventID: "mine", Payload: []byte("\x00\xff not JSON, é"), ContentType: "text/plain",
			Channels: []string{"a"}, Tags: []string{"b"}, OrderingKey: "key", DeliverAt: at,
		}
		sent, empty := whole, event("")
		w.send("acme", &sent, empty)
		w.drain(w.hub, 2)
		got := w.accepted()
		if len(got) != 2 {
			t.Fatalf("%d were accepted, want 2", len(got))
		}
		m := got[0]
		if m.EventType != whole.EventType || m.EventID != "mine" || string(m.Payload) != string(whole.Payload) || m.ContentType != whole.ContentType ||
			!slices.Equal(m.Channels, whole.Channels) || !slices.Equal(m.Tags, whole.Tags) || m.OrderingKey != "key" || !m.DeliverAt.Equal(at) {
			t.Errorf("got %+v, want %+v", *m, whole)
		}
		if !strings.HasPrefix(empty.EventID, "outbox_") || got[1].EventID != empty.EventID || len(got[1].Payload) != 0 {
			t.Errorf("got %+v; want event id %q and no payload", *got[1], empty.EventID)
		}
	})
}

func TestWhatNoHubTakesIsToldAtOnceAndNothingIsWritten(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		for field, err := range map[string]error{
			"eventType":   outbox.Send(t.Context(), w.db, "acme", event("1"), &fanfare.Message{EventType: "no spaces", Payload: []byte("2")}),
			"payload":     outbox.Send(t.Context(), w.db, "acme", &fanfare.Message{EventType: "a", Payload: make([]byte, 16<<20+1)}),
			"application": outbox.Send(t.Context(), w.db, "", event("1")),
		} {
			var invalid *fanfare.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != field {
				t.Errorf("%v; want a mistake in %s", err, field)
			}
		}
		if n, _ := w.left(); n != 0 {
			t.Errorf("%d were written", n)
		}
	})
}

// A forgetful sender has messages accepted and then says that it failed, as when
// the answer is lost or the relay is killed, every so often.
type forgetful struct {
	outbox.Sender
	mu    sync.Mutex
	calls int
	every int
}

var errLost = errors.New("the answer was lost")

func (f *forgetful) SendBatch(ctx context.Context, app string, msgs []*fanfare.Message, key *fanfare.Idempotency) ([]error, error) {
	errs, err := f.Sender.SendBatch(ctx, app, msgs, key)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls%f.every == 0 {
		return nil, errLost
	}
	return errs, err
}

func TestAMessageIsAcceptedOnceThoughTheRelayNeverLearnt(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		w.send("acme", event("1"), event("2"))
		lossy := &forgetful{Sender: w.hub, every: 1}
		if n, err := w.relay(lossy).Drain(t.Context()); n != 0 || !errors.Is(err, errLost) {
			t.Fatalf("Drain returned %d, %v", n, err)
		}
		w.send("acme", event("3"))
		r := w.drain(w.hub, 3)
		if got := payloads(w.accepted()); !slices.Equal(got, []string{"1", "2", "3"}) {
			t.Errorf("the Hub has %v", got)
		}
		if s := r.Stats(); s.Accepted != 1 || s.Repeated != 2 {
			t.Errorf("stats %+v; want 1 accepted and 2 repeated", s)
		}
	})
}

func TestWhatIsRefusedHoldsUpNoOtherAndCanBeSentAgain(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		w.hub = fanfare.New(storetest.NewModel(), &fanfare.Options{MaxPayload: 10})
		if err := w.hub.CreateApplication(t.Context(), w.app); err != nil {
			t.Fatal(err)
		}
		w.send("acme", event("1"), event(`"longer than ten bytes"`), event("3"))
		w.send("later", event("4"))
		r := w.drain(w.hub, 4)
		if got := payloads(w.accepted()); !slices.Equal(got, []string{"1", "3"}) {
			t.Errorf("the Hub has %v", got)
		}
		if waiting, refused := w.left(); waiting != 0 || refused != 2 || r.Stats().Refused != 2 {
			t.Errorf("%d wait and %d were refused (%+v)", waiting, refused, r.Stats())
		}
		all, err := outbox.Refused(t.Context(), w.db, 0, 10)
		if err != nil || len(all) != 2 || all[0].Reason != "payload: at most 10 bytes" || !strings.Contains(all[1].Reason, "no such application") || all[1].Application != "later" {
			t.Fatalf("refused are %+v, %v", all, err)
		}
		if behind, err := outbox.Refused(t.Context(), w.db, all[0].Place, 10); err != nil || len(behind) != 1 {
			t.Errorf("behind the first there are %d, %v", len(behind), err)
		}
		if err := outbox.Discard(t.Context(), w.db, all[0].Place); err != nil {
			t.Error(err)
		}
		if err := outbox.Discard(t.Context(), w.db, all[0].Place); !errors.Is(err, fanfare.ErrNotFound) {
			t.Errorf("the second time: %v", err)
		}
		w.app = &fanfare.Application{Name: "Later", UID: "later"}
		if err := w.hub.CreateApplication(t.Context(), w.app); err != nil {
			t.Fatal(err)
		}
		if n, err := outbox.Retry(t.Context(), w.db, "later"); n != 1 || err != nil {
			t.Fatalf("Retry returned %d, %v", n, err)
		}
		w.drain(w.hub, 1)
		if got := payloads(w.accepted()); !slices.Equal(got, []string{"4"}) {
			t.Errorf("the Hub has %v", got)
		}
	})
}

func TestARowThatIsNotOursIsRefused(t *testing.T) {
	inBoth(t, func(t *testing.T, w *world) {
		if _, err := w.db.ExecContext(t.Context(), `INSERT INTO fanfare_outbox (application, event_id, attributes, payload, created_at) VALUES ('acme', 'x', 'what', $1, 0)`, []byte("1")); err != nil {
			t.Fatal(err)
		}
		w.send("acme", event("2"))
		w.drain(w.hub, 2)
		all, err := outbox.Refused(t.Context(), w.db, 0, 10)
		if err != nil || len(all) != 1 || !strings.Contains(all[0].Reason, "attributes") {
			t.Errorf("refused are %+v, %v", all, err)
		}
	})
}
