//go:build linux

package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
)

// A program has a database, which is that of Fanfare too, and a way to begin
// transactions there.
type program struct {
	t      *testing.T
	url    string // with the way's own settings
	sql    bool   // of package database/sql, else of pgx
	sender *postgres.Sender
}

var errUndo = errors.New("to be rolled back")

// within calls f in a transaction, which is rolled back if f says so.
func (p *program) within(f func(v *postgres.Sending) error) error {
	ctx := context.WithoutCancel(p.t.Context())
	if !p.sql {
		conn, err := pgx.Connect(ctx, p.url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return f(p.sender.In(tx)) })
	}
	db, err := sql.Open("pgx", p.url)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(p.sender.InSQL(tx)); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// programs are one for each way in.
func programs(t *testing.T, url string) map[string]*program {
	port := pool(t, url)
	direct, rest, _ := strings.Cut(url, "/test_")
	pooled := direct[:strings.LastIndexByte(direct, ':')+1] + port + "/test_" + rest + "&default_query_exec_mode=cache_describe"
	return map[string]*program{
		"pgx":                           {t, url, false, postgres.NewSender(nil)},
		"database/sql":                  {t, url, true, postgres.NewSender(nil)},
		"pgx, exec":                     {t, url + "&default_query_exec_mode=exec", false, postgres.NewSender(nil)},
		"pgx, simple protocol":          {t, url + "&default_query_exec_mode=simple_protocol", false, postgres.NewSender(nil)},
		"pgx, through a pooler":         {t, pooled, false, postgres.NewSender(nil)},
		"database/sql through a pooler": {t, pooled, true, postgres.NewSender(nil)},
	}
}

// acme makes an application with endpoints at a ledger, of which every other one is
// ordered.
func acme(t *testing.T, hub *fanfare.Hub, sink *ledger, endpoints int) *fanfare.Application {
	t.Helper()
	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	for i := range endpoints {
		ep := &fanfare.Endpoint{Application: app.ID, UID: fmt.Sprint(i), URL: fmt.Sprintf("%s/%d", sink.URL, i), Ordered: i%2 == 0}
		if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
	}
	return app
}

// TestWhatIsSentInATransactionIsSentIfThatIsCommitted has programs send while three
// nodes work on their database: through every way in, what was committed arrives once
// and in order, and what was rolled back never does.
func TestWhatIsSentInATransactionIsSentIfThatIsCommitted(t *testing.T) {
	t.Parallel()
	url := database(t)
	sink := newLedger(t)
	nodes := []*nodeUnderTest{startNode(t, url, "a"), startNode(t, url, "b"), startNode(t, url, "c")}
	shares(t, nodes[0], 3)
	const endpoints = 6
	app := acme(t, nodes[0].hub, sink, endpoints)
	execute(t, url, "CREATE TABLE record (name text NOT NULL)")
	ways := programs(t, url)
	var want []string
	for name, p := range ways {
		for _, ends := range []error{nil, errUndo, nil} {
			payload := fmt.Sprintf(`{"way":%q,"n":%d,"sent":%t}`, name, len(want), ends == nil)
			err := p.within(func(v *postgres.Sending) error {
				msg, err := v.Send(t.Context(), "acme", "record.created", []byte(payload))
				if err != nil {
					return err
				}
				if msg.ID == "" || msg.Application != app.ID || msg.CreatedAt.IsZero() {
					t.Errorf("%s: the message is %+v", name, msg)
				}
				return ends
			})
			if !errors.Is(err, ends) {
				t.Fatalf("%s: %v", name, err)
			}
			if ends == nil {
				want = append(want, payload)
			}
		}
		through := fmt.Sprintf(`{"node":%d}`, len(want)) // who comes after a commit comes after what it sent
		if _, err := nodes[len(want)%3].hub.Send(t.Context(), "acme", "record.created", []byte(through)); err != nil {
			t.Fatal(err)
		}
		want = append(want, through)
	}
	sink.await(t, len(want)*endpoints, time.Minute)
	begun := time.Now()
	for range 5 {
		want = append(want, fmt.Sprintf(`{"heard":%d}`, len(want)))
		err := ways["database/sql"].within(func(v *postgres.Sending) error {
			_, err := v.Send(t.Context(), "acme", "record.created", []byte(want[len(want)-1]))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sink.await(t, len(want)*endpoints, time.Minute)
	}
	if took := time.Since(begun); took > 25*time.Second { // each would wait for up to ten seconds
		t.Errorf("five messages one after the other took %v: nodes do not hear of them", took)
	}
	time.Sleep(200 * time.Millisecond) // what comes twice, or was rolled back, would come now
	sink.mu.Lock()
	defer sink.mu.Unlock()
	for i := range endpoints {
		got := sink.seen[fmt.Sprintf("/%d", i)]
		if i%2 != 0 {
			got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
		}
		if !slices.Equal(got, want) {
			t.Errorf("endpoint %d was sent\n%s, want\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if i%2 != 0 {
			break // want is in another order now
		}
	}
}

// TestWhatIsSentInATransactionIsChecked sends what cannot be sent: the transaction goes
// on, and what else it has sent is there.
func TestWhatIsSentInATransactionIsChecked(t *testing.T) {
	t.Parallel()
	url := database(t)
	keys := seal.NewRing(seal.NewKey())
	store := openAt(t, url, keys)
	hub := fanfare.New(store, nil)
	app := acme(t, hub, &ledger{}, 0)
	ep := &fanfare.Endpoint{Application: app.ID, UID: "some", URL: "https://example.com/", EventTypes: []string{"record.*"}, Channels: []string{"c"}}
	if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	strict := &fanfare.EventType{Name: "record.strict", Validation: fanfare.ValidationReject, Schemas: []byte(`{"1":{"type":"object"}}`)}
	if err := hub.CreateEventType(t.Context(), strict); err != nil {
		t.Fatal(err)
	}
	if _, err := hub.SendBatch(t.Context(), "acme", []*fanfare.Message{{EventType: "a", EventID: "taken", Payload: []byte("1")}}, nil); err != nil {
		t.Fatal(err)
	}
	for _, way := range []bool{false, true} {
		p := &program{t, url, way, postgres.NewSender(&postgres.SenderOptions{Keys: keys, MaxPayload: 100})}
		name := fmt.Sprintf("sql %t", way)
		msgs := []*fanfare.Message{
			{EventType: "record.created", EventID: name, Payload: []byte("\x00\xff not JSON, é"), ContentType: "text/plain", Channels: []string{`"c"`, "c"}, Tags: []string{"t", "{}"}, OrderingKey: `k"\`},
			{EventType: "record.created", EventID: "taken", Payload: []byte("2")},
			{EventType: "record.created", EventID: name, Payload: []byte("3")},
			{EventType: "no spaces", Payload: []byte("4")},
			{EventType: "record.created", Payload: make([]byte, 101)},
			{EventType: "record.strict", Payload: []byte("[]")},
			{EventType: "record.strict", Payload: []byte("{}"), Channels: []string{"d"}},
		}
		whole := *msgs[0]
		err := p.within(func(v *postgres.Sending) error {
			if _, err := v.Send(t.Context(), "nobody", "a.b", 1); !errors.Is(err, fanfare.ErrNotFound) {
				t.Errorf("%s: to nobody: %v", name, err)
			}
			errs, err := v.SendBatch(t.Context(), "acme", msgs, nil)
			if err != nil {
				return err
			}
			var invalid *fanfare.InvalidError
			var schema *fanfare.SchemaError
			if errs[0] != nil || !errors.Is(errs[1], fanfare.ErrExists) || !errors.Is(errs[2], fanfare.ErrExists) || !errors.As(errs[3], &invalid) ||
				!errors.As(errs[4], &invalid) || !errors.As(errs[5], &schema) || errs[6] != nil {
				t.Errorf("%s: refused: %v", name, errs)
			}
			if _, err := hub.Message(t.Context(), app.ID, name); !errors.Is(err, fanfare.ErrNotFound) {
				t.Errorf("%s: before the commit others find it: %v", name, err)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m, err := hub.Message(t.Context(), app.ID, name)
		if err != nil || string(m.Payload) != string(whole.Payload) || m.ContentType != whole.ContentType || m.OrderingKey != whole.OrderingKey ||
			!slices.Equal(m.Channels, whole.Channels) || !slices.Equal(m.Tags, whole.Tags) {
			t.Errorf("%s: got %+v (%v), want %+v", name, m, err, whole)
		}
		ds, err := hub.Deliveries(t.Context(), app.ID, fanfare.DeliveryFilter{Message: m.ID, Page: fanfare.Page{Limit: 9}})
		if err != nil || len(ds) != 1 || ds[0].Endpoint != ep.ID || ds[0].OrderingKey != whole.OrderingKey || ds[0].State != fanfare.Waiting {
			t.Errorf("%s: deliveries %+v (%v)", name, ds, err)
		}
		if ds, err := hub.Deliveries(t.Context(), app.ID, fanfare.DeliveryFilter{Message: msgs[6].ID, Page: fanfare.Page{Limit: 9}}); err != nil || len(ds) != 0 {
			t.Errorf("%s: it goes to %+v (%v), which does not want it", name, ds, err)
		}
	}
	blind := &program{t, url, false, postgres.NewSender(nil)}
	err := blind.within(func(v *postgres.Sending) error {
		_, err := v.Send(t.Context(), "acme", "record.created", 1)
		return err
	})
	if missing := (*seal.MissingKeyError)(nil); !errors.As(err, &missing) {
		t.Errorf("without the keys: %v", err)
	}
}

// TestARepeatInAnotherTransactionSendsNothing sends the same request again, under one
// key, in the same transaction, in another, and through a node.
func TestARepeatInAnotherTransactionSendsNothing(t *testing.T) {
	t.Parallel()
	url := database(t)
	hub := fanfare.New(openAt(t, url, nil), nil)
	acme(t, hub, &ledger{}, 0)
	for _, way := range []bool{false, true} {
		p := &program{t, url, way, postgres.NewSender(nil)}
		key := &fanfare.Idempotency{Key: fmt.Sprintf("sql %t", way), Fingerprint: [32]byte{1}}
		other := &fanfare.Idempotency{Key: key.Key, Fingerprint: [32]byte{2}}
		var ids []fanfare.MessageID
		batch := func(sendBatch func(context.Context, string, []*fanfare.Message, *fanfare.Idempotency) ([]error, error)) error {
			msgs := []*fanfare.Message{{EventType: "a", Payload: []byte("1")}, {EventType: "b", Payload: []byte("2")}}
			errs, err := sendBatch(t.Context(), "acme", msgs, key)
			if err := errors.Join(append(errs, err)...); err != nil {
				return err
			}
			for _, m := range msgs {
				ids = append(ids, m.ID)
			}
			return nil
		}
		undone := p.within(func(v *postgres.Sending) error { return errors.Join(batch(v.SendBatch), errUndo) })
		if !errors.Is(undone, errUndo) || len(ids) != 2 {
			t.Fatalf("%v, %v", undone, ids)
		}
		ids = nil
		for _, again := range []func() error{
			func() error {
				return p.within(func(v *postgres.Sending) error { return errors.Join(batch(v.SendBatch), batch(v.SendBatch)) })
			},
			func() error { return p.within(func(v *postgres.Sending) error { return batch(v.SendBatch) }) },
			func() error { return batch(hub.SendBatch) },
		} {
			if err := again(); err != nil {
				t.Fatal(err)
			}
		}
		for i, id := range ids {
			if id != ids[i%2] {
				t.Errorf("sql %t: the messages are %v; want the first two again and again", way, ids)
				break
			}
		}
		err := p.within(func(v *postgres.Sending) error {
			_, err := v.SendBatch(t.Context(), "acme", []*fanfare.Message{{EventType: "a", Payload: []byte("3")}}, other)
			if !errors.Is(err, fanfare.ErrConflict) {
				t.Errorf("another request under the key: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Errorf("after a conflict: %v", err)
		}
	}
	n := 0
	if row(t, url, "SELECT count(*) FROM message", &n); n != 4 {
		t.Errorf("there are %d messages, want 4", n)
	}
}
